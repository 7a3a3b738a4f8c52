//! Brings changed files into running containers, and runs commands after them.
//!
//! A small receiver runs in the container behind one exec connection; it confirms every step, so that nothing is half
//! applied without being noticed. It is a program that devloop brings along, or, where that cannot run, a script of the
//! container's shell. [`WarmChannels`] opens the connection before it is needed.

mod archive;
mod batch;
mod channel;
mod connect;
mod program_receiver;
mod receiver;
mod script;
mod shell_receiver;
mod update;
mod warm_channels;
mod wire;

pub use archive::Archive;
pub use batch::{SyncBatch, SyncError, SyncReport, SyncRun};
pub use channel::ReceiverKind;
pub use connect::{Connect, Connection, Ending};
pub use receiver::Program as ReceiverProgram;
pub use warm_channels::WarmChannels;

/// The receiver as a file for images whose containers cannot take it otherwise; `None` where devloop was built without, and
/// where the environment asks for the container's tools.
pub fn receiver_program() -> Option<ReceiverProgram> {
    receiver::PROGRAM.filter(|_| ReceiverKind::from_environment() == ReceiverKind::Best)
}
