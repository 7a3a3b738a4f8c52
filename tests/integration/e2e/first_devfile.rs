//! `devloop init` where the result has to work: on a cluster.

use std::path::Path;

use crate::support::devloop::devloop;
use crate::support::folders::copy_folder;
use crate::support::ground::kubectl;

#[test]
#[ignore = "needs cluster (the default namespace: deployment hello)"]
fn what_init_writes_passes_ci() {
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("hello");
    copy_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/hello"), &project);
    std::fs::remove_file(project.join("Devfile")).expect("the example has a Devfile");
    devloop(&project, &["init"]).code(0);
    let ci = devloop(&project, &["ci"]);
    devloop(&project, &["down"]).code(0);
    ci.code(0);
    assert!(ci.stdout.contains("SUCCESS"), "{}", ci.stdout);
    assert_eq!(kubectl(&["get", "deployments", "-l", "app=hello", "-o", "name"]), "");
}
