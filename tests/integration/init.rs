//! `devloop init`: folders in `tests/init/NAME/files`, the whole Devfile that comes of each in `tests/init/NAME/Devfile`.
//! `DEVLOOP_UPDATE_EXPECTED=1` writes what comes out.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::devloop::devloop;
use crate::support::folders::copy_folder;

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/init");
    let mut folders: Vec<PathBuf> =
        fs::read_dir(root).expect("the cases").map(|entry| entry.expect("one").path()).collect();
    folders.sort();
    folders
}

/// A copy of a case whose folder has a name that does not change.
fn copy(case: &Path) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("project");
    copy_folder(&case.join("files"), &project);
    (folder, project)
}

#[test]
fn a_devfile_is_written_for_what_is_there() {
    for case in cases() {
        let (_folder, project) = copy(&case);
        let printed = devloop(&project, &["init", "--print"]);
        printed.code(0);
        assert!(!project.join("Devfile").exists(), "it is only printed");
        let init = devloop(&project, &["init"]);
        init.code(0);
        assert!(init.stdout.contains("`devloop up`"), "{}", init.stdout);
        let written = fs::read_to_string(project.join("Devfile")).expect("the Devfile");
        assert_eq!(written, printed.stdout);
        let expected = case.join("Devfile");
        if std::env::var_os("DEVLOOP_UPDATE_EXPECTED").is_some() {
            fs::write(&expected, &written).expect("written");
        }
        let expected = fs::read_to_string(expected).unwrap_or_default();
        assert_eq!(expected, written, "{}", case.display());
        // Charts, kustomizations and Compose files need programs that not every machine has.
        if !["helm(", "kustomize(", "\ndocker_compose("].iter().any(|call| written.contains(call)) {
            devloop(&project, &["config"]).code(0);
        }
        let again = devloop(&project, &["init"]);
        again.code(1);
        assert!(again.stderr.contains("there is a Devfile already"), "{}", again.stderr);
        assert_eq!(fs::read_to_string(project.join("Devfile")).expect("the Devfile"), written);
    }
}

#[test]
fn a_tiltfile_counts_as_a_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("Tiltfile"), "").expect("written");
    let init = devloop(folder.path(), &["init"]);
    init.code(1);
    assert!(init.stderr.contains("Tiltfile"), "{}", init.stderr);
    assert!(!folder.path().join("Devfile").exists());
}

#[test]
fn a_folder_with_nothing_to_deploy_is_told_so() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").expect("written");
    let init = devloop(folder.path(), &["init"]);
    init.code(1);
    assert!(init.stderr.contains("found nothing to deploy"), "{}", init.stderr);
    assert!(!folder.path().join("Devfile").exists());
}
