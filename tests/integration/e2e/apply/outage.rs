//! The API server goes away in the middle.

use std::time::Duration;

use super::ground::{Ground, until};
use crate::support::outage::Outage;

#[tokio::test]
#[ignore = "needs cluster (stops and starts the API server: not beside other tests)"]
async fn an_outage_in_the_middle_of_an_apply_is_waited_out_and_said_once() {
    let ground = Ground::new("outage").await;
    let objects: String = (0..40)
        .map(|number| format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{number}}}\ndata: {{a: b}}\n"))
        .fold(String::new(), |text, object| text + &object);
    ground.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: first}\n").await;
    let outage = tokio::task::spawn_blocking(|| Outage::of("apiserver")).await.expect("the script");
    let heal = async {
        until("the outage is said", || ground.log().contains("trying again")).await;
        tokio::task::spawn_blocking(move || drop(outage)).await.expect("the script");
    };
    let mut options = ground.options();
    options.object_limit = Duration::from_mins(1);
    let (applied, ()) = tokio::join!(ground.apply_with(&objects, &options), heal);
    assert_eq!(applied.unwrap_or_else(|error| panic!("{error}")).len(), 40);
    let log = ground.log();
    assert_eq!(log.matches("trying again").count(), 1, "{log}");
    assert!(log.contains("the API server answers again"), "{log}");
}

#[tokio::test]
#[ignore = "needs cluster (stops and starts the API server: not beside other tests)"]
async fn a_cancelled_apply_ends_at_once_even_without_an_api_server() {
    let ground = Ground::new("cancel").await;
    let outage = tokio::task::spawn_blocking(|| Outage::of("apiserver")).await.expect("the script");
    let cancel = async {
        until("the outage is said", || ground.log().contains("trying again")).await;
        ground.cancel.cancel();
        tokio::time::Instant::now()
    };
    let apply = async {
        let result = ground.try_apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: first}\n").await;
        (result, tokio::time::Instant::now())
    };
    let ((result, ended), cancelled) = tokio::join!(apply, cancel);
    tokio::task::spawn_blocking(move || drop(outage)).await.expect("the script");
    assert!(result.is_err_and(|error| error.is_cancelled()));
    assert!(ended.saturating_duration_since(cancelled) < Duration::from_millis(500));
}
