//! What is replaced: indentation with tabs, and `while`.
//!
//! ```text
//! while CONDITION:            for … in …:
//!     BODY             →          if not (CONDITION): break
//!                                 BODY
//! ```

use super::emit::{Edit, Piece};
use super::scan::LogicalLine;

/// The global that a rewritten loop runs over: a range that is longer than any evaluation.
pub(crate) const ENDLESS_NAME: &str = "__endless__";

/// The variable of a rewritten loop.
pub(crate) const LOOP_VARIABLE: &str = "__turn__";

const KEYWORD: &str = "while";

/// All edits, in the order of the text.
pub(super) fn edits(text: &str, lines: &[LogicalLine]) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut guard: Option<(usize, (usize, usize))> = None;
    for (index, line) in lines.iter().enumerate() {
        if let Some((keyword, condition)) = guard.take() {
            let mut pieces = vec![Piece::Text(indent(line.indentation), keyword)];
            pieces.extend(check(keyword, condition));
            pieces.push(Piece::Text("\n".to_owned(), condition.1));
            edits.push(Edit { start: line.start, end: line.start, pieces });
        }
        if line.has_tabs {
            let pieces = vec![Piece::Text(indent(line.indentation), line.start)];
            edits.push(Edit { start: line.start, end: line.code, pieces });
        }
        if !line.is_while {
            continue;
        }
        let keyword = line.code;
        let found = line.while_colon.and_then(|colon| {
            let condition = trimmed(text, keyword + KEYWORD.len(), colon.at)?;
            let next = lines.get(index + 1);
            let is_block = next.is_some_and(|next| next.indentation > line.indentation);
            (colon.suite.is_some() || is_block).then_some((colon, condition))
        });
        let Some((colon, condition)) = found else {
            // Something is missing. The parser says what, when it takes the line for an `if`.
            let pieces = vec![Piece::Text("if   ".to_owned(), keyword)];
            edits.push(Edit { start: keyword, end: keyword + KEYWORD.len(), pieces });
            continue;
        };
        let header = format!("for {LOOP_VARIABLE} in {ENDLESS_NAME}");
        if let Some(suite) = colon.suite {
            let inner = indent(line.indentation + 1);
            let mut pieces = vec![Piece::Text(format!("{header}:\n{inner}"), keyword)];
            pieces.extend(check(keyword, condition));
            pieces.push(Piece::Text(format!("\n{inner}"), suite));
            edits.push(Edit { start: keyword, end: suite, pieces });
        } else {
            let pieces = vec![Piece::Text(header, keyword)];
            edits.push(Edit { start: keyword, end: colon.at, pieces });
            guard = Some((keyword, condition));
        }
    }
    edits
}

/// `if not (CONDITION): break`, in parentheses because a condition may go over several lines.
///
/// The negation stands for the condition, so that an error of the whole comparison points at all of it.
fn check(keyword: usize, condition: (usize, usize)) -> [Piece; 4] {
    [
        Piece::Text("if ".to_owned(), keyword),
        Piece::Text("not (".to_owned(), condition.0),
        Piece::Copy(condition.0, condition.1),
        Piece::Text("): break".to_owned(), condition.1),
    ]
}

fn indent(columns: usize) -> String {
    " ".repeat(columns)
}

/// The bounds without the blanks around; `None` if there is nothing else.
fn trimmed(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let inner = text.get(start..end)?;
    let start = start + (inner.len() - inner.trim_start().len());
    let end = start + inner.trim().len();
    (start < end).then_some((start, end))
}
