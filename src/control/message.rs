//! What is said over the socket: a request on one line, then replies, one per line, until the server closes.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::Command;

/// The version of requests, replies and of what they hold; grows when something is removed or changes its meaning.
pub const SCHEMA: u32 = 1;

/// What another process asks of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// How everything stands: one reply.
    Status,
    /// Everything about resources: one reply.
    Describe {
        /// Which; all of them when empty.
        resources: Vec<String>,
    },
    /// Lines of the log: a reply per line.
    Logs(LogQuery),
    /// Do something with resources: one reply.
    Act {
        /// What.
        action: Action,
        /// With which resources; none for those that are about the session.
        resources: Vec<String>,
    },
    /// A command of the engine, as a screen sends it: one reply.
    Command {
        /// What.
        command: Command,
    },
    /// Everything that a dashboard shows, until somebody hangs up; a reply per change. Only between equal versions.
    Attach {
        /// The version of the asking devloop.
        version: String,
    },
    /// Make the attached dashboards leave: one reply.
    Detach,
    /// Run the configuration with other arguments: one reply.
    Args {
        /// All of them.
        args: Vec<String>,
    },
    /// What happened: a reply per event.
    Events(EventQuery),
    /// Wait until resources are as wanted: one reply.
    Wait(WaitQuery),
}

/// What can be done with resources, or with the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Update now.
    Trigger,
    /// New process or new pods, without a build.
    Restart,
    /// Stop the process, cancel the update.
    Stop,
    /// Enable.
    Enable,
    /// Enable these and disable all others.
    EnableOnly,
    /// Enable all.
    EnableAll,
    /// Disable.
    Disable,
    /// Disable all.
    DisableAll,
    /// Run the configuration again.
    Reload,
    /// End the session gracefully.
    Quit,
}

/// Which lines of the log are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogQuery {
    /// Of these resources; of all, and of devloop itself, when empty.
    pub resources: Vec<String>,
    /// `build` or `runtime`.
    pub source: Option<String>,
    /// `debug`, `info`, `warn` or `error`, and what is more important.
    pub level: Option<String>,
    /// Only what came in the last so many milliseconds.
    pub since_ms: Option<u64>,
    /// Only the last so many of those.
    pub tail: Option<usize>,
    /// Only those after the line with this number.
    pub after: Option<u64>,
    /// Only lines that contain this.
    pub contains: Option<String>,
    /// Go on with what comes.
    pub follow: bool,
}

/// Which events are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventQuery {
    /// Of these resources; all, and the session's own, when empty.
    pub resources: Vec<String>,
    /// Only those after this cursor; 0 for all that are kept.
    pub after: u64,
    /// Go on with what comes.
    pub follow: bool,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WaitFor {
    /// Up to date, and what runs is ready.
    #[default]
    Ready,
    /// Up to date, whatever runs.
    Updated,
}

/// What is waited for, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WaitQuery {
    /// These resources; all enabled ones, or those that `after` touches, when empty.
    pub resources: Vec<String>,
    /// The state.
    pub condition: WaitFor,
    /// Wait until what this file holds now has been taken in.
    pub after: Option<PathBuf>,
    /// Give up after so many milliseconds.
    pub timeout_ms: Option<u64>,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refusal {
    /// What is wrong.
    pub message: String,
    /// What to try.
    pub help: Option<String>,
}

/// One line from the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// What was asked for.
    Ok(Value),
    /// It was not done.
    Error(Refusal),
}

impl Reply {
    /// What was asked for.
    pub(super) fn of(answer: &impl Serialize) -> Self {
        match serde_json::to_value(answer) {
            Ok(value) => Self::Ok(value),
            Err(error) => Self::refuse(format!("the answer cannot be written: {error}")),
        }
    }

    pub(super) fn refuse(message: impl Into<String>) -> Self {
        Self::Error(Refusal { message: message.into(), help: None })
    }

    pub(super) fn refuse_with(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Error(Refusal { message: message.into(), help: Some(help.into()) })
    }
}
