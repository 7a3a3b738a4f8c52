//! Changes on their way to the engine: gathered until a save is complete, and never for long.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A save is complete when no file is open for writing and nothing has come for so long.
const QUIET: Duration = Duration::from_millis(5);
/// A burst is passed on in parts no further apart than this.
const LONGEST: Duration = Duration::from_millis(50);

/// Changes that have not been passed on.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// And whether the file was there before.
    pub paths: HashMap<PathBuf, bool>,
    /// Files with several names that changed under one of them.
    pub linked: HashSet<u64>,
    /// Files that were written and have not been closed.
    open: HashSet<PathBuf>,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Batch {
    pub fn add(&mut self, path: PathBuf, was_there: bool, now: Instant) {
        self.paths.entry(path).or_insert(was_there);
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    /// One of its files is being written.
    pub fn written(&mut self, path: &Path) {
        if self.paths.contains_key(path) {
            self.open.insert(path.to_owned());
        }
    }

    /// A file was closed, or went.
    pub fn closed(&mut self, path: &Path) {
        self.open.remove(path);
    }

    /// When it is to be passed on; `None` while it is empty.
    pub fn due(&self) -> Option<Instant> {
        let longest = self.first? + LONGEST;
        Some(if self.open.is_empty() { longest.min(self.last? + QUIET) } else { longest })
    }

    /// When the first of the changes was noticed.
    pub fn began(&self) -> Option<Instant> {
        self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_waits_for_quiet_but_not_for_ever() {
        let start = Instant::now();
        let mut batch = Batch::default();
        assert_eq!(batch.due(), None);
        batch.add("/a".into(), true, start);
        assert_eq!(batch.due(), Some(start + QUIET));
        for step in 1..100 {
            batch.add("/a".into(), false, start + QUIET / 2 * step);
        }
        assert_eq!(batch.due(), Some(start + LONGEST));
        assert_eq!(batch.began(), Some(start));
        assert!(batch.paths[&PathBuf::from("/a")], "what counts is how the batch began");
    }

    #[test]
    fn a_batch_waits_for_the_end_of_a_write_but_not_for_ever() {
        let start = Instant::now();
        let mut batch = Batch::default();
        batch.add("/a".into(), true, start);
        batch.written(Path::new("/a"));
        batch.written(Path::new("/ignored"));
        assert_eq!(batch.due(), Some(start + LONGEST));
        batch.closed(Path::new("/a"));
        assert_eq!(batch.due(), Some(start + QUIET));
    }
}
