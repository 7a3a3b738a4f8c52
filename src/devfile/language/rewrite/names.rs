//! Names that the reference takes and the crate's parser does not: words that only the crate reserves, and letters outside
//! of ASCII. The parser gets a spelling that it takes; whatever shows or compares names restores the user's.

use std::borrow::Cow;
use std::fmt::Write as _;

/// What a name for the parser begins with. Not with `_`: such names cannot be loaded.
const PREFIX: &str = "zqx_";

/// What only the crate reserves.
const RESERVED: [&str; 3] = ["assert", "async", "await"];

/// The spelling for the parser, of a name that it does not take.
pub(super) fn substitute(name: &str) -> Option<String> {
    if !RESERVED.contains(&name) {
        let is_letter = |character: char| character == '_' || character.is_alphabetic();
        let is_name = name.starts_with(is_letter)
            && name.chars().all(|character| is_letter(character) || character.is_ascii_digit());
        if name.is_ascii() || !is_name {
            return None;
        }
    }
    let mut spelling = PREFIX.to_owned();
    for character in name.chars() {
        match character {
            '_' => spelling.push_str("__"),
            _ if character.is_ascii_alphanumeric() => spelling.push(character),
            _ => drop(write!(spelling, "_{:x}_", u32::from(character))),
        }
    }
    // What begins with `_` belongs to its file, also in another spelling.
    Some(if name.starts_with('_') { format!("_{spelling}") } else { spelling })
}

/// A text with the names in it as the user has spelled them.
pub(crate) fn restore(text: &str) -> Cow<'_, str> {
    if !text.contains(PREFIX) {
        return Cow::Borrowed(text);
    }
    let mut restored = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(PREFIX) {
        let (before, spelling) = rest.split_at(at);
        let spelling = &spelling[PREFIX.len()..];
        let (name, length) = decode(spelling);
        // A name that begins with `_` has one more in front.
        restored.push_str(before.strip_suffix('_').filter(|_| name.starts_with('_')).unwrap_or(before));
        restored.push_str(&name);
        rest = &spelling[length..];
    }
    restored.push_str(rest);
    Cow::Owned(restored)
}

/// The name behind a prefix, and how many bytes stand for it.
fn decode(spelling: &str) -> (String, usize) {
    let mut name = String::new();
    let mut at = 0;
    while let Some(character) = spelling[at..].chars().next() {
        let rest = &spelling[at + character.len_utf8()..];
        match character {
            '_' if rest.starts_with('_') => {
                name.push('_');
                at += 2;
            }
            '_' => {
                let decoded = rest.split_once('_').and_then(|(code, _)| {
                    let character = char::from_u32(u32::from_str_radix(code, 16).ok()?)?;
                    Some((character, code.len()))
                });
                let Some((character, length)) = decoded else { break };
                name.push(character);
                at += length + 2;
            }
            _ if character.is_ascii_alphanumeric() => {
                name.push(character);
                at += 1;
            }
            _ => break,
        }
    }
    (name, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_restored_in_any_text() {
        for name in ["async", "await", "assert", "größe", "_größe", "a_ß_1", "__é__", "名前", "éé"] {
            let spelling = substitute(name).unwrap();
            assert!(spelling.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric()), "{spelling}");
            assert_eq!(spelling.starts_with('_'), name.starts_with('_'), "{spelling}");
            assert_eq!(restore(&format!("x `{spelling}`: {spelling}.")), format!("x `{name}`: {name}."));
        }
        assert_eq!(restore("zqx_"), "");
    }

    #[test]
    fn other_names_stay() {
        for name in ["", "asynchronous", "x", "_", "1é", "٣", "€"] {
            assert_eq!(substitute(name), None, "{name}");
        }
    }
}
