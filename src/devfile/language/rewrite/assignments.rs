//! `x %= y`, `x *= y` and `x <<= y` as `x = x % (y)`: the crate's own operators on the right, which are replaced then (see
//! `universe.rs`). What a target needs is evaluated once:
//!
//! ```text
//! f(x)[g()] %= y       →     __base__ = f(x); __index__ = g(); __base__[__index__] = __base__[__index__] % (y)
//! f(x).name %= y       →     __base__ = f(x); __base__.name = __base__.name % (y)
//! ```

use super::emit::{Edit, Piece};

/// The variables of a rewritten assignment.
pub(crate) const BASE_VARIABLE: &str = "__base__";
pub(crate) const INDEX_VARIABLE: &str = "__index__";

/// What the scanner notes of a simple statement on its way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Statement {
    /// The first byte.
    start: Option<usize>,
    /// Behind the last byte of code so far.
    end: usize,
    /// The operator, with its `=`.
    operator: Option<(usize, usize)>,
    /// The last bracket that was opened outside of brackets, and where it was closed.
    bracket: Option<(usize, usize)>,
    /// The last point outside of brackets.
    point: Option<usize>,
}

impl Statement {
    /// Notes code between two bytes.
    pub fn code(&mut self, start: usize, end: usize) {
        self.start.get_or_insert(start);
        self.end = end;
    }

    /// Notes the bounds of what stands in the outermost brackets.
    pub fn brackets(&mut self, open: usize, close: usize) {
        if self.operator.is_none() {
            self.bracket = Some((open, close));
        }
    }

    /// Notes a point outside of brackets.
    pub fn point(&mut self, at: usize) {
        if self.operator.is_none() {
            self.point = Some(at);
        }
    }

    /// Notes an operator outside of brackets.
    pub fn operator(&mut self, start: usize, end: usize) {
        self.operator.get_or_insert((start, end));
    }

    /// The edit that the statement needs; `None` for any other statement, and for what the parser refuses.
    pub fn edit(&self, text: &str) -> Option<Edit> {
        let (start, (operator, value)) = (self.start?, self.operator?);
        let target_end = start + text.get(start..operator)?.trim_end().len();
        let value_start = value + text.get(value..self.end)?.len() - text.get(value..self.end)?.trim_start().len();
        if value_start >= self.end {
            return None;
        }
        let symbol = &text[operator..value - 1];
        let mut pieces = Vec::new();
        let own = |text: String, from: usize| Piece::Text(text, from);
        let target = &text[start..target_end];
        let is_word = |text: &str| !text.is_empty() && text.chars().all(super::scan::is_word);
        if is_word(target) {
            pieces.push(Piece::Copy(start, target_end));
            pieces.push(own(" = ".to_owned(), operator));
            pieces.push(Piece::Copy(start, target_end));
        } else if let Some((open, close)) = self.bracket
            && close + 1 == target_end
            && open > start
            && text[open..].starts_with('[')
            // Slices cannot be assigned to; the parser says so.
            && !text[open..close].contains(':')
        {
            pieces.push(own(format!("{BASE_VARIABLE} = "), start));
            pieces.push(Piece::Copy(start, open));
            pieces.push(own(format!("; {INDEX_VARIABLE} = "), open));
            pieces.push(Piece::Copy(open + 1, close));
            pieces.push(own(format!("; {BASE_VARIABLE}[{INDEX_VARIABLE}] = {BASE_VARIABLE}[{INDEX_VARIABLE}]"), start));
        } else if let Some(point) = self.point
            && point > start
            && is_word(&text[point + 1..target_end])
        {
            pieces.push(own(format!("{BASE_VARIABLE} = "), start));
            pieces.push(Piece::Copy(start, point));
            pieces.push(own(format!("; {BASE_VARIABLE}"), start));
            pieces.push(Piece::Copy(point, target_end));
            pieces.push(own(format!(" = {BASE_VARIABLE}"), start));
            pieces.push(Piece::Copy(point, target_end));
        } else {
            return None;
        }
        pieces.push(own(format!(" {symbol} ("), operator));
        pieces.push(Piece::Copy(value_start, self.end));
        pieces.push(own(")".to_owned(), self.end));
        Some(Edit { start, end: self.end, pieces })
    }
}
