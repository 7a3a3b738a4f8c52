//! devloop: edit, build, deploy and see. The library behind the `devloop` binary.
//!
//! The code map, in reading order (`docs/architecture.md` draws it):
//!
//! * [`diagnostic`], [`yaml`], [`k8s`], [`project`]: plain data and pure functions over the user's files.
//! * [`compose`]: what the compose command is asked and what it answers; pure.
//! * [`devfile`]: Starlark text to a [`project::Project`].
//! * [`engine`]: what is true and what to do next; pure and synchronous.
//! * [`journal`]: what happened, found by comparing snapshots; timelines of it.
//! * [`logs`]: the bounded log store.
//! * [`docker`], [`cluster`], [`process`], [`watch`]: one folder per outside system.
//! * [`run`]: the imperative shell that joins engine and edges.
//! * [`control`]: snapshots, logs and commands for other processes.
//! * [`ui`]: readers of snapshots: the dashboard and the headless printer.
//! * [`init`]: a first Devfile for a folder. [`lsp`]: the language server for editors.
//! * [`cli`]: arguments, exit codes, and the only place that prints errors.

pub mod cli;
pub mod cluster;
pub mod compose;
pub mod control;
pub mod devfile;
pub mod diagnostic;
pub mod docker;
pub mod engine;
pub mod init;
pub mod journal;
pub mod k8s;
pub mod logs;
pub mod lsp;
pub mod process;
pub mod project;
pub mod run;
pub mod ui;
pub mod watch;
pub mod yaml;
