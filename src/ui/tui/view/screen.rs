//! The whole screen:
//!
//! ```text
//! ┌ header ───────── project · context/namespace · docker · cluster ───── 12/15 ok ┐
//! │ config error     (only while the Devfile is broken)                            │
//! │ resources        one row each: state, update, runtime, age, ports, why         │
//! ├ log title ─────────────────────────────────────────────────────────────────────┤
//! │ log              of the selected row, or of all                                │
//! └ footer ───────── keys, notices, what is typed ─────────────────────────────────┘
//! ```

use ratatui::Frame;
use ratatui::layout::Rect;

use super::paint::Pen;
use super::{config_error, footer, header, logs, popup, resources};
use crate::engine::Snapshot;
use crate::ui::tui::clock::Clock;
use crate::ui::tui::state::ViewState;
use crate::ui::tui::theme::Theme;

/// Draws a frame. `state` must have been settled for this snapshot and size.
pub fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot, state: &ViewState, theme: &Theme, clock: Clock) {
    let panes = state.panes();
    let buffer = frame.buffer_mut();
    if panes.too_small {
        let area = panes.screen.intersection(*buffer.area());
        Pen::new(buffer, area, 0).put("devloop", theme.bold);
        Pen::new(buffer, area, 1).put("window too small", theme.dim);
        return;
    }
    // The terminal may have become smaller since the state was settled.
    if panes.screen != *buffer.area() {
        return;
    }
    header::draw(buffer, panes.header, snapshot, theme);
    config_error::draw(buffer, panes.config_error, &state.config, theme);
    resources::draw(buffer, panes, snapshot, state, theme, clock);
    logs::draw(buffer, panes, state, theme);
    let cursor = footer::draw(buffer, panes.footer, snapshot, state, theme);
    popup::draw(buffer, panes.screen, snapshot, state, theme, clock);
    if let Some(column) = cursor {
        let Rect { y, .. } = panes.footer;
        frame.set_cursor_position((column, y));
    }
}
