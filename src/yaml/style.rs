//! How a text is written: the rule of go-yaml 2.

use super::scalar::{Scalar, resolve};
use super::timestamp::is_timestamp;

/// With which marks a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScalarStyle {
    /// Without any.
    Plain,
    /// `'…'`: punctuation stands in the way of plain.
    SingleQuoted,
    /// `"…"`: plain, the text would mean something else, or it has characters that need an escape.
    DoubleQuoted,
    /// `|` and the lines of the text.
    Literal,
}

/// What is to know about a text before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// How it is written.
    pub(super) style: ScalarStyle,
    /// Whether it has no character that breaks lines.
    pub(super) is_one_line: bool,
}

impl Shape {
    /// Of a value.
    pub(super) fn of(text: &str) -> Self {
        let marks = Marks::of(text);
        let style = if text.contains('\n') {
            if marks.block { ScalarStyle::Literal } else { ScalarStyle::DoubleQuoted }
        } else if !is_text(text) {
            ScalarStyle::DoubleQuoted
        } else if marks.plain {
            ScalarStyle::Plain
        } else if marks.single_quoted {
            ScalarStyle::SingleQuoted
        } else {
            ScalarStyle::DoubleQuoted
        };
        Self { style, is_one_line: marks.is_one_line }
    }

    /// Of the key of a mapping. Here alone go-yaml is not followed: it writes the key `<<` plain, and then reads it as a
    /// merge.
    pub(super) fn of_key(text: &str) -> Self {
        if text == "<<" {
            return Self { style: ScalarStyle::DoubleQuoted, is_one_line: true };
        }
        Self::of(text)
    }
}

/// Which styles a text allows for its characters.
struct Marks {
    plain: bool,
    single_quoted: bool,
    block: bool,
    is_one_line: bool,
}

impl Marks {
    fn of(text: &str) -> Self {
        let mut marks = Self { plain: !starts_like_syntax(text), single_quoted: true, block: true, is_one_line: true };
        let (mut before, mut is_first) = (' ', true);
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let next = characters.peek().copied();
            let before_blank = next.is_none_or(|next| matches!(next, ' ' | '\t'));
            match character {
                ':' if before_blank => marks.plain = false,
                '#' if before == ' ' => marks.plain = false,
                ' ' => {
                    marks.plain &= !is_first && next.is_some();
                    // A blank at the end of a line, or of the text, could be lost.
                    marks.block &= next.is_some_and(|next| next != '\n');
                }
                '\n' => marks.is_one_line = false,
                _ => {}
            }
            if !is_printable(character) {
                (marks.plain, marks.single_quoted, marks.block) = (false, false, false);
                marks.is_one_line &= !is_break(character);
            }
            (before, is_first) = (character, false);
        }
        marks
    }
}

/// Whether the beginning of the text is a mark of YAML.
fn starts_like_syntax(text: &str) -> bool {
    let mut characters = text.chars();
    let first = characters.next();
    let before_blank = characters.next().is_none_or(|second| matches!(second, ' ' | '\t'));
    text.starts_with("---")
        || text.starts_with("...")
        || match first {
            Some('?' | ':' | '-') => before_blank,
            Some(first) => "#,[]{}&*!|>'\"%@`".contains(first),
            None => false,
        }
}

/// Whether the character breaks lines in YAML 1.1.
fn is_break(character: char) -> bool {
    matches!(character, '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether the character is written as it is. Like go-yaml, that counts neither tabs nor what lies behind the basic plane;
/// unlike go-yaml, neither the separators of lines and paragraphs of Unicode, which only readers of YAML 1.1 take for
/// line breaks.
pub(super) fn is_printable(character: char) -> bool {
    match character {
        '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => false,
        '\n' | ' '..='~' | '\u{a0}'..='\u{ffff}' => true,
        _ => false,
    }
}

/// Whether every reader takes the unquoted text for a string.
fn is_text(text: &str) -> bool {
    resolve(text) == Scalar::Text && !is_base_60(text) && !is_timestamp(text)
}

/// `1:30` and the like: 90 for readers of YAML 1.1 other than go-yaml.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let first_fits = parts.next().is_some_and(|first| {
        first.starts_with(|digit: char| digit.is_ascii_digit())
            && first.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
    });
    let mut parts = parts.peekable();
    if !first_fits || parts.peek().is_none() {
        return false;
    }
    while let Some(part) = parts.next() {
        let digits = match part.split_once('.') {
            Some((digits, fraction)) if parts.peek().is_none() => {
                if !fraction.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') {
                    return false;
                }
                digits
            }
            Some(_) => return false,
            None => part,
        };
        let fits = match digits.as_bytes() {
            [only] => only.is_ascii_digit(),
            [tens, ones] => matches!(tens, b'0'..=b'5') && ones.is_ascii_digit(),
            _ => false,
        };
        if !fits {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sexagesimal_numbers() {
        for text in ["1:30", "-190:20:30.15", "1_0:5", "0:59.", "+1:0.1_"] {
            assert!(is_base_60(text), "{text}");
        }
        for text in ["1:60", "1:", ":30", "1", "_1:30", "1:300", "1:30.a", "1:3.0:1", "a:30", "1:30:"] {
            assert!(!is_base_60(text), "{text}");
        }
    }
}
