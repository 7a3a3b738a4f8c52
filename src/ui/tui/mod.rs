//! The dashboard: a full-screen view of snapshots and logs, and the keys that make commands of them.
//!
//! Drawing is a pure function of the newest [`Snapshot`](crate::engine::Snapshot) and a [`ViewState`]; keys change
//! the view state and ask for commands; only `tui` and `terminal` touch the terminal.

mod acting;
mod action;
mod away;
mod ansi;
mod browser;
mod clock;
mod config_text;
mod form;
mod keymap;
mod log_pane;
mod log_pattern;
mod palette;
mod rows;
mod state;
mod terminal;
mod theme;
#[expect(clippy::module_inception, reason = "`x/x.rs` holds the main part of folder `x`")]
mod tui;
mod view;

#[cfg(test)]
pub(in crate::ui) mod scenes;
#[cfg(test)]
mod tests;

pub use action::Action;
pub use clock::Clock;
pub use state::{Away, Request, ViewState};
pub use terminal::is_away;
pub use theme::Theme;
pub use tui::{TuiEnd, TuiError, TuiOptions, run};
pub use view::draw;
