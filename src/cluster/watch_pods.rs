//! The pods of a namespace, with their owners: one watch for pods, one for ReplicaSets (metadata only), one for Jobs.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, PartialObjectMeta};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::{Client, Resource as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::list_watch::list_watch;
use super::owners::{JobRecord, OwnerRecord, Owners};
use super::pod_convert::{Owner, convert_pod, created, nearest_owner};
use crate::k8s::{Pod, Uid};

/// How long a pod is held back for a ReplicaSet or Job that has not been seen yet.
const HOLD: Duration = Duration::from_secs(5);
const REQUEST: Duration = Duration::from_secs(15);

/// What happened to the pods and Jobs of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodEvent {
    /// All pods there are now; replaces everything said before about this namespace.
    Restarted {
        /// The namespace.
        namespace: Arc<str>,
        /// Its pods.
        pods: Vec<Pod>,
    },
    /// A pod is new or has changed.
    Applied(Box<Pod>),
    /// A pod is gone.
    Deleted(Uid),
    /// A Job has ended; said once per Job.
    JobFinished {
        /// The Job.
        uid: Uid,
        /// Its name.
        name: String,
        /// Whether it completed.
        succeeded: bool,
        /// Why it failed; may be empty.
        message: String,
    },
    /// The server cannot be asked; what is known may be out of date.
    Lost {
        /// The namespace.
        namespace: Arc<str>,
        /// Why.
        reason: String,
    },
    /// The server answers again.
    Recovered {
        /// The namespace.
        namespace: Arc<str>,
    },
}

/// Watches a namespace until cancelled or until the receiver of `tx` goes away.
///
/// Needs no right outside the namespace. Without the right to watch ReplicaSets or Jobs the owners of pods end there.
pub async fn watch_namespace(client: Client, namespace: &str, tx: mpsc::Sender<PodEvent>, cancel: CancellationToken) {
    let (pods_tx, mut pods) = mpsc::channel(64);
    let (replica_sets_tx, mut replica_sets) = mpsc::channel(64);
    let (jobs_tx, mut jobs) = mpsc::channel(64);
    let watches = async {
        tokio::join!(
            list_watch(Api::namespaced(client.clone(), namespace), convert_pod, pods_tx),
            list_watch(Api::namespaced(client.clone(), namespace), replica_set_record, replica_sets_tx),
            list_watch(Api::namespaced(client.clone(), namespace), job_record, jobs_tx),
        )
    };
    let track = async {
        let mut owners = Owners::new(namespace.into(), HOLD);
        let mut lookups = FuturesUnordered::new();
        loop {
            let due = owners.next_due();
            let events = tokio::select! {
                Some(change) = pods.recv() => owners.pods_changed(change, Instant::now().into_std()),
                Some(change) = replica_sets.recv() => owners.owners_changed(change),
                Some(change) = jobs.recv() => owners.jobs_changed(change),
                Some((owner, above)) = lookups.next() => owners.resolved(&owner, above),
                () = sleep_until(due.unwrap_or_else(std::time::Instant::now).into()), if due.is_some() => {
                    owners.release(Instant::now().into_std())
                }
            };
            for event in events {
                if tx.send(event).await.is_err() {
                    return;
                }
            }
            for owner in owners.take_unresolved() {
                let client = client.clone();
                lookups.push(async move {
                    let above = owner_above(client, namespace, &owner).await;
                    (owner.uid, above)
                });
            }
        }
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        _ = watches => {}
        () = track => {}
    }
}

fn replica_set_record(replica_set: PartialObjectMeta<ReplicaSet>) -> Option<OwnerRecord> {
    let meta = replica_set.metadata;
    let (created, owner) = (created(&meta), nearest_owner(&meta));
    Some(OwnerRecord { uid: Uid(meta.uid?.into()), created, owner })
}

fn job_record(job: Job) -> Option<JobRecord> {
    let conditions = job.status.and_then(|status| status.conditions).unwrap_or_default();
    let finished = conditions
        .into_iter()
        .find(|condition| condition.status == "True" && matches!(condition.type_.as_str(), "Complete" | "Failed"))
        .map(|condition| (condition.type_ == "Complete", condition.message.unwrap_or_default()));
    let meta = job.metadata;
    let (created, owner) = (created(&meta), nearest_owner(&meta));
    let name = meta.name?;
    Some(JobRecord { owner: OwnerRecord { uid: Uid(meta.uid?.into()), created, owner }, name, finished })
}

/// The owner of an owner of any other kind, for workloads that a custom controller made. `None` also when it may not be
/// read: then the chain ends there.
async fn owner_above(client: Client, namespace: &str, owner: &Owner) -> Option<Owner> {
    let (group, version) = owner.api_version.split_once('/').unwrap_or(("", &owner.api_version));
    let kind = GroupVersionKind::gvk(group, version, &owner.kind);
    let look = async {
        let (resource, capabilities) = kube::discovery::pinned_kind(&client, &kind).await.ok()?;
        if capabilities.scope == kube::discovery::Scope::Cluster {
            return None;
        }
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
        let found = api.get_metadata_opt(&owner.name).await.ok()??;
        nearest_owner(found.meta())
    };
    timeout(REQUEST, look).await.ok()?
}
