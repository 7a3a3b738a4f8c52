//! Pushing with the real engine and the real registry: once, and again when the registry was away.

use std::time::Duration;

use devloop::docker::{EngineError, PushError, Pushed};
use devloop::logs::LogSource;
use tokio_util::sync::CancellationToken;

use super::docker::{Ground, parse, unique};

#[tokio::test]
#[ignore = "needs docker (pushes to the registry at localhost:5000)"]
async fn an_image_is_pushed_once() {
    let ground = Ground::new().await;
    let image =
        ground.build(&ground.request(&format!("FROM busybox\nRUN echo {} > /a\n", unique()))).await.expect("image");
    let repository = parse("localhost:5000/devloop-test/pushed");
    let reference = repository.with_tag(image.content_tag());
    ground.engine.tag(&image, &reference).await.expect("tag");
    let log = ground.logs.sink(None, LogSource::Build);
    let cancel = CancellationToken::new();
    // Side by side: one waits for the other and finds it done.
    let (one, two) =
        tokio::join!(ground.engine.push(&reference, &log, &cancel), ground.engine.push(&reference, &log, &cancel));
    let mut results = [one.expect("push"), two.expect("push")];
    results.sort_by_key(|pushed| *pushed == Pushed::Sent);
    assert_eq!(results, [Pushed::Present, Pushed::Sent]);
    let manifest = get("localhost:5000", &format!("/v2/{}/manifests/{}", reference.path, image.content_tag()));
    assert!(manifest.starts_with("HTTP/1.1 200") && manifest.contains(&image.id), "{manifest}");
    println!("{}", ground.log());
    assert!(ground.log().contains("layers: 1 new"), "{}", ground.log());
    // A tag that says nothing about the content is compared.
    let moving = repository.with_tag("moving");
    ground.engine.tag(&image, &moving).await.expect("tag");
    assert_eq!(ground.engine.push(&moving, &log, &cancel).await.expect("push"), Pushed::Sent);
    assert_eq!(ground.engine.push(&moving, &log, &cancel).await.expect("push"), Pushed::Present);
    let other =
        ground.build(&ground.request(&format!("FROM busybox\nRUN echo {} > /a\n", unique()))).await.expect("other");
    ground.engine.tag(&other, &moving).await.expect("tag");
    assert_eq!(ground.engine.push(&moving, &log, &cancel).await.expect("push"), Pushed::Sent);
    for name in [&reference, &moving] {
        ground.engine.remove(name).await.expect("remove");
    }
}

#[tokio::test]
#[ignore = "needs docker (pushes to a registry that is not there)"]
async fn a_registry_that_is_down_is_named_tried_again_and_given_up_on_demand() {
    let ground = Ground::new().await;
    let image = ground.build(&ground.request("FROM busybox\n")).await.expect("image");
    let reference = parse("localhost:1/devloop-test/nowhere:1");
    ground.engine.tag(&image, &reference).await.expect("tag");
    let log = ground.logs.sink(None, LogSource::Build);
    let cancel = CancellationToken::new();
    let mut reader = ground.logs.reader();
    let warned = async {
        while !reader.since(0).iter().any(|line| line.text.contains("the registry `localhost:1` does not answer")) {
            reader.changed().await;
        }
        cancel.cancel();
    };
    let both = async { tokio::join!(warned, ground.engine.push(&reference, &log, &cancel)) };
    let ((), pushed) = tokio::time::timeout(Duration::from_secs(30), both).await.expect("a warning");
    assert_eq!(pushed, Err(PushError::Engine(EngineError::Cancelled)));
    ground.engine.remove(&reference).await.expect("remove");
    let gone = ground.engine.push(&reference, &log, &CancellationToken::new()).await;
    assert!(matches!(gone, Err(PushError::Engine(EngineError::NoSuchImage(_)))), "{gone:?}");
}

#[tokio::test]
#[ignore = "needs docker (pushes to the registry at localhost:5000 through a port of its own)"]
async fn a_push_goes_on_when_the_registry_comes_back() {
    let ground = Ground::new().await;
    let image = ground.build(&ground.request("FROM busybox\n")).await.expect("image");
    // A port that was free a moment ago: nothing answers there until the push has noticed.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("port");
    let address = free.local_addr().expect("address");
    drop(free);
    let reference = parse(&format!("localhost:{}/devloop-test/later:{}", address.port(), unique()));
    ground.engine.tag(&image, &reference).await.expect("tag");
    let log = ground.logs.sink(None, LogSource::Build);
    let mut reader = ground.logs.reader();
    let cancel = CancellationToken::new();
    let registry = async {
        while !reader.since(0).iter().any(|line| line.text.contains("does not answer")) {
            reader.changed().await;
        }
        let listener = tokio::net::TcpListener::bind(address).await.expect("port");
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            connections.spawn(async move {
                let mut far = tokio::net::TcpStream::connect("localhost:5000").await.expect("registry");
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    };
    let pushed = tokio::select! {
        pushed = ground.engine.push(&reference, &log, &cancel) => pushed,
        () = registry => panic!("the listener ended"),
        () = tokio::time::sleep(Duration::from_secs(50)) => panic!("not pushed\n{}", ground.log()),
    };
    assert_eq!(pushed, Ok(Pushed::Sent));
    ground.engine.remove(&reference).await.expect("remove");
}

/// A GET by hand.
fn get(address: &str, path: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).expect("connect");
    let accept = "application/vnd.docker.distribution.manifest.v2+json";
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n")
        .expect("send");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answer");
    answer
}
