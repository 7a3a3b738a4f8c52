//! An agent: a client of the protocol that edits, waits, reads what failed, and mends it.

use std::fs;
use std::process::Stdio;

use rmcp::ServiceExt as _;
use rmcp::model::CallToolRequestParams;
use rmcp::service::{RoleClient, RunningService};
use serde_json::{Value, json};

use crate::support::devloop::{Running, binary};

/// What a tool answers, and whether that is an error.
async fn call(client: &RunningService<RoleClient, ()>, tool: &'static str, arguments: Value) -> (bool, String) {
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    let request = CallToolRequestParams::new(tool).with_arguments(arguments);
    let answer = client.call_tool(request).await.unwrap_or_else(|error| panic!("{tool}: {error}"));
    let text: String =
        answer.content.iter().filter_map(|block| block.as_text()).map(|text| text.text.clone()).collect();
    (answer.is_error == Some(true), text)
}

async fn answer(client: &RunningService<RoleClient, ()>, tool: &'static str, arguments: Value) -> Value {
    let (failed, text) = call(client, tool, arguments).await;
    assert!(!failed, "{tool}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{tool}: {error}: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_edits_waits_reads_what_failed_and_mends_it() {
    let project = tempfile::tempdir().expect("a folder");
    let dir = project.path().to_owned();
    let devfile = "
local_resource('check', cmd='sh check.sh', deps=['code.txt'])
local_resource('server', serve_cmd='echo it serves; sleep 1000', resource_deps=['check'])
";
    fs::write(dir.join("Devfile"), devfile).expect("a file");
    let script = "grep -q hello code.txt || { echo >&2 code.txt: there is no greeting; exit 4; }\n";
    fs::write(dir.join("check.sh"), script).expect("a file");
    fs::write(dir.join("code.txt"), "hello\n").expect("a file");
    fs::create_dir(dir.join("run")).expect("a folder");
    let run = dir.join("run");

    let mut child = tokio::process::Command::new(binary())
        .arg("mcp")
        .current_dir(&dir)
        .env("XDG_RUNTIME_DIR", &run)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let streams = (child.stdout.take().expect("a pipe"), child.stdin.take().expect("a pipe"));
    let client = ().serve(streams).await.expect("they speak the same protocol");
    let tools: Vec<String> =
        client.list_all_tools().await.expect("tools").iter().map(|it| it.name.to_string()).collect();
    for tool in ["list", "status", "why", "logs", "wait_after_edit", "trigger", "restart", "exec", "ports"] {
        assert!(tools.iter().any(|it| it == tool), "{tools:?}");
    }
    let (failed, text) = call(&client, "status", json!({})).await;
    assert!(failed && text.contains("no devloop runs"), "{text}");

    let mut up = Running::up_with(&dir, &[], &[("XDG_RUNTIME_DIR", &run.to_string_lossy())]);
    up.wait_for("server │ it serves");
    let list = answer(&client, "list", json!({})).await;
    assert_eq!(list["resources"][1], json!({"name": "server", "kind": "local", "depends_on": ["check"]}));
    let log = answer(&client, "logs", json!({"resources": ["server"], "source": "runtime"})).await;
    assert_eq!(log["lines"].as_array().expect("lines").last(), Some(&json!("server | it serves")));

    // The edit breaks it, and the answer says where.
    fs::write(dir.join("code.txt"), "bye\n").expect("a file");
    let path = dir.join("code.txt").to_string_lossy().into_owned();
    let waited = answer(&client, "wait_after_edit", json!({"path": path})).await;
    assert_eq!((&waited["outcome"], &waited["failures"][0]["resource"]), (&"failed".into(), &"check".into()));
    let lines = waited["log"].as_array().expect("lines");
    assert!(lines.contains(&json!("check | code.txt: there is no greeting")), "{waited}");
    let why = answer(&client, "why", json!({"resource": "check"})).await;
    assert_eq!(
        (&why["updates"][0]["outcome"], &why["updates"][0]["reasons"][0]),
        (&"failed".into(), &"Changed Files".into())
    );

    // The next one mends it; the log goes on from the cursor.
    fs::write(dir.join("code.txt"), "hello again\n").expect("a file");
    let waited = answer(&client, "wait_after_edit", json!({"path": path, "timeout_seconds": 60})).await;
    assert_eq!(waited["outcome"], "reached", "{waited}");
    let cursor = log["cursor"].clone();
    let news = answer(&client, "logs", json!({"after": cursor, "contains": "greeting", "limit": 1})).await;
    assert_eq!(news["lines"], json!(["check | code.txt: there is no greeting"]));
    let later = answer(&client, "logs", json!({"after": news["cursor"], "contains": "greeting"})).await;
    assert_eq!((&later["lines"], &later["more"]), (&json!([]), &json!(false)));

    let mark = up.mark();
    answer(&client, "restart", json!({"resources": ["server"]})).await;
    up.wait_for_after(mark, "server │ it serves");
    let (failed, text) = call(&client, "exec", json!({"resource": "server", "command": ["ls"]})).await;
    assert!(failed && text.contains("run on this machine"), "{text}");
    let (failed, text) = call(&client, "why", json!({"resource": "nobody"})).await;
    assert!(failed && text.contains("there are check, server"), "{text}");
    client.cancel().await.expect("it ends");
    assert!(child.wait().await.expect("it is our child").success());
    assert!(up.quit().success());
}
