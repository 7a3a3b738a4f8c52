//! Readers of snapshots and logs: the dashboard, the headless printer and the summary of a CI run.

mod color;
pub mod gantt;
pub mod headless;
pub mod health;
pub mod summary;
mod text;
pub mod tui;

pub use color::{ColorChoice, ColorDepth};
