//! Commands against a running session, from another terminal.

mod act;
mod args;
mod events;
mod logs;
mod status;
mod target;
mod timeline;
mod wait;

pub(super) use act::{Act, act};
pub(super) use args::args;
pub(super) use events::events;
pub(super) use logs::logs;
pub(super) use status::{ports, status, why};
pub(super) use target::answer;
pub(super) use timeline::timeline;
pub(super) use wait::wait;
