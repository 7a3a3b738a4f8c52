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
