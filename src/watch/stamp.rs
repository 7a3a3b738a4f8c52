//! What tells two states of a file apart without reading it, and a look at all files of some trees.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::coverage::Coverage;
use crate::project::{PathFilter, WatchedTree};

/// A file that was changed so shortly before it was looked at may change again without a trace: clocks of file systems
/// are coarse.
const COARSE_CLOCK_NANOSECONDS: i128 = 20_000_000;

/// What tells two states of a file apart without reading it. Of the mode, only the kind of file and whether it may be
/// executed count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// In bytes.
    pub size: u64,
    /// Modification time: seconds and nanoseconds.
    pub modified: (i64, i64),
    /// Inode number.
    pub inode: u64,
    /// Kind and executable bits.
    pub mode: u32,
}

impl Stamp {
    /// The stamp of a file whose metadata have been read.
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            inode: metadata.ino(),
            mode: metadata.mode() & (0o170_000 | 0o111),
        }
    }

    /// Whether the file might have changed since without a new stamp, when it was looked at just now.
    pub(super) fn is_fresh(&self) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let modified = i128::from(self.modified.0) * 1_000_000_000 + i128::from(self.modified.1);
        i128::try_from(now.as_nanos()).unwrap_or(i128::MAX) - modified < COARSE_CLOCK_NANOSECONDS
    }
}

/// The files of these trees that count, as they are now. For comparing states across a restart. Blocks.
pub fn scan(trees: &[WatchedTree], global: &Arc<PathFilter>) -> HashMap<PathBuf, Stamp> {
    let coverage = Coverage::new(trees.to_vec(), Arc::clone(global));
    let mut found = HashMap::new();
    let mut visited = HashSet::new();
    for root in coverage.roots() {
        let Ok(metadata) = fs::metadata(root) else { continue };
        if !metadata.is_dir() {
            if coverage.reports(root) {
                found.insert(root.to_owned(), Stamp::of(&metadata));
            }
            continue;
        }
        let mut waiting = vec![root.to_owned()];
        while let Some(folder) = waiting.pop() {
            if !visited.insert(folder.clone()) {
                continue;
            }
            // What cannot be read holds nothing that could be used.
            let Ok(listing) = Listing::read(&folder, &coverage) else { continue };
            waiting.extend(listing.folders.iter().map(|name| folder.join(name)));
            found.extend(listing.files.into_iter().map(|(name, stamp)| (folder.join(name), stamp)));
        }
    }
    found
}

/// What of a folder's entries counts.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub files: Vec<(OsString, Stamp)>,
    pub folders: Vec<OsString>,
    /// Whether it is the root of a git work tree.
    pub has_git: bool,
}

impl Listing {
    /// Looks into `folder`; symbolic links are entries of their own and are not followed.
    pub fn read(folder: &Path, coverage: &Coverage) -> io::Result<Self> {
        let mut listing = Self::default();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            listing.has_git |= path.ends_with(".git");
            // Entries may go while they are read.
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                if coverage.covers(&path) {
                    listing.folders.push(entry.file_name());
                }
            } else if coverage.reports(&path)
                && let Ok(metadata) = entry.metadata()
            {
                listing.files.push((entry.file_name(), Stamp::of(&metadata)));
            }
        }
        Ok(listing)
    }
}
