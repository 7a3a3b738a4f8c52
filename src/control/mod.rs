//! The state of a running session for other processes: a Unix socket in the user's runtime folder, one JSON value per line.
//!
//! The server reads snapshots and the log and sends commands, as a screen does; it knows nothing that a screen does not.

mod address;
mod answer;
mod attach;
mod client;
mod commands;
mod conclusion;
mod events;
mod log_lines;
mod message;
mod server;
mod waiting;

pub use address::Address;
pub use answer::*;
pub use attach::Mirrored;
pub use client::{Client, ClientError};
pub use message::{Action, EventQuery, LogQuery, Refusal, Reply, Request, SCHEMA, WaitFor, WaitQuery};
pub use server::ControlServer;
