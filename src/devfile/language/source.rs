//! The text of a file on its way to the parser: the one place where the text may differ from the user's.

use std::path::Path;

use starlark::syntax::{AstModule, Dialect, DialectTypes};

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

/// Parses the text of `file`. Places in the result are those of the user's text.
pub(crate) fn parse(file: &Path, text: String) -> starlark::Result<AstModule> {
    AstModule::parse(&file.to_string_lossy(), prepare(text), &DIALECT)
}

/// Rewrites what the parser does not take into what it does, without moving anything to another line or column.
fn prepare(text: String) -> String {
    match text.strip_prefix('\u{feff}') {
        // Editors on Windows leave a byte order mark.
        Some(rest) => rest.to_owned(),
        None => text,
    }
}
