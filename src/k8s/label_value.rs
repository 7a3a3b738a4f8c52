//! Any text as the value of a label.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The longest value that Kubernetes takes.
const MAX_LENGTH: usize = 63;

/// `text` itself when it is valid as the value of a label; else what is left of it, with a hash that keeps different
/// texts different.
pub fn label_value(text: &str) -> String {
    if is_label_value(text) {
        return text.to_owned();
    }
    let cleaned: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' }).collect();
    let hash = Sha256::digest(text.as_bytes()).iter().take(3).fold(String::new(), |mut hash, byte| {
        let _ = write!(hash, "{byte:02x}");
        hash
    });
    let shortened: String = cleaned.chars().take(MAX_LENGTH - hash.len() - 1).collect();
    let shortened = shortened.trim_matches(['-', '_', '.']);
    if shortened.is_empty() { hash } else { format!("{shortened}-{hash}") }
}

/// Whether Kubernetes takes `text` as the value of a label.
pub fn is_label_value(text: &str) -> bool {
    let ends_well = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    text.len() <= MAX_LENGTH
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && ends_well(text.chars().next())
        && ends_well(text.chars().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_becomes_valid_and_stays_distinct() {
        assert_eq!(label_value("web"), "web");
        for text in ["web:deployment", "a b", "-x-", "日本", "", &"x".repeat(80)] {
            assert!(is_label_value(&label_value(text)), "{text}");
        }
        assert_ne!(label_value("web:a"), label_value("web/a"));
    }
}
