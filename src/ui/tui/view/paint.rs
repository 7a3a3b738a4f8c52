//! Puts text into cells.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthChar as _;

use crate::ui::text;
use crate::ui::tui::ansi::Glyph;

/// A line that is written from left to right and ends at the right edge.
pub(super) struct Pen<'a> {
    buffer: &'a mut Buffer,
    x: u16,
    y: u16,
    end: u16,
}

impl<'a> Pen<'a> {
    /// Starts at the left edge of line `line` of `area`; outside of it nothing is drawn.
    pub(super) fn new(buffer: &'a mut Buffer, area: Rect, line: u16) -> Self {
        let end = if line < area.height { area.right() } else { area.x };
        Self { buffer, x: area.x, y: area.y + line, end }
    }

    /// How many columns are left.
    pub(super) fn room(&self) -> usize {
        usize::from(self.end - self.x)
    }

    /// Writes `text`, cut at the edge.
    pub(super) fn put(&mut self, text: &str, style: Style) -> &mut Self {
        let room = self.room();
        if room > 0 {
            let text = text::cut(text, room);
            let (x, _) = self.buffer.set_stringn(self.x, self.y, &text, room, style);
            self.x = x;
        }
        self
    }

    /// Writes `text` in exactly `columns`.
    pub(super) fn column(&mut self, text: &str, columns: usize, style: Style) -> &mut Self {
        self.put(&text::pad(text, columns), style)
    }

    /// Writes `text` if all of it fits.
    pub(super) fn put_whole(&mut self, text: &str, style: Style) -> bool {
        let fits = text::width(text) <= self.room();
        if fits {
            self.put(text, style);
        }
        fits
    }

    /// Goes on so that `columns` are left.
    pub(super) fn align_right(&mut self, columns: usize) -> &mut Self {
        let start = self.end.saturating_sub(u16::try_from(columns).unwrap_or(u16::MAX));
        self.x = self.x.max(start);
        self
    }

    /// Fills the rest of the line.
    pub(super) fn fill(&mut self, symbol: &str, style: Style) {
        let rest = symbol.repeat(self.room());
        self.put(&rest, style);
    }
}

/// Writes characters with styles from a cell up to `right`.
pub(super) fn put_glyphs(buffer: &mut Buffer, (mut x, y): (u16, u16), right: u16, glyphs: Vec<Glyph>) {
    let mut text = [0; 4];
    let mut last = None;
    for glyph in glyphs {
        let columns = glyph.char.width().unwrap_or(0) as u16;
        if columns == 0 {
            // A combining character belongs to the cell of the one before it.
            if let Some(cell) = last.and_then(|x| buffer.cell_mut((x, y))) {
                let symbol = format!("{}{}", cell.symbol(), glyph.char);
                cell.set_symbol(&symbol);
            }
            continue;
        }
        if x + columns > right {
            break;
        }
        buffer.set_stringn(x, y, glyph.char.encode_utf8(&mut text), usize::from(columns), glyph.style);
        last = Some(x);
        x += columns;
    }
}

/// Characters with styles as a line of a text.
pub(super) fn line_of(glyphs: &[Glyph]) -> Line<'static> {
    let runs = glyphs.chunk_by(|one, other| one.style == other.style);
    let span = |run: &[Glyph]| Span::styled(run.iter().map(|glyph| glyph.char).collect::<String>(), run[0].style);
    runs.map(span).collect::<Vec<_>>().into()
}
