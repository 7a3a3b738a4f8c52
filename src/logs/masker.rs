//! Replaces the values of secrets wherever they appear in a text (reference §3.14).

use std::borrow::Cow;
use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use crate::project::SecretValue;

/// Shorter values are not masked: they would hit ordinary words.
const MIN_CHARS: usize = 5;

/// Replaces the values of secrets. Immutable: to learn more values makes another one.
#[derive(Debug, Default)]
pub(super) struct Masker {
    /// What is searched for, and what is put in its place.
    patterns: BTreeMap<String, String>,
    automaton: Option<Automaton>,
}

#[derive(Debug)]
struct Automaton {
    search: AhoCorasick,
    /// By the number of the pattern.
    replacements: Vec<String>,
    lengths: Vec<usize>,
}

impl Masker {
    /// One that knows `secrets` too; `None` when that is nothing new.
    pub(super) fn with(&self, secrets: &[SecretValue]) -> Option<Self> {
        let mut patterns = self.patterns.clone();
        for secret in secrets {
            let placeholder = format!("[redacted secret {}:{}]", secret.secret, secret.key);
            let forms = forms(&secret.value);
            if forms.is_empty() {
                continue;
            }
            // A placeholder is masked by itself, so that a value that happens to be a part of one leaves it alone.
            patterns.entry(placeholder.clone()).or_insert_with(|| placeholder.clone());
            for form in forms {
                patterns.entry(form).or_insert_with(|| placeholder.clone());
            }
        }
        if patterns.len() == self.patterns.len() {
            return None;
        }
        // Overlapping matches are asked for, so that no part of a value that overlaps another one is left visible.
        let search = AhoCorasick::builder().match_kind(MatchKind::Standard).build(patterns.keys());
        let automaton = match search {
            Ok(search) => Automaton {
                search,
                replacements: patterns.values().cloned().collect(),
                lengths: patterns.keys().map(String::len).collect(),
            },
            Err(error) => {
                // Only when the values are larger than 2 GiB together, which the API server does not accept.
                tracing::error!(%error, "the values of secrets are too large to be masked");
                return None;
            }
        };
        Some(Self { patterns, automaton: Some(automaton) })
    }

    /// `text` with all known values replaced.
    pub(super) fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(automaton) = &self.automaton else { return Cow::Borrowed(text) };
        // Stretches that are covered by matches, with the longest match in each, which names it.
        let mut covered: Vec<(usize, usize, usize)> = Vec::new();
        for found in automaton.search.find_overlapping_iter(text) {
            let mut stretch = (found.start(), found.end(), found.pattern().as_usize());
            // Matches come in the order of their ends, so only the last stretches can overlap.
            while let Some(&(start, end, pattern)) = covered.last()
                && end > stretch.0
            {
                covered.pop();
                let longer = automaton.lengths[pattern] >= automaton.lengths[stretch.2];
                stretch = (start.min(stretch.0), end.max(stretch.1), if longer { pattern } else { stretch.2 });
            }
            covered.push(stretch);
        }
        if covered.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut masked = String::with_capacity(text.len());
        let mut from = 0;
        for (start, end, pattern) in covered {
            masked.push_str(&text[from..start]);
            masked.push_str(&automaton.replacements[pattern]);
            from = end;
        }
        masked.push_str(&text[from..]);
        Cow::Owned(masked)
    }
}

/// The texts that give a value away in a log of single lines.
fn forms(value: &str) -> Vec<String> {
    if value.chars().count() < MIN_CHARS {
        return Vec::new();
    }
    let mut forms = vec![
        STANDARD.encode(value),
        STANDARD_NO_PAD.encode(value),
        URL_SAFE.encode(value),
        URL_SAFE_NO_PAD.encode(value),
    ];
    forms.extend(value.lines().map(str::trim).filter(|line| line.chars().count() >= MIN_CHARS).map(String::from));
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(key: &str, value: &str) -> SecretValue {
        SecretValue { secret: "db".into(), key: key.into(), value: value.into() }
    }

    #[track_caller]
    fn check(secrets: &[SecretValue], text: &str, expected: &str) {
        let masker = Masker::default().with(secrets).unwrap_or_default();
        let masked = masker.mask(text).into_owned();
        assert_eq!(masked, expected);
        assert_eq!(masker.mask(&masked), expected, "masking again changes nothing");
    }

    #[test]
    fn values_and_their_base64_forms_are_replaced() {
        let secrets = [secret("password", "hunter2!")];
        check(&secrets, "login hunter2!:hunter2!", "login [redacted secret db:password]:[redacted secret db:password]");
        check(&secrets, "aHVudGVyMiE= aHVudGVyMiE", "[redacted secret db:password] [redacted secret db:password]");
        check(&secrets, "nothing here", "nothing here");
    }

    #[test]
    fn short_values_are_left() {
        check(&[secret("pin", "1234")], "1234", "1234");
        check(&[secret("pin", "äöüß")], "äöüß", "äöüß");
        check(&[secret("pin", "äöüßx")], "äöüßx", "[redacted secret db:pin]");
    }

    #[test]
    fn the_longest_of_overlapping_values_names_the_place_and_nothing_stays_visible() {
        let secrets = [secret("short", "abcdef"), secret("long", "abcdefghij"), secret("other", "xxabc")];
        check(&secrets, "-abcdefghij-", "-[redacted secret db:long]-");
        check(&secrets, "-abcdef-", "-[redacted secret db:short]-");
        check(&secrets, "-xxabcdefghij-", "-[redacted secret db:long]-");
    }

    #[test]
    fn values_of_several_lines_are_masked_line_by_line() {
        let secrets = [secret("key", "-----BEGIN-----\n  line one\nab\n")];
        check(&secrets, "    line one", "    [redacted secret db:key]");
        check(&secrets, "ab", "ab");
    }

    #[test]
    fn a_value_that_is_part_of_a_placeholder_does_not_nest() {
        check(&[secret("password", "password"), secret("x", "redacted")], "password", "[redacted secret db:password]");
    }

    #[test]
    fn known_values_stay_known() {
        let masker = Masker::default().with(&[secret("a", "first-value")]).expect("new");
        let masker = masker.with(&[secret("b", "second-value")]).expect("new");
        assert_eq!(masker.mask("first-value second-value"), "[redacted secret db:a] [redacted secret db:b]");
        assert!(masker.with(&[secret("a", "first-value")]).is_none());
    }
}
