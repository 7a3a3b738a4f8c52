//! Starlark text to a [`crate::project::Project`] and diagnostics. Sole user of the starlark crate.
//!
//! [`load()`] runs the entry file; builtins record [`declarations`]; [`assemble`] makes a project of them.

pub mod analysis;
mod applied;
pub mod assemble;
mod builtins;
mod commands;
mod catalogue;
mod documentation;
pub mod declarations;
mod kube_info;
mod loaded_text;
mod extensions;
mod language;
mod seen_file;
mod entry;
mod units;
mod usage;
#[expect(unsafe_code, reason = "starlark's derive macro implements an unsafe marker trait")]
mod values;

pub use applied::applied_objects;
pub use assemble::{AssembleOptions, Assembled};
pub use catalogue::{CatalogueEntry, CatalogueKind, CatalogueParameter, catalogue, find_in_catalogue};
pub use commands::{CommandOutput, CommandRunner, ConfigCommand};
pub use documentation::{Documentation, DocumentationSection, Example, documentation, shown_signature};
pub use entry::{EnvironmentOverlay, Evaluation, LoadOptions, LoadOutcome, evaluate, load};
pub use kube_info::KubeInfo;
pub use language::ParseCache;
pub use loaded_text::{LoadedText, loaded_text};
pub use seen_file::SeenFile;
pub use usage::Usage;
