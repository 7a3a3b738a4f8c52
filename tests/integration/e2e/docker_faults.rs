//! An engine of our own that is killed, stopped and started while it builds. Nobody else's engine is touched.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use devloop::docker::{BuildError, BuildRequest, Builder, ConnectError, Endpoint, Engine};
use devloop::logs::{LogSource, LogStore};
use sha2::Digest as _;
use tokio_util::sync::CancellationToken;

/// The name of an engine's own bridge, made if it is not there yet. `--bridge=none` will not do: an engine that is started
/// with it deletes `docker0`, which belongs to the machine's engine.
fn bridge(folder: &Path) -> String {
    let digest = sha2::Sha256::digest(folder.as_os_str().as_encoded_bytes());
    let name = format!("dlt{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2]);
    let address = format!("172.31.{}.1/24", digest[0]);
    for arguments in [
        vec!["link", "add", name.as_str(), "type", "bridge"],
        vec!["addr", "replace", address.as_str(), "dev", name.as_str()],
        vec!["link", "set", name.as_str(), "up"],
    ] {
        // The bridge is there already when an engine is started again.
        let _ = Command::new("ip").args(arguments).stderr(Stdio::null()).status();
    }
    name
}

/// A dockerd with a network of its own that leads nowhere; it ends with this value.
struct OwnEngine {
    folder: tempfile::TempDir,
    process: Child,
}

impl OwnEngine {
    fn start() -> Self {
        Self::start_in(Self::folder(), &[])
    }

    fn folder() -> tempfile::TempDir {
        tempfile::Builder::new().prefix("devloop-test-engine").tempdir_in("/var/tmp").expect("temp folder")
    }

    fn start_in(folder: tempfile::TempDir, arguments: &[&str]) -> Self {
        let process = Self::spawn(folder.path(), arguments);
        Self { folder, process }
    }

    fn spawn(folder: &Path, arguments: &[&str]) -> Child {
        let log = std::fs::File::create(folder.join("log")).expect("log");
        let socket = format!("unix://{}/docker.sock", folder.display());
        let in_folder = |name: &str| format!("{}/{name}", folder.display());
        Command::new("dockerd")
            .args(["--host", &socket, "--data-root", &in_folder("data"), "--exec-root", &in_folder("run")])
            .args(["--pidfile", &in_folder("pid"), "--bridge", &bridge(folder), "--iptables=false", "--ip-masq=false"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("log"))
            .stderr(log)
            .spawn()
            .expect("dockerd")
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.folder.path().join("docker.sock"))
    }

    async fn connected(&self) -> Engine {
        self.connected_at(self.endpoint()).await
    }

    async fn connected_at(&self, endpoint: Endpoint) -> Engine {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match Engine::connect_at(endpoint.clone()).await {
                Ok(engine) => return engine,
                Err(error) => assert!(Instant::now() < deadline, "{error}\n{}", self.log()),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().expect("kill").success());
    }

    fn ended(&mut self) {
        self.process.wait().expect("dockerd");
    }

    fn start_again(&mut self) {
        // Killed with its parent and perhaps not reaped: dockerd would take it for alive and wait.
        let _ = std::fs::remove_file(self.folder.path().join("run/containerd/containerd.pid"));
        self.process = Self::spawn(self.folder.path(), &[]);
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        self.signal("-TERM");
        let _ = self.process.wait();
        let _ = Command::new("ip").args(["link", "delete", &bridge(self.folder.path())]).status();
        // What an engine that was killed has left mounted would keep the folder from being removed.
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
        for mount in mounts.lines().filter_map(|line| line.split(' ').nth(1)) {
            if Path::new(mount).starts_with(self.folder.path()) {
                let _ = Command::new("umount").args(["-l", mount]).status();
            }
        }
    }
}

/// A build that takes `seconds` and needs nothing but a static busybox.
fn request(context: &Path, command: &str) -> BuildRequest {
    BuildRequest {
        builder: Builder::BuildKit,
        context: context.to_owned(),
        filter: Arc::default(),
        dockerfile: format!(
            "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"sh\", \"-c\", \"{command}\"]\n"
        ),
        build_args: BTreeMap::new(),
        target: String::new(),
        ssh: Vec::new(),
        secrets: Vec::new(),
        network: "none".to_owned(),
        extra_tags: Vec::new(),
        cache_from: Vec::new(),
        pull: false,
        platform: String::new(),
        extra_hosts: Vec::new(),
    }
}

#[tokio::test]
#[ignore = "needs docker (starts a dockerd of its own as root, kills it and starts it again)"]
async fn an_engine_that_goes_away_during_a_build_is_told_apart_and_heals() {
    let mut own = OwnEngine::start();
    let engine = own.connected().await;
    let context = tempfile::tempdir().expect("temp folder");
    std::fs::copy("/bin/busybox", context.path().join("busybox")).expect("busybox");
    let logs = LogStore::new();
    let log = logs.sink(None, LogSource::Build);
    let cancel = CancellationToken::new();
    for (round, signal) in ["-KILL", "-TERM"].into_iter().enumerate() {
        let build = request(context.path(), &format!("echo started {round}; /bin/busybox sleep 30"));
        let mut reader = logs.reader();
        let needle = format!("     started {round}");
        let stopped = async {
            while !reader.since(0).iter().any(|line| *line.text == *needle) {
                reader.changed().await;
            }
            own.signal(signal);
            Instant::now()
        };
        let both = Box::pin(async {
            tokio::join!(stopped, async { (engine.build(&build, &log, &cancel).await, Instant::now()) })
        });
        let (stopped, (built, ended)) = tokio::time::timeout(Duration::from_mins(1), both).await.expect("an end");
        let failed = built.expect_err("the engine is gone");
        println!("{signal}: after {:?}: {failed}", ended - stopped);
        assert!(matches!(failed, BuildError::EngineLost(_)), "{failed:?}");
        own.ended();
        assert!(engine.health().await.is_err());
        let gone = Engine::connect_at(own.endpoint()).await.expect_err("gone");
        assert!(matches!(gone, ConnectError::NotRunning { .. }), "{gone}");
        own.start_again();
        let back = engine.wait_until_back(&cancel);
        let back = tokio::time::timeout(Duration::from_secs(30), back).await;
        assert_eq!(back, Ok(true), "{}", own.log());
        let again = request(context.path(), &format!("echo again {round}"));
        engine.build(&again, &log, &cancel).await.unwrap_or_else(|error| panic!("{error}\n{}", own.log()));
    }
}

#[tokio::test]
#[ignore = "needs docker (starts a dockerd of its own as root, on a small disk)"]
async fn a_full_disk_is_told_as_such() {
    let folder = OwnEngine::folder();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).expect("folder");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"]).arg(&data).status();
    assert!(mounted.expect("mount").success());
    let own = OwnEngine::start_in(folder, &[]);
    let engine = own.connected().await;
    let context = tempfile::tempdir().expect("temp folder");
    std::fs::copy("/bin/busybox", context.path().join("busybox")).expect("busybox");
    let log = LogStore::new().sink(None, LogSource::Build);
    let cancel = CancellationToken::new();
    let build = request(context.path(), "/bin/busybox dd if=/dev/zero of=/x bs=1M count=200");
    let failed = engine.build(&build, &log, &cancel).await.expect_err("no space");
    println!("{failed}");
    assert!(matches!(failed, BuildError::DiskFull { .. }), "{failed:?}");
    // Also when it is the context that does not fit.
    std::fs::write(context.path().join("large"), vec![7; 100 << 20]).expect("file");
    let mut build = request(context.path(), "true");
    build.dockerfile = "FROM scratch\nCOPY . /\n".to_owned();
    let failed = engine.build(&build, &log, &cancel).await.expect_err("no space");
    println!("{failed}");
    assert!(matches!(failed, BuildError::DiskFull { .. }), "{failed:?}");
}

#[tokio::test]
#[ignore = "needs docker (starts a dockerd of its own as root, with TLS on a local port)"]
async fn an_engine_is_reached_over_tls() {
    let certificates = tempfile::tempdir().expect("temp folder");
    let script = "set -e; cd $DIR
        openssl req -x509 -newkey rsa:2048 -nodes -keyout ca-key.pem -out ca.pem -days 2 -subj /CN=ca
        printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n' > ext
        for name in server client; do
            openssl req -newkey rsa:2048 -nodes -keyout $name-key.pem -out $name.csr -subj /CN=$name
            openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile ext -out $name.pem
        done
        mv client.pem cert.pem; mv client-key.pem key.pem";
    let made = Command::new("sh").args(["-c", script]).env("DIR", certificates.path()).output().expect("openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("port").local_addr().expect("address").port();
    let address = format!("tcp://127.0.0.1:{port}");
    let file = |name: &str| certificates.path().join(name).display().to_string();
    let (ca, certificate, key) = (file("ca.pem"), file("server.pem"), file("server-key.pem"));
    let tls = ["--tlsverify", "--tlscacert", &ca, "--tlscert", &certificate, "--tlskey", &key];
    let own = OwnEngine::start_in(OwnEngine::folder(), &[&["--host", &address], &tls[..]].concat());
    let endpoint = Endpoint::parse(&address, Some(certificates.path().to_owned())).expect("endpoint");
    let engine = own.connected_at(endpoint).await;
    let context = tempfile::tempdir().expect("temp folder");
    std::fs::copy("/bin/busybox", context.path().join("busybox")).expect("busybox");
    let log = LogStore::new().sink(None, LogSource::Build);
    let built = engine.build(&request(context.path(), "echo over TLS"), &log, &CancellationToken::new()).await;
    built.unwrap_or_else(|error| panic!("{error}\n{}", own.log()));
    let plain = Endpoint::parse(&address, None).expect("endpoint");
    assert!(Engine::connect_at(plain).await.is_err(), "the engine wants TLS");
}
