//! A file as it was when a configuration looked at it, so that a change before it is watched is noticed.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A file that a configuration depends on, as it was just before it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenFile {
    /// Absolute.
    pub path: PathBuf,
    /// Size, modification time in seconds and nanoseconds, inode; `None` for what was missing.
    state: Option<(u64, i64, i64, u64)>,
}

impl SeenFile {
    /// Looks at a file. `None` for a folder: what is in it is not known, and what is read from it is seen by itself.
    pub(crate) fn look(path: &Path) -> Option<Self> {
        let state = match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => return None,
            Ok(metadata) => Some((metadata.len(), metadata.mtime(), metadata.mtime_nsec(), metadata.ino())),
            Err(_) => None,
        };
        Some(Self { path: path.to_path_buf(), state })
    }

    /// Whether it is another one now.
    pub fn has_changed(&self) -> bool {
        Self::look(&self.path).is_none_or(|now| now.state != self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_created_and_removed_files_have_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let missing = SeenFile::look(&file).unwrap();
        assert!(!missing.has_changed());
        std::fs::write(&file, "one").unwrap();
        assert!(missing.has_changed());
        let seen = SeenFile::look(&file).unwrap();
        assert!(!seen.has_changed());
        std::fs::write(&file, "longer").unwrap();
        assert!(seen.has_changed());
        let seen = SeenFile::look(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert!(seen.has_changed());
        assert_eq!(SeenFile::look(folder.path()), None);
    }
}
