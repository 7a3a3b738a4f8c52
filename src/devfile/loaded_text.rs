//! The file that a `load` means, for editors: without a run, so without what the run registers.

use std::path::{Path, PathBuf};

use super::extensions::built_in;
use super::language::paths;

/// A file that another one loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedText {
    /// Absolute; for an extension that comes with devloop its name, which begins with `ext://`.
    pub path: PathBuf,
    /// The text of an extension that comes with devloop.
    pub embedded: Option<&'static str>,
}

/// What `path` means in a `load` of the file `from`; `None` for an extension that only a run can find.
pub fn loaded_text(from: &Path, path: &str) -> Option<LoadedText> {
    if let Some(name) = path.strip_prefix("ext://") {
        let path = built_in::path(name)?;
        return Some(LoadedText { embedded: built_in::source(&path), path });
    }
    let dir = from.parent().unwrap_or(Path::new("/"));
    Some(LoadedText { path: paths::resolve(dir, path), embedded: None })
}
