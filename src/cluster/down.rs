//! `devloop down`: everything that a project created goes, and is waited for.
//!
//! What there is comes from three sources: the record in the cluster, the labels on objects, and the evaluated
//! configuration. Each object is checked to be ours before it is deleted.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt as _;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connect::{ApiRequest, Cluster, Patience};
use super::delete::{Deletion, KeepReason, Namespaces, Volumes, delete_ours};
use super::discovery::{DiscoveryError, ServedKind};
use super::failure::{Failure, Refusal};
use super::inventory::Inventory;
use super::live::{Live, Propagation};
use super::ownership::{Ownership, keep_annotation};
use crate::k8s::{ObjectId, PROJECT_LABEL, kind_order};
use crate::logs::LogSink;
use crate::project::ProjectName;

const PARALLEL: usize = 10;
/// Between two looks at what is still there.
const PAUSE: Duration = Duration::from_millis(300);
/// Between two lines that say what is waited for.
const PROGRESS: Duration = Duration::from_secs(5);

/// Kinds that are looked through for objects of ours, beside those that the record and the configuration name.
const USUAL_KINDS: [(&str, &str); 18] = [
    ("v1", "Namespace"),
    ("v1", "ServiceAccount"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "PersistentVolume"),
    ("v1", "Pod"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("policy/v1", "PodDisruptionBudget"),
];

/// How to tear down.
#[derive(Clone, Debug)]
pub struct DownOptions {
    /// Whether Namespaces go too.
    pub namespaces: Namespaces,
    /// Whether the claims that StatefulSets had made from their templates go too.
    pub volumes: Volumes,
    /// The objects of the evaluated configuration.
    pub declared: Vec<ObjectId>,
    /// Its StatefulSets: an earlier teardown may have left claims of them.
    pub stateful_sets: Vec<(ObjectId, Value)>,
    /// For everything to be gone.
    pub limit: Duration,
    /// Told what happens.
    pub log: LogSink,
    /// Ends it at once.
    pub cancel: CancellationToken,
}

/// What a teardown did.
#[derive(Debug, Default)]
pub struct DownReport {
    /// Gone.
    pub deleted: Vec<ObjectId>,
    /// Ours or declared, and left there.
    pub kept: Vec<(ObjectId, KeepReason)>,
    /// Deleted, and still there at the end, with what holds them.
    pub remaining: Vec<(ObjectId, Vec<String>)>,
    /// Could not be deleted.
    pub failed: Vec<(ObjectId, Failure)>,
}

impl DownReport {
    /// Whether nothing of ours is left that should have gone.
    pub fn is_complete(&self) -> bool {
        self.remaining.is_empty() && self.failed.is_empty()
    }
}

/// An object that may have to go.
#[derive(Debug)]
struct Candidate {
    id: ObjectId,
    uid: Option<String>,
    adopted: bool,
}

/// Deletes everything that `project` created and waits until it is gone. The record goes last, and only when nothing
/// is left over: then a second `down` finds the rest.
pub async fn down(cluster: &Cluster, project: &ProjectName, options: &DownOptions) -> Result<DownReport, Failure> {
    let patience = Patience::new(options.limit, &options.cancel, Some(&options.log));
    let mut inventories = Vec::new();
    for namespace in Inventory::namespaces(cluster, project, &patience).await? {
        inventories.push(Inventory::open_in(cluster, project, &namespace, &patience).await?);
    }
    let candidates = candidates(cluster, project, &inventories, options, &patience).await?;
    let mut report = DownReport::default();
    let teardown = Teardown { cluster, project, options, patience: &patience };
    // Custom resources first, until they are gone: what handles their deletion may be among the rest.
    let (custom, rest): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|candidate| is_custom(&candidate.id));
    teardown.delete(custom, &mut report).await?;
    teardown.delete(rest, &mut report).await?;
    if options.volumes == Volumes::Delete {
        teardown.delete_claims_left_over(&mut report).await?;
    }
    report.deleted.sort();
    report.kept.sort_by(|a, b| a.0.cmp(&b.0));
    if report.is_complete() {
        for inventory in inventories {
            inventory.remove(&patience).await?;
        }
    }
    Ok(report)
}

struct Teardown<'a> {
    cluster: &'a Cluster,
    project: &'a ProjectName,
    options: &'a DownOptions,
    patience: &'a Patience,
}

/// An object whose deletion has started.
struct Going {
    id: ObjectId,
    served: ServedKind,
    live: Live,
}

impl Teardown<'_> {
    async fn delete(&self, mut candidates: Vec<Candidate>, report: &mut DownReport) -> Result<(), Failure> {
        candidates
            .sort_by_key(|candidate| std::cmp::Reverse(kind_order::phase(&candidate.id.kind, candidate.id.group())));
        let deletions = futures::stream::iter(candidates).map(async |candidate| {
            let result = if candidate.adopted {
                Ok(Deletion::Kept(KeepReason::Theirs))
            } else {
                let (id, uid) = (&candidate.id, candidate.uid.as_deref());
                let propagation = if owns_pods(id) { Propagation::Foreground } else { Propagation::Background };
                let namespaces = self.options.namespaces;
                delete_ours(self.cluster, self.project, id, uid, namespaces, propagation, self.patience).await
            };
            (candidate.id, result)
        });
        // `buffered` starts them in order: what depends on others goes first.
        let results: Vec<_> = deletions.buffered(PARALLEL).collect().await;
        let mut going = Vec::new();
        for (id, result) in results {
            match result {
                Ok(Deletion::Absent) => {}
                Ok(Deletion::Started(served, live)) => going.push(Going { id, served: *served, live: *live }),
                Ok(Deletion::Kept(reason)) => {
                    report.kept.push((id, reason));
                }
                Err(Failure::Cancelled) => return Err(Failure::Cancelled),
                Err(failure) => {
                    self.options.log.error(format!("cannot delete {id}: {failure}"));
                    report.failed.push((id, failure));
                }
            }
        }
        let mut claims = Vec::new();
        for set in going.iter().filter(|going| is_stateful_set(&going.id)) {
            claims.extend(self.claims_of(&set.id, &set.live.0).await?);
        }
        let namespaces: Vec<String> =
            going.iter().filter(|going| going.id.kind == "Namespace").map(|going| going.id.name.clone()).collect();
        self.wait(going, report).await?;
        if self.options.volumes == Volumes::Keep {
            // A Namespace takes with it what is in it.
            let in_place = |claim: &Going| !claim.id.namespace.as_ref().is_some_and(|name| namespaces.contains(name));
            let kept = claims.into_iter().filter(in_place);
            report.kept.extend(kept.map(|claim| (claim.id, KeepReason::Claim)));
            return Ok(());
        }
        // After the pods: a claim in use does not go.
        let claims = self.delete_claims(claims, report).await?;
        self.wait(claims, report).await
    }

    /// Deletes the claims of declared StatefulSets that are gone already. One that is there and was not deleted belongs to
    /// somebody else, and so do its claims.
    async fn delete_claims_left_over(&self, report: &mut DownReport) -> Result<(), Failure> {
        for (id, value) in &self.options.stateful_sets {
            let served = match self.cluster.served(&id.api_version, &id.kind, self.patience).await {
                Ok(served) => served,
                Err(DiscoveryError::Unserved(_)) => continue,
                Err(DiscoveryError::Failed(failure)) => return Err(failure),
            };
            let id = served.resolve(id, self.cluster.namespace());
            if self.cluster.live(&served, &id, self.patience).await?.is_some() {
                continue;
            }
            let claims = self.claims_of(&id, value).await?;
            let going = self.delete_claims(claims, report).await?;
            self.wait(going, report).await?;
        }
        Ok(())
    }

    /// The claims that a StatefulSet had made from its templates: nobody else would delete them.
    async fn claims_of(&self, id: &ObjectId, set: &Value) -> Result<Vec<Going>, Failure> {
        let mut claims = Vec::new();
        let templates = set["spec"]["volumeClaimTemplates"].as_array();
        let prefixes: Vec<String> = templates
            .into_iter()
            .flatten()
            .filter(|template| keep_annotation(template).is_none())
            .filter_map(|template| template["metadata"]["name"].as_str())
            .map(|template| format!("{template}-{}-", id.name))
            .collect();
        if prefixes.is_empty() {
            return Ok(claims);
        }
        let served = match self.cluster.served("v1", "PersistentVolumeClaim", self.patience).await {
            Ok(served) => served,
            Err(DiscoveryError::Unserved(_)) => return Ok(claims),
            Err(DiscoveryError::Failed(failure)) => return Err(failure),
        };
        let path = served.path(id.namespace.as_deref());
        let list = self.cluster.send(&ApiRequest::get(path), self.patience).await?;
        let selector = &set["spec"]["selector"]["matchLabels"];
        for claim in list["items"].as_array().into_iter().flatten() {
            let name = claim["metadata"]["name"].as_str().unwrap_or_default();
            let numbered = |prefix: &String| {
                let number = name.strip_prefix(prefix.as_str());
                number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
            };
            if prefixes.iter().any(numbered) && has_labels(claim, selector) && keep_annotation(claim).is_none() {
                let id = ObjectId {
                    api_version: "v1".to_owned(),
                    kind: "PersistentVolumeClaim".to_owned(),
                    namespace: id.namespace.clone(),
                    name: name.to_owned(),
                };
                claims.push(Going { id, served: served.clone(), live: Live(claim.clone()) });
            }
        }
        Ok(claims)
    }

    async fn delete_claims(&self, claims: Vec<Going>, report: &mut DownReport) -> Result<Vec<Going>, Failure> {
        let mut going = Vec::new();
        for claim in claims {
            let uid = claim.live.uid();
            let started =
                self.cluster.delete_exactly(&claim.served, &claim.id, &uid, Propagation::Background, self.patience);
            match started.await {
                Ok(true) => going.push(claim),
                Ok(false) => {}
                Err(Failure::Cancelled) => return Err(Failure::Cancelled),
                Err(failure) => report.failed.push((claim.id, failure)),
            }
        }
        Ok(going)
    }

    /// Waits until all are gone or the time is over, saying what it waits for.
    async fn wait(&self, mut going: Vec<Going>, report: &mut DownReport) -> Result<(), Failure> {
        let mut next_line = Instant::now() + PROGRESS;
        let mut said = String::new();
        loop {
            let looks = futures::stream::iter(going).map(async |mut object| {
                let now = self.cluster.live(&object.served, &object.id, self.patience).await?;
                let still = now.filter(|now| now.uid() == object.live.uid());
                let is_gone = still.is_none();
                if let Some(still) = still {
                    object.live = still;
                }
                Ok::<_, Failure>((object, is_gone))
            });
            let looks: Vec<_> = looks.buffered(PARALLEL).collect().await;
            going = Vec::new();
            for look in looks {
                let (object, is_gone) = look?;
                if is_gone {
                    self.options.log.info(format!("{} deleted", object.id));
                    report.deleted.push(object.id);
                } else {
                    going.push(object);
                }
            }
            if going.is_empty() {
                return Ok(());
            }
            if self.patience.is_over() {
                for object in going {
                    let finalizers = holders(&object.live);
                    let limit = humantime::format_duration(self.options.limit);
                    self.options.log.error(format!(
                        "{} is still there after {limit}{}",
                        object.id,
                        held_by(&finalizers)
                    ));
                    report.remaining.push((object.id, finalizers));
                }
                return Ok(());
            }
            if Instant::now() >= next_line {
                next_line = Instant::now() + PROGRESS;
                let line = waiting_line(&going);
                if said != line {
                    self.options.log.info(&line);
                    said = line;
                }
            }
            self.patience.pause(PAUSE).await?;
        }
    }
}

async fn candidates(
    cluster: &Cluster,
    project: &ProjectName,
    inventories: &[Inventory],
    options: &DownOptions,
    patience: &Patience,
) -> Result<Vec<Candidate>, Failure> {
    let mut candidates: BTreeMap<(String, String, Option<String>, String), Candidate> = BTreeMap::new();
    let mut add = |candidate: Candidate| {
        let id = &candidate.id;
        let key = (id.group().to_owned(), id.kind.clone(), id.namespace.clone(), id.name.clone());
        candidates.entry(key).or_insert(candidate);
    };
    let mut kinds: BTreeMap<String, ServedKind> = BTreeMap::new();
    let mut namespaces: Vec<String> = vec![cluster.namespace().to_owned()];
    for entry in inventories.iter().flat_map(Inventory::entries) {
        namespaces.extend(entry.id.namespace.clone());
        add(Candidate { id: entry.id, uid: entry.uid, adopted: entry.adopted });
    }
    let recorded: Vec<ObjectId> = inventories.iter().flat_map(Inventory::entries).map(|entry| entry.id).collect();
    let usual = USUAL_KINDS.iter().map(|(version, kind)| ((*version).to_owned(), (*kind).to_owned()));
    let named = recorded.iter().chain(&options.declared).map(|id| (id.api_version.clone(), id.kind.clone()));
    for (api_version, kind) in usual.chain(named) {
        match cluster.served(&api_version, &kind, patience).await {
            Ok(served) => {
                let group = api_version.split_once('/').map_or("", |(group, _)| group);
                kinds.entry(format!("{}.{group}", served.plural)).or_insert(served);
            }
            Err(DiscoveryError::Unserved(_)) => {}
            Err(DiscoveryError::Failed(failure)) => return Err(failure),
        }
    }
    for id in &options.declared {
        let group = id.group();
        if let Some(served) = kinds.values().find(|served| {
            served.kind == id.kind && served.api_version.split_once('/').map_or("", |(group, _)| group) == group
        }) {
            let id = served.resolve(id, cluster.namespace());
            namespaces.extend(id.namespace.clone());
            add(Candidate { id, uid: None, adopted: false });
        }
    }
    namespaces.sort();
    namespaces.dedup();
    // Collected first: a closure that the stream keeps would have the future not be `Send`.
    let lists: Vec<_> = kinds.values().map(|kind| labelled(cluster, project, kind, &namespaces, patience)).collect();
    let lists: Vec<Result<Vec<ObjectId>, Failure>> = futures::stream::iter(lists).buffered(PARALLEL).collect().await;
    for list in lists {
        for id in list? {
            add(Candidate { id, uid: None, adopted: false });
        }
    }
    Ok(candidates.into_values().collect())
}

/// The objects of a kind that carry the project's label: of the whole cluster, or where that may not be asked of the
/// namespaces that are known.
async fn labelled(
    cluster: &Cluster,
    project: &ProjectName,
    kind: &ServedKind,
    namespaces: &[String],
    patience: &Patience,
) -> Result<Vec<ObjectId>, Failure> {
    let selector = format!("?labelSelector={PROJECT_LABEL}%3D{project}");
    let mut paths = vec![kind.path(None)];
    let mut ids = Vec::new();
    while let Some(path) = paths.pop() {
        match cluster.send(&ApiRequest::get(format!("{path}{selector}")), patience).await {
            Ok(list) => {
                ids.extend(
                    list["items"].as_array().into_iter().flatten().filter_map(|item| id_of(item, kind, project)),
                );
            }
            Err(failure) => match failure.refusal() {
                Some(Refusal::NotAllowed { namespace: None, .. }) if kind.namespaced => {
                    paths.extend(namespaces.iter().map(|namespace| kind.path(Some(namespace))));
                }
                // Not allowed, or it cannot be listed: then it cannot be ours either, or the record has it.
                Some(_) => {}
                None => return Err(failure),
            },
        }
    }
    Ok(ids)
}

/// `None` for objects that another object owns: they go with it. So do the Endpoints of a Service, which say nothing of an owner
/// and have the Service's labels. The record itself goes last.
fn id_of(item: &Value, kind: &ServedKind, project: &ProjectName) -> Option<ObjectId> {
    let metadata = &item["metadata"];
    let name = metadata["name"].as_str()?;
    let is_owned = metadata["ownerReferences"].as_array().is_some_and(|owners| !owners.is_empty());
    let is_record = kind.kind == "ConfigMap" && metadata["labels"].get(crate::k8s::RESOURCE_LABEL).is_none();
    let is_copy = kind.kind == "Endpoints" && !matches!(Ownership::of(item, project), Ownership::Ours);
    if is_owned || is_record || is_copy {
        return None;
    }
    Some(ObjectId {
        api_version: kind.api_version.clone(),
        kind: kind.kind.clone(),
        namespace: metadata["namespace"].as_str().map(str::to_owned),
        name: name.to_owned(),
    })
}

/// Objects of kinds that something in the cluster handles, which may be part of this project.
fn is_custom(id: &ObjectId) -> bool {
    let group = id.group();
    group.contains('.') && !group.ends_with(".k8s.io")
}

fn is_stateful_set(id: &ObjectId) -> bool {
    id.kind == "StatefulSet" && id.group() == "apps"
}

/// Deleted in the foreground: when they are gone, so are their pods.
fn owns_pods(id: &ObjectId) -> bool {
    matches!(
        (id.group(), id.kind.as_str()),
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
            | ("batch", "Job" | "CronJob")
            | ("", "ReplicationController")
    ) || is_custom(id)
}

fn has_labels(object: &Value, wanted: &Value) -> bool {
    let labels = &object["metadata"]["labels"];
    wanted
        .as_object()
        .is_some_and(|wanted| !wanted.is_empty() && wanted.iter().all(|(key, value)| &labels[key] == value))
}

/// Finalizers that somebody other than the cluster itself handles.
fn holders(live: &Live) -> Vec<String> {
    live.finalizers().into_iter().filter(|name| !matches!(name.as_str(), "foregroundDeletion" | "orphan")).collect()
}

fn held_by(finalizers: &[String]) -> String {
    if finalizers.is_empty() { String::new() } else { format!(", held by {}", finalizers.join(", ")) }
}

fn waiting_line(going: &[Going]) -> String {
    const SHOWN: usize = 4;
    let shown: Vec<String> = going
        .iter()
        .take(SHOWN)
        .map(|Going { id, live, .. }| format!("{}/{}{}", id.kind.to_lowercase(), id.name, held_by(&holders(live))))
        .collect();
    let more = going.len().saturating_sub(SHOWN);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    // Their pods take the time: each may have its grace period.
    format!("waiting for the end of {}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn owned_objects_and_the_record_are_not_candidates() {
        let kind = ServedKind {
            api_version: "v1".into(),
            kind: "ConfigMap".into(),
            plural: "configmaps".into(),
            namespaced: true,
        };
        let item = |labels: Value, owners: Value| json!({"metadata": {"name": "x", "labels": labels, "ownerReferences": owners}});
        let project = ProjectName::new("shop");
        assert!(id_of(&item(json!({"devloop.dev/resource": "web"}), json!([])), &kind, &project).is_some());
        assert!(
            id_of(&item(json!({"devloop.dev/resource": "web"}), json!([{"kind": "Job"}])), &kind, &project).is_none()
        );
        assert!(id_of(&item(json!({}), json!([])), &kind, &project).is_none());
    }

    #[test]
    fn endpoints_that_kubernetes_made_for_a_service_are_not_candidates() {
        let kind = ServedKind {
            api_version: "v1".into(),
            kind: "Endpoints".into(),
            plural: "endpoints".into(),
            namespaced: true,
        };
        let project = ProjectName::new("shop");
        let labelled_by = |manager: &str| {
            let fields = json!({"f:metadata": {"f:labels": {"f:devloop.dev/project": {}}}});
            let labels = json!({"devloop.dev/project": "shop"});
            json!({"metadata": {"name": "db", "labels": labels, "managedFields": [{"manager": manager, "fieldsV1": fields}]}})
        };
        assert!(id_of(&labelled_by("kube-controller-manager"), &kind, &project).is_none());
        assert!(id_of(&labelled_by("devloop"), &kind, &project).is_some());
    }

    #[test]
    fn custom_kinds_are_told_from_the_cluster_s_own() {
        let id = |api_version: &str| ObjectId {
            api_version: api_version.into(),
            kind: "X".into(),
            namespace: None,
            name: "x".into(),
        };
        assert!(is_custom(&id("keda.sh/v1alpha1")));
        assert!(!is_custom(&id("networking.k8s.io/v1")) && !is_custom(&id("apps/v1")) && !is_custom(&id("v1")));
    }
}
