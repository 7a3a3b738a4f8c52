//! What the tools take. The comments are what an agent reads.

use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub(super) struct Names {
    /// Only these resources; all when empty.
    #[serde(default)]
    pub(super) resources: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(super) struct Resources {
    /// The resources.
    pub(super) resources: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(super) struct Resource {
    /// The resource.
    pub(super) resource: String,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Logs {
    /// Only of these resources; all when empty.
    pub(super) resources: Vec<String>,
    /// `build` or `runtime`; both without.
    pub(super) source: Option<String>,
    /// `debug`, `info`, `warn` or `error`: this level and what is more important.
    pub(super) level: Option<String>,
    /// Only lines that contain this text.
    pub(super) contains: Option<String>,
    /// The `cursor` of an earlier answer: only what came after it.
    pub(super) after: Option<u64>,
    /// At most so many lines; 50 without.
    pub(super) limit: Option<usize>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(super) struct AfterEdit {
    /// The file that was edited, created or deleted; absolute, or relative to the folder of the server.
    pub(super) path: String,
    /// Give up after so many seconds; 120 without.
    #[serde(default)]
    pub(super) timeout_seconds: Option<u64>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(super) struct Exec {
    /// The resource.
    pub(super) resource: String,
    /// The command and its arguments; for a shell line `["sh", "-c", "…"]`.
    pub(super) command: Vec<String>,
    /// The container; the first regular one without.
    #[serde(default)]
    pub(super) container: Option<String>,
}
