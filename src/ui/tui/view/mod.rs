//! Draws the screen: one file per panel. Drawing changes nothing.

mod buttons;
mod config_error;
mod details;
mod footer;
mod header;
mod help;
mod logs;
mod paint;
mod palette;
mod panes;
mod popup;
mod resources;
mod screen;
mod stopping;
mod timeline;
mod why;

pub(super) use panes::Panes;
pub(super) use popup::rows_hidden;
pub(super) use resources::age;
pub use screen::draw;
