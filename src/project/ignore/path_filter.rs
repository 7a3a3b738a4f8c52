//! Several sources of patterns as one decision.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::pattern_set::PatternSet;

/// Decides which paths are ignored: those that any of its sources ignores.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct PathFilter {
    /// The sources.
    pub sets: Vec<PatternSet>,
}

/// A file or folder that is watched or sent to a builder, and what in it does not count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WatchedTree {
    /// File or folder, absolute.
    pub root: PathBuf,
    /// What below `root` is ignored.
    pub filter: Arc<PathFilter>,
}

impl WatchedTree {
    /// Whether a change of `path` (absolute) counts.
    pub fn covers(&self, path: &Path) -> bool {
        path.starts_with(&self.root) && !self.filter.ignores(path)
    }
}

impl PathFilter {
    /// Whether `path` (absolute) is ignored.
    pub fn ignores(&self, path: &Path) -> bool {
        if self.sets.is_empty() {
            return false;
        }
        let path = path.to_string_lossy();
        self.sets.iter().any(|set| set.ignores(&path))
    }

    /// Whether `folder` and everything that can ever be below it is ignored, so that it need not be looked into.
    ///
    /// A folder may be ignored and still hold files that are not: `**` followed by `!src/main.rs` ignores `src`.
    pub fn prunes(&self, folder: &Path) -> bool {
        if self.sets.is_empty() {
            return false;
        }
        let folder = folder.to_string_lossy();
        self.sets.iter().any(|set| set.prunes(&folder))
    }
}
