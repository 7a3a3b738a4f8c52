//! Where every panel is on a screen of any size.

use ratatui::layout::Rect;

use super::config_error;
use super::header;
use crate::engine::Snapshot;
use crate::ui::tui::state::{ViewState, Zoom};

/// A smaller screen shows a word only.
const MIN_COLUMNS: u16 = 24;
const MIN_LINES: u16 = 6;

/// Where every panel is. A panel that is not shown has no height.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Panes {
    /// The whole screen.
    pub(in crate::ui::tui) screen: Rect,
    /// The project, connections and counts.
    pub(in crate::ui::tui) header: Rect,
    /// What the configuration's author did wrong.
    pub(in crate::ui::tui) config_error: Rect,
    /// The names of the table's columns.
    pub(in crate::ui::tui) columns: Rect,
    /// The lines of the table.
    pub(in crate::ui::tui) rows: Rect,
    /// The line above the log.
    pub(in crate::ui::tui) log_title: Rect,
    /// The log.
    pub(in crate::ui::tui) log: Rect,
    /// Keys, notices and what is typed.
    pub(in crate::ui::tui) footer: Rect,
    /// Nothing of it can be shown.
    pub(in crate::ui::tui) too_small: bool,
}

impl Panes {
    /// Divides `screen` for a table of `row_count` lines.
    pub(in crate::ui::tui) fn new(screen: Rect, snapshot: &Snapshot, state: &ViewState, row_count: usize) -> Self {
        if screen.width < MIN_COLUMNS || screen.height < MIN_LINES {
            return Self { screen, too_small: true, ..Self::default() };
        }
        let mut top = screen.y;
        let mut take = |height: u16| {
            let rect = Rect { y: top, height, ..screen };
            top += height;
            rect
        };
        let header = take(header::height(snapshot).min(screen.height / 3).max(1));
        let mut body = screen.height - header.height - 1;
        let error_lines = config_error::height(&state.config, screen.width);
        let config_error = take(clamp(error_lines, if body >= 8 { body / 2 } else { 0 }));
        body -= config_error.height;
        let wanted = clamp(row_count, u16::MAX - 1) + 1;
        let table = match state.zoom {
            Zoom::Log => 0,
            Zoom::Rows => body,
            // The log gets at least half, more when the table needs less.
            Zoom::Both => wanted.min((body / 2).max(2)),
        };
        // Where there is hardly room for rows, their columns need no names.
        let columns = take(u16::from(table > 4));
        let rows = take(table - columns.height);
        let log_height = body - table;
        let log_title = take(log_height.min(1));
        let log = take(log_height - log_title.height);
        let footer = take(1);
        Self { screen, header, config_error, columns, rows, log_title, log, footer, too_small: false }
    }
}

fn clamp(number: usize, most: u16) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX).min(most)
}
