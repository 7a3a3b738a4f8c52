//! The examples of `docs/devfile.md` run as they stand, in a copy of `tests/documentation`.

use std::fmt::Write as _;
use std::path::Path;

use devloop::devfile::{CatalogueKind, Example, KubeInfo, LoadOptions, documentation, evaluate, find_in_catalogue};
use devloop::diagnostic::{Diagnostic, RenderStyle, render};
use tokio_util::sync::CancellationToken;

use crate::devfile::options;
use crate::support::folders::copy_folder;

/// Runs an example; the errors.
pub(crate) fn run(example: &Example) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    copy_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/documentation"), folder.path());
    // A folder of this name cannot be part of a repository.
    std::fs::create_dir_all(folder.path().join("repository/.git")).expect("a folder");
    std::fs::write(folder.path().join("repository/README.md"), "a repository\n").expect("written");
    std::fs::write(folder.path().join("Devfile"), &example.code).expect("the Devfile can be written");
    let evaluation = evaluate(LoadOptions {
        kube: KubeInfo { context: Some("kind-test".to_owned()), is_local_product: true, ..KubeInfo::default() },
        ..options(folder.path(), &CancellationToken::new())
    });
    let style = RenderStyle { color: false, base: Some(folder.path().to_path_buf()) };
    let errors: Vec<String> = evaluation
        .diagnostics
        .iter()
        .filter(|diagnostic| Diagnostic::is_error(diagnostic))
        .map(|diagnostic| render(diagnostic, &style))
        .collect();
    (!errors.is_empty()).then(|| errors.join("\n"))
}

/// Whether an example calls what this version refuses by name.
fn is_unavailable(example: &Example) -> bool {
    let words = example.code.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '.');
    words.into_iter().any(|word| {
        let module = word.split('.').next().unwrap_or(word);
        [word, module]
            .iter()
            .any(|name| find_in_catalogue(name).is_some_and(|entry| entry.kind == CatalogueKind::Unavailable))
    })
}

#[test]
fn the_examples_of_the_devfile_page_run() {
    let mut failures = String::new();
    let mut count = 0;
    for example in documentation().examples.iter().filter(|example| example.needs.is_empty()) {
        if is_unavailable(example) {
            continue;
        }
        count += 1;
        if let Some(errors) = run(example) {
            let _ = writeln!(failures, "docs/devfile.md:{}:\n{errors}", example.line);
        }
    }
    assert!(count > 50, "only {count} examples");
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn every_marker_of_an_example_is_known() {
    for example in &documentation().examples {
        for need in &example.needs {
            assert!(["cluster", "helm", "compose"].contains(&need.as_str()), "{}: {need}", example.line);
        }
    }
}

#[test]
#[ignore = "needs cluster (the programs helm and kubectl)"]
fn the_examples_that_need_programs_run() {
    let mut failures = String::new();
    let programs = |example: &&Example| example.needs.iter().any(|need| need == "helm" || need == "cluster");
    for example in documentation().examples.iter().filter(programs) {
        if let Some(errors) = run(example) {
            let _ = writeln!(failures, "docs/devfile.md:{}:\n{errors}", example.line);
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn the_tests_that_the_table_of_live_updates_names_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/live-update.md")).expect("the page");
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ") && line.contains("::")).collect();
    assert!(rows.len() > 20, "{} cases", rows.len());
    for name in rows.iter().flat_map(|row| row.split('`')).filter(|word| word.contains("::")) {
        let (module, test) = name.split_once("::").expect("a module");
        let source = std::fs::read_to_string(root.join(format!("tests/integration/e2e/{module}.rs"))).expect(module);
        assert!(source.contains(&format!("fn {test}(")), "{name} is not there");
    }
}
