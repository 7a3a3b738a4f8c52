//! Writes the new text together with the positions that it comes from.

use super::position_map::{Mark, PositionMap};

/// A part of the new text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text that the user did not write, and the byte that stands for it.
    Text(String, usize),
    /// The user's text between two bytes.
    Copy(usize, usize),
}

/// Replaces the bytes between `start` and `end`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// The first byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// What comes instead.
    pub pieces: Vec<Piece>,
}

/// A line and a column, from 0, in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    fn advance(&mut self, text: &str) {
        for character in text.chars() {
            if character == '\n' {
                *self = Self { line: self.line + 1, column: 0 };
            } else {
                self.column += 1;
            }
        }
    }
}

pub(super) struct Emitter<'t> {
    text: &'t str,
    /// The edits of single words, sorted: they are made wherever the user's text is taken over.
    words: &'t [Edit],
    /// Up to where the user's text has been taken over.
    done: usize,
    output: String,
    place: Place,
    marks: Vec<Mark>,
    /// The last byte whose place was asked for, and its place: the bytes asked for mostly rise.
    known: (usize, Place),
}

impl<'t> Emitter<'t> {
    pub fn new(text: &'t str, words: &'t [Edit]) -> Self {
        let output = String::with_capacity(text.len() + 256);
        Self { text, words, done: 0, output, place: Place::default(), marks: Vec::new(), known: (0, Place::default()) }
    }

    /// Takes over the text up to the edit and makes the edit, unless it is in the middle of the one before: what looks like
    /// both has a mistake that the parser tells.
    pub fn apply(&mut self, edit: &Edit) {
        if edit.start < self.done {
            return;
        }
        self.copy(self.done, edit.start);
        for piece in &edit.pieces {
            match piece {
                Piece::Text(text, from) => self.own(text, *from),
                Piece::Copy(start, end) => self.copy(*start, *end),
            }
        }
        self.done = edit.end;
    }

    fn own(&mut self, text: &str, from: usize) {
        let origin = self.place_of(from);
        self.mark(origin, true);
        self.write(text);
    }

    /// Takes over the rest and adds the positions.
    pub fn finish(mut self) -> String {
        self.copy(self.done, self.text.len());
        if !self.output.ends_with('\n') {
            self.output.push('\n');
        }
        PositionMap::append(&self.marks, &mut self.output);
        self.output
    }

    fn copy(&mut self, start: usize, end: usize) {
        let words = self.words;
        let mut at = start;
        for word in &words[words.partition_point(|word| word.start < start)..] {
            if word.end > end {
                break;
            }
            self.verbatim(at, word.start);
            for piece in &word.pieces {
                if let Piece::Text(text, from) = piece {
                    self.own(text, *from);
                }
            }
            at = word.end;
        }
        self.verbatim(at, end);
    }

    fn verbatim(&mut self, start: usize, end: usize) {
        let origin = self.place_of(start);
        self.mark(origin, false);
        self.write(&self.text[start..end]);
    }

    fn write(&mut self, text: &str) {
        self.output.push_str(text);
        self.place.advance(text);
    }

    fn mark(&mut self, origin: Place, fixed: bool) {
        let mark = Mark { place: self.place, origin, fixed };
        // Nothing was written since the last mark.
        if self.marks.last().is_some_and(|last| last.place == self.place) {
            self.marks.pop();
        }
        self.marks.push(mark);
    }

    fn place_of(&mut self, byte: usize) -> Place {
        if byte < self.known.0 {
            self.known = (0, Place::default());
        }
        let (from, mut place) = self.known;
        place.advance(&self.text[from..byte]);
        self.known = (byte, place);
        place
    }
}
