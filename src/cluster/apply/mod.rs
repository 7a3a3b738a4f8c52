//! Objects into the cluster: server-side apply in dependency order, with a way through each refusal.

mod apply;
mod body;
mod definition;
mod error;
mod object;
mod place;
mod replace;

pub(super) use apply::apply_without_pruning;
pub use apply::{Applied, ApplyMode, ApplyOptions, PreparedObject, apply};
pub use error::{ApplyError, ObjectError, ObjectFailure};
