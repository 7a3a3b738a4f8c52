//! The imperative shell: joins the pure engine and the edges.
//!
//! One task owns the engine. Everything else is a task that does one piece of work and reports by an event.

mod session;
mod event_loop;
mod effects;
mod edges;
mod connections;
mod compose;
mod config;
mod config_commands;
mod container_logs;
mod containers;
mod build;
mod deploy;
mod custom_deploy;
mod live;
mod local;
mod once;
mod pods;
mod port_book;
mod prune;
mod forwards;
mod upload;
mod watching;
mod shutdown;
mod synced_files;

pub use crate::docker::PruneReport;
pub use compose::compose_down;
pub use config_commands::ConfigCommands;
pub use custom_deploy::delete_custom;
pub use prune::{prune_now, size as shown_size, summary as prune_summary};
pub use session::{Session, SessionOptions, kube_info, start};
pub use shutdown::{Interrupts, Signal};
pub use watching::Look;
