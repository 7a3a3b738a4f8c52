//! The user's text made into what the parser of the starlark crate takes, and the way back.
//!
//! The parser knows neither `while` nor tabs, nor some names, and the operators of some assignments would not be ours.
//! [`rewrite`] replaces all of them and notes where everything comes from in a comment behind the last line, so that the text and its [`PositionMap`] cannot be separated: whoever has a place in
//! the rewritten text can tell the place in the user's.

mod assignments;
mod brackets;
mod emit;
mod loops;
mod names;
mod position_map;
mod scan;
mod string_literal;
#[cfg(test)]
mod tests;

pub(crate) use assignments::{BASE_VARIABLE, INDEX_VARIABLE};
pub(crate) use brackets::open_at;
pub(crate) use loops::{ENDLESS_NAME, LOOP_VARIABLE};
pub(crate) use names::restore;
pub(crate) use position_map::PositionMap;
pub(crate) use scan::Problem;

use emit::Emitter;
use scan::Scan;

/// The text for the parser, or what is wrong with a literal that the parser would let pass.
pub(crate) fn rewrite(text: &str) -> Result<String, Problem> {
    let Scan { cleaned, lines, words, assignments } = Scan::of(text)?;
    let mut edits = loops::edits(&cleaned, &lines);
    edits.extend(assignments);
    if edits.is_empty() && words.is_empty() {
        return Ok(cleaned);
    }
    edits.sort_by_key(|edit| edit.start);
    let mut emitter = Emitter::new(&cleaned, &words);
    for edit in &edits {
        emitter.apply(edit);
    }
    Ok(emitter.finish())
}
