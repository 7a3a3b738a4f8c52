//! The log pane: which lines it holds, where it stands in them, and what a search finds.
//!
//! The pane keeps the lines of its filter (cheap: the texts are shared with the store), so that drawing and
//! scrolling never wait for writers. It stands at a line by its sequence number, so new lines do not move the text
//! under the reader's eyes.

use unicode_width::UnicodeWidthChar as _;

use super::ansi::{Glyph, glyphs, wrap};
use super::log_pattern::{LogPattern, Needle};
use super::theme::Theme;
use crate::logs::{Level, LogFilter, LogLine, LogReader, strip_colors};

/// Where the pane stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Anchor {
    /// At the end, and new lines are followed.
    #[default]
    End,
    /// At a row of the line with this sequence number, which is at the top.
    Top { sequence: u64, row: usize },
}

/// How lines are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LineFormat {
    pub(super) columns: usize,
    pub(super) wrap: bool,
    pub(super) timestamps: bool,
    /// Whether the resource is named.
    pub(super) names: bool,
    /// How many columns are scrolled out on the left, when lines are not wrapped.
    pub(super) offset: usize,
    /// Whether a line that is a JSON object is spread over several rows.
    pub(super) json: bool,
}

/// What is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Search {
    pub(super) needle: String,
    /// The lines that have it, by sequence number.
    pub(super) found: Vec<u64>,
    /// The one that the pane went to.
    pub(super) current: Option<u64>,
}

/// The log pane.
#[derive(Clone, Debug, Default)]
pub(super) struct LogPane {
    filter: LogFilter,
    pattern: LogPattern,
    lines: Vec<LogLine>,
    next: u64,
    revision: u64,
    pub(super) anchor: Anchor,
    pub(super) search: Option<Search>,
}

impl LineFormat {
    /// Columns of the resource's name.
    fn name_columns(&self) -> usize {
        if self.columns < 60 { 8 } else { 13 }
    }
}

impl LogPane {
    /// Takes in what is new. Another filter is read from the start and shown from its end.
    pub(super) fn refresh(&mut self, reader: &LogReader, filter: LogFilter, pattern: &str) {
        let revision = reader.revision();
        let another = filter != self.filter || pattern != self.pattern.text();
        if another || revision != self.revision {
            if another {
                self.anchor = Anchor::End;
            }
            if pattern != self.pattern.text() {
                self.pattern = LogPattern::new(pattern);
            }
            self.filter = filter;
            self.revision = revision;
            self.lines.clear();
            self.next = 0;
            if let Some(search) = &mut self.search {
                search.found.clear();
            }
        }
        let mut new = reader.since_filtered(self.next, &self.filter);
        let Some(last) = new.last() else { return };
        self.next = last.sequence + 1;
        new.retain(|line| self.pattern.accepts(&line.text));
        if let Some(search) = &mut self.search {
            let needle = Needle::new(&search.needle);
            search.found.extend(new.iter().filter(|line| needle.is_in(&line.text)).map(|line| line.sequence));
        }
        self.lines.extend(new);
    }

    /// What is wrong with the pattern of its lines.
    pub(super) fn pattern_error(&self) -> Option<&str> {
        self.pattern.error()
    }

    /// The rows to draw, at most `height`, the newest at the bottom.
    pub(super) fn window(&self, format: LineFormat, height: usize, theme: &Theme) -> Vec<Vec<Glyph>> {
        let (index, row) = self.top(format, height);
        let needle = self.search.as_ref().map(|search| (Needle::new(&search.needle), search.current));
        let mut rows = Vec::with_capacity(height);
        let mut skip = row;
        for line in &self.lines[index..] {
            if rows.len() >= height {
                break;
            }
            let mut of_line = layout(line, format, theme, needle.as_ref());
            rows.extend(of_line.drain(skip.min(of_line.len())..));
            skip = 0;
        }
        rows.truncate(height);
        rows
    }

    /// All lines as a text, with their colours.
    pub(super) fn text(&self, format: LineFormat) -> String {
        let mut text = String::new();
        for line in &self.lines {
            if format.timestamps {
                text.push_str(&line.time.with_timezone(&chrono::Local).format("%H:%M:%S%.3f ").to_string());
            }
            if format.names {
                let name = line.resource.as_ref().map_or("", |name| name.as_str());
                text.push_str(&crate::ui::text::pad_left(name, format.name_columns()));
                text.push_str(" │ ");
            }
            text.push_str(line.mark());
            text.push_str(&line.text);
            text.push('\n');
        }
        text
    }

    /// The lines that are in sight as they were written, without colours.
    pub(super) fn text_in_sight(&self, format: LineFormat, height: usize) -> String {
        let (first, _) = self.top(format, height);
        let lines = self.lines.iter().skip(first).take(self.last_shown(format, height).saturating_sub(first) + 1);
        let mut text = String::new();
        for line in lines {
            text.push_str(&strip_colors(&line.text));
            text.push('\n');
        }
        text
    }

    /// How many lines are below the window; 0 when the end is shown.
    pub(super) fn below(&self, format: LineFormat, height: usize) -> usize {
        match self.anchor {
            Anchor::End => 0,
            Anchor::Top { .. } => self.lines.len().saturating_sub(self.last_shown(format, height) + 1),
        }
    }

    /// Moves by `rows`, down when positive. Arriving at the end means to follow.
    pub(super) fn scroll(&mut self, rows: isize, format: LineFormat, height: usize) {
        let (mut index, mut row) = self.top(format, height);
        for _ in 0..rows.unsigned_abs() {
            if rows < 0 {
                if row > 0 {
                    row -= 1;
                } else if index > 0 {
                    index -= 1;
                    row = self.rows_of(index, format) - 1;
                } else {
                    break;
                }
            } else if index < self.lines.len() {
                row += 1;
                if row >= self.rows_of(index, format) {
                    index += 1;
                    row = 0;
                }
            }
        }
        self.stand_at(index, row, format, height);
    }

    /// Goes to the first line.
    pub(super) fn go_to_top(&mut self, format: LineFormat, height: usize) {
        self.stand_at(0, 0, format, height);
    }

    /// Goes to the end and follows.
    pub(super) fn follow(&mut self) {
        self.anchor = Anchor::End;
    }

    /// Searches for `needle` (nothing when it is empty) and goes to the last line that has it, if it is not in sight.
    pub(super) fn search_for(&mut self, needle: String, format: LineFormat, height: usize) {
        if needle.is_empty() {
            self.search = None;
            return;
        }
        let matcher = Needle::new(&needle);
        let found: Vec<u64> =
            self.lines.iter().filter(|line| matcher.is_in(&line.text)).map(|line| line.sequence).collect();
        // The newest that is not below the window: what the reader looks at is searched first, then upwards.
        let last_shown = self.lines.get(self.last_shown(format, height)).map_or(u64::MAX, |line| line.sequence);
        let at = found.partition_point(|&sequence| sequence <= last_shown);
        let current = found.get(at.saturating_sub(1)).copied();
        self.search = Some(Search { needle, found, current });
        self.reveal_current(format, height);
    }

    /// Goes to the next line that has it, or to the one before; around the ends.
    pub(super) fn search_step(&mut self, forward: bool, format: LineFormat, height: usize) {
        let Some(search) = &mut self.search else { return };
        if search.found.is_empty() {
            return;
        }
        let count = search.found.len();
        let next = match search.current {
            Some(current) if forward => search.found.partition_point(|&sequence| sequence <= current) % count,
            Some(current) => (search.found.partition_point(|&sequence| sequence < current) + count - 1) % count,
            None => count - 1,
        };
        search.current = Some(search.found[next]);
        self.reveal_current(format, height);
    }

    fn reveal_current(&mut self, format: LineFormat, height: usize) {
        let Some(current) = self.search.as_ref().and_then(|search| search.current) else { return };
        let index = self.lines.partition_point(|line| line.sequence < current);
        let (top, row) = self.top(format, height);
        let first_whole = if row == 0 { top } else { top + 1 };
        if (first_whole..=self.last_shown(format, height)).contains(&index) {
            return;
        }
        self.stand_at(index, 0, format, height);
        self.scroll(-(height / 3).cast_signed(), format, height);
    }

    fn stand_at(&mut self, index: usize, row: usize, format: LineFormat, height: usize) {
        let end = self.end_top(format, height);
        self.anchor = match self.lines.get(index) {
            Some(line) if (index, row) < end => Anchor::Top { sequence: line.sequence, row },
            _ => Anchor::End,
        };
    }

    /// Index and row of what is at the top of the window.
    fn top(&self, format: LineFormat, height: usize) -> (usize, usize) {
        match self.anchor {
            Anchor::End => self.end_top(format, height),
            Anchor::Top { sequence, row } => {
                let index = self.lines.partition_point(|line| line.sequence < sequence);
                let is_there = self.lines.get(index).is_some_and(|line| line.sequence == sequence);
                let row = if is_there { row.min(self.rows_of(index, format) - 1) } else { 0 };
                (index, row).min(self.end_top(format, height))
            }
        }
    }

    /// The top of the window that shows the end.
    fn end_top(&self, format: LineFormat, height: usize) -> (usize, usize) {
        let mut missing = height;
        for index in (0..self.lines.len()).rev() {
            let rows = self.rows_of(index, format);
            if rows >= missing {
                return (index, rows - missing);
            }
            missing -= rows;
        }
        (0, 0)
    }

    /// Index of the last line of which a row is shown.
    fn last_shown(&self, format: LineFormat, height: usize) -> usize {
        let (mut index, row) = self.top(format, height);
        let mut left = height + row;
        while index < self.lines.len() {
            let rows = self.rows_of(index, format);
            if rows >= left {
                return index;
            }
            left -= rows;
            index += 1;
        }
        self.lines.len().saturating_sub(1)
    }

    /// How many rows a line takes; at least 1.
    fn rows_of(&self, index: usize, format: LineFormat) -> usize {
        let line = &self.lines[index];
        // The usual short line need not be looked into: no character of it is wider than its bytes, but for tabs.
        if format.json && spread(&line.text).is_some() {
            return layout(line, format, &Theme::new(crate::ui::ColorDepth::None, false), None).len();
        }
        if !format.wrap || (line.text.len() + margin(line, format) <= format.columns && !line.text.contains('\t')) {
            return 1;
        }
        layout(line, format, &Theme::new(crate::ui::ColorDepth::None, false), None).len()
    }
}

/// Columns that a line has before its text, at most.
fn margin(line: &LogLine, format: LineFormat) -> usize {
    let time = if format.timestamps { "12:34:56 ".len() } else { 0 };
    let name = if format.names { format.name_columns() + 3 } else { 0 };
    let mark = line.mark().len();
    time + name + mark
}

/// The rows of one line; at least one.
fn layout(
    line: &LogLine,
    format: LineFormat,
    theme: &Theme,
    needle: Option<&(Needle, Option<u64>)>,
) -> Vec<Vec<Glyph>> {
    let mut before: Vec<Glyph> = Vec::new();
    let mut put = |text: &str, style| before.extend(text.chars().map(|char| Glyph { char, style }));
    if format.timestamps {
        let time = line.time.with_timezone(&chrono::Local).format("%H:%M:%S ").to_string();
        put(&time, theme.dim);
    }
    if format.names {
        let (name, style) = line.resource.as_ref().map_or(("", theme.plain), |name| (name.as_str(), theme.name(name)));
        put(&crate::ui::text::pad_left(name, format.name_columns()), style);
        put(&format!(" {} ", theme.bar()), theme.dim);
    }
    let base = match line.level {
        Level::Debug => theme.dim,
        Level::Info => theme.plain,
        Level::Warn => theme.warning,
        Level::Error => theme.error,
    };
    let indent = before.iter().map(|glyph| glyph.char.width().unwrap_or(0)).sum::<usize>();
    let room = format.columns.saturating_sub(indent).max(1);
    if format.json
        && let Some(spread) = spread(&line.text)
    {
        let mut rows: Vec<Vec<Glyph>> = Vec::new();
        for text in spread.lines() {
            let text = glyphs(text, base, theme.depth);
            rows.extend(if format.wrap { wrap(text, room) } else { vec![clip(&text, format.offset, room)] });
        }
        for (index, row) in rows.iter_mut().enumerate() {
            let margin =
                if index == 0 { before.clone() } else { vec![Glyph { char: ' ', style: theme.plain }; indent] };
            row.splice(..0, margin);
        }
        return rows;
    }
    let mut text = Vec::new();
    text.extend(line.mark().chars().map(|char| Glyph { char, style: base }));
    let marked = text.len();
    text.extend(glyphs(&line.text, base, theme.depth));
    if let Some((needle, current)) = needle {
        let style = if *current == Some(line.sequence) { theme.found_here } else { theme.found };
        let chars: Vec<char> = text[marked..].iter().map(|glyph| glyph.char).collect();
        for start in needle.positions(&chars) {
            for glyph in &mut text[marked + start..marked + start + needle.chars.len()] {
                glyph.style = style;
            }
        }
    }
    if !format.wrap {
        before.extend(clip(&text, format.offset, room));
        return vec![before];
    }
    let mut rows = wrap(text, room);
    for (index, row) in rows.iter_mut().enumerate() {
        let margin = if index == 0 { before.clone() } else { vec![Glyph { char: ' ', style: theme.plain }; indent] };
        row.splice(..0, margin);
    }
    rows
}

/// A line that is a JSON object, over several rows; `None` for all others.
fn spread(text: &str) -> Option<String> {
    // Colours around it, or a prefix, are no part of it.
    let plain = strip_colors(text);
    let object = plain.trim();
    if !object.starts_with('{') || !object.ends_with('}') {
        return None;
    }
    let value: serde_json::Map<String, serde_json::Value> = serde_json::from_str(object).ok()?;
    serde_json::to_string_pretty(&value).ok()
}

/// The columns of `text` from `offset` on, `room` of them.
fn clip(text: &[Glyph], offset: usize, room: usize) -> Vec<Glyph> {
    let mut column = 0;
    let mut shown = Vec::new();
    for &glyph in text {
        let columns = glyph.char.width().unwrap_or(0);
        if column >= offset && column + columns <= offset + room {
            shown.push(glyph);
        }
        column += columns;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::{LogSource, LogStore};
    use crate::ui::ColorDepth;

    const FORMAT: LineFormat =
        LineFormat { columns: 10, wrap: true, timestamps: false, names: false, offset: 0, json: false };

    fn pane(lines: &[&str]) -> (LogStore, LogReader, LogPane) {
        let store = LogStore::new();
        let sink = store.sink(Some("web".into()), LogSource::Runtime);
        for line in lines {
            sink.info(line);
        }
        let reader = store.reader();
        let mut pane = LogPane::default();
        pane.refresh(&reader, LogFilter::default(), "");
        (store, reader, pane)
    }

    fn shown(pane: &LogPane, height: usize) -> Vec<String> {
        let rows = pane.window(FORMAT, height, &Theme::new(ColorDepth::None, false));
        rows.iter().map(|row| row.iter().map(|glyph| glyph.char).collect()).collect()
    }

    #[test]
    fn the_end_is_shown_and_long_lines_are_wrapped() {
        let (_store, _reader, pane) = pane(&["one", "two", "0123456789abcdef", "end"]);
        assert_eq!(shown(&pane, 3), ["0123456789", "abcdef", "end"]);
        assert_eq!(shown(&pane, 2), ["abcdef", "end"]);
        assert_eq!(shown(&pane, 9), ["one", "two", "0123456789", "abcdef", "end"]);
    }

    #[test]
    fn scrolled_text_stands_still_while_lines_come() {
        let (store, reader, mut pane) = pane(&["1", "2", "3", "4", "5", "6"]);
        pane.scroll(-2, FORMAT, 3);
        assert_eq!(shown(&pane, 3), ["2", "3", "4"]);
        store.sink(None, LogSource::Build).info("7");
        pane.refresh(&reader, LogFilter::default(), "");
        assert_eq!(shown(&pane, 3), ["2", "3", "4"]);
        assert_eq!(pane.below(FORMAT, 3), 3);
        pane.scroll(-100, FORMAT, 3);
        assert_eq!(shown(&pane, 3), ["1", "2", "3"]);
        pane.scroll(100, FORMAT, 3);
        assert_eq!(pane.anchor, Anchor::End);
        assert_eq!(shown(&pane, 3), ["5", "6", "7"]);
    }

    #[test]
    fn scrolling_goes_through_wrapped_lines_row_by_row() {
        let (_store, _reader, mut pane) = pane(&["0123456789abcdefghijklmno", "x"]);
        assert_eq!(shown(&pane, 2), ["klmno", "x"]);
        pane.scroll(-1, FORMAT, 2);
        assert_eq!(shown(&pane, 2), ["abcdefghij", "klmno"]);
        pane.scroll(-1, FORMAT, 2);
        assert_eq!(shown(&pane, 2), ["0123456789", "abcdefghij"]);
        pane.scroll(2, FORMAT, 2);
        assert_eq!(pane.anchor, Anchor::End);
    }

    #[test]
    fn search_starts_at_what_is_seen_and_goes_around() {
        let (store, reader, mut pane) = pane(&["a Error 1", "b", "c", "d", "e error 2", "f", "g", "h"]);
        pane.search_for("error".into(), FORMAT, 2);
        let current = |pane: &LogPane| pane.search.as_ref().and_then(|search| search.current);
        assert_eq!(current(&pane), Some(4));
        assert!(shown(&pane, 2).contains(&"e error 2".to_owned()), "{:?}", shown(&pane, 2));
        pane.search_step(false, FORMAT, 2);
        assert_eq!(current(&pane), Some(0));
        pane.search_step(false, FORMAT, 2);
        assert_eq!(current(&pane), Some(4));
        store.sink(None, LogSource::Build).info("\x1b[31merr\x1b[0mor 3");
        pane.refresh(&reader, LogFilter::default(), "");
        pane.search_step(true, FORMAT, 2);
        assert_eq!(current(&pane), Some(8), "colours do not hide a word");
        pane.search_for("Error".into(), FORMAT, 2);
        assert_eq!(pane.search.as_ref().map(|search| search.found.len()), Some(1), "a capital is meant");
        pane.search_for(String::new(), FORMAT, 2);
        assert_eq!(pane.search, None);
    }

    #[test]
    fn wide_characters_are_not_cut_in_two() {
        let (_store, _reader, pane) = pane(&["世界世界世界"]);
        assert_eq!(shown(&pane, 3), ["世界世界世", "界"]);
        let format = LineFormat { wrap: false, offset: 1, ..FORMAT };
        let rows = pane.window(format, 1, &Theme::new(ColorDepth::None, false));
        let text: String = rows[0].iter().map(|glyph| glyph.char).collect();
        assert_eq!(text, "界世界世");
    }

    #[test]
    fn only_lines_with_the_pattern_are_held() {
        let (store, reader, mut pane) = pane(&["GET /health", "GET /orders", "POST /orders"]);
        let mut shown_with = |pattern: &str| {
            pane.refresh(&reader, LogFilter::default(), pattern);
            shown(&pane, 9)
        };
        assert_eq!(shown_with("orders"), ["GET /order", "s", "POST /orde", "rs"]);
        assert_eq!(shown_with("!health"), ["GET /order", "s", "POST /orde", "rs"]);
        assert_eq!(shown_with("~^get.*s$"), ["GET /order", "s"]);
        store.sink(None, LogSource::Build).info("get bonus");
        assert_eq!(shown_with("~^get.*s$"), ["GET /order", "s", "get bonus"]);
        assert_eq!(shown_with("~("), Vec::<String>::new());
        assert!(pane.pattern_error().is_some());
    }

    #[test]
    fn json_lines_are_spread_and_others_are_not() {
        let (_store, _reader, pane) = pane(&["{x}", r#"{"a":1,"b":[]}"#, "end"]);
        let format = LineFormat { json: true, ..FORMAT };
        let rows = pane.window(format, 9, &Theme::new(ColorDepth::None, false));
        let rows: Vec<String> = rows.iter().map(|row| row.iter().map(|glyph| glyph.char).collect()).collect();
        assert_eq!(rows, ["{x}", "{", "  \"a\": 1,", "  \"b\": []", "}", "end"]);
        assert_eq!(pane.window(format, 2, &Theme::new(ColorDepth::None, false)).len(), 2);
    }

    #[test]
    fn another_filter_starts_at_its_end() {
        let (store, reader, mut pane) = pane(&["1", "2", "3"]);
        store.sink(None, LogSource::Build).info("main");
        pane.go_to_top(FORMAT, 1);
        pane.refresh(&reader, LogFilter { producer: crate::logs::Producer::Main, ..LogFilter::default() }, "");
        assert_eq!(shown(&pane, 3), ["main"]);
        assert_eq!(pane.anchor, Anchor::End);
    }
}
