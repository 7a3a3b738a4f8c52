//! Delete, wait until gone, create: for changes that the API does not allow on an existing object.

use std::time::Duration;

use serde_json::Value;

use super::error::{ObjectFailure, described};
use super::object::{Attempt, ObjectApply};
use crate::cluster::connect::ApiRequest;
use crate::cluster::failure::{InvalidField, Refusal};
use crate::cluster::live::{Live, Propagation};
use crate::cluster::ownership::keep_annotation;
use crate::k8s::MANAGED_BY;

/// For the old object to go (reference §4).
const GONE_LIMIT: Duration = Duration::from_secs(30);

impl ObjectApply<'_> {
    /// Deletes the object and waits until it is gone; the next try creates it. Refuses where data of others would go
    /// with it, and where the new object would not be accepted either.
    ///
    /// Objects that it owns (pods) are deleted in the background: the new object must not wait for their grace periods.
    pub(super) async fn replace(
        &self,
        attempt: &Attempt,
        live: &Live,
        fields: &[InvalidField],
    ) -> Result<(), ObjectFailure> {
        let refuse = |reason: String| Err(ObjectFailure::MustNotReplace { fields: fields.to_vec(), reason });
        match (attempt.id.kind.as_str(), attempt.id.group()) {
            ("Namespace", "") => return refuse("everything in it would be deleted".to_owned()),
            ("CustomResourceDefinition", _) => return refuse("all objects of its kind would be deleted".to_owned()),
            ("PersistentVolume" | "PersistentVolumeClaim", "") => {
                if let Some(key) = keep_annotation(&live.0) {
                    return refuse(format!("its annotation `{key}: keep` forbids to delete it"));
                }
                let users = self.pods_that_mount(attempt).await?;
                if !users.is_empty() {
                    return refuse(format!("it is in use by {}", users.join(", ")));
                }
            }
            _ => {}
        }
        self.check_that_new_one_is_accepted(attempt).await?;
        let log = &self.options.log;
        log.info(format!(
            "{} cannot be changed in place ({}); deleting it and creating it again",
            attempt.id,
            shortened(&described(fields))
        ));
        if matches!(attempt.id.kind.as_str(), "PersistentVolume" | "PersistentVolumeClaim") {
            log.warn(format!("the data in {} goes with it", attempt.id));
        }
        let grace = live.0["spec"]["terminationGracePeriodSeconds"].as_u64().filter(|_| attempt.id.kind == "Pod");
        let limit = GONE_LIMIT + Duration::from_secs(grace.unwrap_or_default());
        let patience = self.patience().restarted(limit);
        let uid = live.uid();
        let cluster = self.cluster();
        cluster.delete_exactly(&attempt.served, &attempt.id, &uid, Propagation::Background, &patience).await?;
        match cluster.wait_until_gone(&attempt.served, &attempt.id, &uid, &patience).await? {
            Ok(()) => Ok(()),
            Err(live) => Err(ObjectFailure::StillThere { limit, finalizers: live.finalizers() }),
        }
    }

    /// A trial create: an object that is wrong in itself is reported without deleting the old one. The server checks
    /// the object before it finds that the name is taken, which is what this hopes for.
    async fn check_that_new_one_is_accepted(&self, attempt: &Attempt) -> Result<(), ObjectFailure> {
        let path = attempt.served.path(attempt.id.namespace.as_deref());
        let trial = ApiRequest::post(format!("{path}?dryRun=All&fieldManager={MANAGED_BY}"), &attempt.body);
        let Err(failure) = self.cluster().send(&trial, &self.patience()).await else { return Ok(()) };
        match failure.refusal() {
            Some(Refusal::Invalid(fields) | Refusal::Immutable(fields)) => Err(ObjectFailure::Invalid(fields)),
            // The old object uses the quota that the new one needs; some webhooks do not support trials.
            _ => Ok(()),
        }
    }

    /// Names of the pods that mount the claim.
    async fn pods_that_mount(&self, attempt: &Attempt) -> Result<Vec<String>, ObjectFailure> {
        let Some(namespace) = attempt.id.namespace.as_deref() else { return Ok(Vec::new()) };
        let pods = self.cluster().served("v1", "Pod", &self.patience()).await?;
        let list = self.cluster().send(&ApiRequest::get(pods.path(Some(namespace))), &self.patience()).await?;
        let claims_it = |pod: &&Value| {
            let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
            let mut claims = volumes.filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str());
            let ended = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
            !ended && claims.any(|claim| claim == attempt.id.name)
        };
        let pods = list["items"].as_array().into_iter().flatten().filter(claims_it);
        Ok(pods.filter_map(|pod| pod["metadata"]["name"].as_str()).map(|name| format!("pod `{name}`")).collect())
    }
}

/// The server quotes whole objects.
fn shortened(text: &str) -> String {
    const LIMIT: usize = 160;
    // Its own words come after the quoted value.
    let text = text.rsplit_once("}: ").map_or(text, |(_, words)| words);
    if text.chars().count() <= LIMIT { text.to_owned() } else { text.chars().take(LIMIT).chain(['…']).collect() }
}
