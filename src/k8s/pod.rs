//! A pod as the cluster reports it, reduced to what devloop decides by.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

/// `metadata.uid` of an object in the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Uid(pub Arc<str>);

/// `status.phase` of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum PodPhase {
    /// Not all containers have been started.
    Pending,
    /// At least one container runs, starts or restarts.
    Running,
    /// All containers have ended with success.
    Succeeded,
    /// All containers have ended, at least one without success.
    Failed,
    /// The node does not answer.
    Unknown,
}

/// Init, sidecar (an init container with `restartPolicy: Always`, KEP-753) or regular container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum ContainerKind {
    /// Runs to completion before the regular ones.
    Init,
    /// Starts before the regular ones and keeps running.
    Sidecar,
    /// A regular container.
    Regular,
}

/// What a container does.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ContainerState {
    /// Not started, or between two starts.
    Waiting {
        /// For example `ImagePullBackOff`; may be empty.
        reason: String,
        /// The kubelet's words; may be empty.
        message: String,
    },
    /// Running.
    Running {
        /// Since when.
        started: DateTime<Utc>,
    },
    /// Ended.
    Terminated {
        /// Exit status.
        exit_code: i32,
        /// For example `OOMKilled`; may be empty.
        reason: String,
        /// The kubelet's words; may be empty.
        message: String,
        /// When.
        finished: Option<DateTime<Utc>>,
    },
}

/// A container of a pod.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Container {
    /// Its name in the pod.
    pub name: String,
    /// Init, sidecar or regular.
    pub kind: ContainerKind,
    /// `spec.containers[].image`: what was asked for.
    pub image: String,
    /// The runtime's id of the current or last instance (`containerd://…`); `None` before the first.
    pub id: Option<String>,
    /// What it does.
    pub state: ContainerState,
    /// How the instance before this one ended.
    pub last_termination: Option<ContainerState>,
    /// Passes its readiness probe.
    pub ready: bool,
    /// Restarts so far.
    pub restarts: u32,
    /// Declared TCP ports with their names (may be empty).
    pub ports: Vec<(u16, String)>,
}

/// A condition of a pod.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct PodCondition {
    /// For example `ContainersReady`.
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// For example `ContainersNotReady`; may be empty.
    pub reason: String,
    /// For people; may be empty.
    pub message: String,
}

/// A pod as the cluster reports it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pod {
    /// `metadata.uid`.
    pub uid: Uid,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The owners' uids, nearest first (pod → ReplicaSet → Deployment …), as far as they are known.
    pub owners: Vec<Uid>,
    /// When the nearest owner (the ReplicaSet) was created: tells generations apart.
    pub owner_created: Option<DateTime<Utc>>,
    /// When it was created.
    pub created: DateTime<Utc>,
    /// Being deleted.
    pub deleting: bool,
    /// Phase.
    pub phase: PodPhase,
    /// `status.reason`, for example `Evicted`; may be empty.
    pub reason: String,
    /// `status.message`; may be empty.
    pub message: String,
    /// Why the scheduler has not placed it (`PodScheduled` is false): reason and message.
    pub unschedulable: Option<(String, String)>,
    /// `status.conditions`, in the order of the API.
    pub conditions: Vec<PodCondition>,
    /// Node, when placed.
    pub node: Option<String>,
    /// Init containers first, in the order of the spec.
    pub containers: Vec<Container>,
}
