//! Ranges of versions: `>=0.30.0`, `<1.0 || >=1.2 !=1.3.0`, `0.33.x`.

use std::cmp::Ordering;

use semver::{Prerelease, Version};

/// Which versions a text allows: alternatives of conditions that must all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VersionRange(Vec<Vec<Condition>>);

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    /// The version compares to this one in one of these ways.
    Compare(&'static [Ordering], Version),
    /// From the first on, up to and without the second.
    Within(Version, Version),
    /// The reverse.
    Outside(Version, Version),
}

use Ordering::{Equal, Greater, Less};

/// Operators, longest first, with the results of a comparison that they let through.
const OPERATORS: [(&str, &[Ordering]); 8] = [
    (">=", &[Greater, Equal]),
    ("<=", &[Less, Equal]),
    ("!=", &[Less, Greater]),
    ("==", &[Equal]),
    (">", &[Greater]),
    ("<", &[Less]),
    ("!", &[Less, Greater]),
    ("=", &[Equal]),
];

impl VersionRange {
    /// Reads a range; the error is the part that is no condition.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.split("||").map(alternative).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a version is in the range.
    pub fn contains(&self, version: &Version) -> bool {
        self.0.iter().any(|conditions| conditions.iter().all(|condition| condition.holds(version)))
    }
}

impl Condition {
    fn holds(&self, version: &Version) -> bool {
        match self {
            Self::Compare(orderings, other) => orderings.contains(&version.cmp_precedence(other)),
            Self::Within(from, to) => version >= from && version < to,
            Self::Outside(from, to) => version < from || version >= to,
        }
    }
}

fn alternative(text: &str) -> Result<Vec<Condition>, String> {
    // An operator may stand apart from its version.
    let mut conditions = Vec::new();
    let mut operator = "";
    for word in text.split_whitespace() {
        let digits = word.find(|character: char| !"<>=!".contains(character)).unwrap_or(word.len());
        let (sign, version) = word.split_at(digits);
        match (operator, sign, version) {
            ("", sign, "") => operator = sign,
            ("", sign, version) => conditions.push(condition(sign, version).ok_or_else(|| word.to_owned())?),
            (pending, "", version) => {
                conditions.push(condition(pending, version).ok_or_else(|| word.to_owned())?);
                operator = "";
            }
            _ => return Err(word.to_owned()),
        }
    }
    if conditions.is_empty() || !operator.is_empty() { Err(text.trim().to_owned()) } else { Ok(conditions) }
}

fn condition(operator: &str, text: &str) -> Option<Condition> {
    let operator = if operator.is_empty() { "=" } else { operator };
    let (_, orderings) = OPERATORS.into_iter().find(|(sign, _)| *sign == operator)?;
    let text = text.strip_prefix('v').unwrap_or(text);
    let (core, rest) = text.split_at(text.find(['-', '+']).unwrap_or(text.len()));
    let mut numbers = [0_u64; 3];
    let mut known = 0;
    let mut wild = false;
    let parts: Vec<&str> = core.split('.').collect();
    if parts.len() > numbers.len() {
        return None;
    }
    for part in parts {
        if matches!(part, "x" | "X" | "*") {
            wild = true;
        } else if wild {
            return None;
        } else {
            numbers[known] = part.parse().ok()?;
            known += 1;
        }
    }
    let [major, minor, patch] = numbers;
    let mut version = Version::new(major, minor, patch);
    if !wild {
        if !rest.is_empty() {
            version = Version::parse(&format!("{version}{rest}")).ok()?;
        }
        return Some(Condition::Compare(orderings, version));
    }
    if !rest.is_empty() {
        return None;
    }
    // The first version behind those that the wildcard stands for.
    let after = match known {
        0 => Version::new(u64::MAX, 0, 0),
        1 => Version::new(major.checked_add(1)?, 0, 0),
        _ => Version::new(major, minor.checked_add(1)?, 0),
    };
    let before_all = |version: &Version| Version { pre: Prerelease::new("0").unwrap_or_default(), ..version.clone() };
    Some(match operator {
        "=" | "==" => Condition::Within(version, after),
        "!" | "!=" => Condition::Outside(version, after),
        ">=" | "<" => Condition::Compare(orderings, version),
        ">" => Condition::Compare(&[Greater, Equal], after),
        _ => Condition::Compare(&[Less], before_all(&after)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_joined_by_blanks_and_alternatives_by_bars() {
        for (range, inside, outside) in [
            (">=0.30.0", &["0.30.0", "0.37.0", "1.0.0"][..], &["0.29.9"][..]),
            (">= 0.30", &["0.30.0"], &["0.29.0"]),
            ("<1.0 || >=1.2", &["0.9.9", "1.2.0"], &["1.0.0", "1.1.9"]),
            (">0.1.0 <0.3.0 !0.2.5", &["0.2.4"], &["0.1.0", "0.2.5", "0.3.0"]),
            ("0.33.x", &["0.33.0", "0.33.7"], &["0.34.0", "0.32.9"]),
            ("!=0.33.x", &["0.34.0"], &["0.33.1"]),
            (">0.33.x", &["0.34.0"], &["0.33.9"]),
            ("<=0.33.x", &["0.33.9"], &["0.34.0"]),
            ("1.2.3", &["1.2.3"], &["1.2.4"]),
            ("v0.30.0", &["0.30.0"], &["0.30.1"]),
        ] {
            let parsed = VersionRange::parse(range).unwrap();
            for version in inside {
                assert!(parsed.contains(&Version::parse(version).unwrap()), "{version} in {range}");
            }
            for version in outside {
                assert!(!parsed.contains(&Version::parse(version).unwrap()), "{version} not in {range}");
            }
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "abc", ">=", "=> 1.0", "1.2.3.4", ">=1.0 ||", "~1.0", "1.x.2", "> > 1.0"] {
            assert!(VersionRange::parse(text).is_err(), "{text}");
        }
    }
}
