//! The last line: what is typed, else a notice, else the keys of the mode.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::Pen;
use crate::engine::{SessionPhase, Snapshot};
use crate::ui::text;
use crate::ui::tui::keymap::bindings;
use crate::ui::tui::state::{Mode, ViewState};
use crate::ui::tui::theme::Theme;

/// Draws it; gives the column of the cursor while text is typed.
pub(super) fn draw(
    buffer: &mut Buffer,
    area: Rect,
    snapshot: &Snapshot,
    state: &ViewState,
    theme: &Theme,
) -> Option<u16> {
    let mut pen = Pen::new(buffer, area, 0);
    let typed = match state.mode {
        Mode::Search => {
            Some(("search: ", state.log.search.as_ref().map_or(String::new(), |search| search.needle.clone())))
        }
        Mode::Filter => Some(("filter: ", state.filter.clone())),
        Mode::LogFilter => Some(("only lines with: ", state.log_pattern.clone())),
        Mode::Palette => Some((": ", state.palette.clone())),
        Mode::Normal
        | Mode::Help
        | Mode::Details
        | Mode::Why
        | Mode::Timeline
        | Mode::Open
        | Mode::Buttons
        | Mode::Form
        | Mode::ConfirmDisable => None,
    };
    if let Some((prompt, text)) = typed {
        let room = usize::from(area.width).saturating_sub(prompt.len() + 3);
        // The end, where the cursor is, stays in sight.
        let mut shown = text.as_str();
        while text::width(shown) > room {
            shown = &shown[shown.chars().next().map_or(0, char::len_utf8)..];
        }
        pen.put(" ", theme.plain).put(prompt, theme.key).put(shown, theme.bold);
        return Some(area.x + (1 + prompt.len() + text::width(shown)) as u16);
    }
    if snapshot.phase != SessionPhase::Running || state.quitting {
        pen.put(" stopping ", theme.warning).put("Ctrl-C", theme.key).put(" to leave at once", theme.plain);
        return None;
    }
    if let Some(notice) = &state.notice {
        pen.put(" ", theme.plain).put(&notice.text, theme.bold);
        return None;
    }
    if state.mode == Mode::Normal && !state.filter.is_empty() {
        pen.put(" ", theme.plain).put(&format!("filter `{}`", state.filter), theme.warning);
        pen.put("  ", theme.plain).put("Esc", theme.key).put(" clears it ", theme.dim);
    }
    // Help and quit always have a place; the others come in their order as long as there is room.
    let shown: Vec<_> = bindings(state.mode).iter().filter(|binding| !binding.label.is_empty()).collect();
    let columns = |binding: &&&crate::ui::tui::keymap::Binding| {
        text::width(&key(binding.keys_text)) + text::width(binding.label) + 3
    };
    let kept = shown.len().saturating_sub(2);
    let last: usize = shown[kept..].iter().map(|binding| columns(&binding)).sum();
    for (index, binding) in shown.iter().enumerate() {
        if index < kept && pen.room() < columns(&binding) + last {
            continue;
        }
        if pen.room() >= columns(&binding) {
            pen.put(" ", theme.plain).put(&key(binding.keys_text), theme.key);
            pen.put(" ", theme.plain).put(binding.label, theme.dim).put(" ", theme.plain);
        }
    }
    None
}

/// The first of the keys that do the same.
fn key(keys_text: &str) -> String {
    keys_text.split(' ').next().unwrap_or("").to_owned()
}
