//! Why a builtin or a file fails, and how errors of the starlark crate become diagnostics.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use starlark::ErrorKind;
use starlark::codemap::{FileSpan, ResolvedSpan};

use crate::diagnostic::{Diagnostic, Frame, Position, Span, did_you_mean};

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

/// A place as the starlark crate tells it.
pub(crate) fn span_of(location: &FileSpan) -> Span {
    resolved(Arc::from(PathBuf::from(location.filename())), location.resolve_span())
}

fn resolved(file: Arc<Path>, span: ResolvedSpan) -> Span {
    let position = |line: usize, column: usize| Position {
        line: u32::try_from(line).unwrap_or(u32::MAX).saturating_add(1),
        column: u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1),
    };
    Span::new(file, position(span.begin.line, span.begin.column), position(span.end.line, span.end.column))
}

/// What went wrong in an evaluation, with its place and the call chain.
fn diagnostic_of(error: &starlark::Error) -> Diagnostic {
    let primary = error.span().map(span_of);
    let mut diagnostic = match carried(error.kind()) {
        Some(failure) => (*failure.diagnostic).clone(),
        None => reworded(error),
    };
    let mut trace = Vec::new();
    let mut caller = "<toplevel>".to_owned();
    for frame in &error.call_stack().frames {
        let Some(location) = &frame.location else { continue };
        trace.push(Frame { name: std::mem::replace(&mut caller, frame.name.clone()), span: span_of(location) });
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

fn carried(kind: &ErrorKind) -> Option<&Failure> {
    match kind {
        ErrorKind::Native(error) | ErrorKind::Other(error) | ErrorKind::Value(error) | ErrorKind::Function(error) => {
            error.downcast_ref::<Failure>()
        }
        _ => None,
    }
}

/// The crate's own messages in this project's words, where those help more.
fn reworded(error: &starlark::Error) -> Diagnostic {
    let text = match error.kind() {
        ErrorKind::Fail(inner)
        | ErrorKind::StackOverflow(inner)
        | ErrorKind::Value(inner)
        | ErrorKind::Function(inner)
        | ErrorKind::Scope(inner)
        | ErrorKind::Parser(inner)
        | ErrorKind::Freeze(inner)
        | ErrorKind::Internal(inner)
        | ErrorKind::Native(inner)
        | ErrorKind::Other(inner) => inner.to_string(),
        _ => error.without_diagnostic().to_string(),
    };
    if let Some(rest) = text.strip_prefix("Variable `")
        && let Some((name, _)) = rest.split_once('`')
        && text.contains("not found")
    {
        return unknown_name(name, &text);
    }
    if matches!(error.kind(), ErrorKind::StackOverflow(_)) {
        return Diagnostic::error("the calls are nested too deeply")
            .help("a function that calls itself needs a case in which it does not");
    }
    if text == "Immutable" {
        return Diagnostic::error("this value cannot be changed")
            .help("values from loaded files are frozen; change a copy: `list(x)`, `dict(x)`");
    }
    let text = text.strip_prefix("Parse error: ").unwrap_or(&text);
    match text.split_once(", did you mean `") {
        Some((problem, suggestion)) => {
            let suggestion = suggestion.trim_end_matches(['?', '`']);
            Diagnostic::error(lower_first(problem)).help(format!("did you mean `{suggestion}`?"))
        }
        None => Diagnostic::error(lower_first(text.trim_end_matches('.'))),
    }
}

fn unknown_name(name: &str, text: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error(format!("unknown name `{name}`"));
    let known = super::globals::names();
    let suggestion = did_you_mean(name, known.iter().map(String::as_str)).or_else(|| {
        let (_, rest) = text.split_once("did you mean `")?;
        rest.split_once('`').map(|(suggestion, _)| suggestion.to_owned())
    });
    match suggestion {
        Some(suggestion) => diagnostic.help(format!("did you mean `{suggestion}`?")),
        None => diagnostic,
    }
}

/// Lower case for the first letter of a sentence, not for that of an acronym or a type.
fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(first), second) if !second.is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.to_owned(),
    }
}
