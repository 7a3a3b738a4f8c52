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
        .map_err(|error| in_bracket(text, error.into()).into())
}

/// What is unexpected inside of a bracket mostly follows on something that is missing: a comma, or the closing bracket.
fn in_bracket(text: &str, failure: Failure) -> Failure {
    let diagnostic = failure.into_diagnostic();
    let Some(place) = diagnostic.primary.clone().filter(|_| diagnostic.message.starts_with("unexpected ")) else {
        return diagnostic.into();
    };
    let Some(open) = rewrite::open_at(text, byte_of(text, place.start)) else { return diagnostic.into() };
    let bracket = &text[open..=open];
    let closing = match bracket {
        "(" => ")",
        "[" => "]",
        _ => "}",
    };
    let start = position(text, open);
    let is_expected = diagnostic.message.ends_with(&format!("expected symbol '{closing}'"));
    let is_same_line = start.line == place.start.line;
    let is_end = ["unexpected new line", "unexpected end"].iter().any(|end| diagnostic.message.starts_with(end));
    if is_same_line && !is_end && !is_expected {
        return diagnostic.into();
    }
    let diagnostic = diagnostic.help(if is_expected {
        format!("a `,` or the closing `{closing}` is missing before it")
    } else {
        format!("is the closing `{closing}` missing before it?")
    });
    // What can be seen in the excerpt need not be told.
    if is_same_line {
        return diagnostic.into();
    }
    let end = Position { column: start.column + 1, ..start };
    diagnostic.related(Span::new(place.file, start, end), format!("this `{bracket}` is open")).into()
}

/// The place of a byte.
fn position(text: &str, byte: usize) -> Position {
    let before = &text[..byte];
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    Position { line: number(line), column: number(column) }
}

/// The byte at a place.
fn byte_of(text: &str, place: Position) -> usize {
    let index = |number: u32| number.saturating_sub(1) as usize;
    let line: usize = text.split_inclusive('\n').take(index(place.line)).map(str::len).sum();
    let columns: usize = text[line..].chars().take(index(place.column)).map(char::len_utf8).sum();
    line + columns
}

fn refused(file: &Path, text: &str, problem: rewrite::Problem) -> Failure {
    let span = Span::new(file, position(text, problem.start), position(text, problem.end));
    Failure::new(problem.message).maybe_help(problem.help.map(str::to_owned)).at(span)
}

/// A line or a column, from 1, of one from 0.
pub(super) fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1)
}
