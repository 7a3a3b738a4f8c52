//! Deleting what this project created, and nothing else.
//!
//! Every deletion looks at the object first and then names its uid to the server: an object that was replaced by
//! somebody else's in between is not touched.

use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::apply::{Applied, ApplyOptions};
use super::connect::{Cluster, Patience};
use super::discovery::{DiscoveryError, ServedKind};
use super::failure::Failure;
use super::inventory::{Entry, Inventory};
use super::live::{Live, Propagation};
use super::ownership::{Ownership, keep_annotation};
use crate::k8s::{ObjectId, kind_order};
use crate::logs::LogSink;
use crate::project::{ProjectName, ResourceName};

/// Deletions that run at the same time.
const PARALLEL: usize = 10;

/// Why an object is not deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeepReason {
    /// Somebody else created it.
    #[error("not created by devloop")]
    Theirs,
    /// Another devloop project created it.
    #[error("it belongs to the devloop project `{0}`")]
    OtherProject(String),
    /// It has an annotation that says so.
    #[error("its annotation `{0}: keep` says so")]
    Annotation(&'static str),
    /// The claim of a StatefulSet: its data would go.
    #[error("its data stay until `devloop down --delete-volumes`")]
    Claim,
    /// A Namespace: everything in it would go.
    #[error("Namespaces are deleted by `devloop down --delete-namespaces`")]
    Namespace,
}

/// Whether Namespaces are deleted too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespaces {
    /// They stay.
    Keep,
    /// They go, with everything in them.
    Delete,
}

/// Whether the claims of StatefulSets are deleted too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volumes {
    /// They stay, with their data.
    Keep,
    /// They go.
    Delete,
}

/// What became of a deletion.
#[derive(Debug)]
pub(super) enum Deletion {
    /// There is no such object.
    Absent,
    /// It is being deleted.
    Started(Box<ServedKind>, Box<Live>),
    /// It is not deleted.
    Kept(KeepReason),
}

/// Starts the deletion of an object if it is ours. `recorded_uid` is what the inventory knows of it.
pub(super) async fn delete_ours(
    cluster: &Cluster,
    project: &ProjectName,
    id: &ObjectId,
    recorded_uid: Option<&str>,
    namespaces: Namespaces,
    propagation: Propagation,
    patience: &Patience,
) -> Result<Deletion, Failure> {
    let Some(served) = served_under_any_version(cluster, id, patience).await? else { return Ok(Deletion::Absent) };
    loop {
        let Some(live) = cluster.live(&served, id, patience).await? else { return Ok(Deletion::Absent) };
        match Ownership::of(&live.0, project) {
            Ownership::Ours => {}
            // Somebody took our labels off; the uid says that it is the object that we created.
            Ownership::Theirs { .. } if recorded_uid == Some(&*live.uid().0) => {}
            Ownership::Theirs { .. } => return Ok(Deletion::Kept(KeepReason::Theirs)),
            Ownership::OtherProject(project) => return Ok(Deletion::Kept(KeepReason::OtherProject(project))),
        }
        if let Some(key) = keep_annotation(&live.0) {
            return Ok(Deletion::Kept(KeepReason::Annotation(key)));
        }
        if is_namespace(id) && namespaces == Namespaces::Keep {
            return Ok(Deletion::Kept(KeepReason::Namespace));
        }
        if live.is_being_deleted() || cluster.delete_exactly(&served, id, &live.uid(), propagation, patience).await? {
            return Ok(Deletion::Started(Box::new(served), Box::new(live)));
        }
        // Gone or replaced between the look and the deletion: look again.
        patience.pause(std::time::Duration::from_millis(100)).await?;
    }
}

/// The kind as it is served now: the version that it was recorded under may be gone. `None` when no version is served.
async fn served_under_any_version(
    cluster: &Cluster,
    id: &ObjectId,
    patience: &Patience,
) -> Result<Option<ServedKind>, Failure> {
    let unserved = match cluster.served(&id.api_version, &id.kind, patience).await {
        Ok(served) => return Ok(Some(served)),
        Err(DiscoveryError::Failed(failure)) => return Err(failure),
        Err(DiscoveryError::Unserved(unserved)) => unserved,
    };
    let same_group = |version: &&String| version.split_once('/').map_or("", |(group, _)| group) == id.group();
    let Some(version) = unserved.served.iter().find(same_group) else { return Ok(None) };
    match cluster.served(version, &id.kind, patience).await {
        Ok(served) => Ok(Some(served)),
        Err(DiscoveryError::Unserved(_)) => Ok(None),
        Err(DiscoveryError::Failed(failure)) => Err(failure),
    }
}

/// The first step of a forced deploy. `true` when there was something to delete.
pub(super) async fn delete_before_apply(
    inventory: &Inventory,
    id: &ObjectId,
    patience: &Patience,
) -> Result<bool, Failure> {
    let cluster = inventory.cluster();
    let served = match cluster.served(&id.api_version, &id.kind, patience).await {
        Ok(served) => served,
        Err(DiscoveryError::Unserved(_)) => return Ok(false),
        Err(DiscoveryError::Failed(failure)) => return Err(failure),
    };
    let id = served.resolve(id, cluster.namespace());
    let Some(live) = cluster.live(&served, &id, patience).await? else { return Ok(false) };
    if live.is_being_deleted() || Ownership::of(&live.0, inventory.project()) != Ownership::Ours {
        return Ok(false);
    }
    cluster.delete_exactly(&served, &id, &live.uid(), Propagation::Background, patience).await
}

/// Deletes what the resource created before and does not declare any more. Problems are logged and leave the entry in
/// the record: the next apply or `down` tries again.
pub(super) async fn prune(inventory: &Inventory, applied: &[Applied], options: &ApplyOptions) {
    let is_wanted = |entry: &Entry| {
        // The same object may be known under another group: `extensions` and `networking.k8s.io` Ingresses.
        applied.iter().any(|object| same_object(&entry.id, &object.id) || entry.uid.as_deref() == Some(&*object.uid.0))
    };
    let unwanted = inventory.entries_of(&options.resource).into_iter().filter(|entry| !is_wanted(entry)).collect();
    let patience = Patience::new(options.object_limit, &options.cancel, Some(&options.log));
    delete_entries(inventory, unwanted, &options.declared_elsewhere, &options.log, &patience).await;
}

/// How to delete what a resource created.
#[derive(Clone, Debug)]
pub struct DeleteOptions {
    /// Objects that other resources declare: not deleted.
    pub declared_elsewhere: std::sync::Arc<[ObjectId]>,
    /// For all of it.
    pub limit: std::time::Duration,
    /// Told what happens.
    pub log: LogSink,
    /// Ends it at once.
    pub cancel: CancellationToken,
}

/// Deletes all that a resource created: it was disabled, or vanished from the Devfile. Namespaces stay. Returns what is
/// being deleted; it is not waited for.
pub async fn delete_resource(inventory: &Inventory, resource: &ResourceName, options: &DeleteOptions) -> Vec<ObjectId> {
    let patience = Patience::new(options.limit, &options.cancel, Some(&options.log));
    let entries = inventory.entries_of(resource);
    delete_entries(inventory, entries, &options.declared_elsewhere, &options.log, &patience).await
}

async fn delete_entries(
    inventory: &Inventory,
    mut entries: Vec<Entry>,
    declared_elsewhere: &[ObjectId],
    log: &LogSink,
    patience: &Patience,
) -> Vec<ObjectId> {
    let default_namespace = inventory.cluster().namespace();
    entries.retain(|entry| !declared_elsewhere.iter().any(|id| is_declaration_of(id, &entry.id, default_namespace)));
    entries.sort_by_key(|entry| std::cmp::Reverse(kind_order::phase(&entry.id.kind, entry.id.group())));
    let deletions = futures::stream::iter(entries).map(async |entry| {
        if entry.adopted {
            return (entry, Ok(Deletion::Kept(KeepReason::Theirs)));
        }
        let result = delete_ours(
            inventory.cluster(),
            inventory.project(),
            &entry.id,
            entry.uid.as_deref(),
            Namespaces::Keep,
            Propagation::Background,
            patience,
        );
        let result = result.await;
        (entry, result)
    });
    let results: Vec<_> = deletions.buffered(PARALLEL).collect().await;
    let mut settled = Vec::new();
    let mut deleted = Vec::new();
    for (entry, result) in results {
        match result {
            Ok(Deletion::Absent) => settled.push(entry.id),
            Ok(Deletion::Started(..)) => {
                log.info(format!("{} deleted", entry.id));
                deleted.push(entry.id.clone());
                settled.push(entry.id);
            }
            // The entry of a Namespace stays, so that `down --delete-namespaces` finds it.
            Ok(Deletion::Kept(KeepReason::Namespace)) | Err(Failure::Cancelled) => {}
            Ok(Deletion::Kept(reason)) => {
                log.info(format!("{} is no longer declared and stays: {reason}", entry.id));
                settled.push(entry.id);
            }
            Err(failure) => log.warn(format!("cannot delete {}, which is no longer declared: {failure}", entry.id)),
        }
    }
    if let Err(failure) = inventory.forget(&settled, patience).await {
        log.warn(format!("cannot update the record of created objects: {failure}"));
    }
    deleted
}

/// Whether deleting the object would lose data, or objects of others.
pub(super) fn holds_data(id: &ObjectId) -> bool {
    match id.kind.as_str() {
        "Namespace" | "PersistentVolume" | "PersistentVolumeClaim" => id.group().is_empty(),
        "CustomResourceDefinition" => true,
        _ => false,
    }
}

pub(super) fn is_namespace(id: &ObjectId) -> bool {
    id.kind == "Namespace" && id.group().is_empty()
}

/// Whether two ids with known namespaces are of the same object, under whatever version.
pub(super) fn same_object(a: &ObjectId, b: &ObjectId) -> bool {
    a.kind == b.kind && a.group() == b.group() && a.namespace == b.namespace && a.name == b.name
}

/// Whether `declared`, which may leave out the namespace, is the object `known`.
fn is_declaration_of(declared: &ObjectId, known: &ObjectId, default_namespace: &str) -> bool {
    let namespace_fits = match &known.namespace {
        None => true,
        Some(namespace) => declared.namespace.as_deref().unwrap_or(default_namespace) == namespace,
    };
    declared.kind == known.kind && declared.group() == known.group() && declared.name == known.name && namespace_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(api_version: &str, kind: &str, namespace: Option<&str>) -> ObjectId {
        ObjectId {
            api_version: api_version.into(),
            kind: kind.into(),
            namespace: namespace.map(str::to_owned),
            name: "x".into(),
        }
    }

    #[test]
    fn a_declaration_without_namespace_is_of_the_default_one() {
        let known = id("v1", "Service", Some("dev"));
        assert!(is_declaration_of(&id("v1", "Service", None), &known, "dev"));
        assert!(!is_declaration_of(&id("v1", "Service", None), &known, "default"));
        assert!(!is_declaration_of(&id("v1", "Service", Some("default")), &known, "dev"));
        let cluster_wide = id("rbac.authorization.k8s.io/v1", "ClusterRole", None);
        let declared = id("rbac.authorization.k8s.io/v1beta1", "ClusterRole", Some("ignored"));
        assert!(is_declaration_of(&declared, &cluster_wide, "dev"));
    }

    #[test]
    fn what_holds_data_is_known() {
        assert!(holds_data(&id("v1", "PersistentVolumeClaim", Some("dev"))));
        assert!(holds_data(&id("apiextensions.k8s.io/v1", "CustomResourceDefinition", None)));
        assert!(!holds_data(&id("apps/v1", "StatefulSet", Some("dev"))));
        assert!(!holds_data(&id("example.com/v1", "Namespace", None)));
    }
}
