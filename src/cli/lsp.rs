//! `devloop lsp`: serves one editor.

use super::error::CommandError;
use super::exit_code::ExitCode;

pub(super) fn lsp() -> Result<ExitCode, CommandError> {
    match crate::lsp::serve() {
        Ok(()) => Ok(ExitCode::Ok),
        Err(error) => Err(CommandError::failed(error).hint("this command is for editors: see docs/editors.md")),
    }
}
