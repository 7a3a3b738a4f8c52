//! Commands, buttons and file watches of the `v1alpha1` API, ready to be run.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;

use super::command_line::CommandLine;
use super::ignore::WatchedTree;
use super::name::ResourceName;
use super::probe::Probe;

/// What of the API objects is run during a session. Each is known by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiRuntime {
    /// `cmd`.
    pub commands: IndexMap<String, Arc<ApiCommand>>,
    /// `ui_button`.
    pub buttons: IndexMap<String, Arc<Button>>,
    /// `file_watch`; those that are disabled watch nothing.
    pub file_watches: IndexMap<String, Vec<WatchedTree>>,
}

/// A command on this machine that runs beside the resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiCommand {
    /// Its name.
    pub name: String,
    /// What is run.
    pub command: CommandLine,
    /// Tried while it runs; what it finds is logged.
    pub readiness_probe: Option<Probe>,
    /// File watches whose change starts it anew.
    pub file_watches: Vec<String>,
    /// Buttons that start it anew.
    pub restart_buttons: Vec<String>,
    /// It waits for one of these; `None`: it starts when it is declared.
    pub start_on: Option<StartOn>,
    /// Whose log it writes to (annotation `tilt.dev/resource`); `None` for the session's.
    pub resource: Option<ResourceName>,
    /// Why it is switched off.
    pub disabled: Option<String>,
}

/// What a command waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartOn {
    /// Presses before this moment do not count.
    pub after: Option<DateTime<Utc>>,
    /// Any of these.
    pub buttons: Vec<String>,
}

/// Something that a user can press.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Button {
    /// Its name.
    pub name: String,
    /// What it says.
    pub text: String,
    /// The resource that it belongs to; `None` for the whole session.
    pub resource: Option<ResourceName>,
    /// Whether it can be pressed.
    pub disabled: bool,
    /// Whether the user is asked first.
    pub requires_confirmation: bool,
    /// What the user fills in; handed to the commands as environment variables.
    pub inputs: Vec<ButtonInput>,
}

/// One field of a button's form.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ButtonInput {
    /// The environment variable.
    pub name: String,
    /// For people; empty for the name.
    pub label: String,
    /// What can be filled in.
    pub kind: ButtonInputKind,
}

/// What can be filled in.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ButtonInputKind {
    /// Any text.
    Text {
        /// What is there at first.
        default: String,
        /// Shown while there is nothing.
        placeholder: String,
    },
    /// Yes or no.
    Boolean {
        /// At first.
        default: bool,
        /// The variable's value for yes.
        true_text: String,
        /// The variable's value for no.
        false_text: String,
    },
    /// Not shown.
    Hidden {
        /// The variable's value.
        value: String,
    },
    /// One of these.
    Choice {
        /// The first is there at first.
        choices: Vec<String>,
    },
}

impl ButtonInput {
    /// The variable's value when nothing is filled in.
    pub fn default_value(&self) -> String {
        match &self.kind {
            ButtonInputKind::Text { default, .. } => default.clone(),
            ButtonInputKind::Boolean { default, true_text, false_text } => {
                if *default {
                    true_text.clone()
                } else {
                    false_text.clone()
                }
            }
            ButtonInputKind::Hidden { value } => value.clone(),
            ButtonInputKind::Choice { choices } => choices.first().cloned().unwrap_or_default(),
        }
    }
}
