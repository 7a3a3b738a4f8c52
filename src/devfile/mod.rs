//! Starlark text to a [`crate::project::Project`] and diagnostics. Sole user of the starlark crate.
//!
//! [`load()`] runs the entry file; builtins record [`declarations`]; [`assemble`] makes a project of them.

pub mod assemble;
mod builtins;
mod commands;
pub mod declarations;
mod kube_info;
mod extensions;
mod language;
mod entry;
#[expect(unsafe_code, reason = "starlark's derive macro implements an unsafe marker trait")]
mod values;

pub use assemble::{AssembleOptions, Assembled};
pub use commands::{CommandOutput, CommandRunner, ConfigCommand};
pub use entry::{EnvironmentOverlay, Evaluation, LoadOptions, LoadOutcome, evaluate, load};
pub use kube_info::KubeInfo;
