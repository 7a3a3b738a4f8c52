//! `devloop doctor` where nothing is as it should be, and where there is nothing to look at.

use std::fs;

use serde_json::Value;

use crate::support::devloop::{Ended, devloop_with};

fn doctor(dir: &std::path::Path, env: &[(&str, &str)]) -> (Ended, Value) {
    let ended = devloop_with(dir, &["doctor", "--json"], env);
    let answer = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    (ended, answer)
}

fn finding<'a>(answer: &'a Value, check: &str) -> &'a Value {
    let findings = answer["findings"].as_array().expect("findings");
    findings.iter().find(|finding| finding["check"] == check).unwrap_or_else(|| panic!("no {check}: {answer}"))
}

#[test]
fn a_project_of_local_commands_needs_neither_engine_nor_cluster() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("Devfile"), "local_resource('a', 'true')\n").expect("a file");
    let nowhere = folder.path().join("none").to_string_lossy().into_owned();
    let docker = format!("unix://{nowhere}");
    let (ended, answer) = doctor(folder.path(), &[("KUBECONFIG", &nowhere), ("DOCKER_HOST", &docker)]);
    ended.code(0);
    assert_eq!(finding(&answer, "configuration")["health"], "ok");
    assert_eq!(finding(&answer, "engine")["health"], "skipped");
    assert_eq!(finding(&answer, "context")["health"], "skipped");
    assert_eq!(finding(&answer, "dns")["health"], "ok");
}

#[test]
fn without_a_devfile_everything_that_does_not_answer_fails_and_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = crate::support::devloop::free_port();
    let kubeconfig = folder.path().join("kubeconfig");
    let text = format!(
        "
apiVersion: v1
kind: Config
current-context: prod
contexts: [{{name: prod, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]
users: [{{name: u, user: {{}}}}]
"
    );
    fs::write(&kubeconfig, text).expect("a file");
    let docker = format!("tcp://127.0.0.1:{port}");
    let (ended, answer) =
        doctor(folder.path(), &[("KUBECONFIG", &kubeconfig.to_string_lossy()), ("DOCKER_HOST", &docker)]);
    ended.code(1);
    assert_eq!(answer["health"], "failed");
    assert_eq!(finding(&answer, "configuration")["health"], "skipped");
    let context = finding(&answer, "context");
    assert_eq!(context["health"], "warning", "{answer}");
    assert!(context["remedy"].as_str().is_some_and(|it| it.contains("allow_k8s_contexts('prod')")), "{answer}");
    for check in ["engine", "cluster"] {
        let found = finding(&answer, check);
        assert_eq!(found["health"], "failed", "{answer}");
        assert!(found["remedy"].as_str().is_some_and(|remedy| remedy.contains("start it")), "{answer}");
    }
    let none = folder.path().join("none").to_string_lossy().into_owned();
    let text = devloop_with(folder.path(), &["doctor"], &[("KUBECONFIG", &none), ("DOCKER_HOST", &docker)]);
    text.code(1);
    assert!(text.stdout.contains("✖ engine"), "{}", text.stdout);
    assert!(text.stdout.contains("1 failed"), "{}", text.stdout);
}
