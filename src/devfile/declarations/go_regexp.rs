//! Regular expressions as Go reads them, for the `regex` crate: both descend from RE2, and differ in what a bracket may stand for.

/// The same expression for the `regex` crate.
///
/// In Go, a `{` that begins no counted repetition is a brace, `\Q…\E` quotes, and within `[…]` neither `[` nor `&&` nor `~~` mean
/// anything. The crate refuses the first two and has set operations for the rest.
pub(super) fn from_go(expression: &str) -> String {
    let mut result = String::with_capacity(expression.len());
    let mut rest = expression;
    let mut in_class = false;
    while let Some(first) = rest.chars().next() {
        let mut taken = first.len_utf8();
        match first {
            '\\' if rest.starts_with("\\Q") && !in_class => {
                let quoted = &rest[2..];
                let end = quoted.find("\\E");
                result.push_str(&regex::escape(&quoted[..end.unwrap_or(quoted.len())]));
                taken = end.map_or(rest.len(), |end| end + 4);
            }
            '\\' => {
                taken += rest[1..].chars().next().map_or(0, char::len_utf8);
                result.push_str(&rest[..taken]);
            }
            '[' if in_class && rest.starts_with("[:") => {
                taken = rest.find(":]").map_or(1, |end| end + 2);
                result.push_str(&rest[..taken]);
            }
            '[' if in_class => result.push_str("\\["),
            '[' => {
                in_class = true;
                // A bracket that closes nothing yet belongs to the class.
                let negated = rest[1..].starts_with('^');
                taken += usize::from(negated);
                result.push_str(&rest[..taken]);
                if rest[taken..].starts_with(']') {
                    result.push_str("\\]");
                    taken += 1;
                }
            }
            ']' if in_class => {
                in_class = false;
                result.push(']');
            }
            '&' | '~' if in_class => result.extend(['\\', first]),
            '{' if !in_class && !is_repetition(rest) => result.push_str("\\{"),
            _ => result.push(first),
        }
        rest = &rest[taken..];
    }
    result
}

/// `{2}`, `{2,}` or `{2,3}`.
fn is_repetition(text: &str) -> bool {
    let Some((inner, _)) = text[1..].split_once('}') else { return false };
    let (least, most) = inner.split_once(',').unwrap_or((inner, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !least.is_empty() && is_number(least) && is_number(most)
}

#[cfg(test)]
mod tests {
    use super::from_go;

    #[test]
    fn expressions_mean_what_they_mean_in_go() {
        let matches = |expression: &str, text: &str| {
            regex::Regex::new(&from_go(expression))
                .unwrap_or_else(|error| panic!("{expression}: {error}"))
                .is_match(text)
        };
        assert!(matches("^{.a}$", "{xa}"));
        assert!(matches("a{", "a{"));
        assert!(matches("a{,3}", "a{,3}"));
        assert!(matches("^a{2,3}$", "aaa"));
        assert!(!matches("^a{2}$", "a"));
        assert!(matches(r"^\Qa.b*\E+$", "a.b*"));
        assert!(matches("^[[]$", "["));
        assert!(matches("^[a&&b]+$", "a&b"));
        assert!(matches("^[[:alpha:]_]+$", "a_"));
        assert!(matches("^[]a]+$", "]a"));
        assert!(matches("^[^]a]$", "b"));
        assert!(matches(r"^[\]{]{2}$", "]{"));
        assert!(matches(r"^\{é\}$", "{é}"));
    }
}
