//! One resource, as far as a row shows it.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::{Hold, ResourceKind, ResourceSnapshot, SessionTime, StepRecord, UpdateReason, UpdateRecord};
use crate::project::TriggerMode;

/// One resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceAnswer {
    /// Its name.
    pub name: String,
    /// What it consists of.
    #[schemars(extend("enum" = ["k8s", "local", "compose"]))]
    pub kind: String,
    /// Sorted.
    pub labels: Vec<String>,
    /// Whether it takes part.
    pub enabled: bool,
    /// When changes are acted on.
    #[schemars(extend("enum" = ["auto", "manual"]))]
    pub trigger_mode: String,
    /// How its newest update stands.
    #[schemars(extend("enum" = ["none", "pending", "in_progress", "ok", "error", "not_applicable"]))]
    pub update: String,
    /// How what runs stands.
    #[schemars(extend("enum" = ["unknown", "none", "pending", "ok", "error", "not_applicable"]))]
    pub runtime: String,
    /// Why `runtime` is as it is; may be empty.
    pub message: String,
    /// Why it waits, when it does.
    pub waits: Option<WaitsAnswer>,
    /// Some of the files that changed and have not been dealt with.
    pub pending_files: Vec<PathBuf>,
    /// How many they are.
    pub pending_file_count: usize,
    /// Why the next or current update is done.
    pub reasons: Vec<String>,
    /// The update that runs.
    pub current: Option<CurrentAnswer>,
    /// Ended updates, newest first.
    pub history: Vec<RecordAnswer>,
    /// The pod that stands for it.
    pub pod: Option<PodAnswer>,
    /// How many pods there are.
    pub pods: usize,
    /// How many of them are ready.
    pub ready_pods: usize,
    /// The serve process.
    pub pid: Option<u32>,
    /// Port-forwards.
    pub ports: Vec<PortAnswer>,
    /// Links.
    pub links: Vec<LinkAnswer>,
    /// What it depends on.
    pub resource_deps: Vec<String>,
    /// Images that are built for it.
    pub images: Vec<String>,
}

/// `devloop why --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WhyAnswer {
    /// The resource.
    pub name: String,
    /// Whether it takes part.
    pub enabled: bool,
    /// How its newest update stands.
    pub update: String,
    /// How what runs stands.
    pub runtime: String,
    /// Why `runtime` is as it is; may be empty.
    pub message: String,
    /// Why it waits, when it does.
    pub waits: Option<WaitsAnswer>,
    /// Some of the files that changed and have not been dealt with.
    pub pending_files: Vec<PathBuf>,
    /// Why the next or current update is done.
    pub reasons: Vec<String>,
    /// The update that runs.
    pub current: Option<CurrentAnswer>,
    /// Ended updates, newest first.
    pub history: Vec<RecordAnswer>,
}

impl From<ResourceAnswer> for WhyAnswer {
    fn from(resource: ResourceAnswer) -> Self {
        Self {
            name: resource.name,
            enabled: resource.enabled,
            update: resource.update,
            runtime: resource.runtime,
            message: resource.message,
            waits: resource.waits,
            pending_files: resource.pending_files,
            reasons: resource.reasons,
            current: resource.current,
            history: resource.history,
        }
    }
}

/// Why a resource waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WaitsAnswer {
    /// A code.
    pub reason: String,
    /// For people.
    pub text: String,
    /// The resources or images that it waits for.
    pub on: Vec<String>,
}

/// The update that runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CurrentAnswer {
    /// What is being done.
    pub step: String,
    /// Why.
    pub reasons: Vec<String>,
    /// Since the update began.
    pub seconds: f64,
    /// What has been done before.
    #[serde(default)]
    pub steps: Vec<StepRecordAnswer>,
}

/// An update that has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecordAnswer {
    /// What it did.
    #[schemars(extend("enum" = ["full", "live"]))]
    pub kind: String,
    /// How it ended.
    #[schemars(extend("enum" = ["ok", "failed", "cancelled"]))]
    pub outcome: String,
    /// Why it did not succeed.
    pub error: Option<String>,
    /// Why it was done.
    pub reasons: Vec<String>,
    /// Why no live update was possible, when there might have been one.
    pub rebuild_reason: Option<String>,
    /// Changed files that it dealt with.
    pub files: usize,
    /// How long it took.
    pub seconds: f64,
    /// Since its end.
    pub seconds_ago: f64,
    /// Its parts in order.
    #[serde(default)]
    pub steps: Vec<StepRecordAnswer>,
}

/// A part of an update.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepRecordAnswer {
    /// What was done.
    pub text: String,
    /// How long it took.
    pub seconds: f64,
}

/// A pod in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PodAnswer {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// When it was created.
    pub created: DateTime<Utc>,
    /// As `kubectl get pods` shows it.
    pub status: String,
    /// Restarts of all its containers.
    pub restarts: u32,
    /// Whether all containers are ready.
    pub ready: bool,
}

/// A port-forward.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PortAnswer {
    /// Where it listens.
    pub url: String,
    /// The local port; 0 while it is not known.
    pub local: u16,
    /// The container's port; 0 when the pod decides.
    pub container: u16,
    /// May be empty.
    pub name: String,
    /// How it stands.
    #[schemars(extend("enum" = ["pending", "listening", "failed"]))]
    pub state: String,
    /// Why it failed.
    pub error: Option<String>,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LinkAnswer {
    /// What a browser opens.
    pub url: String,
    /// May be empty.
    pub name: String,
}

impl ResourceAnswer {
    /// The answer about one resource.
    pub fn new(resource: &ResourceSnapshot, now: SessionTime) -> Self {
        let words = |reasons: &[UpdateReason]| reasons.iter().map(ToString::to_string).collect::<Vec<_>>();
        Self {
            name: resource.name.to_string(),
            kind: match resource.kind {
                ResourceKind::Kubernetes => "k8s",
                ResourceKind::Local => "local",
                ResourceKind::Compose => "compose",
            }
            .to_owned(),
            labels: resource.labels.clone(),
            enabled: resource.enabled,
            trigger_mode: match resource.trigger_mode {
                TriggerMode::Auto => "auto",
                TriggerMode::Manual => "manual",
            }
            .to_owned(),
            update: resource.update.word().to_owned(),
            runtime: resource.runtime.word().to_owned(),
            message: resource.runtime_message.clone(),
            waits: resource.hold.as_ref().map(|hold| WaitsAnswer {
                reason: hold.code().to_owned(),
                text: hold.to_string(),
                on: waits_on(hold),
            }),
            pending_files: resource.pending_files.clone(),
            pending_file_count: resource.pending_file_count,
            reasons: words(&resource.reasons),
            current: resource.current.as_ref().map(|current| CurrentAnswer {
                step: current.step.clone(),
                reasons: words(&current.reasons),
                seconds: now.since(current.started).as_secs_f64(),
                steps: current.steps.iter().map(StepRecordAnswer::new).collect(),
            }),
            history: resource.history.iter().map(|record| RecordAnswer::new(record, now)).collect(),
            pod: resource.pod.as_ref().map(|pod| PodAnswer {
                name: pod.name.clone(),
                namespace: pod.namespace.clone(),
                created: pod.created,
                status: pod.status.clone(),
                restarts: pod.restarts,
                ready: pod.ready,
            }),
            pods: resource.pods,
            ready_pods: resource.ready_pods,
            pid: resource.pid,
            ports: resource
                .forwards
                .iter()
                .map(|forward| PortAnswer {
                    url: forward.url.clone(),
                    local: forward.local,
                    container: forward.container,
                    name: forward.name.clone(),
                    state: forward.state.words().0.to_owned(),
                    error: forward.state.words().1.map(str::to_owned),
                })
                .collect(),
            links: resource
                .links
                .iter()
                .map(|link| LinkAnswer { url: link.address(), name: link.name.clone() })
                .collect(),
            resource_deps: resource.resource_deps.iter().map(ToString::to_string).collect(),
            images: resource.images.iter().map(ToString::to_string).collect(),
        }
    }
}

impl RecordAnswer {
    fn new(record: &UpdateRecord, now: SessionTime) -> Self {
        let (outcome, reason) = record.outcome.words();
        Self {
            kind: record.kind.word().to_owned(),
            outcome: outcome.to_owned(),
            error: reason.map(str::to_owned),
            reasons: record.reasons.iter().map(ToString::to_string).collect(),
            rebuild_reason: record.rebuild_reason.clone(),
            files: record.files,
            seconds: record.finished.since(record.started).as_secs_f64(),
            seconds_ago: now.since(record.finished).as_secs_f64(),
            steps: record.steps.iter().map(StepRecordAnswer::new).collect(),
        }
    }
}

impl StepRecordAnswer {
    fn new(step: &StepRecord) -> Self {
        Self { text: step.text.clone(), seconds: step.finished.since(step.started).as_secs_f64() }
    }
}

fn waits_on(hold: &Hold) -> Vec<String> {
    match hold {
        Hold::BuildingComponent(images) => images.iter().map(ToString::to_string).collect(),
        _ => hold.resources().iter().map(ToString::to_string).collect(),
    }
}
