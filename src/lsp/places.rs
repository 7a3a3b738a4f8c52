//! Places in the words of the protocol: lines and columns from 0, columns in units of UTF-16, files as URIs.

use std::path::{Path, PathBuf};

use lsp_types::{Range, Uri};

use crate::diagnostic::{Position, Span};

/// The byte that a place of the protocol stands for; the end of the line if the column is beyond it.
pub(super) fn offset(text: &str, position: lsp_types::Position) -> usize {
    let mut start = 0;
    for _ in 0..position.line {
        match text[start..].find('\n') {
            Some(length) => start += length + 1,
            None => return text.len(),
        }
    }
    let line = text[start..].split('\n').next().unwrap_or_default();
    let mut units = 0;
    for (index, character) in line.char_indices() {
        if units >= position.character {
            return start + index;
        }
        units += utf16(character);
    }
    start + line.len()
}

/// A place of the protocol as one of ours.
pub(super) fn position(text: &str, place: lsp_types::Position) -> Position {
    let offset = offset(text, place);
    let before = &text[..offset];
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    let line = before.matches('\n').count();
    let number = |index: usize| u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
    Position { line: number(line), column: number(column) }
}

/// A span in the words of the protocol; a file without a place is its first character.
pub(super) fn range(text: &str, span: &Span) -> Range {
    Range { start: place(text, span.start), end: place(text, span.end) }
}

fn place(text: &str, position: Position) -> lsp_types::Position {
    let line = position.line.saturating_sub(1);
    let column = position.column.saturating_sub(1) as usize;
    let line_text = text.split('\n').nth(line as usize).unwrap_or_default();
    let character = line_text.chars().take(column).map(utf16).sum();
    lsp_types::Position { line, character }
}

fn utf16(character: char) -> u32 {
    if character.len_utf16() == 2 { 2 } else { 1 }
}

/// The file that a URI stands for; an unsaved text has none.
pub(super) fn path(uri: &Uri) -> Option<PathBuf> {
    url::Url::parse(uri.as_str()).ok()?.to_file_path().ok()
}

/// The URI of a file.
pub(super) fn uri(path: &Path) -> Option<Uri> {
    url::Url::from_file_path(path).ok()?.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_units_of_utf_16() {
        let text = "a = 'ä😀'; b\nc";
        let at = lsp_types::Position { line: 0, character: 11 };
        assert_eq!(&text[offset(text, at)..], "b\nc");
        let ours = position(text, at);
        assert_eq!((ours.line, ours.column), (1, 11));
        assert_eq!(place(text, ours), at);
        assert_eq!(offset(text, lsp_types::Position { line: 9, character: 9 }), text.len());
    }
}
