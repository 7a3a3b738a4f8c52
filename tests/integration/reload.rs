//! Sessions that need no cluster: what makes them evaluate their configuration again.

use std::os::unix::fs::PermissionsExt;

use crate::support::devloop::Running;

fn write(folder: &std::path::Path, path: &str, text: &str) {
    std::fs::write(folder.join(path), text).expect("written");
}

#[test]
fn an_edit_during_the_first_evaluation_is_not_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "value", "one");
    write(folder.path(), "wait.sh", "#!/bin/sh\ntouch reading\nwhile [ ! -e go ]; do sleep 0.02; done\n");
    std::fs::set_permissions(folder.path().join("wait.sh"), PermissionsExt::from_mode(0o755)).expect("permissions");
    let devfile = "value = read_file('value')\nlater = read_file('later', 'missing')\nlocal('./wait.sh')
local_resource('say', 'echo it is %s and %s' % (value, later))\n";
    write(folder.path(), "Devfile", devfile);
    let kubeconfig = folder.path().join("none").display().to_string();
    let mut up = Running::up_with(folder.path(), &[], &[("KUBECONFIG", &kubeconfig)]);
    up.wait_until("the evaluation", || folder.path().join("reading").exists(), |there| *there);
    write(folder.path(), "value", "two");
    write(folder.path(), "later", "there");
    write(folder.path(), "go", "");
    up.wait_for("it is two and there");
    assert!(up.quit().success());
}

/// A resource that counts its runs, in a repository with two branches of 2,000 files.
#[test]
fn a_branch_switch_is_acted_on_once_and_one_that_is_taken_back_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let shell = |script: &str| {
        let status = std::process::Command::new("sh").args(["-ec", script]).current_dir(folder.path()).status();
        assert!(status.expect("a shell").success(), "{script}");
    };
    shell(
        "git init -q -b one; git config user.email a@b; git config user.name n; mkdir src
         for i in $(seq 2000); do echo $i > src/$i; done; echo one > src/name; echo runs > .gitignore
         git add .; git commit -qm one; git checkout -qb two
         for i in $(seq 2000); do echo x$i > src/$i; done; echo two > src/name; git add .; git commit -qm two
         git checkout -q one",
    );
    let devfile = "local_resource('count', 'echo ran on $(cat src/name)', deps=['src'])
local_resource('other', 'echo other ran', deps=['other'])\n";
    write(folder.path(), "Devfile", devfile);
    let kubeconfig = folder.path().join("none").display().to_string();
    let mut up = Running::up_with(folder.path(), &[], &[("KUBECONFIG", &kubeconfig)]);
    let runs = |up: &Running| {
        up.text().lines().filter(|line| line.ends_with("ran on one") || line.ends_with("ran on two")).count()
    };
    up.wait_for("ran on one");
    up.wait_for("other ran");
    // What has just run when git begins may have read what git wrote: that is not what is tested here.
    std::thread::sleep(std::time::Duration::from_secs(1));
    shell("git checkout -q two; git checkout -q one");
    up.wait_for("0 files changed, 2001 written with the content that they had");
    shell("git checkout -q two");
    up.wait_for("2001 files changed, 0 written with the content that they had");
    up.wait_for("ran on two");
    let mark = up.mark();
    write(folder.path(), "other", "");
    up.wait_for_after(mark, "other ran");
    assert_eq!(runs(&up), 2, "{}", up.text());
    assert!(up.quit().success());
}
