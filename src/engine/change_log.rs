//! Which files changed, and in which order.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Counts batches of file changes over the session. "Contains everything up to `n`" is what images, deploys and
/// containers remember, so that nothing is lost and nothing is done twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// The newest change of each file of one watch target. Bounded by the number of distinct files that ever changed.
#[derive(Clone, Debug, Default)]
pub struct ChangeLog {
    by_path: HashMap<Arc<Path>, (Sequence, u32)>,
    by_sequence: BTreeMap<(Sequence, u32), Arc<Path>>,
    next: u32,
}

impl ChangeLog {
    /// Records that `path` changed in batch `sequence`.
    pub fn record(&mut self, path: &Path, sequence: Sequence) {
        let path: Arc<Path> = Arc::from(path);
        let key = (sequence, self.next);
        self.next = self.next.wrapping_add(1);
        if let Some(old) = self.by_path.insert(Arc::clone(&path), key) {
            self.by_sequence.remove(&old);
        }
        self.by_sequence.insert(key, path);
    }

    /// The files whose newest change came after `sequence`, in the order of their changes.
    pub fn after(&self, sequence: Sequence) -> impl Iterator<Item = &Arc<Path>> {
        self.by_sequence.range((Sequence(sequence.0 + 1), 0)..).map(|(_, path)| path)
    }

    /// The files whose newest change came after `after` and not later than `up_to`.
    pub fn between(&self, after: Sequence, up_to: Sequence) -> impl Iterator<Item = &Arc<Path>> {
        let end = up_to.max(after);
        self.by_sequence.range((Sequence(after.0 + 1), 0)..(Sequence(end.0 + 1), 0)).map(|(_, path)| path)
    }

    /// Whether anything changed after `sequence`.
    pub fn changed_after(&self, sequence: Sequence) -> bool {
        self.latest() > sequence
    }

    /// The batch of the first of those changes that came after `sequence`.
    pub fn first_after(&self, sequence: Sequence) -> Option<Sequence> {
        self.by_sequence.range((Sequence(sequence.0 + 1), 0)..).next().map(|((first, _), _)| *first)
    }

    /// The newest batch.
    pub fn latest(&self) -> Sequence {
        self.by_sequence.last_key_value().map_or(Sequence(0), |((sequence, _), _)| *sequence)
    }

    /// Forgets what everybody contains.
    pub fn forget_up_to(&mut self, sequence: Sequence) {
        let kept = self.by_sequence.split_off(&(Sequence(sequence.0 + 1), 0));
        for path in std::mem::replace(&mut self.by_sequence, kept).values() {
            self.by_path.remove(path);
        }
    }

    /// How many files it holds.
    pub fn len(&self) -> usize {
        self.by_path.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }

    /// The files whose newest change came after `sequence`, as owned paths.
    pub fn paths_after(&self, sequence: Sequence) -> Vec<PathBuf> {
        self.after(sequence).map(|path| path.to_path_buf()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_change_of_a_file_counts() {
        let mut log = ChangeLog::default();
        log.record(Path::new("/a"), Sequence(1));
        log.record(Path::new("/b"), Sequence(1));
        log.record(Path::new("/a"), Sequence(2));
        assert_eq!(log.paths_after(Sequence(0)), [PathBuf::from("/b"), "/a".into()]);
        assert_eq!(log.paths_after(Sequence(1)), [PathBuf::from("/a")]);
        assert_eq!(log.first_after(Sequence(0)), Some(Sequence(1)));
        assert!(!log.changed_after(Sequence(2)));
        log.forget_up_to(Sequence(1));
        assert_eq!((log.len(), log.latest()), (1, Sequence(2)));
    }
}
