//! Places in the user's files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A place in a text file. Lines and columns count from 1; columns count Unicode scalar values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// Line, from 1; 0 when only the file is known.
    pub line: u32,
    /// Column, from 1; 0 when only the line is known.
    pub column: u32,
}

/// A stretch of one of the user's files; `end` is exclusive.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Span {
    /// The file, absolute, or a label such as `blob` in angle brackets for text that has no file.
    pub file: Arc<Path>,
    /// Where it starts.
    pub start: Position,
    /// Where it ends (exclusive).
    pub end: Position,
}

impl Span {
    /// A span between two positions of `file`.
    pub fn new(file: impl Into<Arc<Path>>, start: Position, end: Position) -> Self {
        Self { file: file.into(), start, end }
    }

    /// Whether `other` is a part of this one.
    pub fn contains(&self, other: &Self) -> bool {
        self.file == other.file && self.start <= other.start && other.end <= self.end
    }

    /// A span that names a whole file.
    pub fn file(file: impl Into<PathBuf>) -> Self {
        Self { file: Arc::from(file.into()), start: Position::default(), end: Position::default() }
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.start.line > 0 {
            write!(f, ":{}", self.start.line)?;
        }
        if self.start.column > 0 {
            write!(f, ":{}", self.start.column)?;
        }
        Ok(())
    }
}

/// A value and the place that it was declared at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where the user wrote it.
    pub span: Span,
}
