//! Commands against a running session, from another terminal.

mod act;
mod args;
mod describe;
mod events;
mod exec;
mod layout;
mod logs;
mod quit;
mod status;
mod target;
mod timeline;
mod wait;

pub(super) use act::{Act, act};
pub(super) use args::args;
pub(super) use describe::{describe, get};
pub(super) use events::events;
pub(super) use exec::{exec, find};
pub(super) use logs::logs;
pub(super) use quit::{detach, end_running, quit};
pub(super) use status::{ports, status, why};
pub(super) use target::{answer, ask, explain};
pub(super) use timeline::timeline;
pub(super) use wait::{edited, wait};
