//! One problem in the user's files.

use super::span::Span;

/// How bad a [`Diagnostic`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// The configuration can be used, and probably does not do what its author wants.
    Warning,
}

/// A second place that helps to understand a diagnostic.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Related {
    /// The place.
    pub span: Span,
    /// What is there, for example "first declared here".
    pub message: String,
}

/// One frame of the call chain that led to a diagnostic, innermost last.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Frame {
    /// Name of the function, or `<toplevel>`.
    pub name: String,
    /// The call.
    pub span: Span,
}

/// One problem in the user's files: what is wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Lower-case fragment without full stop; values in backticks.
    pub message: String,
    /// The place to show an excerpt of.
    pub primary: Option<Span>,
    /// Other places that matter.
    pub related: Vec<Related>,
    /// What to do next; each is a line of its own.
    pub help: Vec<String>,
    /// The call chain, outermost first; empty when the problem is at the top level of the entry file.
    pub trace: Vec<Frame>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            primary: None,
            related: Vec::new(),
            help: Vec::new(),
            trace: Vec::new(),
        }
    }

    /// A warning without a place.
    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// Adds the place.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.primary = Some(span);
        self
    }

    /// Adds a related place.
    #[must_use]
    pub fn related(mut self, span: Span, message: impl Into<String>) -> Self {
        self.related.push(Related { span, message: message.into() });
        self
    }

    /// Adds a line of help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Whether this is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
