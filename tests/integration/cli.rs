//! The command line from the outside: the real binary, a folder of its own, whole output and exit codes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::devloop::{Ended, binary};

/// `devloop ARGS` in `dir` with an empty environment: no kubeconfig, no engine, no colours.
fn run(dir: &Path, args: &[&str]) -> Ended {
    let output = Command::new(binary())
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", dir)
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts");
    Ended {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).replace(&dir.display().to_string(), "DIR"),
        stderr: String::from_utf8_lossy(&output.stderr).replace(&dir.display().to_string(), "DIR"),
    }
}

fn project(devfile: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("Devfile"), devfile).expect("a file");
    folder
}

#[test]
fn the_version_is_told_to_people_and_programs() {
    let folder = tempfile::tempdir().unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(run(folder.path(), &["version"]).code(0).stdout, format!("devloop {version}\n"));
    assert_eq!(run(folder.path(), &["version", "--json"]).code(0).stdout, format!("{{\"version\":\"{version}\"}}\n"));
}

#[test]
fn help_names_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let help = run(folder.path(), &["--help"]);
    help.code(0);
    for command in ["up", "ci", "down", "config", "version", "completions"] {
        assert!(help.stdout.contains(&format!("\n  {command} ")), "{}", help.stdout);
        run(folder.path(), &[command, "--help"]).code(0);
    }
    run(folder.path(), &["upp"]).code(2);
}

#[test]
fn completions_are_there_for_each_shell() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(folder.path(), &["completions", shell]);
        script.code(0);
        assert!(script.stdout.contains("devloop"), "{shell}");
    }
}

#[test]
fn a_missing_devfile_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let up = run(folder.path(), &["up"]);
    up.code(3);
    assert_eq!(
        up.stderr,
        "Error: no Devfile found at `DIR/Devfile`, `DIR/Tiltfile`\n  hint: go to the project's folder, or name the file with --file\n"
    );
    let given = run(folder.path(), &["config", "-f", "other"]);
    given.code(3);
    assert_eq!(given.stderr, "Error: no Devfile found at `DIR/other`\n  hint: check the path given with --file\n");
}

#[test]
fn who_reads_json_gets_json_without_a_devfile_too() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, error) in [
        (&["config", "--json"][..], "no Devfile found at `DIR/Devfile` or `DIR/Tiltfile`"),
        (&["config", "--json", "-f", "other"][..], "no Devfile found at `DIR/other`"),
    ] {
        let config = run(folder.path(), arguments);
        config.code(5);
        let json: serde_json::Value = serde_json::from_str(&config.stdout).expect("JSON");
        assert_eq!(json["error"], error);
        assert_eq!(json["resources"], serde_json::json!([]));
    }
}

#[test]
fn a_tiltfile_is_found_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("Tiltfile"), "local_resource('hi', 'echo hi')\n").unwrap();
    let config = run(folder.path(), &["config"]);
    config.code(0);
    assert!(config.stdout.contains("hi [local]\n  cmd       echo hi\n"), "{}", config.stdout);
}

#[test]
fn an_error_in_the_devfile_points_at_its_place() {
    let folder = project("x = 1\nlocal_resorce('hi', 'echo hi')\n");
    let config = run(folder.path(), &["config"]);
    config.code(5);
    for part in ["Devfile:2:1", "local_resorce('hi', 'echo hi')", "^^^^^^^^^^^^^", "local_resource"] {
        assert!(config.stderr.contains(part), "no {part:?} in\n{}", config.stderr);
    }
    let json = run(folder.path(), &["config", "--json"]);
    json.code(5);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(value["errors"][0]["line"], 2);
    assert!(value["error"].as_str().is_some_and(|error| error.contains("local_resorce")));
    assert_eq!(value["resources"], serde_json::json!([]));
}

#[test]
fn the_evaluated_project_is_told_as_json() {
    let folder = project(
        "k8s_yaml(blob('''\napiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: web}]}\n'''))
docker_build('web', '.', dockerfile_contents='FROM scratch', live_update=[sync('src', '/src'), run('make', trigger='src/a')])
k8s_resource('web', port_forwards='8080:80', labels=['front'])
local_resource('gen', 'make gen', deps=['gen'], resource_deps=['web'], trigger_mode=TRIGGER_MODE_MANUAL)
",
    );
    let config = run(folder.path(), &["config", "--json"]);
    config.code(0);
    let value: serde_json::Value = serde_json::from_str(&config.stdout).expect("JSON");
    let web = &value["resources"][0];
    assert_eq!(
        (&web["name"], &web["kind"], &web["labels"]),
        (&"web".into(), &"k8s".into(), &serde_json::json!(["front"]))
    );
    assert_eq!(web["port_forwards"][0]["local"], 8080);
    assert_eq!(web["port_forwards"][0]["container"], 80);
    assert_eq!(web["objects"][0]["kind"], "Pod");
    let steps = serde_json::json!([
        { "sync": { "local": "DIR/src", "remote": "/src" } },
        { "run": { "args": ["sh", "-c", "make"], "triggers": ["DIR/src/a"] } },
    ]);
    assert_eq!(web["images"][0]["live_update"], steps);
    let generated = &value["resources"][1];
    assert_eq!(generated["cmd"], serde_json::json!(["sh", "-c", "make gen"]));
    assert_eq!(
        (&generated["trigger_mode"], &generated["resource_deps"]),
        (&"manual".into(), &serde_json::json!(["web"]))
    );
    assert_eq!(value["error"], serde_json::Value::Null);
}

#[test]
fn local_resources_need_neither_cluster_nor_engine() {
    let folder = project("local_resource('gen', 'echo made > made', deps=['in'])\n");
    let ci = run(folder.path(), &["ci"]);
    ci.code(0);
    assert!(ci.stdout.contains("SUCCESS. All workloads are healthy."), "{}", ci.stdout);
    assert_eq!(fs::read_to_string(folder.path().join("made")).unwrap(), "made\n");
    assert!(!ci.stdout.contains('\x1b'), "no colours where there is no terminal");
}

#[test]
fn ci_says_which_resource_failed_and_repeats_its_last_lines() {
    let folder = project("local_resource('good', 'true')\nlocal_resource('bad', 'echo the very reason >&2; exit 4')\n");
    let ci = run(folder.path(), &["ci"]);
    ci.code(1);
    assert!(ci.stdout.contains("the very reason"), "{}", ci.stdout);
    assert!(ci.stdout.contains("FAILURE. bad: "), "{}", ci.stdout);
    assert!(ci.stdout.contains("exit code 4"), "{}", ci.stdout);
}

#[test]
fn kubernetes_objects_without_a_cluster_are_explained() {
    let folder = project("k8s_yaml(blob('{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}'))\n");
    let ci = run(folder.path(), &["ci"]);
    ci.code(1);
    assert!(ci.stdout.contains("no Kubernetes cluster is configured"), "{}", ci.stdout);
    let down = run(folder.path(), &["down"]);
    down.code(0);
}

#[test]
fn what_the_next_version_brings_is_refused_by_name() {
    let folder = project("docker_compose('docker-compose.yml')\n");
    let config = run(folder.path(), &["config"]);
    config.code(5);
    assert!(config.stderr.contains("docker_compose"), "{}", config.stderr);
}

#[test]
fn every_exit_code_is_documented() {
    let documented = include_str!("../../docs/commands.md");
    let source = include_str!("../../src/cli/exit_code.rs");
    for line in source.lines().filter_map(|line| line.trim().strip_prefix("/// ")) {
        if let Some((code, _)) = line.split_once(": ").filter(|(code, _)| code.parse::<u8>().is_ok()) {
            assert!(documented.contains(&format!("| {code} |")), "exit code {code} is not in docs/commands.md");
        }
    }
}
