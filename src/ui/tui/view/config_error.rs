//! What is wrong with the configuration, while it cannot be used.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::{Pen, put_glyphs};
use crate::diagnostic::count;
use crate::ui::text;
use crate::ui::tui::ansi::{Glyph, glyphs, wrap};
use crate::ui::tui::config_text::ConfigText;
use crate::ui::tui::theme::Theme;

/// Columns before the text.
const MARGIN: u16 = 3;

/// How many lines the panel needs; none while the configuration is fine.
pub(super) fn height(config: &ConfigText, columns: u16) -> usize {
    lines(config, columns, &Theme::new(crate::ui::ColorDepth::None, false)).len()
}

fn lines(config: &ConfigText, columns: u16, theme: &Theme) -> Vec<Vec<Glyph>> {
    let room = usize::from(columns.saturating_sub(MARGIN + 1)).max(10);
    config.errors().flat_map(|line| wrap(glyphs(line, theme.plain, theme.depth), room)).collect()
}

pub(super) fn draw(buffer: &mut Buffer, area: Rect, config: &ConfigText, theme: &Theme) {
    let lines = lines(config, area.width, theme);
    let hidden = lines.len().saturating_sub(usize::from(area.height));
    for (index, line) in lines.into_iter().take(usize::from(area.height)).enumerate() {
        Pen::new(buffer, area, index as u16).put(" ", theme.plain).put(theme.bar(), theme.error);
        put_glyphs(buffer, (area.x + MARGIN, area.y + index as u16), area.right(), line);
        if hidden > 0 && index + 1 == usize::from(area.height) {
            let more = format!(" {} ", count(hidden, "more line"));
            Pen::new(buffer, area, index as u16).align_right(text::width(&more)).put(&more, theme.warning);
        }
    }
}
