//! The language server: what editors ask about a Devfile, answered from `docs/devfile.md`, the registry of the builtins
//! and the text itself. Nothing is run.

mod completion;
mod documents;
mod hover;
mod places;
mod server;
mod targets;

pub use server::{LspError, serve};
