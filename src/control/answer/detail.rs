//! One resource, as far as somebody looks into it.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::resource::ResourceAnswer;
use crate::control::message::SCHEMA;
use crate::engine::{ImageDetail, LiveDetail, LiveState, ResourceSnapshot, SessionTime, Snapshot};
use crate::k8s::{Container, ContainerKind, ContainerState, Pod, PodCondition, pod_is_ready, pod_status_word};
use crate::project::ResourceName;

/// `devloop get --json` and `devloop describe --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DescribeAnswer {
    /// The version of this interface.
    pub schema: u32,
    /// In the order of the configuration, or of the names that were asked for.
    pub resources: Vec<DetailAnswer>,
}

/// One resource with everything that belongs to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DetailAnswer {
    /// What `status` says of it.
    #[serde(flatten)]
    pub resource: ResourceAnswer,
    /// The resources that depend on it.
    pub dependents: Vec<String>,
    /// Its objects.
    pub objects: Vec<ObjectAnswer>,
    /// Its pods, the one that stands for it first; a container of a Compose service is a pod of one container.
    pub pod_details: Vec<PodDetailAnswer>,
    /// Its images, bases first.
    pub image_details: Vec<ImageAnswer>,
    /// The containers that live update goes into.
    pub live: Vec<LiveAnswer>,
}

/// An object in the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ObjectAnswer {
    /// `GROUP/VERSION` or `v1`.
    pub api_version: String,
    /// For example `Deployment`.
    pub kind: String,
    /// `null` for what has none, or is not applied yet.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Whether this session has applied it.
    pub applied: bool,
}

/// A pod.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PodDetailAnswer {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Where it runs.
    pub node: Option<String>,
    /// When it was created.
    pub created: DateTime<Utc>,
    /// As `kubectl get pods` shows it.
    pub status: String,
    /// Whether all containers are ready.
    pub ready: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Its conditions.
    pub conditions: Vec<ConditionAnswer>,
    /// Init containers first.
    pub containers: Vec<ContainerAnswer>,
}

/// A condition of a pod.
pub type ConditionAnswer = PodCondition;

/// A container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerAnswer {
    /// Its name.
    pub name: String,
    /// When it runs.
    #[schemars(extend("enum" = ["init", "sidecar", "regular"]))]
    pub kind: String,
    /// The image that it was asked to run.
    pub image: String,
    /// The runtime's id; `null` before the first start.
    pub id: Option<String>,
    /// What it does.
    #[schemars(extend("enum" = ["waiting", "running", "terminated"]))]
    pub state: String,
    /// Why it waits or has ended; may be empty.
    pub reason: String,
    /// For people; may be empty.
    pub message: String,
    /// Of one that has ended.
    pub exit_code: Option<i32>,
    /// Of one that runs.
    pub started: Option<DateTime<Utc>>,
    /// How the instance before this one ended.
    pub last_end: Option<String>,
    /// Whether it is ready.
    pub ready: bool,
    /// Restarts so far.
    pub restarts: u32,
    /// Declared TCP ports.
    pub ports: Vec<u16>,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImageAnswer {
    /// As declared.
    pub name: String,
    /// How it is built.
    #[schemars(extend("enum" = ["docker", "custom", "compose"]))]
    pub build: String,
    /// The newest build, as the builder knows it.
    pub local_ref: Option<String>,
    /// The newest build, as the cluster knows it.
    pub cluster_ref: Option<String>,
    /// The tag of the newest build: the key of what it was made of, for builds by devloop.
    pub tag: Option<String>,
    /// Whether it is being built.
    pub building: bool,
    /// Why the newest build failed.
    pub error: Option<String>,
    /// The images that it is built from.
    pub base_images: Vec<String>,
    /// Whether it declares live update.
    pub live_update: bool,
}

/// A container that live update goes into.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveAnswer {
    /// Its pod.
    pub pod: String,
    /// Its name in the pod.
    pub container: String,
    /// The image that it runs.
    pub image: String,
    /// How far it is.
    #[schemars(extend("enum" = ["in_sync", "pending", "syncing", "not_running"]))]
    pub state: String,
    /// Files that it does not hold yet as they are.
    pub pending: usize,
    /// The newest transfer into this instance.
    pub last_sync: Option<SyncAnswer>,
}

/// A transfer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SyncAnswer {
    /// Changed files.
    pub files: usize,
    /// How long it took.
    pub seconds: f64,
    /// Since its end.
    pub seconds_ago: f64,
}

impl DescribeAnswer {
    /// The answer about these resources of `snapshot`; about all of them without any.
    pub fn new(snapshot: &Snapshot, chosen: &[&ResourceSnapshot]) -> Self {
        let one = |resource: &ResourceSnapshot| DetailAnswer::new(snapshot, resource);
        let resources = if chosen.is_empty() {
            snapshot.resources.iter().map(one).collect()
        } else {
            chosen.iter().map(|resource| one(resource)).collect()
        };
        Self { schema: SCHEMA, resources }
    }
}

impl DetailAnswer {
    fn new(snapshot: &Snapshot, resource: &ResourceSnapshot) -> Self {
        let detail = &resource.detail;
        let depends = |other: &&ResourceSnapshot| other.resource_deps.contains(&resource.name);
        let dependents = snapshot.resources.iter().filter(depends).map(|other| &other.name);
        Self {
            resource: ResourceAnswer::new(resource, snapshot.now),
            dependents: dependents.map(ResourceName::to_string).collect(),
            objects: detail
                .objects
                .iter()
                .map(|id| ObjectAnswer {
                    api_version: id.api_version.clone(),
                    kind: id.kind.clone(),
                    namespace: id.namespace.clone(),
                    name: id.name.clone(),
                    applied: detail.applied,
                })
                .collect(),
            pod_details: detail.pods.iter().map(|pod| PodDetailAnswer::new(pod)).collect(),
            image_details: detail.images.iter().map(ImageAnswer::new).collect(),
            live: detail.live.iter().map(|live| LiveAnswer::new(live, snapshot.now)).collect(),
        }
    }
}

impl PodDetailAnswer {
    fn new(pod: &Pod) -> Self {
        Self {
            name: pod.name.clone(),
            namespace: pod.namespace.clone(),
            node: pod.node.clone(),
            created: pod.created,
            status: pod_status_word(pod),
            ready: pod_is_ready(pod),
            deleting: pod.deleting,
            conditions: pod.conditions.clone(),
            containers: pod.containers.iter().map(ContainerAnswer::new).collect(),
        }
    }
}

impl ContainerAnswer {
    fn new(container: &Container) -> Self {
        let (state, reason, message, exit_code, started) = match &container.state {
            ContainerState::Waiting { reason, message } => ("waiting", reason.clone(), message.clone(), None, None),
            ContainerState::Running { started } => ("running", String::new(), String::new(), None, Some(*started)),
            ContainerState::Terminated { exit_code, reason, message, .. } => {
                ("terminated", reason.clone(), message.clone(), Some(*exit_code), None)
            }
        };
        Self {
            name: container.name.clone(),
            kind: match container.kind {
                ContainerKind::Init => "init",
                ContainerKind::Sidecar => "sidecar",
                ContainerKind::Regular => "regular",
            }
            .to_owned(),
            image: container.image.clone(),
            id: container.id.clone(),
            state: state.to_owned(),
            reason,
            message,
            exit_code,
            started,
            last_end: container.last_termination.as_ref().map(end_of),
            ready: container.ready,
            restarts: container.restarts,
            ports: container.ports.iter().map(|(port, _)| *port).collect(),
        }
    }
}

/// How an instance ended, for people.
fn end_of(state: &ContainerState) -> String {
    match state {
        ContainerState::Terminated { exit_code, reason, .. } if reason.is_empty() => format!("exit status {exit_code}"),
        ContainerState::Terminated { exit_code, reason, .. } => format!("{reason} (exit status {exit_code})"),
        ContainerState::Waiting { reason, .. } => reason.clone(),
        ContainerState::Running { .. } => String::new(),
    }
}

impl ImageAnswer {
    fn new(image: &ImageDetail) -> Self {
        let newest = image.cluster_ref.as_ref().or(image.local_ref.as_ref());
        // A colon before the last slash belongs to the port of a registry.
        let tag = newest.and_then(|reference| reference.rsplit('/').next()?.split_once(':'));
        Self {
            name: image.name.to_string(),
            build: image.build.clone(),
            local_ref: image.local_ref.clone(),
            cluster_ref: image.cluster_ref.clone(),
            tag: tag.map(|(_, tag)| tag.to_owned()),
            building: image.building,
            error: image.error.clone(),
            base_images: image.base_images.iter().map(ToString::to_string).collect(),
            live_update: image.live_update,
        }
    }
}

impl LiveAnswer {
    fn new(live: &LiveDetail, now: SessionTime) -> Self {
        let (state, pending) = match live.state {
            LiveState::InSync => ("in_sync", 0),
            LiveState::Pending(files) => ("pending", files),
            LiveState::Syncing(files) => ("syncing", files),
            LiveState::NotRunning => ("not_running", 0),
        };
        Self {
            pod: live.pod.clone(),
            container: live.container.clone(),
            image: live.image.to_string(),
            state: state.to_owned(),
            pending,
            last_sync: live.last_sync.map(|sync| SyncAnswer {
                files: sync.files,
                seconds: sync.took.as_secs_f64(),
                seconds_ago: now.since(sync.finished).as_secs_f64(),
            }),
        }
    }
}
