//! Events of a namespace that explain what happens to the user's objects: warnings, and pulls of images.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use k8s_openapi::api::core::v1::Event;
use kube::Client;
use kube::api::Api;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::list_watch::{Change, list_watch};
use super::pod_convert::convert_time;
use crate::k8s::Uid;

/// Of the normal events, those about images.
const PULL_REASONS: [&str; 3] = ["Pulling", "Pulled", "BackOff"];

/// Servers drop events after an hour; more different ones than this are not remembered.
const REMEMBERED: usize = 4096;

/// A warning or an image pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterEvent {
    /// The object that it is about.
    pub object: Uid,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// For example `FailedScheduling`.
    pub reason: String,
    /// In words.
    pub message: String,
    /// Whether it is a warning.
    pub warning: bool,
    /// How often it has happened.
    pub count: i32,
}

/// Sends the warnings and image pulls of a namespace that happened after `since`, each repetition once, until cancelled or
/// until the receiver goes away.
pub async fn watch_events(
    client: Client,
    namespace: &str,
    since: DateTime<Utc>,
    tx: mpsc::Sender<ClusterEvent>,
    cancel: CancellationToken,
) {
    let (changes_tx, mut changes) = mpsc::channel(64);
    let watch = list_watch(Api::namespaced(client, namespace), |event| convert_event(event, since), changes_tx);
    let pass_on = async {
        let mut seen = Seen::default();
        while let Some(change) = changes.recv().await {
            let events = match change {
                Change::Listed(events) => events,
                Change::Applied(event) => vec![event],
                Change::Deleted(_) | Change::Lost(_) | Change::Recovered => Vec::new(),
            };
            for (id, event) in events {
                if seen.is_new(id, event.count) && tx.send(event).await.is_err() {
                    return;
                }
            }
        }
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        () = watch => {}
        () = pass_on => {}
    }
}

/// The highest count told of each event.
#[derive(Default)]
struct Seen(HashMap<Uid, i32>);

impl Seen {
    fn is_new(&mut self, event: Uid, count: i32) -> bool {
        if self.0.len() >= REMEMBERED && !self.0.contains_key(&event) {
            self.0.clear();
        }
        let told = self.0.entry(event).or_insert(0);
        let new = count > *told;
        *told = count.max(*told);
        new
    }
}

fn convert_event(event: Event, since: DateTime<Utc>) -> Option<(Uid, ClusterEvent)> {
    let warning = event.type_.as_deref() == Some("Warning");
    let reason = event.reason.unwrap_or_default();
    if !warning && !PULL_REASONS.contains(&reason.as_str()) {
        return None;
    }
    let micro =
        event.series.as_ref().and_then(|series| series.last_observed_time.as_ref()).or(event.event_time.as_ref());
    let time = event
        .last_timestamp
        .as_ref()
        .and_then(convert_time)
        .or_else(|| micro.and_then(|time| DateTime::from_timestamp(time.0.as_second(), 0)));
    // Timestamps of events have whole seconds.
    if time.is_some_and(|time| time.timestamp() < since.timestamp()) {
        return None;
    }
    let count = event.series.and_then(|series| series.count).or(event.count).unwrap_or(1).max(1);
    let object = event.involved_object;
    let converted = ClusterEvent {
        object: Uid(object.uid.unwrap_or_default().into()),
        kind: object.kind.unwrap_or_default(),
        name: object.name.unwrap_or_default(),
        reason,
        message: event.message.unwrap_or_default(),
        warning,
        count,
    };
    Some((Uid(event.metadata.uid?.into()), converted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(value: serde_json::Value) -> Option<(Uid, ClusterEvent)> {
        let since = "2026-01-01T00:00:10Z".parse().expect("a time");
        convert_event(serde_json::from_value(value).expect("an event"), since)
    }

    fn event(kind: &str, reason: &str, time: &str, count: i32) -> serde_json::Value {
        serde_json::json!({
            "metadata": {"uid": "e"}, "type": kind, "reason": reason, "message": "m", "lastTimestamp": time, "count": count,
            "involvedObject": {"uid": "u", "kind": "Pod", "name": "p"}
        })
    }

    #[test]
    fn warnings_and_pulls_pass_others_do_not() {
        assert!(convert(event("Warning", "FailedMount", "2026-01-01T00:00:10Z", 1)).is_some());
        assert!(convert(event("Normal", "Pulling", "2026-01-01T00:00:11Z", 1)).is_some());
        assert!(convert(event("Normal", "Scheduled", "2026-01-01T00:00:11Z", 1)).is_none());
    }

    #[test]
    fn what_happened_before_the_session_is_left_out() {
        assert!(convert(event("Warning", "FailedMount", "2026-01-01T00:00:09Z", 1)).is_none());
    }

    #[test]
    fn a_repetition_is_told_once() {
        let mut seen = Seen::default();
        assert!(seen.is_new(Uid("e".into()), 1));
        assert!(!seen.is_new(Uid("e".into()), 1));
        assert!(seen.is_new(Uid("e".into()), 2));
    }
}
