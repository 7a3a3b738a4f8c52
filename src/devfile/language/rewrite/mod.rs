//! The user's text made into what the parser of the starlark crate takes, and the way back.
//!
//! The parser knows neither `while` nor tabs. [`rewrite`] replaces both and notes where everything comes from in a
//! comment behind the last line, so that the text and its [`PositionMap`] cannot be separated: whoever has a place in
//! the rewritten text can tell the place in the user's.

mod emit;
mod loops;
mod position_map;
mod scan;
mod string_literal;
#[cfg(test)]
mod tests;

pub(crate) use loops::{ENDLESS_NAME, LOOP_VARIABLE};
pub(crate) use position_map::PositionMap;
pub(crate) use scan::Problem;

use emit::Emitter;
use scan::Scan;

/// The text for the parser, or what is wrong with a literal that the parser would let pass.
pub(crate) fn rewrite(text: &str) -> Result<String, Problem> {
    let Scan { cleaned, lines } = Scan::of(text)?;
    let edits = loops::edits(&cleaned, &lines);
    if edits.is_empty() {
        return Ok(cleaned);
    }
    let mut emitter = Emitter::new(&cleaned);
    for edit in &edits {
        emitter.apply(edit);
    }
    Ok(emitter.finish())
}
