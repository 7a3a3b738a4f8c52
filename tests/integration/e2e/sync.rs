//! Live updates into real containers: BusyBox and Debian tools, root and not, and what goes wrong.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use devloop::cluster::{ContainerRef, ReceiverKind, SyncBatch, SyncError, SyncReport, SyncRun, WarmChannels, exec};
use devloop::project::MappedPath;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::pods_ground::{PodGround, until, until_some};

const BUSYBOX: &str = "busybox:1";
const DEBIAN: &str = "debian:bookworm-slim";
const IDLE: &str = "trap 'exit 0' TERM; while :; do sleep 1; done";

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> MappedPath {
        let local = self.0.path().join(name);
        std::fs::create_dir_all(local.parent().expect("a parent")).expect("created");
        std::fs::write(&local, contents).expect("written");
        self.mapped(name)
    }

    fn mapped(&self, name: &str) -> MappedPath {
        MappedPath { local: self.0.path().join(name), remote: Path::new("/app").join(name) }
    }
}

fn copy(files: Vec<MappedPath>) -> SyncBatch {
    SyncBatch { files, ..SyncBatch::default() }
}

fn run(argv: &[&str]) -> SyncRun {
    SyncRun { argv: argv.iter().map(|argument| (*argument).to_owned()).collect(), echo: true }
}

async fn update(
    ground: &PodGround,
    channels: &WarmChannels,
    target: &ContainerRef,
    batch: SyncBatch,
) -> Result<SyncReport, SyncError> {
    channels.update(target, batch, &ground.sink(), &CancellationToken::new()).await
}

async fn keeps_everything(image: &str, name: &str, kind: ReceiverKind) {
    let ground = PodGround::new(name).await;
    ground.pod(
        "p",
        image,
        &format!("mkdir -p /app/old/sub; touch /app/old/sub/x '/app/-f' /app/keep; {IDLE}"),
        &json!({}),
    );
    let target = ground.running("p");
    let channels = WarmChannels::with_receiver(ground.cluster.client().clone(), kind);
    let files = Files::new();
    let script = files.write("bin/run me.sh", "#!/bin/sh\necho ran\n");
    std::fs::set_permissions(&script.local, std::fs::Permissions::from_mode(0o755)).expect("set");
    std::os::unix::fs::symlink("run me.sh", files.0.path().join("bin/link")).expect("linked");
    std::fs::create_dir(files.0.path().join("empty")).expect("created");
    let big = vec![b'x'; 3_000_000];
    let batch = SyncBatch {
        deletes: vec!["/app/old".into(), "/app/-f".into(), "/app/not there".into()],
        files: vec![
            script,
            files.mapped("bin/link"),
            files.mapped("empty"),
            files.write("void", ""),
            files.write("new\nline/шÁ'\"$x", "odd"),
            files.write("-dash", "dash"),
            files.write(&"n".repeat(200), "long"),
            files.write("big", &big),
            files.mapped("keep"),
        ],
        runs: vec![run(&["sh", "-c", "echo one; printf 'two'"]), run(&["/app/bin/link"])],
    };
    let report = update(&ground, &channels, &target, batch).await.expect("updated");
    assert_eq!((report.copied, report.deleted), (8, 4));
    assert!(report.bytes > 3_000_000);
    assert_eq!(report.own_receiver, kind == ReceiverKind::Best);
    let lines = ground.lines();
    let end: Vec<&str> = lines.iter().rev().take(5).rev().map(String::as_str).collect();
    assert_eq!(end[1..3], ["one", "two"]);
    assert_eq!(end[4], "ran");
    let found = ground.in_pod("p", "cd /app; find . | sort; wc -c <big; cat ./-dash; ls -l bin/link; [ -s void ] || echo void; [ -d empty ] && echo empty");
    for expected in ["./bin/run me.sh", "./new", "шÁ'\"$x", "3000000", "dash", "link -> run me.sh", "void", "empty"] {
        assert!(found.contains(expected), "{expected} in {found}");
    }
    for gone in ["./old", "./-f", "./keep"] {
        assert!(!found.contains(gone), "{gone} in {found}");
    }
    // A folder where a file is to go, and the other way round.
    let turned = Files::new();
    let batch = copy(vec![turned.write("bin", "now a file"), turned.write("big/below", "now a folder")]);
    let outcome = update(&ground, &channels, &target, SyncBatch { deletes: vec!["/app/big".into()], ..batch }).await;
    outcome.expect("updated");
    assert_eq!(ground.in_pod("p", "cat /app/bin /app/big/below"), "now a filenow a folder");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster (a namespace)"]
async fn files_arrive_as_they_are_in_busybox() {
    keeps_everything(BUSYBOX, "sync-busybox", ReceiverKind::Best).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster (a namespace)"]
async fn files_arrive_as_they_are_in_debian() {
    keeps_everything(DEBIAN, "sync-debian", ReceiverKind::Best).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster (a namespace)"]
async fn files_arrive_as_they_are_by_the_tools_of_the_container() {
    keeps_everything(BUSYBOX, "sync-tools-busybox", ReceiverKind::Shell).await;
    keeps_everything(DEBIAN, "sync-tools-debian", ReceiverKind::Shell).await;
}

/// What the container runs beside its first process and this look at it.
const OTHERS: &str = "for p in /proc/[0-9]*; do [ ${p#/proc/} = 1 ] || [ ${p#/proc/} = $$ ] || tr '\\0' ' ' <$p/cmdline; done 2>/dev/null";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster (a namespace)"]
async fn an_update_starts_no_process_and_leaves_nothing_behind() {
    let ground = PodGround::new("sync-process").await;
    let files = Files::new();
    for (name, image) in [("busybox", BUSYBOX), ("debian", DEBIAN)] {
        ground.pod(name, image, "mkdir /app; exec sleep 100000", &json!({}));
        let target = ground.running(name);
        let channels = WarmChannels::new(ground.cluster.client().clone());
        let places = || ground.in_pod(name, "ls -a / /tmp /var/tmp /run /dev 2>/dev/null || true");
        let before = places();
        channels.keep(&HashSet::from([target.clone()]));
        until("the receiver", || ground.in_pod(name, OTHERS).contains("devloop-"));
        assert_eq!(places(), before, "{name}: its file is gone");
        // The system counts the processes that were ever started.
        let started = || -> u64 {
            let stat = ground.in_pod(name, "cat /proc/self/stat");
            stat.split_whitespace().next().expect("a number").parse().expect("its own number")
        };
        let round = |count: usize| {
            let (channels, ground, target, files) = (&channels, &ground, &target, &files);
            async move {
                for number in 0..count {
                    let batch = SyncBatch {
                        deletes: vec!["/app/old".into()],
                        files: vec![files.write("a.py", format!("{number}")), files.write("sub/b.py", "x")],
                        runs: Vec::new(),
                    };
                    let report = update(ground, channels, target, batch).await.expect("updated");
                    assert!(report.own_receiver && report.warm, "{report:?}");
                }
            }
        };
        let first = started();
        let alone = started() - first;
        let first = started();
        round(10).await;
        assert_eq!(started() - first, alone, "{name}: numbers of processes that ten updates took");
        assert_eq!(ground.in_pod(name, "cat /app/a.py"), "9");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster (a namespace)"]
async fn the_program_runs_from_wherever_it_can_and_else_the_tools_do_it() {
    let ground = PodGround::new("sync-places").await;
    let files = Files::new();
    let channels = WarmChannels::new(ground.cluster.client().clone());
    let read_only = json!({"readOnlyRootFilesystem": true});
    let user = json!({"readOnlyRootFilesystem": true, "runAsUser": 1000});
    let no_temporary = "rm -rf /tmp /var/tmp /run; exec sleep 100000";
    for (name, script, security, volume, own) in [
        ("root", "exec sleep 100000", &read_only, false, true),
        ("user", "exec sleep 100000", &user, false, false),
        ("volume", "exec sleep 100000", &user, true, true),
        ("nowhere", no_temporary, &json!({}), false, true),
    ] {
        let mut extra = json!({"securityContext": security});
        if volume {
            extra["volumeMounts"] = json!([{"name": "own", "mountPath": "/data"}]);
        }
        ground.pod_with_volume(name, BUSYBOX, script, &extra);
        let target = ground.running(name);
        let mut file = files.write("a.py", name);
        file.remote = if volume { "/data/a.py" } else { "/dev/shm/a.py" }.into();
        let report = update(&ground, &channels, &target, copy(vec![file.clone()])).await.expect("updated");
        assert_eq!(report.own_receiver, own, "{name}");
        assert_eq!(ground.in_pod(name, &format!("cat {}", file.remote.display())), name);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster (a namespace)"]
async fn two_thousand_files_and_deletions_and_a_large_one() {
    let ground = PodGround::new("sync-many").await;
    let files = Files::new();
    let channels = WarmChannels::new(ground.cluster.client().clone());
    for (name, image) in [("busybox", BUSYBOX), ("debian", DEBIAN)] {
        ground.pod(name, image, &format!("mkdir /app; {IDLE}"), &json!({}));
        let target = ground.running(name);
        let many: Vec<MappedPath> =
            (0..2000).map(|index| files.write(&format!("d{}/f{index}", index % 20), format!("{index}"))).collect();
        let report = update(&ground, &channels, &target, copy(many.clone())).await.expect("updated");
        println!("{name}: 2000 files in {:?}", report.duration);
        assert_eq!(ground.in_pod(name, "find /app -type f | wc -l; cat /app/d19/f1999").trim(), "2000\n1999");
        let deletes = many.iter().take(1999).map(|file| file.remote.clone()).collect();
        let report = update(&ground, &channels, &target, SyncBatch { deletes, ..SyncBatch::default() }).await;
        println!("{name}: 1999 deletions in {:?}", report.expect("deleted").duration);
        assert_eq!(ground.in_pod(name, "find /app -type f | wc -l").trim(), "1");
        let large = files.write("large", vec![1; 60_000_000]);
        let report = update(&ground, &channels, &target, copy(vec![large])).await.expect("updated");
        println!("{name}: 60 MB in {:?}", report.duration);
        assert_eq!(ground.in_pod(name, "wc -c </app/large").trim(), "60000000");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster (a namespace, and 1 GB of disk)"]
async fn a_gigabyte_passes_through_without_being_held() {
    let ground = PodGround::new("sync-giant").await;
    let files = Files::new();
    let channels = WarmChannels::new(ground.cluster.client().clone());
    ground.pod("p", DEBIAN, &format!("mkdir /app; {IDLE}"), &json!({}));
    let target = ground.running("p");
    let giant = files.write("giant", "the start");
    let file = std::fs::File::options().write(true).open(&giant.local).expect("open");
    for offset in [(1 << 29) - 3, (1 << 30) - 9] {
        std::os::unix::fs::FileExt::write_all_at(&file, b"a marker!", offset).expect("written");
    }
    let local = giant.local.display().to_string();
    let sum = std::process::Command::new("md5sum").arg(local).output().expect("md5sum").stdout;
    let sum = String::from_utf8_lossy(&sum).split(' ').next().unwrap_or_default().to_owned();
    // Forgets the peak of what came before.
    std::fs::write("/proc/self/clear_refs", "5").expect("clear_refs");
    let report = update(&ground, &channels, &target, copy(vec![giant])).await.expect("updated");
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    println!("1 GB in {:?}, peak {} MB", report.duration, peak >> 10);
    assert!(peak < 100 << 10, "{peak} kB at the peak");
    assert_eq!(report.bytes >> 30, 1);
    assert_eq!(ground.in_pod("p", "md5sum /app/giant").split(' ').next(), Some(sum.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster (a namespace)"]
async fn a_user_without_rights_is_told_the_path() {
    let ground = PodGround::new("sync-user").await;
    let files = Files::new();
    let channels = WarmChannels::new(ground.cluster.client().clone());
    let not_root = json!({"securityContext": {"runAsUser": 1000}});
    for (name, image) in [("busybox", BUSYBOX), ("debian", DEBIAN)] {
        ground.pod(name, image, IDLE, &not_root);
        let target = ground.running(name);
        let mut own = files.write("a.py", "x");
        own.remote = "/tmp/a.py".into();
        update(&ground, &channels, &target, copy(vec![own.clone()])).await.expect("its own folder");
        for remote in ["/etc/new.conf", "/etc/passwd"] {
            let theirs = MappedPath { local: own.local.clone(), remote: remote.into() };
            let error = update(&ground, &channels, &target, copy(vec![theirs])).await.expect_err("not its folder");
            assert_eq!(error, SyncError::PermissionDenied { path: remote.into() }, "{name}");
        }
        let deletion = SyncBatch { deletes: vec!["/etc/hostname".into()], ..SyncBatch::default() };
        let error = update(&ground, &channels, &target, deletion).await.expect_err("not its folder");
        assert!(matches!(&error, SyncError::PermissionDenied { .. } | SyncError::Refused(_)), "{name}: {error}");
        // The connection is still of use.
        update(&ground, &channels, &target, copy(vec![own])).await.expect("its own folder");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster (a namespace)"]
async fn what_the_container_lacks_or_refuses_is_named() {
    let ground = PodGround::new("sync-lacks").await;
    let files = Files::new();
    let channels = WarmChannels::new(ground.cluster.client().clone());
    let file = files.write("a", "x");

    ground.pod("notar", DEBIAN, &format!("rm -f /bin/tar /usr/bin/tar; {IDLE}"), &json!({}));
    let target = ground.running("notar");
    until("tar to go", || !ground.in_pod("notar", "command -v tar || echo none").contains("/tar"));
    let tools = WarmChannels::with_receiver(ground.cluster.client().clone(), ReceiverKind::Shell);
    let error = update(&ground, &tools, &target, copy(vec![file.clone()])).await.expect_err("no tar");
    assert_eq!(error, SyncError::NoTar("tar".into()));
    update(&ground, &channels, &target, copy(vec![file.clone()])).await.expect("no `tar` is needed");

    ground.pod(
        "noshell",
        BUSYBOX,
        "exec sleep 100000",
        &json!({"command": ["sleep", "100000"], "env": [{"name": "PATH", "value": "/nowhere"}]}),
    );
    ground.pod("readonly", BUSYBOX, IDLE, &json!({"securityContext": {"readOnlyRootFilesystem": true}}));
    let target = ground.running("readonly");
    let error = update(&ground, &channels, &target, copy(vec![file.clone()])).await.expect_err("read-only");
    assert!(matches!(error, SyncError::ReadOnly { .. }), "{error}");

    let failing = SyncBatch {
        runs: vec![run(&["sh", "-c", "echo so; exit 3"]), run(&["touch", "/dev/shm/never"])],
        ..SyncBatch::default()
    };
    let error = update(&ground, &channels, &target, failing).await.expect_err("fails");
    let expected = vec!["sh".to_owned(), "-c".into(), "echo so; exit 3".into()];
    assert_eq!(error, SyncError::RunFailed { argv: expected, exit_code: 3, output: "so".into() });
    assert_eq!(ground.in_pod("readonly", "ls /dev/shm").trim(), "");

    let nowhere = ContainerRef { pod: "gone".into(), ..target };
    let error = update(&ground, &channels, &nowhere, copy(vec![file])).await.expect_err("no pod");
    assert!(matches!(error, SyncError::ContainerGone(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster (a namespace)"]
async fn a_container_that_restarts_during_an_update_is_reported_gone() {
    let ground = PodGround::new("sync-restart").await;
    ground.pod("p", BUSYBOX, "mkdir -p /app; exec sleep 100000", &json!({}));
    let target = ground.running("p");
    let channels = WarmChannels::new(ground.cluster.client().clone());
    channels.keep(&HashSet::from([target.clone()]));
    let long = SyncBatch { runs: vec![run(&["sh", "-c", "echo begun; sleep 60"])], ..SyncBatch::default() };
    let (outcome, ()) = tokio::join!(update(&ground, &channels, &target, long), async {
        until("the command to begin", || ground.lines().iter().any(|line| line == "begun"));
        // The first process of a container cannot be killed from inside.
        let id = target.id.rsplit('/').next().expect("an id").to_owned();
        kill_container(&id);
    });
    let error = outcome.expect_err("killed");
    assert!(matches!(error, SyncError::ContainerGone(_)), "{error:?}");
    let next = until_some("the next instance", || Some(ground.running("p")).filter(|next| next.id != target.id));
    channels.keep(&HashSet::from([next.clone()]));
    let files = Files::new();
    update(&ground, &channels, &next, copy(vec![files.write("a", "again")])).await.expect("updated");
    assert_eq!(ground.in_pod("p", "cat /app/a"), "again");
}

/// Kills the first process of a container on this node.
fn kill_container(id: &str) {
    for entry in std::fs::read_dir("/proc").expect("proc").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let cgroup = std::fs::read_to_string(entry.path().join("cgroup")).unwrap_or_default();
        let command = std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        if cgroup.contains(id) && command.contains("100000") {
            let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill");
            assert!(killed.success());
            return;
        }
    }
    panic!("no process of container {id}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster (a namespace)"]
async fn a_warm_connection_is_faster_than_a_fresh_one_and_outlives_mishaps() {
    let ground = PodGround::new("sync-warm").await;
    let files = Files::new();
    for (name, image) in [("busybox", BUSYBOX), ("debian", DEBIAN)] {
        ground.pod(name, image, &format!("mkdir /app; {IDLE}"), &json!({}));
        let target = ground.running(name);
        let channels = WarmChannels::new(ground.cluster.client().clone());
        let mut fresh = Vec::new();
        for _ in 0..10 {
            let report =
                update(&ground, &channels, &target, copy(vec![files.write("a.py", "x")])).await.expect("updated");
            assert!(!report.warm);
            fresh.push(report.duration);
        }
        channels.keep(&HashSet::from([target.clone()]));
        let mut warm = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(30);
        while warm.len() < 30 {
            assert!(Instant::now() < deadline);
            let report =
                update(&ground, &channels, &target, copy(vec![files.write("a.py", "x")])).await.expect("updated");
            if report.warm {
                warm.push(report.duration);
            }
        }
        fresh.sort();
        warm.sort();
        println!(
            "{name}: fresh {:?} (best {:?}), warm {:?} (best {:?}, worst {:?})",
            fresh[5], fresh[0], warm[15], warm[0], warm[29]
        );
        assert!(warm[15] < fresh[5]);
        // Someone kills the receiver: the next update does not notice.
        let _ = exec(
            ground.cluster.client(),
            &target,
            &[
                "sh".into(),
                "-c".into(),
                "pkill -f devloop- || kill $(grep -l devloop- /proc/[0-9]*/cmdline | cut -d/ -f3)".into(),
            ],
        )
        .await;
        update(&ground, &channels, &target, copy(vec![files.write("b.py", "y")])).await.expect("updated");
        assert_eq!(ground.in_pod(name, "cat /app/b.py"), "y");
    }
}
