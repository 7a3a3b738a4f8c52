//! All objects of a resource: phase by phase, then what is no longer wanted.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::error::{ApplyError, ObjectError, ObjectFailure};
use super::object::ObjectApply;
use crate::cluster::connect::Patience;
use crate::cluster::delete::{self, holds_data};
use crate::cluster::inventory::{Entry, Inventory};
use crate::diagnostic::Span;
use crate::k8s::{ObjectId, Uid, kind_order};
use crate::logs::LogSink;
use crate::project::ResourceName;

/// Objects of one phase that are applied at the same time (reference §3.4).
const PARALLEL: usize = 10;

/// An object with images and labels injected, ready to be applied.
#[derive(Clone, Debug, PartialEq)]
pub struct PreparedObject {
    /// What tells it from others; without a namespace when the user gave none.
    pub id: ObjectId,
    /// The whole object.
    pub value: Value,
    /// Where the user declared it.
    pub origin: Span,
}

/// Whether existing objects are deleted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplyMode {
    /// Objects are changed in place where that is possible.
    InPlace,
    /// Existing objects are deleted and created anew, as far as that is possible (reference §3.4, forced deploys).
    /// Not Namespaces, volumes, claims and CustomResourceDefinitions: with them, data would go.
    Forced,
}

/// How to apply.
#[derive(Clone, Debug)]
pub struct ApplyOptions {
    /// The resource that is deployed.
    pub resource: ResourceName,
    /// Whether existing objects are deleted first.
    pub mode: ApplyMode,
    /// For each object (`k8s_upsert_timeout_secs`); documented waits do not count.
    pub object_limit: Duration,
    /// Objects that other resources declare: never pruned by this one.
    pub declared_elsewhere: Arc<[ObjectId]>,
    /// Told what happens.
    pub log: LogSink,
    /// Ends it at once.
    pub cancel: CancellationToken,
}

/// An object that has been applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// What tells it from others, with the namespace as the cluster sees it.
    pub id: ObjectId,
    /// Its uid: seeds the discovery of pods.
    pub uid: Uid,
    /// `metadata.generation`, where the kind has one.
    pub generation: Option<i64>,
    /// The object was there and nothing in it changed.
    pub unchanged: bool,
    /// Somebody else created it: it is never deleted by devloop.
    pub adopted: bool,
    /// It is a Job that has ended with success: its pods need not be looked at.
    pub job_complete: bool,
}

/// Applies the objects of a resource in dependency order (reference §3.4) by server-side apply with the field manager
/// `devloop`, then deletes what this resource created before and no longer declares.
///
/// The way through each refusal:
///
/// | refusal | way |
/// |---|---|
/// | fields that others own (kubectl, Helm, Tilt, an editor, a controller) | taken over, said in the log; except `spec.replicas` of an autoscaler, which is left alone |
/// | an immutable field, a finished Job that changed, a failed Job | deleted, waited for (30 s), created; said in the log |
/// | … of an object that somebody else created, or that holds data which is in use | an error that says so |
/// | the object is being deleted | waited for (60 s; a Namespace 120 s), then created |
/// | the namespace is being deleted | waited for (120 s), then tried again |
/// | a new namespace has no default service account yet | waited for, within the object's limit |
/// | a kind whose definition is just being created | waited for, until it is served |
/// | a kind that is not served | an error with the versions that are |
/// | an entry that is twice in a list of environment variables or ports | the last one counts; said in the log |
/// | changed by somebody else meanwhile | tried again |
/// | the API server is away or overloaded | tried again within the object's limit; said once |
/// | quota, webhook, permission, validation | an error with what to do |
///
/// An object that exists and that devloop did not create is adopted: applied without our labels, never deleted. One of
/// another devloop project is refused.
pub async fn apply(
    inventory: &Inventory,
    objects: &[PreparedObject],
    options: &ApplyOptions,
) -> Result<Vec<Applied>, ApplyError> {
    let applied = apply_without_pruning(inventory, objects, options).await?;
    delete::prune(inventory, &applied, options).await;
    Ok(applied)
}

/// [`apply`] of some of the objects of a resource: nothing is deleted because it is not among them.
pub(in crate::cluster) async fn apply_without_pruning(
    inventory: &Inventory,
    objects: &[PreparedObject],
    options: &ApplyOptions,
) -> Result<Vec<Applied>, ApplyError> {
    let patience = Patience::new(options.object_limit, &options.cancel, Some(&options.log));
    if options.mode == ApplyMode::Forced {
        delete_first(inventory, objects, options, &patience).await;
    }
    let mut phases: Vec<Vec<&PreparedObject>> = vec![Vec::new(); kind_order::PHASE_COUNT];
    for object in objects {
        phases[kind_order::phase(&object.id.kind, object.id.group())].push(object);
    }
    let mut applied = Vec::new();
    let mut failures = Vec::new();
    for phase in phases {
        // Collected first: a closure inside the stream would keep the future from being `Send`.
        let runs: Vec<_> = phase
            .into_iter()
            .map(|object| ObjectApply { inventory, object, options, patience: &patience }.run())
            .collect();
        let results: Vec<Result<Applied, ObjectError>> = futures::stream::iter(runs).buffered(PARALLEL).collect().await;
        for result in results {
            match result {
                Ok(object) => applied.push(object),
                Err(error) => failures.push(error),
            }
        }
        if !failures.is_empty() {
            break;
        }
    }
    remember(inventory, &applied, options, &patience.restarted(options.object_limit)).await;
    if !failures.is_empty() {
        return Err(ApplyError { failures });
    }
    say_unchanged(&applied, options);
    Ok(applied)
}

/// Records the uids. A failure is not one of the apply: `down` finds the objects by their labels.
async fn remember(inventory: &Inventory, applied: &[Applied], options: &ApplyOptions, patience: &Patience) {
    let entries = applied.iter().map(|object| Entry {
        id: object.id.clone(),
        uid: Some(object.uid.0.to_string()),
        resource: options.resource.to_string(),
        adopted: object.adopted,
    });
    if let Err(failure) = inventory.record(entries.collect(), patience).await {
        options.log.warn(format!("cannot update the record of created objects: {failure}"));
    }
}

fn say_unchanged(applied: &[Applied], options: &ApplyOptions) {
    match applied.iter().filter(|object| object.unchanged).count() {
        0 => {}
        1 => options.log.info("1 object unchanged"),
        count => options.log.info(format!("{count} objects unchanged")),
    }
}

/// Best effort and not awaited: the apply that follows meets what is still there and waits for it.
async fn delete_first(inventory: &Inventory, objects: &[PreparedObject], options: &ApplyOptions, patience: &Patience) {
    let mut ids: Vec<&ObjectId> = objects.iter().map(|object| &object.id).filter(|id| !holds_data(id)).collect();
    ids.sort_by_key(|id| std::cmp::Reverse(kind_order::phase(&id.kind, id.group())));
    let deletions: Vec<_> = ids
        .into_iter()
        .map(|id| async move { (id, delete::delete_before_apply(inventory, id, patience).await) })
        .collect();
    let results: Vec<_> = futures::stream::iter(deletions).buffered(PARALLEL).collect().await;
    for (id, result) in results {
        match result {
            Ok(true) => options.log.info(format!("{id} deleted")),
            Ok(false) => {}
            Err(failure) => options.log.warn(format!("cannot delete {id} first: {failure}")),
        }
    }
}

impl From<crate::cluster::discovery::DiscoveryError> for ObjectFailure {
    fn from(error: crate::cluster::discovery::DiscoveryError) -> Self {
        match error {
            crate::cluster::discovery::DiscoveryError::Unserved(unserved) => Self::Unserved(unserved),
            crate::cluster::discovery::DiscoveryError::Failed(failure) => Self::Cluster(failure),
        }
    }
}
