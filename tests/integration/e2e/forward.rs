//! Port-forwards into real pods: one stream per connection, pods that are replaced, and clients that end their half.

use std::time::{Duration, Instant};

use devloop::cluster::{ForwardStatus, ForwardTarget, forward};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::pods_ground::PodGround;

/// Answers a line with its own name and that line, half a second later.
fn server(name: &str) -> String {
    format!("trap 'exit 0' TERM; nc -ll -p 8080 -e sh -c 'read line; sleep 0.5; echo {name} $line' & wait")
}

fn target(ground: &PodGround, pod: &str) -> ForwardTarget {
    ForwardTarget { namespace: ground.namespace.clone(), pod: pod.to_owned(), port: 8080, ready: true }
}

async fn start(ground: &PodGround, targets: watch::Receiver<Option<ForwardTarget>>, cancel: &CancellationToken) -> u16 {
    let (tx, mut statuses) = mpsc::unbounded_channel();
    let (client, log, cancel) = (ground.cluster.client().clone(), ground.sink(), cancel.clone());
    let report = move |status| {
        let _ = tx.send(status);
    };
    tokio::spawn(async move { Box::pin(forward(client, "localhost", 0, targets, log, report, cancel)).await });
    match statuses.recv().await.expect("a status") {
        ForwardStatus::Listening(port) => port,
        ForwardStatus::Unavailable(reason) => panic!("{reason}"),
    }
}

/// Sends a line, ends its half, and returns all that comes back.
async fn ask(port: u16, line: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
    stream.write_all(format!("{line}\n").as_bytes()).await.expect("sent");
    stream.shutdown().await.expect("half closed");
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    let _ = timeout(Duration::from_secs(20), read).await.expect("an end");
    answer.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster (a namespace)"]
async fn connections_find_their_pod_one_by_one() {
    let ground = PodGround::new("forward").await;
    for name in ["one", "two"] {
        ground.pod(name, "busybox:1", &server(name), &json!({}));
    }
    ground.running("one");
    let listens = || ground.in_pod("one", "cat /proc/net/tcp*").contains(":1F90");
    super::pods_ground::until("the server to listen", listens);
    let cancel = CancellationToken::new();
    let (targets, receiver) = watch::channel(None);
    let port = start(&ground, receiver, &cancel).await;

    // A connection that comes before the pod waits for it; one that has ended its half still gets its answer.
    let (answer, ()) = tokio::join!(ask(port, "early"), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        targets.send_replace(Some(target(&ground, "one")));
    });
    assert_eq!(answer, "one early", "{:?}", ground.lines());

    let started = Instant::now();
    let mut asked = JoinSet::new();
    for index in 0..30 {
        asked.spawn(async move { (ask(port, &index.to_string()).await, index) });
    }
    while let Some(answered) = asked.join_next().await {
        let (answer, index) = answered.expect("asked");
        assert_eq!(answer, format!("one {index}"));
    }
    println!("30 connections at once, each answered after 0.5 s: {:?}", started.elapsed());

    let mut extra = Vec::new();
    for _ in 0..10 {
        let started = Instant::now();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
        stream.write_all(b"x\n").await.expect("sent");
        assert_ne!(stream.read_u8().await.expect("an answer"), 0);
        extra.push(started.elapsed().saturating_sub(Duration::from_millis(500)));
    }
    extra.sort();
    println!("first byte of a connection, beyond the 0.5 s of the server: {:?} (worst {:?})", extra[5], extra[9]);

    // The pod is replaced while a connection is open: that one ends, the next one goes to the other pod.
    let mut open = TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
    tokio::time::sleep(Duration::from_millis(300)).await;
    ground.running("two");
    ground.kubectl(&["delete", "pod", "one", "--now"]);
    let mut rest = String::new();
    let _ = timeout(Duration::from_secs(20), open.read_to_string(&mut rest)).await.expect("it ends");
    let (answer, ()) = tokio::join!(ask(port, "next"), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        targets.send_replace(Some(target(&ground, "two")));
    });
    assert_eq!(answer, "two next");

    cancel.cancel();
    let free = async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(5), free).await.expect("the port is free again");
}
