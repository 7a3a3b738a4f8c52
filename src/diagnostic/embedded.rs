//! Files that are part of the program: diagnostics may point into them, and excerpts come from here.

use std::path::Path;
use std::sync::OnceLock;

/// The text of a file that is part of the program.
pub type Embedded = fn(&Path) -> Option<&'static str>;

static EMBEDDED: OnceLock<Embedded> = OnceLock::new();

/// Says how files that are part of the program are found. The first call counts.
pub fn set_embedded(embedded: Embedded) {
    let _ = EMBEDDED.set(embedded);
}

/// The text of such a file.
pub(super) fn embedded(path: &Path) -> Option<&'static str> {
    EMBEDDED.get().and_then(|embedded| embedded(path))
}
