//! Extensions from repositories: real ones, made with `git init` and served over HTTP on the loopback interface.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};

use devloop::devfile::{EnvironmentOverlay, Evaluation, KubeInfo, LoadOptions, evaluate};
use devloop::diagnostic::{RenderStyle, render};
use devloop::logs::{LogSource, LogStore};
use tokio_util::sync::CancellationToken;

use crate::support::devloop::Running;

/// A repository that is served as plain files, as git's own protocol for static servers wants it.
struct Served {
    folder: tempfile::TempDir,
    url: String,
    port: u16,
    reachable: Arc<AtomicBool>,
}

impl Served {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let reachable = Arc::new(AtomicBool::new(true));
        let root = folder.path().to_path_buf();
        let gate = Arc::clone(&reachable);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let root = root.clone();
                if gate.load(Ordering::SeqCst) {
                    std::thread::spawn(move || serve(stream, &root));
                }
            }
        });
        let served = Self { folder, url: format!("http://127.0.0.1:{port}/team/extensions.git"), port, reachable };
        served.git(&["init", "--quiet", "--initial-branch=main", "."]);
        served
    }

    fn source(&self) -> PathBuf {
        let source = self.folder.path().join("source");
        fs::create_dir_all(&source).expect("a folder");
        source
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
            .args(arguments)
            .current_dir(self.source())
            .output()
            .expect("git starts");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Commits a file; the commit.
    fn commit(&self, path: &str, text: &str) -> String {
        let file = self.source().join(path);
        fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
        fs::write(file, text).expect("written");
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "-m", path]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Puts what was committed where the server has it.
    fn publish(&self) {
        let bare = self.folder.path().join("team/extensions.git");
        let _ = fs::remove_dir_all(&bare);
        let target = bare.to_string_lossy().into_owned();
        self.git(&["clone", "--quiet", "--bare", ".", &target]);
        self.git(&["-C", &target, "update-server-info"]);
    }
}

fn serve(mut stream: TcpStream, root: &Path) {
    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
    let mut request = String::new();
    if reader.read_line(&mut request).is_err() {
        return;
    }
    let mut header = String::new();
    while reader.read_line(&mut header).is_ok_and(|length| length > 2) {
        header.clear();
    }
    let path = request.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let answer = fs::read(root.join(path.trim_start_matches('/')));
    let (status, body) = match answer {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let length = body.len();
    let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(&body);
}

/// A user with an empty data folder.
struct User {
    home: tempfile::TempDir,
}

impl User {
    fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a folder") }
    }

    fn run(&self, subcommand: &str, devfile: &str) -> (Evaluation, String) {
        let project = tempfile::tempdir().expect("a folder");
        fs::write(project.path().join("Devfile"), devfile).expect("written");
        let store = LogStore::new();
        let home = self.home.path().to_string_lossy().into_owned();
        let evaluation = evaluate(LoadOptions {
            entry_file: None,
            dir: project.path().to_path_buf(),
            args: Vec::new(),
            subcommand: subcommand.to_owned(),
            kube: KubeInfo::default(),
            environment: EnvironmentOverlay::from([("XDG_DATA_HOME".to_owned(), Some(home))]),
            commands: crate::devfile::commands(),
            cache: devloop::devfile::ParseCache::default(),
            log: store.sink(None, LogSource::Build),
            cancel: CancellationToken::new(),
        });
        let mut text: String =
            evaluation.diagnostics.iter().map(|diagnostic| render(diagnostic, &RenderStyle::default())).collect();
        for line in &store.reader().since(0) {
            text.push_str(&line.text);
            text.push('\n');
        }
        (evaluation, text)
    }

    fn checkout(&self, port: u16, suffix: &str) -> PathBuf {
        self.home.path().join(format!("devloop/tilt_modules/127.0.0.1_{port}/team/extensions{suffix}"))
    }
}

fn devfile(url: &str, more: &str) -> String {
    format!("v1alpha1.extension_repo('default', url='{url}'{more})\nload('ext://greet', 'greet')\nprint(greet())\n")
}

#[test]
fn a_repository_is_cloned_once_and_used_without_a_network() {
    let served = Served::new();
    served.commit("greet/Tiltfile", "def greet(): return 'one'\n");
    served.publish();
    let user = User::new();
    let (_, text) = user.run("config", &devfile(&served.url, ""));
    assert!(text.contains("cloning the extension repository http://127.0.0.1"), "{text}");
    assert!(text.contains("one\n"), "{text}");
    assert!(user.checkout(served.port, "/greet/Tiltfile").is_file());
    served.reachable.store(false, Ordering::SeqCst);
    let (evaluation, text) = user.run("config", &devfile(&served.url, ""));
    assert!(evaluation.diagnostics.is_empty(), "{text}");
    assert!(text.contains("one\n") && !text.contains("cloning"), "{text}");
}

#[test]
fn a_copy_is_updated_once_per_session_and_kept_when_that_fails() {
    let served = Served::new();
    served.commit("greet/Tiltfile", "def greet(): return 'one'\n");
    served.publish();
    let user = User::new();
    user.run("config", &devfile(&served.url, ""));
    served.commit("greet/Tiltfile", "def greet(): return 'two'\n");
    served.publish();
    // This process is one session, and it has made the clone itself.
    assert!(user.run("up", &devfile(&served.url, "")).1.contains("one\n"));
    let again = Command::new(env!("CARGO_BIN_EXE_devloop"));
    let session = |mut command: Command| {
        let project = tempfile::tempdir().expect("a folder");
        let more = "local_resource('a', cmd='true')\n";
        fs::write(project.path().join("Devfile"), devfile(&served.url, "") + more).expect("written");
        let output = command
            .args(["ci", "--timeout", "60s"])
            .current_dir(project.path())
            .env("XDG_DATA_HOME", user.home.path())
            .env("KUBECONFIG", "/dev/null")
            .output()
            .expect("devloop starts");
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    let text = session(again);
    assert!(text.contains("two"), "{text}");
    served.reachable.store(false, Ordering::SeqCst);
    let text = session(Command::new(env!("CARGO_BIN_EXE_devloop")));
    assert!(text.contains("two"), "{text}");
    assert!(text.contains("could not be updated, its copy from before is used"), "{text}");
}

#[test]
fn a_tag_a_branch_and_a_commit_are_checked_out_beside_each_other() {
    let served = Served::new();
    served.commit("greet/Tiltfile", "def greet(): return 'one'\n");
    served.git(&["tag", "v1"]);
    let commit = served.commit("greet/Tiltfile", "def greet(): return 'two'\n");
    served.git(&["checkout", "--quiet", "-b", "feature/x"]);
    served.commit("sub/greet/Tiltfile", "def greet(): return 'three'\n");
    served.git(&["checkout", "--quiet", "main"]);
    served.commit("greet/Tiltfile", "def greet(): return 'four'\n");
    served.publish();
    let user = User::new();
    for (more, expected) in [
        (", ref='v1'".to_owned(), "one\n"),
        (format!(", ref='{commit}'"), "two\n"),
        (", ref='feature/x', git_subpath='sub'".to_owned(), "three\n"),
        (String::new(), "four\n"),
    ] {
        let (_, text) = user.run("config", &devfile(&served.url, &more));
        assert!(text.contains(expected), "{more}: {text}");
    }
    assert!(user.checkout(served.port, "@feature_x/sub").is_dir());
    let (_, text) = user.run("config", &devfile(&served.url, ", ref='v9'"));
    assert!(text.contains("has no `v9`"), "{text}");
    assert!(!user.checkout(served.port, "@v9").exists());
}

#[test]
fn without_a_network_the_error_says_what_to_do() {
    let served = Served::new();
    let user = User::new();
    let (evaluation, text) = user.run("config", &devfile(&served.url, ""));
    assert!(evaluation.diagnostics[0].is_error());
    for part in [
        "cannot load `ext://greet`",
        "the extension repository `default` cannot be cloned",
        &served.url,
        "git: fatal:",
        "these come with devloop and need no repository: configmap, dotenv, ",
        "v1alpha1.extension_repo(name='default', url='file:///path/to/checkout')",
        "Devfile:2:1",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
}

#[test]
fn what_comes_with_devloop_is_used_when_a_pinned_repository_is_out_of_reach() {
    let served = Served::new();
    let devfile = format!(
        "v1alpha1.extension_repo('default', url='{}', ref='v1')\nload('ext://namespace', 'namespace_yaml')\n\
         print(namespace_yaml('n'))\n",
        served.url
    );
    let (evaluation, text) = User::new().run("config", &devfile);
    assert!(text.contains("kind: Namespace"), "{text}");
    assert_eq!(evaluation.diagnostics.len(), 1);
    assert!(text.contains("the one that comes with devloop is used"), "{text}");
}

#[test]
fn two_that_clone_at_the_same_time_do_not_disturb_each_other() {
    let served = Served::new();
    served.commit("greet/Tiltfile", "def greet(): return 'one'\n");
    served.publish();
    let user = Arc::new(User::new());
    let start = Arc::new(Barrier::new(4));
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let (user, start, url) = (Arc::clone(&user), Arc::clone(&start), served.url.clone());
            std::thread::spawn(move || {
                start.wait();
                user.run("config", &devfile(&url, "")).1
            })
        })
        .collect();
    let texts: Vec<String> = runs.into_iter().map(|run| run.join().expect("it runs")).collect();
    assert!(texts.iter().all(|text| text.contains("one\n")), "{texts:?}");
    assert_eq!(texts.iter().filter(|text| text.contains("cloning")).count(), 1, "{texts:?}");
}

#[test]
fn helm_resource_installs_and_prints_what_is_in_the_cluster() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = tempfile::tempdir().expect("a folder");
    fs::write(
        project.path().join("Devfile"),
        "load('ext://helm_resource', 'helm_resource')
for name in ['web', 'api']:
    docker_build(name, '.', dockerfile_contents='FROM scratch')
helm_resource('app', './chart', namespace='team', image_deps=['web', 'api'], flags=['--set', 'a=b c'],
    image_keys=[('image.repository', 'image.tag'), ['whole', ('registry', 'name', 'tag')]], update_dependencies=True)
",
    )
    .expect("written");
    // Programs in the place of helm and kubectl tell how they were called.
    for (name, script) in [
        ("helm", "#!/bin/sh\necho \"helm $*\" >> calls\n[ \"$1\" = get ] && echo 'kind: Made' || echo chatter\n"),
        ("kubectl", "#!/bin/sh\necho \"kubectl $*\" >> calls\ncat\n"),
    ] {
        let program = project.path().join(name);
        fs::write(&program, script).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("permissions");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_devloop"))
        .args(["config", "--json"])
        .current_dir(project.path())
        .env("KUBECONFIG", "/dev/null")
        .output()
        .expect("devloop starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let argv = |command: &str| -> Vec<String> {
        let argv = json["resources"][0][command].as_array().unwrap_or_else(|| panic!("{text}"));
        argv.iter().filter_map(|argument| argument.as_str().map(str::to_owned)).collect()
    };
    let run = |argv: Vec<String>| {
        let path = format!("{}:/usr/bin:/bin", project.path().display());
        let images = json["resources"][0]["env"]["HELM_IMAGES"].as_str().unwrap_or_default().to_owned();
        let output = Command::new(&argv[0])
            .args(&argv[1..])
            .current_dir(project.path())
            .env("PATH", path)
            .env("HELM_IMAGES", images)
            .env("TILT_IMAGE_0", "localhost:5000/team/web:devloop-1")
            .env("TILT_IMAGE_1", "r.example/api:2")
            .output()
            .expect("sh");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(run(argv("cmd")), "kind: Made\n", "only the objects go to standard output");
    run(argv("delete_cmd"));
    let calls = fs::read_to_string(project.path().join("calls")).expect("calls");
    assert_eq!(
        calls.lines().collect::<Vec<_>>(),
        [
            "helm dependency update ./chart",
            "helm upgrade --install app ./chart --set a=b c \
             --set-string image.repository=localhost:5000/team/web --set-string image.tag=devloop-1 \
             --set-string whole=r.example/api:2 --set-string registry=r.example --set-string name=api \
             --set-string tag=2 --namespace team",
            "helm get manifest app --namespace team",
            "kubectl get --namespace team -o yaml -f -",
            "helm status app --namespace team",
            "helm uninstall app --namespace team",
        ]
    );
}

#[test]
fn a_session_gets_what_was_out_of_reach_by_itself_and_keeps_what_worked() {
    let served = Served::new();
    served.commit("watch/Tiltfile", "local_resource('watcher', 'echo it watches')\n");
    served.publish();
    served.reachable.store(false, Ordering::SeqCst);
    let project = tempfile::tempdir().expect("a folder");
    let data = tempfile::tempdir().expect("a folder");
    let devfile = |more: &str| {
        format!(
            "v1alpha1.extension_repo('far', url='{}')
v1alpha1.extension('watch', repo_name='far', repo_path='watch')
local_resource('main', 'echo it is there')
{more}",
            served.url
        )
    };
    fs::write(project.path().join("Devfile"), devfile("")).expect("written");
    let data_home = data.path().to_string_lossy();
    let mut up = Running::up_with(project.path(), &[], &[("XDG_DATA_HOME", &data_home), ("KUBECONFIG", "/dev/null")]);
    up.wait_for("it is there");
    up.wait_for("the extension `watch` does not run");
    up.wait_for("evaluated again in 5s");
    served.reachable.store(true, Ordering::SeqCst);
    up.wait_for("it watches");

    // A mistake in the extension keeps what it had declared.
    let mark = up.mark();
    let file =
        data.path().join(format!("devloop/tilt_modules/127.0.0.1_{}/team/extensions/watch/Tiltfile", served.port));
    fs::write(&file, "fail('a slip')\n").expect("written");
    up.wait_for_after(mark, "the extension `watch` does not run (what it declared before stays)");
    assert!(!up.text()[mark..].contains("removed"), "{}", up.text());
    let mark = up.mark();
    fs::write(project.path().join("Devfile"), "local_resource('main', 'true')\n").expect("written");
    up.wait_for_after(mark, "removed: it is no longer in the configuration");
    assert!(up.quit().success());
}
