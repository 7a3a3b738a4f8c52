//! From places in the rewritten text to places in the user's.

use std::fmt::Write as _;

use super::emit::Place;

/// What the comment with the positions begins with.
const LABEL: &str = "# devloop positions:";

/// From here on, up to the next mark, the text comes from `origin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// In the rewritten text.
    pub place: Place,
    /// In the user's text.
    pub origin: Place,
    /// Whether all of it stands for that one place.
    pub fixed: bool,
}

/// The positions behind a rewritten text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PositionMap {
    marks: Vec<Mark>,
}

impl PositionMap {
    /// Adds the comment with the positions to a text.
    pub(super) fn append(marks: &[Mark], text: &mut String) {
        text.push_str(LABEL);
        for Mark { place, origin, fixed } in marks {
            let sign = if *fixed { '!' } else { '=' };
            let _ = write!(text, " {}:{}{sign}{}:{}", place.line, place.column, origin.line, origin.column);
        }
    }

    /// The positions of a text; `None` when it is as the user wrote it.
    pub fn of(text: &str) -> Option<Self> {
        let (_, last) = text.rsplit_once('\n')?;
        let marks = last.strip_prefix(LABEL)?.split_ascii_whitespace().map(mark).collect::<Option<Vec<Mark>>>()?;
        Some(Self { marks })
    }

    /// The place in the user's text, line and column from 0.
    pub fn origin(&self, line: usize, column: usize) -> (usize, usize) {
        let place = Place { line, column };
        let index = self.marks.partition_point(|mark| mark.place <= place);
        let Some(mark) = index.checked_sub(1).map(|index| self.marks[index]) else { return (line, column) };
        let Mark { place: from, origin, fixed } = mark;
        if fixed {
            (origin.line, origin.column)
        } else if from.line == line {
            (origin.line, origin.column + (column - from.column))
        } else {
            (origin.line + (line - from.line), column)
        }
    }
}

fn mark(text: &str) -> Option<Mark> {
    let sign = text.find(['!', '='])?;
    let place = |text: &str| {
        let (line, column) = text.split_once(':')?;
        Some(Place { line: line.parse().ok()?, column: column.parse().ok()? })
    };
    Some(Mark { place: place(&text[..sign])?, origin: place(&text[sign + 1..])?, fixed: text[sign..].starts_with('!') })
}
