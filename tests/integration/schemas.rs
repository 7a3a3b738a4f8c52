//! The schemas in `docs/schemas`: they are those of the types, and what is printed is as they say.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::devloop::{Ended, Running, devloop_with, pause};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas")
}

#[test]
fn the_schemas_are_those_of_the_types() {
    let update = std::env::var_os("DEVLOOP_UPDATE_EXPECTED").is_some();
    let mut names = vec!["config.json".to_owned(), "README.md".to_owned()];
    for (name, schema) in devloop::cli::schemas() {
        let path = folder().join(format!("{name}.json"));
        let text = format!("{schema:#}\n");
        if update {
            fs::write(&path, &text).expect("it can be written");
        }
        let stored = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(stored, text, "{name}: run again with DEVLOOP_UPDATE_EXPECTED=1, and look at the difference");
        names.push(format!("{name}.json"));
    }
    for entry in fs::read_dir(folder()).expect("the folder").flatten() {
        assert!(
            names.contains(&entry.file_name().to_string_lossy().into_owned()),
            "{} is of nothing",
            entry.path().display()
        );
    }
}

/// Whether a value is as the schema of this name says.
#[track_caller]
pub fn check(name: &str, value: &Value) {
    let text = fs::read_to_string(folder().join(format!("{name}.json"))).expect("a schema");
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let problems: Vec<String> =
        validator.iter_errors(value).map(|it| format!("{}: {it}", it.instance_path())).collect();
    assert!(problems.is_empty(), "{name}: {}\n{value:#}", problems.join("\n"));
}

#[test]
fn what_is_printed_is_as_the_schemas_say() {
    let project = tempfile::tempdir().expect("a folder");
    let dir = project.path();
    let devfile = "
local_resource('greet', cmd='cat name.txt', deps=['name.txt'], labels=['a'], links=['localhost:80'])
local_resource('server', serve_cmd='echo it serves; sleep 1000', resource_deps=['greet'])
local_resource('broken', 'exit 3')
local_resource('later', 'true', auto_init=False, trigger_mode=TRIGGER_MODE_MANUAL)
print('a warning:'); warn('of this')
";
    fs::write(dir.join("Devfile"), devfile).expect("a file");
    fs::write(dir.join("name.txt"), "one\n").expect("a file");
    fs::create_dir(dir.join("run")).expect("a folder");
    let run = dir.join("run").to_string_lossy().into_owned();
    let none = dir.join("none").to_string_lossy().into_owned();
    let docker = format!("unix://{none}");
    let env = [("XDG_RUNTIME_DIR", run.as_str()), ("KUBECONFIG", &none), ("DOCKER_HOST", &docker)];
    let ask = |args: &[&str]| -> Ended { devloop_with(dir, &[args, &["--json"]].concat(), &env) };
    let json = |args: &[&str]| -> Value {
        let ended = ask(args);
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {ended:?}"))
    };
    let mut up = Running::up_with(dir, &[], &env);
    let deadline = std::time::Instant::now() + crate::support::devloop::DEADLINE;
    while ask(&["wait"]).status.code() == Some(3) {
        assert!(std::time::Instant::now() < deadline, "{}", up.text());
        pause();
    }
    check("wait", &json(&["wait"]));
    check("wait", &json(&["wait", "--after", "name.txt", "greet"]));
    check("status", &json(&["status"]));
    check("describe", &json(&["get"]));
    check("describe", &json(&["describe", "server", "greet"]));
    check("why", &json(&["why", "broken"]));
    check("ports", &json(&["ports"]));
    check("timeline", &json(&["timeline", "--all"]));
    check("args", &json(&["args"]));
    check("act", &json(&["trigger", "later"]));
    check("act", &json(&["enable", "--only", "greet"]));
    check("act", &json(&["reload"]));
    for (name, args) in [("logs", &["logs"][..]), ("events", &["events"])] {
        let ended = ask(args);
        assert!(ended.stdout.lines().count() > 3, "{ended:?}");
        for line in ended.stdout.lines() {
            check(name, &serde_json::from_str(line).expect("JSON"));
        }
    }
    let detached = ask(&["detach"]);
    detached.code(1);
    assert!(detached.stderr.contains("devloop up -d"), "{detached:?}");
    check("act", &json(&["quit"]));
    assert!(up.wait().success());
    check("version", &json(&["version"]));
    check("config", &json(&["config"]));
    check("doctor", &json(&["doctor"]));
    fs::write(dir.join("Devfile"), "fail('no')\n").expect("a file");
    check("config", &json(&["config"]));
}

#[test]
fn what_is_asked_over_the_socket_is_as_the_schema_says() {
    use devloop::control::{Action, EventQuery, LogQuery, Refusal, Reply, Request, WaitQuery};
    let requests = [
        Request::Status,
        Request::Describe { resources: vec!["a".to_owned()] },
        Request::Logs(LogQuery { tail: Some(3), ..LogQuery::default() }),
        Request::Events(EventQuery::default()),
        Request::Wait(WaitQuery { after: Some("/a".into()), ..WaitQuery::default() }),
        Request::Act { action: Action::EnableOnly, resources: Vec::new() },
        Request::Command { command: devloop::engine::Command::ReloadConfig },
        Request::Attach { version: "0".to_owned() },
        Request::Detach,
        Request::Args { args: Vec::new() },
    ];
    for request in requests {
        check("socket-request", &serde_json::json!(request));
    }
    check("socket-reply", &serde_json::json!(Reply::Ok(Value::Null)));
    let refusal = Refusal { message: "no".to_owned(), help: None };
    check("socket-reply", &serde_json::json!(Reply::Error(refusal)));
    let text = fs::read_to_string(folder().join("socket-request.json")).expect("a schema");
    let schema = serde_json::from_str(&text).expect("JSON");
    assert!(!jsonschema::is_valid(&schema, &serde_json::json!({"request": "dance"})));
}
