//! Errors of the surroundings: a line, its causes, and a hint on what to try.

use std::io::Write as _;

use super::exit_code::ExitCode;

/// Why a command could not be carried out.
#[derive(Debug)]
pub(super) struct CommandError {
    message: String,
    hints: Vec<String>,
    code: ExitCode,
}

impl CommandError {
    /// Something around devloop is not as needed.
    pub(super) fn environment(message: impl std::fmt::Display) -> Self {
        Self { message: message.to_string(), hints: Vec::new(), code: ExitCode::Environment }
    }

    /// It was tried and failed.
    pub(super) fn failed(message: impl std::fmt::Display) -> Self {
        Self { message: message.to_string(), hints: Vec::new(), code: ExitCode::Failed }
    }

    /// Adds a next step.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// What is wrong, without the hints.
    pub(super) fn text(&self) -> &str {
        &self.message
    }

    /// What is wrong and what to try, each in a line.
    pub(super) fn whole_text(&self) -> String {
        self.hints.iter().fold(self.message.clone(), |text, hint| text + "\nhint: " + hint)
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        self.code
    }
}

/// The one place that prints a failure.
pub(super) fn print(error: &CommandError) {
    let mut text = format!("Error: {}\n", error.message);
    for hint in &error.hints {
        text.push_str("  hint: ");
        text.push_str(hint);
        text.push('\n');
    }
    // Nobody is left to tell when standard error is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
