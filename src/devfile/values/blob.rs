//! Text with a note on where it came from (reference §2.2, `blob`).

use super::plain_value;

/// A text and its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    /// The text.
    pub text: String,
    /// For messages: `local: CMD`, the path of a file …
    pub source: String,
}

plain_value! {
    /// A text that is no string: strings are names and paths, blobs are contents.
    Blob(Text), "blob", {
        fn to_bool(&self) -> bool {
            !self.0.text.is_empty()
        }
    }
}

impl Blob {
    /// A text and its source.
    pub fn new(text: impl Into<String>, source: impl Into<String>) -> Self {
        Self(Text { text: text.into(), source: source.into() })
    }
}

impl std::fmt::Display for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.text)
    }
}
