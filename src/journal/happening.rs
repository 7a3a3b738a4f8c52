//! One thing that happened.

use serde::{Deserialize, Serialize};

use crate::project::ResourceName;

/// One thing that happened. The names and fields of its JSON are stable (`docs/commands.md`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Happening {
    /// The configuration is being evaluated.
    ConfigLoading,
    /// The configuration was evaluated.
    ConfigLoaded {
        /// Seconds that it took.
        seconds: f64,
        /// How many warnings there are.
        warnings: usize,
    },
    /// The configuration has errors; what ran goes on.
    ConfigFailed {
        /// The first error.
        error: String,
    },
    /// The Docker engine was reached, or lost.
    Docker {
        /// `not_needed`, `connecting`, `ok`, `lost`.
        state: String,
        /// Why it is lost.
        error: Option<String>,
    },
    /// The cluster was reached, or lost.
    Cluster {
        /// `not_needed`, `connecting`, `ok`, `lost`.
        state: String,
        /// Why it is lost.
        error: Option<String>,
    },
    /// The configuration has a resource that it did not have before.
    ResourceAdded {
        /// Which.
        resource: ResourceName,
    },
    /// The configuration no longer has a resource.
    ResourceRemoved {
        /// Which.
        resource: ResourceName,
    },
    /// A resource was enabled or disabled.
    EnabledChanged {
        /// Which.
        resource: ResourceName,
        /// Whether it is enabled now.
        enabled: bool,
    },
    /// A resource has something to do and waits, or waits for something else than before.
    Waiting {
        /// Which.
        resource: ResourceName,
        /// A code, as in `status`.
        reason: String,
        /// For people.
        text: String,
        /// The resources that it waits for.
        on: Vec<ResourceName>,
    },
    /// It waits no longer, without an update having begun.
    WaitingEnded {
        /// Which.
        resource: ResourceName,
    },
    /// An update has begun.
    UpdateStarted {
        /// Whose.
        resource: ResourceName,
        /// Why.
        reasons: Vec<String>,
    },
    /// The running update does something else now.
    Step {
        /// Whose.
        resource: ResourceName,
        /// What, for people.
        step: String,
    },
    /// An update has ended.
    UpdateFinished {
        /// Whose.
        resource: ResourceName,
        /// `full` or `live`.
        kind: String,
        /// `ok`, `failed`, `cancelled`.
        outcome: String,
        /// Why it did not succeed.
        error: Option<String>,
        /// Why it was done.
        reasons: Vec<String>,
        /// Why no live update was possible, when there might have been one.
        rebuild_reason: Option<String>,
        /// Changed files that it dealt with.
        files: usize,
        /// Seconds that it took.
        seconds: f64,
    },
    /// What runs has another state.
    RuntimeChanged {
        /// Whose.
        resource: ResourceName,
        /// `unknown`, `none`, `pending`, `ok`, `error`, `not_applicable`.
        runtime: String,
        /// Why; may be empty.
        message: String,
    },
    /// Another pod stands for a resource, or that pod has another state.
    PodChanged {
        /// Whose.
        resource: ResourceName,
        /// The pod.
        pod: String,
        /// As `kubectl get pods` shows it.
        status: String,
        /// All its containers are ready.
        ready: bool,
        /// Restarts of all its containers.
        restarts: u32,
    },
    /// A port-forward listens, or cannot.
    ForwardChanged {
        /// Whose.
        resource: ResourceName,
        /// Where.
        url: String,
        /// `pending`, `listening`, `failed`.
        state: String,
        /// Why it failed.
        error: Option<String>,
    },
    /// A CI run has its verdict.
    Verdict {
        /// Whether it succeeded.
        success: bool,
        /// The resource that failed, when it is one.
        resource: Option<ResourceName>,
        /// Why it failed.
        reason: Option<String>,
    },
    /// The session is ending.
    Stopping,
}

impl Happening {
    /// The resource that it is about; `None` for the session's own.
    pub fn resource(&self) -> Option<&ResourceName> {
        match self {
            Self::ResourceAdded { resource }
            | Self::ResourceRemoved { resource }
            | Self::EnabledChanged { resource, .. }
            | Self::Waiting { resource, .. }
            | Self::WaitingEnded { resource }
            | Self::UpdateStarted { resource, .. }
            | Self::Step { resource, .. }
            | Self::UpdateFinished { resource, .. }
            | Self::RuntimeChanged { resource, .. }
            | Self::PodChanged { resource, .. }
            | Self::ForwardChanged { resource, .. } => Some(resource),
            Self::Verdict { resource, .. } => resource.as_ref(),
            Self::ConfigLoading
            | Self::ConfigLoaded { .. }
            | Self::ConfigFailed { .. }
            | Self::Docker { .. }
            | Self::Cluster { .. }
            | Self::Stopping => None,
        }
    }
}

impl std::fmt::Display for Happening {
    /// One line, without the resource's name.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let because = |f: &mut std::fmt::Formatter<'_>, why: Option<&str>| match why {
            Some(why) if !why.is_empty() => write!(f, ": {}", why.lines().next().unwrap_or_default()),
            _ => Ok(()),
        };
        match self {
            Self::ConfigLoading => f.write_str("configuration: loading"),
            Self::ConfigLoaded { seconds, warnings: 0 } => write!(f, "configuration: loaded in {seconds:.3} s"),
            Self::ConfigLoaded { seconds, warnings } => {
                write!(f, "configuration: loaded in {seconds:.3} s, warnings: {warnings}")
            }
            Self::ConfigFailed { error } => {
                f.write_str("configuration: failed")?;
                because(f, Some(error))
            }
            Self::Docker { state, error } => {
                write!(f, "Docker: {}", state.replace('_', " "))?;
                because(f, error.as_deref())
            }
            Self::Cluster { state, error } => {
                write!(f, "cluster: {}", state.replace('_', " "))?;
                because(f, error.as_deref())
            }
            Self::ResourceAdded { .. } => f.write_str("added"),
            Self::ResourceRemoved { .. } => f.write_str("removed"),
            Self::EnabledChanged { enabled: true, .. } => f.write_str("enabled"),
            Self::EnabledChanged { enabled: false, .. } => f.write_str("disabled"),
            Self::Waiting { text, .. } => write!(f, "waits: {text}"),
            Self::WaitingEnded { .. } => f.write_str("waits no longer"),
            Self::UpdateStarted { reasons, .. } => write!(f, "update: {}", reasons.join(", ")),
            Self::Step { step, .. } => write!(f, "step: {step}"),
            Self::UpdateFinished { kind, outcome, error, seconds, rebuild_reason, .. } => {
                write!(f, "{kind} update {outcome} after {seconds:.3} s")?;
                because(f, error.as_deref())?;
                match rebuild_reason {
                    Some(why) => write!(f, " (no live update: {why})"),
                    None => Ok(()),
                }
            }
            Self::RuntimeChanged { runtime, message, .. } => {
                write!(f, "runtime: {}", runtime.replace('_', " "))?;
                because(f, Some(message))
            }
            Self::PodChanged { pod, status, ready, restarts, .. } => {
                write!(f, "pod {pod}: {status}{}", if *ready { ", ready" } else { "" })?;
                if *restarts > 0 { write!(f, ", restarts: {restarts}") } else { Ok(()) }
            }
            Self::ForwardChanged { url, state, error, .. } => {
                write!(f, "forward {url}: {state}")?;
                because(f, error.as_deref())
            }
            Self::Verdict { success: true, .. } => f.write_str("success"),
            Self::Verdict { success: false, reason, .. } => {
                f.write_str("failure")?;
                because(f, reason.as_deref())
            }
            Self::Stopping => f.write_str("the session ends"),
        }
    }
}
