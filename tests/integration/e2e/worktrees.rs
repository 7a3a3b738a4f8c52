//! Two worktrees of one repository side by side on one cluster.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::devloop::{Running, devloop, free_port, get};
use crate::support::ground::{Ground, kubectl};

fn git(dir: &Path, args: &[&str]) {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"];
    let output = Command::new("git").args(identity).args(args).current_dir(dir).output().expect("git");
    assert!(output.status.success(), "{output:?}");
}

fn json(dir: &Path, args: &[&str]) -> Value {
    let ended = devloop(dir, &[args, &["--json"]].concat());
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

fn answering(dir: &Path, up: &Running) -> (String, u16) {
    let port = || {
        let ended = devloop(dir, &["ports", "--json"]);
        let ports: Value = serde_json::from_str(&ended.stdout).unwrap_or_default();
        ports[0]["local"]
            .as_u64()
            .filter(|_| ports[0]["state"] == "listening")
            .and_then(|port| u16::try_from(port).ok())
    };
    let port = up.wait_until("the port", port, Option::is_some).expect("a port");
    up.wait_until("the answer", || get(port, "/").is_ok(), |it| *it);
    (json(dir, &["status"])["namespace"].as_str().expect("a namespace").to_owned(), port)
}

/// A worktree whose namespace goes with the test, however it ends.
struct Tree(PathBuf);

impl Drop for Tree {
    fn drop(&mut self) {
        devloop(&self.0, &["down", "--isolate", "--delete-namespaces"]);
    }
}

#[test]
#[ignore = "needs cluster (namespaces)"]
fn two_worktrees_run_side_by_side_and_keep_their_ports() {
    let ground = Ground::new("trees");
    let declared = free_port();
    let devfile = ground.web_service("web", declared);
    // The manifest of the ground names its namespace; these are to go where the session is.
    let manifest = ground.path().join("web/k8s.yaml");
    ground.write("Devfile", &devfile);
    let text = std::fs::read_to_string(&manifest).expect("text");
    std::fs::write(&manifest, text.replace(&format!(", namespace: {}", ground.namespace), ""))
        .expect("it can be written");
    git(ground.path(), &["init", "-q"]);
    git(ground.path(), &["add", "."]);
    git(ground.path(), &["commit", "-qm", "one"]);
    let beside = tempfile::tempdir().expect("a folder");
    let (one, two) = (beside.path().join("one"), beside.path().join("two"));
    for tree in [&one, &two] {
        git(ground.path(), &["worktree", "add", "-q", &tree.to_string_lossy()]);
    }

    let _trees = [Tree(one.clone()), Tree(two.clone())];
    let isolated = ["--isolate"];
    let (mut first, mut second) = (Running::up(&one, &isolated), Running::up(&two, &isolated));
    let (a, b) = (answering(&one, &first), answering(&two, &second));
    assert!(a.0 != b.0 && a.1 != b.1, "{a:?} {b:?}");
    assert!(a.0.contains("one-") && ![a.1, b.1].contains(&declared), "{a:?} {b:?}");
    // An edit in one is an edit of that one.
    std::fs::write(two.join("web/www/index.html"), "from two\n").expect("a file");
    devloop(&two, &["wait", "--after", "web/www/index.html"]).code(0);
    assert_eq!(get(b.1, "/").expect("an answer").1, "from two\n");
    assert_eq!(get(a.1, "/").expect("an answer").1, "hello from web\n");

    assert!(second.quit().success());
    second = Running::up(&two, &isolated);
    assert_eq!(answering(&two, &second), b, "the same in each run");
    assert!(first.quit().success() && second.quit().success());
    for tree in [&one, &two] {
        devloop(tree, &["down", "--isolate", "--delete-namespaces"]).code(0);
    }
    let left = || {
        let names = kubectl(&["get", "namespaces", "-o", "name"]);
        [&a.0, &b.0].into_iter().filter(|it| names.lines().any(|name| name.ends_with(it.as_str()))).count()
    };
    first.wait_until("the namespaces to go", left, |left| *left == 0);
}
