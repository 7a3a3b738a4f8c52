//! The keys, from the keymap.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::popup::Popup;
use crate::ui::text;
use crate::ui::tui::keymap::{Binding, bindings};
use crate::ui::tui::state::Mode;
use crate::ui::tui::theme::Theme;

/// Columns of one key and what it does.
const KEYS: usize = 9;
const ENTRY: usize = KEYS + 38;

/// In two columns where there is room.
pub(super) fn popup(screen: Rect, theme: &Theme) -> Popup {
    let entries = bindings(Mode::Normal);
    let columns = if usize::from(screen.width) >= 2 * ENTRY + 4 { 2 } else { 1 };
    let height = entries.len().div_ceil(columns);
    let line = |row: usize| {
        let mut spans = Vec::new();
        for column in 0..columns {
            if let Some(Binding { keys_text, help, .. }) = entries.get(column * height + row) {
                spans.push(Span::styled(text::pad(keys_text, KEYS), theme.key));
                let help = if column + 1 < columns { text::pad(help, ENTRY - KEYS) } else { (*help).to_owned() };
                spans.push(Span::raw(help));
            }
        }
        Line::from(spans)
    };
    let mut lines: Vec<Line<'static>> = (0..height).map(line).collect();
    lines.push(Line::default());
    lines.push(Line::styled("Mouse: click, double click, wheel; with Shift it selects text.", theme.dim));
    Popup { title: " keys ".to_owned(), lines }
}
