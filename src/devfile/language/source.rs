//! The text of a file on its way to the parser.

use std::path::Path;

use starlark::syntax::{AstModule, Dialect, DialectTypes};

use super::failure::Failure;
use super::rewrite;
use crate::diagnostic::{Position, Span};

/// The language of reference §1.1.
const DIALECT: Dialect = Dialect {
    enable_def: true,
    enable_lambda: true,
    enable_load: true,
    enable_keyword_only_arguments: true,
    enable_positional_only_arguments: false,
    enable_types: DialectTypes::Disable,
    enable_load_reexport: false,
    enable_top_level_stmt: true,
    enable_f_strings: false,
    ..Dialect::Standard
};

/// Parses the text of `file`. Its places are told by [`super::failure::span_of`], which knows what was rewritten.
pub(crate) fn parse(file: &Path, text: &str) -> starlark::Result<AstModule> {
    // Editors on Windows leave a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let rewritten = rewrite::rewrite(text).map_err(|problem| refused(file, text, problem))?;
    AstModule::parse(&file.to_string_lossy(), rewritten, &DIALECT)
}

fn refused(file: &Path, text: &str, problem: rewrite::Problem) -> Failure {
    let position = |byte: usize| {
        let before = &text[..byte];
        let line = before.matches('\n').count();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        Position { line: number(line), column: number(column) }
    };
    let span = Span::new(file, position(problem.start), position(problem.end));
    Failure::new(problem.message).maybe_help(problem.help.map(str::to_owned)).at(span)
}

/// A line or a column, from 1, of one from 0.
pub(super) fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1)
}
