//! The report of a CI run on a cluster, and what it leaves.

use serde_json::Value;

use crate::support::devloop::{devloop, free_port};
use crate::support::ground::Ground;

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_failing_pod_is_in_the_report_and_down_leaves_nothing() {
    let ground = Ground::new("report");
    let devfile = ground.web_service("web", free_port());
    // A container that ends again and again is waited for until this is over.
    ground.write("Devfile", &format!("ci_settings(readiness_timeout='15s')\n{devfile}"));
    ground.write("web/Dockerfile", "FROM busybox\nCMD [\"sh\", \"-c\", \"echo no database; exit 7\"]\n");
    let deployments = || ground.kubectl(&["get", "deployments", "-o", "name"]);
    devloop(ground.path(), &["ci", "--report", "report", "--down", "--keep-on-failure"]).code(1);
    assert_eq!(deployments(), "deployment.apps/web\n");
    let read = |name: &str| std::fs::read_to_string(ground.path().join("report").join(name)).expect("a file");
    let pods: Value = serde_json::from_str(&read("pods.json")).expect("JSON");
    assert_eq!(pods[0]["resource"], "web", "{pods:#}");
    assert_eq!(pods[0]["pod"]["status"]["containerStatuses"][0]["name"], "web", "{pods:#}");
    assert!(pods[0]["events"].as_array().is_some_and(|events| !events.is_empty()), "{pods:#}");
    assert!(read("logs/web.log").contains("no database"));
    assert!(read("junit.xml").contains("no database"));

    let devfile = ground.web_service("web", free_port());
    ground.write("Devfile", &devfile);
    devloop(ground.path(), &["ci", "--report", "report", "--down"]).code(0);
    assert_eq!(deployments(), "");
    assert_eq!(serde_json::from_str::<Value>(&read("pods.json")).expect("JSON"), Value::Array(Vec::new()));
}
