//! What became of a request.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::log::LogAnswer;
use super::resource::{PortAnswer, ResourceAnswer};
use crate::control::message::Action;
use crate::journal::Timeline;

/// `devloop wait --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WaitAnswer {
    /// Whether it is as wanted.
    #[schemars(extend("enum" = ["reached", "failed", "timeout"]))]
    pub outcome: String,
    /// How long it took.
    pub seconds: f64,
    /// What has failed.
    pub failures: Vec<FailureAnswer>,
    /// The resources that were waited for.
    pub resources: Vec<ResourceAnswer>,
    /// What they have logged since their newest updates began: the last lines of each.
    #[serde(default)]
    pub logs: Vec<LogAnswer>,
}

/// What has failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FailureAnswer {
    /// Which resource; `(configuration)` for the configuration.
    pub resource: String,
    /// Why.
    pub error: String,
}

/// `devloop trigger --json` and the like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActAnswer {
    /// What was asked for.
    pub action: Action,
    /// Of which resources.
    pub resources: Vec<String>,
}

/// `devloop args --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArgsAnswer {
    /// The arguments of the configuration.
    pub args: Vec<String>,
    /// Whether they are others than before.
    pub changed: bool,
}

/// `devloop detach --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DetachAnswer {
    /// How many dashboards have been told to leave.
    pub dashboards: usize,
    /// Whether the session runs in the background: otherwise it ends with its terminal.
    pub background: bool,
}

/// `devloop timeline --json`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct TimelineAnswer {
    /// When it begins, how long it is, and its spans.
    #[serde(flatten)]
    pub timeline: Timeline,
    /// The version of this interface.
    pub schema: u32,
}

/// `devloop exec --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExecAnswer {
    /// The pod that it ran in.
    pub pod: String,
    /// The container.
    pub container: String,
    /// Its exit status.
    pub exit_code: i32,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// A port-forward of `devloop ports --json`, which prints a list of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PortOfAnswer {
    /// The forward.
    #[serde(flatten)]
    pub port: PortAnswer,
    /// Whose it is.
    pub resource: String,
}

/// In place of events that are no longer kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MissedAnswer {
    /// The newest of them.
    pub cursor: u64,
    /// Always `missed`.
    #[schemars(extend("const" = "missed"))]
    pub event: String,
    /// How many they are.
    pub count: u64,
}
