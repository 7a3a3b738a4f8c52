//! The session as a whole.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::resource::ResourceAnswer;
use crate::control::message::SCHEMA;
use crate::diagnostic::Diagnostic;
use crate::engine::{ConfigState, Connection, SessionPhase, Snapshot};

/// `devloop status --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatusAnswer {
    /// The version of this interface.
    pub schema: u32,
    /// The process of the session.
    pub pid: u32,
    /// How many asynchronous tasks its process has: what grows without end is a leak.
    pub tasks: usize,
    /// The project; `null` before the first successful load.
    pub project: Option<String>,
    /// The configuration.
    pub entry_file: String,
    /// The Kubernetes context; `null` without one.
    pub context: Option<String>,
    /// The namespace of objects that do not say.
    pub namespace: Option<String>,
    /// When the session began.
    pub started: DateTime<Utc>,
    /// Whether it runs or ends.
    #[schemars(extend("enum" = ["running", "stopping", "stopped"]))]
    pub phase: String,
    /// The configuration.
    pub config: ConfigAnswer,
    /// The container engine.
    pub docker: ConnectionAnswer,
    /// The cluster.
    pub cluster: ConnectionAnswer,
    /// In the order of the configuration.
    pub resources: Vec<ResourceAnswer>,
}

/// How the configuration stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigAnswer {
    /// How the newest load stands.
    #[schemars(extend("enum" = ["loading", "loaded", "failed"]))]
    pub state: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// How often it has been loaded.
    pub loads: u64,
    /// Errors and warnings of the newest load.
    pub diagnostics: Vec<ProblemAnswer>,
}

/// A problem in the user's files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProblemAnswer {
    /// An error, or else a warning.
    pub error: bool,
    /// What is wrong.
    pub message: String,
    /// The file.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u32>,
    /// From 1.
    pub column: Option<u32>,
    /// What to do.
    pub help: Vec<String>,
}

/// How a connection to an outside system stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionAnswer {
    /// Whether it is there.
    #[schemars(extend("enum" = ["not_needed", "connecting", "ok", "lost"]))]
    pub state: String,
    /// Why it is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl StatusAnswer {
    /// The answer of the session with this process.
    pub fn new(snapshot: &Snapshot, pid: u32, tasks: usize) -> Self {
        Self {
            schema: SCHEMA,
            pid,
            tasks,
            project: snapshot.project.as_ref().map(ToString::to_string),
            entry_file: snapshot.entry_file.display().to_string(),
            context: snapshot.context.clone(),
            namespace: snapshot.namespace.clone(),
            started: snapshot.started,
            phase: match &snapshot.phase {
                SessionPhase::Running => "running",
                SessionPhase::Stopping { .. } => "stopping",
                SessionPhase::Stopped => "stopped",
            }
            .to_owned(),
            config: ConfigAnswer {
                state: match snapshot.config.state {
                    ConfigState::Loading => "loading",
                    ConfigState::Loaded => "loaded",
                    ConfigState::Failed => "failed",
                }
                .to_owned(),
                args: snapshot.config.args.to_vec(),
                loads: snapshot.config.loads,
                diagnostics: snapshot.config.diagnostics.iter().map(ProblemAnswer::new).collect(),
            },
            docker: ConnectionAnswer::new(&snapshot.docker),
            cluster: ConnectionAnswer::new(&snapshot.cluster),
            resources: snapshot.resources.iter().map(|it| ResourceAnswer::new(it, snapshot.now)).collect(),
        }
    }
}

impl ConnectionAnswer {
    fn new(connection: &Connection) -> Self {
        let (state, error) = connection.words();
        Self { state: state.to_owned(), error: error.map(str::to_owned) }
    }
}

impl ProblemAnswer {
    fn new(diagnostic: &Diagnostic) -> Self {
        let span = diagnostic.primary.as_ref();
        Self {
            error: diagnostic.is_error(),
            message: diagnostic.message.clone(),
            file: span.map(|span| span.file.display().to_string()),
            line: span.map(|span| span.start.line),
            column: span.map(|span| span.start.column),
            help: diagnostic.help.clone(),
        }
    }
}
