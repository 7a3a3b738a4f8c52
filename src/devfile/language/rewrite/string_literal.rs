//! String literals: where they end, and the escapes that the reference's scanner refuses and the crate's lets pass.

use super::scan::Problem;

/// The prefixes of a string.
pub(super) fn is_prefix(word: &str) -> bool {
    matches!(word, "r" | "b" | "rb" | "br")
}

/// The byte behind the literal whose opening quote is at `start`. A literal that does not end is the parser's to report.
pub(super) fn end(text: &str, start: usize, prefix: &str) -> Result<usize, Problem> {
    let bytes = text.as_bytes();
    let quote = bytes[start];
    let triple = bytes.get(start + 1) == Some(&quote) && bytes.get(start + 2) == Some(&quote);
    let (raw, binary) = (prefix.contains('r'), prefix.contains('b'));
    let mut at = start + if triple { 3 } else { 1 };
    while let Some(&byte) = bytes.get(at) {
        if byte == quote && (!triple || bytes[at..].starts_with(&[quote; 3])) {
            return Ok(at + if triple { 3 } else { 1 });
        }
        match byte {
            b'\n' if !triple => return Ok(at),
            b'\\' if !raw => at = escape(text, at, binary)?,
            // Also in a raw string a backslash keeps the quote behind it.
            b'\\' => at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
            _ => at += 1,
        }
    }
    Ok(bytes.len())
}

/// The byte behind the escape whose backslash is at `start`.
fn escape(text: &str, start: usize, binary: bool) -> Result<usize, Problem> {
    let rest = &text[start + 1..];
    let Some(kind) = rest.chars().next() else { return Ok(text.len()) };
    let digits = |from: usize, most: usize, radix: u32| {
        rest[from..].chars().take(most).take_while(|character| character.is_digit(radix)).count()
    };
    let (length, value) = match kind {
        '\r' if rest.starts_with("\r\n") => (2, None),
        // The parser knows what is wrong with `\u` and `\U`.
        '\n' | '\r' | 'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' | '\'' | '"' | 'u' | 'U' => (1, None),
        '0'..='7' => {
            let count = digits(0, 3, 8);
            (count, u32::from_str_radix(&rest[..count], 8).ok())
        }
        'x' => {
            let count = digits(1, 2, 16);
            if count < 2 {
                return Err(problem(text, start, 1 + count, "needs two hexadecimal digits", None));
            }
            (3, u32::from_str_radix(&rest[1..3], 16).ok())
        }
        _ => {
            let help = "write `\\\\` for a backslash, or put `r` before the string: r\"…\"";
            return Err(problem(text, start, kind.len_utf8(), "is not known", Some(help)));
        }
    };
    if !binary && value.is_some_and(|value| value > 0x7f) {
        let help = "write `\\u00XX` for the character with this number";
        return Err(problem(text, start, length, "is no ASCII character", Some(help)));
    }
    Ok(start + 1 + length)
}

fn problem(text: &str, start: usize, length: usize, what: &str, help: Option<&'static str>) -> Problem {
    let end = start + 1 + length;
    Problem { message: format!("the escape sequence `{}` {what}", &text[start..end]), help, start, end }
}
