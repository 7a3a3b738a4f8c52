//! What lines of the log are wanted, as it is typed: a text, `~` and a regular expression, `!` and what is not wanted.

use regex::{Regex, RegexBuilder};

use crate::logs::strip_colors;

/// What lines of the log are wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct LogPattern {
    text: String,
    not: bool,
    matcher: Matcher,
}

#[derive(Clone, Debug, Default)]
enum Matcher {
    /// Nothing was typed.
    #[default]
    All,
    Text(Needle),
    Regex(Regex),
    /// A regular expression that is wrong, or not yet complete.
    Wrong(String),
}

impl LogPattern {
    /// What was typed.
    pub(super) fn new(text: &str) -> Self {
        let (not, rest) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        let matcher = match rest.strip_prefix('~') {
            _ if rest.is_empty() || rest == "~" => Matcher::All,
            None => Matcher::Text(Needle::new(rest)),
            // As a text: letters match both cases unless there is a capital.
            Some(regex) => {
                let fold = !regex.chars().any(char::is_uppercase);
                match RegexBuilder::new(regex).case_insensitive(fold).build() {
                    Ok(regex) => Matcher::Regex(regex),
                    Err(error) => {
                        let reason = error.to_string();
                        Matcher::Wrong(
                            reason.lines().last().unwrap_or("wrong").trim_start_matches("error: ").to_owned(),
                        )
                    }
                }
            }
        };
        Self { text: text.to_owned(), not, matcher }
    }

    /// As it was typed.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What is wrong with it.
    pub(super) fn error(&self) -> Option<&str> {
        match &self.matcher {
            Matcher::Wrong(reason) => Some(reason),
            Matcher::All | Matcher::Text(_) | Matcher::Regex(_) => None,
        }
    }

    /// Whether a line is wanted.
    pub(super) fn accepts(&self, line: &str) -> bool {
        match &self.matcher {
            Matcher::All => true,
            Matcher::Text(needle) => needle.is_in(line) != self.not,
            Matcher::Regex(regex) => regex.is_match(&strip_colors(line)) != self.not,
            Matcher::Wrong(_) => false,
        }
    }
}

/// A text to find: letters match both cases unless it has a capital.
#[derive(Clone, Debug)]
pub(super) struct Needle {
    pub(super) chars: Vec<char>,
    fold: bool,
}

impl Needle {
    pub(super) fn new(text: &str) -> Self {
        Self { chars: text.chars().collect(), fold: !text.chars().any(char::is_uppercase) }
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        let plain = strip_colors(text);
        let chars: Vec<char> = plain.chars().collect();
        self.positions(&chars).next().is_some()
    }

    /// Where it starts in `chars`, without overlaps.
    pub(super) fn positions<'a>(&'a self, chars: &'a [char]) -> impl Iterator<Item = usize> + 'a {
        let mut at = 0;
        std::iter::from_fn(move || {
            while !self.chars.is_empty() && at + self.chars.len() <= chars.len() {
                let start = at;
                at += 1;
                let mut pairs = self.chars.iter().zip(&chars[start..]);
                if pairs.all(|(wanted, char)| char == wanted || (self.fold && fold(*char) == fold(*wanted))) {
                    at = start + self.chars.len();
                    return Some(start);
                }
            }
            None
        })
    }
}

fn fold(char: char) -> char {
    // A character whose lower case is more than one stays as it is, so that positions count alike.
    let mut lower = char.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) => lower,
        _ => char,
    }
}
