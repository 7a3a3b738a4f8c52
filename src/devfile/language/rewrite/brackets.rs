//! The bracket that is open at some place, for errors about what stands inside of it.

use super::string_literal;

/// The byte of the innermost bracket that is open at the byte `end`.
pub(crate) fn open_at(text: &str, end: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut open = Vec::new();
    let mut at = 0;
    while at < end.min(bytes.len()) {
        match bytes[at] {
            b'(' | b'[' | b'{' => open.push(at),
            b')' | b']' | b'}' => drop(open.pop()),
            b'#' => at += text[at..].find('\n').unwrap_or(text.len() - at),
            b'"' | b'\'' => {
                let prefix = text[..at]
                    .rfind(|character: char| !character.is_alphanumeric())
                    .map_or(0, |byte| byte + text[byte..].chars().next().map_or(1, char::len_utf8));
                // A literal with a mistake is an error of its own, before this one.
                at = string_literal::end(text, at, &text[prefix..at]).ok()?;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    open.last().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_comments_and_closed_brackets_do_not_count() {
        for (text, expected) in [
            ("f(a, [b], ", Some(1)),
            ("f(a)\ng(", Some(6)),
            ("x = '(' # (\n", None),
            ("x = {'a': r'\\', 'ü': \"\"\"(\n\"\"\", ", Some(4)),
            ("x)(", Some(2)),
        ] {
            assert_eq!(open_at(text, text.len()), expected, "{text}");
        }
        assert_eq!(open_at("a(b", 1), None);
    }
}
