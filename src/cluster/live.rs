//! One object as it is in the cluster right now: read it, delete it, wait until it is gone.

use std::time::Duration;

use serde_json::{Value, json};

use super::connect::{ApiRequest, Cluster, Patience};
use super::discovery::ServedKind;
use super::failure::Failure;
use crate::k8s::{ObjectId, Uid};

const FIRST_LOOK: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What happens to the objects that a deleted one owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Propagation {
    /// They are deleted after it.
    Background,
    /// They are deleted before it: when it is gone, they are.
    Foreground,
}

/// An object as the cluster reports it.
#[derive(Clone, Debug)]
pub(super) struct Live(pub(super) Value);

impl Live {
    pub(super) fn uid(&self) -> Uid {
        Uid(self.0["metadata"]["uid"].as_str().unwrap_or_default().into())
    }

    pub(super) fn is_being_deleted(&self) -> bool {
        self.0["metadata"]["deletionTimestamp"].is_string()
    }

    pub(super) fn resource_version(&self) -> &str {
        self.0["metadata"]["resourceVersion"].as_str().unwrap_or_default()
    }

    pub(super) fn generation(&self) -> Option<i64> {
        self.0["metadata"]["generation"].as_i64()
    }

    /// Whether both mean the same: all but who wrote which field when, and what controllers report.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        let essence = |live: &Self| {
            let mut value = live.0.clone();
            if let Some(object) = value.as_object_mut() {
                object.remove("status");
            }
            if let Some(metadata) = value["metadata"].as_object_mut() {
                metadata.remove("managedFields");
                metadata.remove("resourceVersion");
            }
            value
        };
        self.resource_version() == other.resource_version() || essence(self) == essence(other)
    }

    /// What must be done before the object goes away.
    pub(super) fn finalizers(&self) -> Vec<String> {
        let texts = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let mut finalizers = texts(&self.0["metadata"]["finalizers"]);
        // Only those that somebody else must act on; `kubernetes` is the namespace controller's own.
        finalizers.extend(texts(&self.0["spec"]["finalizers"]).into_iter().filter(|name| name != "kubernetes"));
        finalizers
    }

    /// Whether a condition of its status is `True`.
    pub(super) fn has_condition(&self, name: &str) -> bool {
        self.condition(name).is_some_and(|condition| condition["status"].as_str() == Some("True"))
    }

    /// A condition of its status.
    pub(super) fn condition(&self, name: &str) -> Option<&Value> {
        let conditions = self.0["status"]["conditions"].as_array()?;
        conditions.iter().find(|condition| condition["type"].as_str() == Some(name))
    }

    /// Whether it is a Job that has ended with success.
    pub(super) fn is_complete_job(&self) -> bool {
        crate::k8s::is_complete_job(&self.0)
    }

    /// Whether it is a Job that has ended without success.
    pub(super) fn is_failed_job(&self) -> bool {
        self.is_job() && self.has_condition("Failed")
    }

    fn is_job(&self) -> bool {
        self.0["kind"].as_str() == Some("Job")
            && self.0["apiVersion"].as_str().is_some_and(|version| version.starts_with("batch/"))
    }
}

impl Cluster {
    /// The object, or `None` when it does not exist.
    pub(super) async fn live(
        &self,
        served: &ServedKind,
        id: &ObjectId,
        patience: &Patience,
    ) -> Result<Option<Live>, Failure> {
        match self.send(&ApiRequest::get(served.object_path(id)), patience).await {
            Ok(value) => Ok(Some(Live(value))),
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Asks for the deletion of exactly the object with this uid. `false` when that object is not there (any more).
    pub(super) async fn delete_exactly(
        &self,
        served: &ServedKind,
        id: &ObjectId,
        uid: &Uid,
        propagation: Propagation,
        patience: &Patience,
    ) -> Result<bool, Failure> {
        let policy = match propagation {
            Propagation::Background => "Background",
            Propagation::Foreground => "Foreground",
        };
        let options = json!({
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": policy,
            "preconditions": { "uid": &*uid.0 },
        });
        match self.send(&ApiRequest::delete(served.object_path(id), &options), patience).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.is_not_found() => Ok(false),
            // Another object of that name is there by now.
            Err(Failure::Refused(status)) if status.code == 409 => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Waits until the object with this uid is gone; `Err` with the object as it was last seen when it is not within
    /// the patience.
    pub(super) async fn wait_until_gone(
        &self,
        served: &ServedKind,
        id: &ObjectId,
        uid: &Uid,
        patience: &Patience,
    ) -> Result<Result<(), Live>, Failure> {
        let mut pause = FIRST_LOOK;
        loop {
            match self.live(served, id, patience).await? {
                Some(live) if live.uid() == *uid => {
                    if patience.is_over() {
                        return Ok(Err(live));
                    }
                }
                Some(_) | None => return Ok(Ok(())),
            }
            patience.pause(pause).await?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
