//! What the user asks for.

use std::collections::BTreeMap;

use crate::project::ResourceName;

/// Which resources a command is about.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub enum Selection {
    /// All of them.
    All,
    /// These.
    Names(Vec<ResourceName>),
}

/// What the user asks for, from any UI.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub enum Command {
    /// Update it now; on an automatic resource a full, forced update (reference §3.10).
    Trigger(ResourceName),
    /// Run the configuration again.
    ReloadConfig,
    /// Run the configuration with these arguments, as if the session had been started with them.
    SetArgs(Vec<String>),
    /// Restart it without a build: the serve process, or the pods by a rollout restart.
    Restart(ResourceName),
    /// Stop what runs for it: the serve process; a running update is cancelled.
    Stop(ResourceName),
    /// Enable it.
    Enable(Selection),
    /// Disable it: its objects are deleted and its processes stopped.
    Disable(Selection),
    /// Press a button of the configuration.
    Press {
        /// Its name.
        button: String,
        /// What was filled in, by the inputs' names; what is missing is as the button says.
        inputs: BTreeMap<String, String>,
    },
    /// End the session gracefully.
    Quit,
}
