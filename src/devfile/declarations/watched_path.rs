//! A file or folder that a declaration depends on, with what the disk says about it.

use std::path::PathBuf;

use crate::project::PatternSet;

/// A file or folder that a declaration depends on, with what the disk says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedPath {
    /// Absolute; may be missing on disk.
    pub path: PathBuf,
    /// Whether it is a folder now.
    pub is_folder: bool,
    /// Whether it is a folder with a `.git` entry: that entry is not watched and not sent to builders.
    pub is_repository_root: bool,
    /// The ignore file of an image's folder (`.dockerignore`, or `<Dockerfile>.dockerignore` for `docker_build`);
    /// `None` when there is none, and for local resources. Leading slashes of the patterns are gone.
    pub dockerignore: Option<PatternSet>,
}
