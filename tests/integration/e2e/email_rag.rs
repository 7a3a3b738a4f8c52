//! `examples/email-rag`: one chart rendered three times, secrets that nobody sees, a broker whose queue is consumed, and data that stays.

use std::process::Command;

use crate::support::devloop::{Running, devloop, get, post, request};
use crate::support::example::{Example, left_in, namespace_exists, pods, processes_in, wait_for_turn};
use crate::support::ground::kubectl;

const NAMESPACE: &str = "email-rag";
const FRONTEND: u16 = 8300;
const MANAGEMENT: u16 = 15672;
const PORTS: [u16; 3] = [FRONTEND, 8301, MANAGEMENT];
/// The values in `.env.example`, and how they stand in a Secret.
const SECRETS: [&str; 4] = ["letters-in-a-box", "rabbits-in-a-hat", "bGV0dGVycy1pbi1hLWJve", "cmFiYml0cy1pbi1hLWhhd"];
/// `mail:rabbits-in-a-hat`.
const BASIC: &str = "bWFpbDpyYWJiaXRzLWluLWEtaGF0";
/// What of KEDA an API server needs to take a `ScaledObject`.
const DEFINITION: &str = r#"{
  "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "scaledobjects.keda.sh"},
  "spec": {
    "group": "keda.sh", "scope": "Namespaced",
    "names": {"kind": "ScaledObject", "listKind": "ScaledObjectList", "plural": "scaledobjects", "singular": "scaledobject"},
    "versions": [{"name": "v1alpha1", "served": true, "storage": true,
      "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]
  }
}"#;

/// Deletes the definition at the end, however that comes about.
struct Keda;

impl Keda {
    fn install(example: &Example) -> Self {
        std::fs::write(example.file("definition.json"), DEFINITION).expect("a file");
        let file = example.file("definition.json");
        kubectl(&["apply", "-f", file.to_str().expect("a path")]);
        kubectl(&["wait", "--for=condition=Established", "crd/scaledobjects.keda.sh", "--timeout=60s"]);
        Self
    }
}

impl Drop for Keda {
    fn drop(&mut self) {
        let _ = Command::new("kubectl").args(["delete", "crd", "scaledobjects.keda.sh", "--ignore-not-found"]).output();
    }
}

#[track_caller]
fn no_secret(text: &str) {
    for form in SECRETS {
        assert!(!text.contains(form), "a Secret's value is shown as {form}:\n{text}");
    }
}

fn emails() -> String {
    get(FRONTEND, "/api/emails").map_or_else(|error| error, |(_, body)| body)
}

fn search(words: &str) -> String {
    get(FRONTEND, &format!("/api/search?q={words}")).map_or_else(|error| error, |(_, body)| body)
}

/// What RabbitMQ says of the queue.
fn queue() -> serde_json::Value {
    let text =
        format!("GET /api/queues/%2F/celery HTTP/1.0\r\nHost: localhost\r\nAuthorization: Basic {BASIC}\r\n\r\n");
    let answer = request(MANAGEMENT, &text).map_or_else(|error| error, |(_, body)| body);
    answer.parse().unwrap_or(serde_json::Value::String(answer))
}

fn scaled_objects() -> String {
    kubectl(&["-n", NAMESPACE, "get", "scaledobjects", "-o", "name"]).trim().to_owned()
}

#[test]
#[ignore = "needs cluster (namespace email-rag, ports 8300, 8301, 15672, the definition of KEDA's ScaledObject)"]
fn email_rag_keeps_its_secrets_and_its_data() {
    wait_for_turn(NAMESPACE, &PORTS);
    let example = Example::new("email-rag");
    let _ = std::fs::remove_file(example.file(".env"));
    let has_keda = kubectl(&["api-versions"]).contains("keda.sh/v1alpha1");

    // Without KEDA: said, and everything else runs.
    let ci = devloop(example.path(), &["ci", "--report", "report"]);
    ci.code(0);
    no_secret(&ci.stdout);
    no_secret(&ci.stderr);
    assert_eq!(format!("{}{}", ci.stdout, ci.stderr).contains("does not serve keda.sh/v1alpha1"), !has_keda);
    let started = pods(NAMESPACE);
    assert_eq!(started.len(), 6, "{started:#?}");
    assert!(started.iter().all(|pod| pod.well && pod.restarts == 0), "{started:#?}");
    no_secret(&devloop(example.path(), &["config", "--json"]).code(0).stdout);
    for file in [
        "events.jsonl",
        "project.json",
        "junit.xml",
        "summary.md",
        "logs/backend.log",
        "logs/worker.log",
        "logs/rabbitmq.log",
    ] {
        no_secret(&std::fs::read_to_string(example.file("report").join(file)).expect(file));
    }

    let mut up = Running::up(example.path(), &[]);
    up.wait_until("the backend through nginx", emails, |it| it == r#"{"emails": []}"#);

    // An email goes through the broker to the worker, and its vector to the claim.
    let email = r#"{"subject": "Lunch", "body": "There is soup for lunch."}"#;
    let (status, answer) = post(FRONTEND, "/api/emails", "application/json", email).expect("an answer");
    assert!(status == 200 && answer.contains("\"state\": \"queued\""), "{status} {answer}");
    up.wait_until("the worker", emails, |it| it.contains("\"worker\": \"celery@worker-"));
    assert!(search("soup").contains("\"subject\": \"Lunch\""), "{}", search("soup"));
    up.wait_until("RabbitMQ's word", queue, |it| it["consumers"] == 1);

    // A dump and files, through the pods.
    devloop(example.path(), &["trigger", "load-samples"]).code(0);
    up.wait_until("the samples", || emails().matches("\"state\": \"indexed\"").count(), |count| *count == 3);
    assert!(search("invoice+rocket").contains("Invoice for the rocket"));
    let uploads = get(FRONTEND, "/api/uploads").expect("an answer").1;
    assert_eq!(uploads, r#"{"files": ["1.json", "101.json", "102.json"]}"#);

    // Backend and worker have one image: both take the edit, neither is replaced.
    example.edit("backend/server.py", "Ask your mail", "Search your mail");
    up.wait_until("the other title", || search("soup"), |it| it.contains("Search your mail"));
    up.wait_until("both updates", || up.text().matches("updated! (").count(), |count| *count == 2);
    assert_eq!(pods(NAMESPACE), started, "live updates keep pods and images, and restart no container");

    // With KEDA: the object is there, with no new start.
    let keda = (!has_keda).then(|| Keda::install(&example));
    devloop(example.path(), &["reload"]).code(0);
    up.wait_until("the scaled object", scaled_objects, |it| it == "scaledobject.keda.sh/worker");

    assert!(up.quit().success());
    no_secret(&up.text());
    assert_eq!(processes_in(example.path()), Vec::<String>::new());

    // The data outlives `down`.
    let down = devloop(example.path(), &["down"]);
    down.code(0);
    no_secret(&down.stdout);
    assert_eq!(scaled_objects(), "");
    drop(keda);
    let claims = ["data-postgres-0", "data-rabbitmq-0", "data-redis-0", "uploads-backend-0", "vectors-backend-0"];
    assert_eq!(left_in(NAMESPACE), claims.map(|claim| format!("persistentvolumeclaim/{claim}")));
    let mut up = Running::up(example.path(), &[]);
    up.wait_until("yesterday's emails", emails, |it| it.matches("\"state\": \"indexed\"").count() == 3);
    assert!(search("picnic").contains("Picnic on Sunday"));
    assert!(up.quit().success());

    devloop(example.path(), &["down", "--delete-volumes", "--delete-namespaces"]).code(0);
    assert!(!namespace_exists(NAMESPACE));
    let everywhere = kubectl(&["get", "configmaps,persistentvolumes", "-A", "--no-headers"]);
    assert!(!everywhere.contains(NAMESPACE), "a record or volume is left:\n{everywhere}");
}
