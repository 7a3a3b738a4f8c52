//! One pattern: its syntax, and the regular expression that means the same.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

use regex::escape;

/// One pattern in dockerignore syntax, as the user wrote it.
pub type IgnorePattern = String;

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid pattern `{}` in {source_name}: {reason}", pattern.replace('\n', "\\n"))]
pub struct PatternError {
    /// The pattern as the user wrote it.
    pub pattern: IgnorePattern,
    /// Where it comes from: `.dockerignore`, `ignore=` …
    pub source_name: String,
    /// What is wrong with it, and what to write instead.
    pub reason: PatternProblem,
}

/// What is wrong with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternProblem {
    /// `!` without a pattern.
    #[error("`!` needs a pattern behind it")]
    LoneExclamation,
    /// It spans lines.
    #[error("a pattern must not contain a line break; write one pattern for each line")]
    LineBreak,
    /// `[` without `]`.
    #[error("`[` is never closed; write `\\[` for the character itself")]
    UnclosedClass,
    /// `[]`, `[^]`, `[a-]`, `[-a]`, `[z-a]`.
    #[error(
        "malformed character class; expected `[a-z]`, `[^abc]` or, for `-` and `]` themselves, a backslash before them"
    )]
    MalformedClass,
    /// `\` at the end.
    #[error("`\\` at the end escapes nothing; write `\\\\` for the character itself")]
    TrailingBackslash,
    /// The source has too much text.
    #[error("the patterns of this source are longer than 512 KiB taken together; use wildcards")]
    TooLarge,
}

/// A pattern, ready to be turned into an expression over absolute paths.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Rule {
    /// Whether it re-includes (`!`).
    pub include: bool,
    /// The anchoring folder without a slash at its end; `None` when the pattern is absolute.
    base: Option<String>,
    /// The pattern without `!`, cleaned.
    tokens: Vec<Token>,
    /// Whether the user escaped something: Docker then reads a leading `**x` like `**x*`.
    escapes: bool,
}

/// One piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Token {
    Literal(char),
    /// `*`
    Star,
    /// `?`
    Question,
    /// `**`, and whether a `/` behind it was taken as part of it.
    DoubleStar {
        slash: bool,
    },
    /// `[…]`
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Rule {
    /// Reads a pattern that comes without its `!`.
    pub fn new(include: bool, base: Option<&str>, pattern: &str) -> Result<Self, PatternProblem> {
        let base = base.map(|base| base.trim_end_matches('/').to_owned());
        Ok(Self { include, base, tokens: tokens(pattern)?, escapes: pattern.contains('\\') })
    }

    /// A rule that matches this path literally.
    pub fn literal(include: bool, base: Option<&str>, path: &str) -> Self {
        let base = base.map(|base| base.trim_end_matches('/').to_owned());
        Self { include, base, tokens: path.chars().map(Token::Literal).collect(), escapes: false }
    }

    /// An expression that matches an absolute path exactly if the pattern matches it or one of its parent folders.
    pub fn expression(&self) -> String {
        let mut expression = String::from(r"\A");
        if let Some(base) = &self.base {
            expression.push_str(&escape(base));
            expression.push('/');
        }
        for (index, token) in self.tokens.iter().enumerate() {
            let rest = &self.tokens[index + 1..];
            match token {
                Token::Literal(character) => expression.push_str(&escape(character.encode_utf8(&mut [0; 4]))),
                Token::Star => expression.push_str("[^/]*"),
                Token::Question => expression.push_str("[^/]"),
                Token::DoubleStar { .. } if rest.is_empty() => expression.push_str(".*"),
                // To Docker a leading `**x` is "ends in x", while `**x*` is "has a name that starts with x".
                Token::DoubleStar { slash: false } if index == 0 && is_literal(rest) && !self.escapes => {
                    expression.push_str(".*");
                }
                Token::DoubleStar { .. } => expression.push_str("(?:.*/)?"),
                Token::Class { negated, ranges } => {
                    expression.push_str(if *negated { "[^" } else { "[" });
                    for (low, high) in ranges {
                        let _ = write!(expression, r"\x{{{:x}}}-\x{{{:x}}}", u32::from(*low), u32::from(*high));
                    }
                    expression.push(']');
                }
            }
        }
        expression.push_str(r"(?:/|\z)");
        expression
    }

    /// Whether the pattern might match something strictly below `folder` (absolute). May say yes wrongly, never no.
    pub fn may_match_below(&self, folder: &str) -> bool {
        let below_base = match &self.base {
            None => folder,
            Some(base) => match folder.strip_prefix(base.as_str()) {
                Some("") => return true,
                Some(rest) if rest.starts_with('/') => &rest[1..],
                // The folder is elsewhere, or one that contains the base.
                _ => return folder == "/" || base.starts_with(&format!("{folder}/")),
            },
        };
        let mut components = self.tokens.split(|token| *token == Token::Literal('/'));
        for name in below_base.split('/') {
            let Some(component) = components.next() else { return false };
            // These match slashes too, so from here on pattern and path no longer correspond name by name.
            if component.iter().any(|token| matches!(token, Token::DoubleStar { .. } | Token::Class { .. })) {
                return true;
            }
            if !matches_name(component, &name.chars().collect::<Vec<_>>()) {
                return false;
            }
        }
        components.next().is_some()
    }
}

/// The path in its shortest form: no doubled or trailing slashes, no `.`, and `..` taken back where there is something
/// to take back. Never empty.
pub(super) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|last| *last != "..") => {
                names.pop();
            }
            ".." if rooted => {}
            _ => names.push(name),
        }
    }
    match (rooted, names.is_empty()) {
        (true, _) => format!("/{}", names.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => names.join("/"),
    }
}

fn is_literal(tokens: &[Token]) -> bool {
    tokens.iter().all(|token| matches!(token, Token::Literal(_)))
}

/// Whether tokens without `**` and classes match one file name.
fn matches_name(tokens: &[Token], name: &[char]) -> bool {
    match (tokens.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((Token::Star, rest)), _) => {
            matches_name(rest, name) || name.split_first().is_some_and(|(_, name)| matches_name(tokens, name))
        }
        (Some((Token::Question, rest)), Some((_, name))) => matches_name(rest, name),
        (Some((Token::Literal(expected), rest)), Some((character, name))) if expected == character => {
            matches_name(rest, name)
        }
        _ => false,
    }
}

fn tokens(pattern: &str) -> Result<Vec<Token>, PatternProblem> {
    let mut tokens = Vec::new();
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            '*' if characters.next_if_eq(&'*').is_some() => {
                Token::DoubleStar { slash: characters.next_if_eq(&'/').is_some() }
            }
            '*' => Token::Star,
            '?' => Token::Question,
            '[' => class(&mut characters)?,
            '\\' => Token::Literal(characters.next().ok_or(PatternProblem::TrailingBackslash)?),
            other => Token::Literal(other),
        });
    }
    Ok(tokens)
}

/// Reads a character class whose `[` has been read.
fn class(characters: &mut Peekable<Chars<'_>>) -> Result<Token, PatternProblem> {
    let negated = characters.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if characters.peek() == Some(&']') && !ranges.is_empty() {
            characters.next();
            return Ok(Token::Class { negated, ranges });
        }
        let low = class_character(characters)?;
        let high = if characters.next_if_eq(&'-').is_some() { class_character(characters)? } else { low };
        if high < low {
            return Err(PatternProblem::MalformedClass);
        }
        ranges.push((low, high));
    }
}

fn class_character(characters: &mut Peekable<Chars<'_>>) -> Result<char, PatternProblem> {
    match characters.next() {
        None => Err(PatternProblem::UnclosedClass),
        Some('-' | ']') => Err(PatternProblem::MalformedClass),
        Some('\\') => characters.next().ok_or(PatternProblem::TrailingBackslash),
        Some(other) => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned() {
        for (path, expected) in [
            ("", "."),
            (".", "."),
            ("./", "."),
            ("a//b/", "a/b"),
            ("./a", "a"),
            ("a/../b", "b"),
            ("../a", "../a"),
            ("../../a", "../../a"),
            ("/", "/"),
            ("/../a", "/a"),
            ("a/..", "."),
            ("/a/./b//", "/a/b"),
        ] {
            assert_eq!(clean(path), expected, "{path}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for pattern in ["[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[", "[^", "[^bc", "a[", "[z-a]", "[^]", "[]"] {
            assert!(tokens(pattern).is_err(), "{pattern}");
        }
        assert_eq!(tokens("\\"), Err(PatternProblem::TrailingBackslash));
        assert_eq!(tokens("a["), Err(PatternProblem::UnclosedClass));
    }
}
