//! Tells which files of the watched trees change; the sole user of `notify`.
//!
//! Only folders that can hold a file that counts are watched, each by itself. An index of what was last seen of every
//! file makes events mere hints: whatever is missed (a full queue, a folder that is gone before it is watched, a
//! limit) is found by comparing, so no edit is lost. See `docs/decisions/0008-watching-by-folder.md`, and
//! `docs/decisions/0015-branch-switches.md` for what git changes.

mod backend;
mod batch;
mod coverage;
mod follow;
mod git_hold;
mod git_index;
mod index;
mod problem;
mod repositories;
mod stamp;
mod transactions;
mod watcher;
mod worker;

pub use problem::WatchProblem;
pub use stamp::{Stamp, scan};
pub use watcher::{WatchCounts, WatchEvent, WatchOptions, Watcher};
