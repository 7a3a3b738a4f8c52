//! The palette: what is typed, and what fits it.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::popup::Popup;
use crate::engine::Snapshot;
use crate::ui::text;
use crate::ui::tui::palette::offered;
use crate::ui::tui::state::ViewState;
use crate::ui::tui::theme::Theme;

/// Columns of the widest offer.
const WIDE: usize = 46;
/// Offers that are shown at once, where there is room.
const SHOWN: usize = 14;

pub(super) fn popup(screen: Rect, snapshot: &Snapshot, state: &ViewState, theme: &Theme) -> Popup {
    let offers = offered(snapshot, state);
    let room = SHOWN.min(usize::from(screen.height).saturating_sub(5)).max(1);
    // The chosen one stays in sight.
    let first = (state.choice + 1).saturating_sub(room);
    let mut lines = Vec::new();
    for (index, offer) in offers.iter().enumerate().skip(first).take(room) {
        let chosen = index == state.choice;
        lines.push(Line::from(vec![
            Span::styled(if chosen { theme.marker() } else { " " }, theme.title),
            Span::raw(" "),
            Span::styled(text::pad(&offer.text, WIDE), if chosen { theme.selected } else { theme.plain }),
            Span::raw(" "),
            Span::styled(offer.keys, theme.key),
        ]));
    }
    if offers.is_empty() {
        lines.push(Line::styled(text::pad("  nothing fits", WIDE), theme.dim));
    }
    Popup { title: format!(" command, {} ", offers.len()), lines }
}
