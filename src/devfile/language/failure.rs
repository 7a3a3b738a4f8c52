//! Why a builtin or a file fails, and how errors of the starlark crate become diagnostics.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use starlark::ErrorKind;
use starlark::codemap::{FileSpan, Pos, ResolvedPos};

use super::rewrite::{self, PositionMap};
use super::source::number;
use super::wording::reworded;
use crate::diagnostic::{Diagnostic, Frame, Position, Span};

/// Why a builtin fails: a diagnostic that gets its place from the call unless it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    diagnostic: Box<Diagnostic>,
    parameter: Option<String>,
}

/// What a builtin and its helpers return.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// A failure with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Diagnostic::error(message).into()
    }

    /// Says that the argument of this parameter is the problem, so that the excerpt points at it.
    #[must_use]
    pub fn about(mut self, parameter: &str) -> Self {
        self.parameter = Some(parameter.to_owned());
        self
    }

    /// The parameter whose argument is the problem, as long as the place is not known.
    pub fn parameter(&self) -> Option<&str> {
        self.parameter.as_deref().filter(|_| self.diagnostic.primary.is_none())
    }

    /// Adds the place.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        *self.diagnostic = self.diagnostic.at(span);
        self
    }

    /// Names the file, unless the place is known.
    #[must_use]
    pub fn within(self, file: &Path) -> Self {
        if self.diagnostic.primary.is_some() { self } else { self.at(Span::file(file)) }
    }

    /// Adds a line of help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.diagnostic.help.push(help.into());
        self
    }

    /// Adds a line of help if there is one.
    #[must_use]
    pub fn maybe_help(self, help: Option<String>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }

    /// The diagnostic.
    pub fn into_diagnostic(self) -> Diagnostic {
        *self.diagnostic
    }

    /// Adds a related place.
    #[must_use]
    pub fn related(mut self, span: Span, message: impl Into<String>) -> Self {
        *self.diagnostic = self.diagnostic.related(span, message);
        self
    }

    /// Puts a text before the message.
    #[must_use]
    pub fn context(mut self, context: &str) -> Self {
        self.diagnostic.message = format!("{context}: {}", self.diagnostic.message);
        self
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { diagnostic: Box::new(diagnostic), parameter: None }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for starlark::Error {
    fn from(failure: Failure) -> Self {
        starlark::Error::new_other(failure)
    }
}

impl From<starlark::Error> for Failure {
    fn from(error: starlark::Error) -> Self {
        diagnostic_of(&error).into()
    }
}

/// A place as the starlark crate tells it, in the text that the user wrote.
pub(crate) fn span_of(location: &FileSpan) -> Span {
    let source = location.file.source();
    let map = PositionMap::of(source);
    let end = match map {
        Some(_) => source.rfind('\n').unwrap_or_default(),
        None => source.len(),
    };
    let code = source[..end].trim_end().len();
    let resolved = if location.span.begin().get() as usize > code {
        // What is missing at the end of a file is missing behind its last character.
        let last = Pos::new(u32::try_from(code).unwrap_or(u32::MAX));
        location.file.file_span(starlark::codemap::Span::new(last, last)).resolve_span()
    } else {
        location.resolve_span()
    };
    let position = |ResolvedPos { line, column }: ResolvedPos| {
        let (line, column) = map.as_ref().map_or((line, column), |map| map.origin(line, column));
        Position { line: number(line), column: number(column) }
    };
    let (start, end) = (position(resolved.begin), position(resolved.end));
    // The end of a rewritten loop stands for its beginning.
    Span::new(Arc::<Path>::from(PathBuf::from(location.filename())), start, end.max(start))
}

/// What went wrong in an evaluation, with its place and the call chain.
fn diagnostic_of(error: &starlark::Error) -> Diagnostic {
    let primary = error.span().map(span_of);
    let mut diagnostic = match carried(error.kind()) {
        Some(failure) => (*failure.diagnostic).clone(),
        None => with_user_names(reworded(error)),
    };
    let mut trace = Vec::new();
    let mut caller = "<toplevel>".to_owned();
    for frame in &error.call_stack().frames {
        let Some(location) = &frame.location else { continue };
        let name = rewrite::restore(&frame.name).into_owned();
        trace.push(Frame { name: std::mem::replace(&mut caller, name), span: span_of(location) });
    }
    if let Some(span) = &primary {
        // The call of a builtin is the place of the error itself, not a step that led to it.
        if trace.last().is_some_and(|frame| frame.span != *span) {
            trace.push(Frame { name: caller, span: span.clone() });
        }
    }
    let inside = diagnostic.primary.as_ref().zip(primary.as_ref()).is_some_and(|(inner, outer)| outer.contains(inner));
    if diagnostic.primary.is_none() || inside {
        diagnostic.primary =
            diagnostic.primary.take().or(primary).or_else(|| trace.last().map(|frame| frame.span.clone()));
        if trace.len() > 1 {
            diagnostic.trace = trace;
        }
    } else if let Some(span) = primary {
        // It happened in another file: the call that led there comes first.
        if trace.is_empty() {
            trace.push(Frame { name: "<toplevel>".to_owned(), span });
        }
        trace.extend(std::mem::take(&mut diagnostic.trace));
        let shown = |span: &Span| {
            diagnostic.primary.as_ref() == Some(span) || diagnostic.related.iter().any(|related| related.span == *span)
        };
        // One step that can be seen already says nothing.
        if !matches!(&trace[..], [frame] if shown(&frame.span)) {
            diagnostic.trace = trace;
        }
    }
    diagnostic
}

/// Names as the user has spelled them.
fn with_user_names(mut diagnostic: Diagnostic) -> Diagnostic {
    for text in std::iter::once(&mut diagnostic.message).chain(&mut diagnostic.help) {
        if let Cow::Owned(restored) = rewrite::restore(text) {
            *text = restored;
        }
    }
    diagnostic
}

fn carried(kind: &ErrorKind) -> Option<&Failure> {
    match kind {
        ErrorKind::Native(error) | ErrorKind::Other(error) | ErrorKind::Value(error) | ErrorKind::Function(error) => {
            error.downcast_ref::<Failure>()
        }
        _ => None,
    }
}
