//! `examples/crucible`: hardened pods that take live updates, and a queue whose jobs are really taken from it.

use std::collections::BTreeSet;

use crate::support::devloop::{Running, devloop, get, post};
use crate::support::example::{Example, left_in, namespace_exists, pods, processes_in, wait_for_turn};
use crate::support::ground::kubectl;

const NAMESPACE: &str = "crucible";
const FRONTEND: u16 = 8080;
const FILES: u16 = 8001;
const PORTS: [u16; 4] = [FRONTEND, 8000, FILES, 5555];
const SECRET: &str = "forged-in-the-crucible";

fn submit(code: &str) -> serde_json::Value {
    let body = serde_json::json!({ "code": code }).to_string();
    let (status, answer) = post(FRONTEND, "/api/jobs", "application/json", &body).expect("an answer");
    assert_eq!(status, 202, "{answer}");
    answer.parse().expect("JSON")
}

fn job(id: &serde_json::Value) -> serde_json::Value {
    let answer = get(FRONTEND, &format!("/api/jobs/{id}")).map_or_else(|error| error, |(_, body)| body);
    answer.parse().unwrap_or(serde_json::Value::String(answer))
}

fn in_queue() -> String {
    kubectl(&["-n", NAMESPACE, "exec", "deployment/redis-celery", "--", "redis-cli", "llen", "celery"])
        .trim()
        .to_owned()
}

/// Containers that may write to their image, or may be root.
fn soft_containers() -> Vec<String> {
    let list: serde_json::Value = kubectl(&["-n", NAMESPACE, "get", "pods", "-o", "json"]).parse().expect("JSON");
    let mut soft = Vec::new();
    for pod in list["items"].as_array().expect("a list") {
        let spec = &pod["spec"];
        let both = ["containers", "initContainers"].into_iter().filter_map(|key| spec[key].as_array());
        for container in both.flatten() {
            let context = &container["securityContext"];
            let hard = context["readOnlyRootFilesystem"] == true
                && context["allowPrivilegeEscalation"] == false
                && context["capabilities"]["drop"][0] == "ALL"
                && spec["securityContext"]["runAsNonRoot"] == true;
            if !hard {
                soft.push(format!("{} {}", pod["metadata"]["name"], container["name"]));
            }
        }
    }
    soft
}

#[test]
#[ignore = "needs cluster (namespace crucible, ports 8080, 8000, 8001, 5555, 12375)"]
fn crucible_takes_jobs_from_its_queue_and_edits_into_hardened_pods() {
    wait_for_turn(NAMESPACE, &PORTS);
    let example = Example::new("crucible");

    let production = devloop(example.path(), &["config", "--", "--overlay", "production"]);
    assert!(production.code(0).stdout.contains("deployment/celery-worker in namespace crucible"));
    let refused = devloop(example.path(), &["ci", "--", "--overlay", "production"]);
    assert!(
        refused.code(5).stdout.contains("can only be looked at") || refused.stderr.contains("can only be looked at")
    );

    let ci = devloop(example.path(), &["ci"]);
    ci.code(0);
    assert!(!ci.stdout.contains(SECRET), "the Secret's value is shown");
    let started = pods(NAMESPACE);
    assert_eq!(started.len(), 13, "{started:#?}");
    assert!(started.iter().all(|pod| pod.well && pod.restarts == 0), "{started:#?}");
    assert_eq!(soft_containers(), Vec::<String>::new());

    let mut up = Running::up(example.path(), &[]);
    up.wait_until("the API through nginx", || get(FRONTEND, "/api").map_or(0, |(status, _)| status), |it| *it == 200);
    up.wait_until("Flower", || get(5555, "/healthcheck").map_or(0, |(status, _)| status), |it| *it == 200);

    // What the service account may, and what it may not.
    let (status, executors) = get(FRONTEND, "/api/executors").expect("an answer");
    assert!(status == 200 && executors.contains("executor-1-") && executors.contains("executor-2-"), "{executors}");
    let account = "--as=system:serviceaccount:crucible:api-service";
    assert_eq!(kubectl(&["-n", NAMESPACE, "auth", "can-i", "list", "pods", account]).trim(), "yes");

    // From the browser through queue, worker, sandbox and node to the database, and its output to the claim.
    let first = submit("print(6 * 7)");
    let done = up.wait_until("the job", || job(&first["id"]), |it| it["state"] == "done");
    assert_eq!(done["output"], "42\n");
    assert!(done["worker"].as_str().is_some_and(|it| it.starts_with("celery@celery-worker-")), "{done}");
    assert!(!done["node"].is_null(), "{done}");
    let checksum =
        || get(FILES, &format!("/files/job-{}.txt.sha256", first["id"])).map_or_else(|it| it, |(_, body)| body);
    up.wait_until("its checksum", checksum, |it| {
        it.starts_with("084c799cd551dd1d8d5c5f9a5d593b2e931f5e36122ee5c793c1d08a19839cc0")
    });
    let forbidden = submit("open('/etc/x', 'w')");
    let failed = up.wait_until("the other job", || job(&forbidden["id"]), |it| it["state"] == "failed");
    assert!(failed["output"].as_str().is_some_and(|it| it.contains("Read-only file system")), "{failed}");

    // Edits reach containers that may not write to their images; no pod is replaced, none restarts.
    example.edit("api/crucible/server.py", "Submit some Python", "Type some Python");
    let greeting = || get(FRONTEND, "/api").map_or_else(|error| error, |(_, body)| body);
    up.wait_until("the other greeting", greeting, |it| it.contains("Type some Python"));
    up.wait_until("updates", || up.text().matches("updated! (").count(), |count| *count == 2);
    example.edit("executor/server.py", "\"output\": output[", "\"output\": \"> \" + output[");
    up.wait_until("updates", || up.text().matches("updated! (").count(), |count| *count == 4);
    let prefixed = || {
        let next = submit("print('hot')");
        up.wait_until("a job", || job(&next["id"]), |it| it["state"] == "done")["output"].clone()
    };
    up.wait_until("the other executor", prefixed, |it| *it == "> hot\n");
    let (before, after): (BTreeSet<_>, BTreeSet<_>) =
        (started.into_iter().collect(), pods(NAMESPACE).into_iter().collect());
    assert_eq!(before, after, "live updates keep pods and images, and restart no container");

    // Without a worker the job waits in the queue; with one again it is done.
    kubectl(&["-n", NAMESPACE, "scale", "deployment/celery-worker", "--replicas=0"]);
    let workers = || pods(NAMESPACE).iter().filter(|pod| pod.name.starts_with("celery-worker-")).count();
    up.wait_until("no worker", workers, |count| *count == 0);
    kubectl(&["-n", NAMESPACE, "wait", "--for=delete", "pod", "-l", "app=celery-worker", "--timeout=60s"]);
    let waiting = submit("print('waited')");
    assert_eq!((in_queue().as_str(), &job(&waiting["id"])["state"]), ("1", &serde_json::json!("queued")));
    kubectl(&["-n", NAMESPACE, "scale", "deployment/celery-worker", "--replicas=1"]);
    up.wait_until("the job that waited", || job(&waiting["id"]), |it| it["state"] == "done");
    assert_eq!(in_queue(), "0");

    assert!(up.quit().success());
    assert!(!up.text().contains(SECRET), "the Secret's value is shown");
    assert_eq!(processes_in(example.path()), Vec::<String>::new());
    devloop(example.path(), &["down"]).code(0);
    assert_eq!(left_in(NAMESPACE), ["persistentvolumeclaim/data-postgres-0"]);
    devloop(example.path(), &["down", "--delete-volumes", "--delete-namespaces"]).code(0);
    assert!(!namespace_exists(NAMESPACE));
    let everywhere = kubectl(&["get", "configmaps,persistentvolumes", "-A", "--no-headers"]);
    assert!(!everywhere.contains(NAMESPACE), "a record or volume is left:\n{everywhere}");
}
