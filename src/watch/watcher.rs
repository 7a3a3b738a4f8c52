//! The front door of the watcher: what to watch, and what it tells.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::coverage::Coverage;
use super::problem::WatchProblem;
use super::worker::{Message, Worker};
use crate::project::{PathFilter, WatchedTree};

/// What the watcher tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    /// Files were created, written, replaced, removed, or made executable or not.
    Changed {
        /// Absolute, sorted, each once.
        paths: Vec<PathBuf>,
        /// When the first of the changes was noticed.
        at: Instant,
    },
    /// git has begun to change files of this work tree: they are told when it has finished.
    GitBegan {
        /// The root of the work tree.
        repository: PathBuf,
    },
    /// git has finished. Always comes after [`WatchEvent::GitBegan`], unless nothing had changed.
    GitEnded {
        /// The root of the work tree.
        repository: PathBuf,
        /// The files that are different from what was last told of them. Absolute, sorted, each once.
        changed: Vec<PathBuf>,
        /// Those that were written and have the same content and rights as before.
        same: Vec<PathBuf>,
    },
    /// Something cannot be watched as it should.
    Problem(WatchProblem),
    /// [`Watcher::look`] of this number has been carried out, and what it found has been told before.
    Looked(u64),
}

/// What may be set for tests and for unusual machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchOptions {
    /// Watch at most so many folders; the system's own limit when `None`.
    pub max_folders: Option<usize>,
    /// How often folders that cannot be watched are compared.
    pub poll_interval: Duration,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self { max_folders: None, poll_interval: Duration::from_secs(2) }
    }
}

/// How much the watcher has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchCounts {
    /// Folders of the watched trees that can hold a file that counts.
    pub folders: usize,
    /// Folders that the system watches for us: those, the parent folder of each root, and the git folder of each repository.
    pub watches: usize,
    /// Folders that are compared every few seconds, because they cannot be watched.
    pub polled: usize,
    /// How often the watcher has woken up.
    pub wakeups: usize,
}

/// The counts as the worker keeps them.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub folders: AtomicUsize,
    pub watches: AtomicUsize,
    pub polled: AtomicUsize,
    pub wakeups: AtomicUsize,
}

/// Watches trees of files until it is dropped. Its work is done by a thread of its own.
#[derive(Debug)]
pub struct Watcher {
    worker: std_mpsc::Sender<Message>,
    counters: Arc<Counters>,
}

impl Watcher {
    /// A watcher of nothing; see [`Watcher::set_trees`].
    pub fn new(events: mpsc::Sender<WatchEvent>) -> Self {
        Self::with_options(events, WatchOptions::default())
    }

    /// A watcher of nothing with other options than the usual ones.
    pub fn with_options(events: mpsc::Sender<WatchEvent>, options: WatchOptions) -> Self {
        let (sender, messages) = std_mpsc::channel();
        let counters = Arc::new(Counters::default());
        let worker = Worker::new(events, options, sender.clone(), Arc::clone(&counters));
        std::thread::spawn(move || worker.run(&messages));
        Self { worker: sender, counters }
    }

    /// Watches these trees and no others; what is watched already stays so. Returns when every change from now on will be
    /// told: what the caller reads afterwards is not older than what it hears of.
    pub async fn set_trees(&self, trees: Vec<WatchedTree>, global: Arc<PathFilter>) {
        let (done, finished) = oneshot::channel();
        let coverage = Coverage::new(trees, global);
        // The worker ends only when nobody listens to its events any more, and then there is nothing to wait for.
        if self.worker.send(Message::SetTrees { coverage, done }).is_ok() {
            let _ = finished.await;
        }
    }

    /// Looks at a file now instead of when the system tells of it. `number` comes back as [`WatchEvent::Looked`] after
    /// the file's change, if there is one that has not been told.
    pub fn look(&self, path: PathBuf, number: u64) {
        // The worker ends only when nobody listens any more.
        let _ = self.worker.send(Message::Look { path, number });
    }

    /// How much there is to do.
    pub fn counts(&self) -> WatchCounts {
        let read = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        WatchCounts {
            folders: read(&self.counters.folders),
            watches: read(&self.counters.watches),
            polled: read(&self.counters.polled),
            wakeups: read(&self.counters.wakeups),
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // A worker that has ended needs not be told.
        let _ = self.worker.send(Message::Stop);
    }
}

#[cfg(test)]
mod tests {
    use notify::event::Flag;
    use notify::{Event, EventKind};

    use super::*;

    /// A watcher that may watch nothing sees only what a comparison finds, as after an overflow of the system's queue.
    #[tokio::test]
    async fn after_an_overflow_everything_is_compared() {
        let dir = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        };
        for path in ["same", "edited", "removed", "old/file"] {
            write(path, "1");
        }
        let (tx, mut events) = mpsc::channel(8);
        let options = WatchOptions { max_folders: Some(0), poll_interval: Duration::from_hours(1) };
        let watcher = Watcher::with_options(tx, options);
        let tree = WatchedTree { root: dir.path().to_owned(), filter: Arc::default() };
        // What is written within the tick of a coarse clock is reported to be on the safe side.
        tokio::time::sleep(Duration::from_millis(50)).await;
        watcher.set_trees(vec![tree], Arc::default()).await;
        assert!(matches!(events.recv().await, Some(WatchEvent::Problem(WatchProblem::TooManyFolders { .. }))));

        write("edited", "22");
        write("new/file", "1");
        std::fs::remove_file(dir.path().join("removed")).expect("it was there");
        std::fs::remove_dir_all(dir.path().join("old")).expect("it was there");
        let overflow = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        watcher.worker.send(Message::File(Ok(overflow))).expect("the worker lives");

        let Some(WatchEvent::Changed { paths, .. }) = events.recv().await else { panic!("no changes") };
        let expected = ["edited", "new/file", "old/file", "removed"].map(|path| dir.path().join(path));
        assert_eq!(paths, expected);
    }
}
