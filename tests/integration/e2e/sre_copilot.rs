//! `examples/sre-copilot`: the results table that its team accepted the move to Kubernetes by.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use crate::support::devloop::{Running, devloop, get, post, request};
use crate::support::example::{Example, left_in, namespace_exists, pods, processes_in, wait_for_turn};
use crate::support::ground::kubectl;

const NAMESPACE: &str = "sre-copilot";
const FRONTEND: u16 = 3000;
const REDIS: u16 = 16379;
const DATABASE: u16 = 15432;
const SECRET: &str = "for-development-only";

fn services() -> Vec<u16> {
    (8500..=8513).collect()
}

/// How many services answer `/health` with 200 and this version.
fn healthy(version: &str) -> usize {
    let version = format!("\"version\": \"{version}\"");
    let well = |port: &u16| get(*port, "/health").is_ok_and(|(status, body)| status == 200 && body.contains(&version));
    services().iter().filter(|port| well(port)).count()
}

fn api(method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
    let length = body.len();
    let text =
        format!("{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {length}\r\n{headers}\r\n{body}");
    request(FRONTEND, &text).unwrap_or_else(|error| (0, error))
}

/// What was there in the log of `up` after `mark` of live updates: the resources.
fn updated(up: &Running, mark: usize) -> Vec<String> {
    let text = up.text();
    let lines = text[mark..].lines().filter(|line| line.contains("updated! ("));
    lines.map(|line| line.split('│').next().unwrap_or_default().trim().to_owned()).collect()
}

/// The handshake of a WebSocket through nginx, and the connection after it.
fn websocket() -> TcpStream {
    let mut connection = TcpStream::connect(("127.0.0.1", FRONTEND)).expect("the front end's port");
    connection.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    let key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    write!(
        connection,
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n\r\n"
    )
    .expect("a connection");
    let head = read_until(&mut connection, "connected");
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    connection
}

fn read_until(connection: &mut TcpStream, what: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.contains(what) {
        let read =
            connection.read(&mut buffer).unwrap_or_else(|error| panic!("waited for {what:?}: {error}; got {text}"));
        assert_ne!(read, 0, "waited for {what:?}, got {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    text
}

fn engine_has(what: &str) -> bool {
    let output =
        Command::new("docker").args([what, "ls", "-q", "--filter", "name=sre-copilot"]).output().expect("docker");
    !output.stdout.is_empty()
}

#[test]
#[ignore = "needs cluster (namespace sre-copilot, ports 3000, 8500 to 8513, 15432, 16379)"]
fn sre_copilot_passes_its_results_table() {
    let mut ports = services();
    ports.extend([FRONTEND, REDIS, DATABASE]);
    wait_for_turn(NAMESPACE, &ports);
    let example = Example::new("sre-copilot");
    let _ = std::fs::remove_file(example.file("k8s/overlays/local/.env"));

    let ci = devloop(example.path(), &["ci"]);
    ci.code(0);
    assert!(ci.stdout.contains("SUCCESS. All workloads are healthy."), "{}", ci.stdout);
    assert!(!ci.stdout.contains(SECRET), "the Secret's value is shown");
    let started = pods(NAMESPACE);
    assert_eq!(started.len(), 16, "{started:#?}");
    assert!(started.iter().all(|pod| pod.well && pod.restarts == 0), "{started:#?}");

    let mut up = Running::up(example.path(), &[]);
    up.wait_until("fourteen services", || healthy("1.0.0"), |count| *count == 14);
    up.wait_until("the front end", || get(FRONTEND, "/").map_or(0, |(status, _)| status), |status| *status == 200);
    let all =
        up.wait_until("the way through nginx and gateway", || api("GET", "/api/health", "", ""), |it| it.0 == 200);
    assert!(all.1.contains("\"healthy\": 14, \"of\": 14"), "{}", all.1);

    // A person from the browser to the database and to Redis; with a slash at the end, too.
    let person = r#"{"email": "ada@example.com", "password": "analytical"}"#;
    assert_eq!(api("POST", "/api/auth/register", "", person).0, 200);
    assert_eq!(api("POST", "/api/auth/register", "", person).0, 409);
    assert_eq!(api("POST", "/api/auth/login", "", r#"{"email": "ada@example.com", "password": "wrong"}"#).0, 401);
    let (status, answer) = api("POST", "/api/auth/login/", "", person);
    assert_eq!(status, 200, "{answer}");
    let answer: serde_json::Value = answer.parse().expect("JSON");
    let bearer = format!("Authorization: Bearer {}\r\n", answer["token"].as_str().expect("a token"));
    let (status, me) = api("GET", "/api/auth/me", &bearer, "");
    assert!(status == 200 && me.contains("ada@example.com"), "{status} {me}");
    assert_eq!(api("GET", "/api/auth/me", "", "").0, 401);

    // An alert goes through six services, and is told to the browsers.
    let mut socket = websocket();
    let (status, answer) =
        post(FRONTEND, "/api/integration/webhook", "application/json", r#"{"name": "Disk full"}"#).expect("an answer");
    assert!(status == 200 && answer.contains("\"state\": \"open\""), "{status} {answer}");
    read_until(&mut socket, "incident opened");
    drop(socket);
    let (_, summary) = api("GET", "/api/report/summary", "", "");
    assert_eq!(summary, r#"{"open": 1, "closed": 0, "alerts": 1}"#);

    let mut redis = TcpStream::connect(("127.0.0.1", REDIS)).expect("the port of Redis");
    redis.write_all(b"PING\r\n").expect("a connection");
    let mut pong = [0; 7];
    redis.read_exact(&mut pong).expect("an answer");
    assert_eq!(&pong, b"+PONG\r\n");

    // One service's source: one live update. The shared module: fourteen. No pod is replaced by either.
    let mark = up.mark();
    example.edit("services/runbook-service/main.py", "Do not panic", "Keep calm");
    let runbooks = || api("GET", "/api/runbook/runbooks", "", "").1;
    up.wait_until("the other runbook", runbooks, |it| it.contains("Keep calm"));
    let shared = up.mark();
    assert_eq!(updated(&up, mark).len(), 1, "{:?}", updated(&up, mark));
    example.edit("shared/about.py", "1.0.0", "1.1.0");
    up.wait_until("the other version everywhere", || healthy("1.1.0"), |count| *count == 14);
    up.wait_until("fourteen updates", || updated(&up, shared), |them| them.len() == 14);
    assert_eq!(updated(&up, shared).into_iter().collect::<BTreeSet<_>>().len(), 14);
    let (before, after): (BTreeSet<_>, BTreeSet<_>) =
        (started.into_iter().collect(), pods(NAMESPACE).into_iter().collect());
    assert_eq!(before, after, "live updates keep pods and images, and restart no container");

    // The front end is compiled: a new image of it, and of nothing else.
    example.edit("frontend/index.html", "<title>SRE copilot", "<title>Our copilot");
    let page = || get(FRONTEND, "/").map_or_else(|error| error, |(_, body)| body);
    up.wait_until("the other title", page, |it| it.contains("Our copilot"));
    let replaced: Vec<String> =
        pods(NAMESPACE).into_iter().filter(|pod| !before.contains(pod)).map(|pod| pod.name).collect();
    assert!(replaced.len() == 1 && replaced[0].starts_with("frontend-"), "{replaced:?}");
    assert_eq!(updated(&up, mark).len(), 15);

    assert!(up.quit().success());
    assert!(!up.text().contains(SECRET), "the Secret's value is shown");
    assert_eq!(processes_in(example.path()), Vec::<String>::new());

    // Data is kept until somebody says otherwise.
    let down = devloop(example.path(), &["down"]);
    down.code(0);
    assert!(!down.stdout.contains("not created by devloop"), "{}", down.stdout);
    assert_eq!(left_in(NAMESPACE), ["persistentvolumeclaim/data-redis-0"]);
    assert!(!engine_has("container") && engine_has("volume"), "the database is gone, its data is kept");
    devloop(example.path(), &["down", "--delete-volumes", "--delete-namespaces"]).code(0);
    assert!(!namespace_exists(NAMESPACE) && !engine_has("volume"));
    let everywhere = kubectl(&["get", "configmaps,persistentvolumes", "-A", "--no-headers"]);
    assert!(!everywhere.contains(NAMESPACE), "a record or volume is left:\n{everywhere}");
}
