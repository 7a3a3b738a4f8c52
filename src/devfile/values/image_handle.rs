//! What `custom_build` returns.

use super::plain_value;

plain_value! {
    /// Stands for an image; the text is its reference.
    ImageHandle(String), "custom_build"
}

impl std::fmt::Display for ImageHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "custom_build({:?})", self.0)
    }
}
