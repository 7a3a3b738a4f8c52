//! Brings changed files into running containers, and runs commands after them.
//!
//! A small receiver in POSIX shell runs in the container behind one exec connection; it confirms every step, so that
//! nothing is half applied without being noticed. [`WarmChannels`] opens that connection before it is needed.

mod archive;
mod batch;
mod channel;
mod connect;
mod script;
mod update;
mod warm_channels;

pub use archive::Archive;
pub use batch::{SyncBatch, SyncError, SyncReport, SyncRun};
pub use connect::{Connect, Connection, Ending};
pub use warm_channels::WarmChannels;
