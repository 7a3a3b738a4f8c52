//! The watcher's thread: events in, batches of changes out. It sleeps until there is something to do.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Instant;

use notify::EventKind;
use notify::event::{ModifyKind, RenameMode};
use tokio::sync::{mpsc, oneshot};

use super::backend::Backend;
use super::batch::Batch;
use super::coverage::Coverage;
use super::follow::Reporting;
use super::index::Index;
use super::problem::WatchProblem;
use super::repositories::Repositories;
use super::watcher::{Counters, WatchEvent, WatchOptions};

/// What wakes the worker.
pub(super) enum Message {
    /// From the system.
    File(notify::Result<notify::Event>),
    /// From the owner.
    SetTrees { coverage: Coverage, done: oneshot::Sender<()> },
    /// From the owner.
    Look { path: PathBuf, number: u64 },
    /// The owner is gone.
    Stop,
}

/// The state of the watcher; `follow.rs` has what it does with folders.
pub(super) struct Worker {
    events: mpsc::Sender<WatchEvent>,
    options: WatchOptions,
    own: Sender<Message>,
    counters: Arc<Counters>,
    pub(super) coverage: Coverage,
    pub(super) index: Index,
    pub(super) backend: Backend,
    /// Folders that are watched because they tell when a root appears, is replaced or goes: its nearest existing parent.
    pub(super) anchors: HashMap<PathBuf, HashSet<PathBuf>>,
    pub(super) anchors_of: HashMap<PathBuf, Vec<PathBuf>>,
    /// Files that a root which is a symbolic link stands for, and that root.
    pub(super) targets: HashMap<PathBuf, PathBuf>,
    pub(super) batch: Batch,
    /// Folders that are compared now and then because they cannot be watched.
    pub(super) polled: BTreeSet<PathBuf>,
    /// Folders whose watch may have ended with that of a former name.
    pub(super) doubtful: Vec<PathBuf>,
    pub(super) problems: Vec<WatchProblem>,
    pub(super) repositories: Repositories,
    /// What is told before the next batch.
    pub(super) notices: Vec<WatchEvent>,
    /// Looks whose answer comes after the batch.
    looks: Vec<u64>,
    /// What has been told is not told again while it lasts.
    told_limit: bool,
    told_closed: bool,
    pub(super) told_unreadable: HashSet<PathBuf>,
    next_poll: Option<Instant>,
}

/// Whether there is still somebody to tell.
enum Audience {
    Listens,
    Left,
}

impl Worker {
    pub fn new(
        events: mpsc::Sender<WatchEvent>,
        options: WatchOptions,
        own: Sender<Message>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            events,
            options,
            own,
            counters,
            coverage: Coverage::default(),
            index: Index::default(),
            backend: Backend::new(options.max_folders),
            anchors: HashMap::new(),
            anchors_of: HashMap::new(),
            targets: HashMap::new(),
            batch: Batch::default(),
            polled: BTreeSet::new(),
            doubtful: Vec::new(),
            problems: Vec::new(),
            repositories: Repositories::default(),
            notices: Vec::new(),
            looks: Vec::new(),
            told_limit: false,
            told_closed: false,
            told_unreadable: HashSet::new(),
            next_poll: None,
        }
    }

    pub fn run(mut self, messages: &Receiver<Message>) {
        loop {
            let message = match self.batch.due().into_iter().chain(self.next_poll).chain(self.repositories.due()).min()
            {
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => messages.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            self.counters.wakeups.fetch_add(1, Ordering::Relaxed);
            let mut finished = None;
            match message {
                Ok(Message::File(event)) => self.take(event),
                Ok(Message::SetTrees { coverage, done }) => {
                    self.set_trees(coverage);
                    finished = Some(done);
                }
                Ok(Message::Look { path, number }) => {
                    self.record(&path, Evidence::Hint);
                    self.looks.push(number);
                }
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = Instant::now();
            if self.next_poll.is_some_and(|due| due <= now) {
                self.next_poll = None;
                self.poll();
            }
            while let Some(folder) = self.doubtful.pop() {
                self.sync(&folder, &Reporting::Changes, &mut HashSet::new());
            }
            self.end_holds();
            self.note_limits();
            self.publish_counts();
            // Whoever no longer waits is no reason to stop.
            let _ = finished.map(|finished| finished.send(()));
            if let Audience::Left = self.tell() {
                return;
            }
        }
    }

    /// Opens the connection to the system unless it is open; says whether it is.
    pub(super) fn open_backend(&mut self) -> bool {
        let own = self.own.clone();
        let result = self.backend.open(move |event| {
            // A worker that has ended needs no events.
            let _ = own.send(Message::File(event));
        });
        match result {
            Ok(()) => self.told_closed = false,
            Err(reason) if !self.told_closed => {
                self.told_closed = true;
                self.problems.push(WatchProblem::TooManyWatchers { reason });
            }
            Err(_) => {}
        }
        self.backend.is_open()
    }

    fn take(&mut self, event: notify::Result<notify::Event>) {
        let event = match event {
            Ok(event) if !event.need_rescan() => event,
            // Events were lost, so everything is compared.
            Ok(_) | Err(_) => return self.sync_all(&Reporting::Rescan),
        };
        for path in event.paths {
            if self.take_git(&path, event.kind) {
                continue;
            }
            match event.kind {
                // Both names have been told one by one.
                EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => {}
                EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => {
                    self.entry_changed(&path);
                    self.batch.closed(&path);
                }
                // A file may have been written through a mapping, of which nothing else tells.
                EventKind::Access(_) => {
                    self.record(&path, Evidence::Hint);
                    self.batch.closed(&path);
                }
                // Most changes of metadata do not count.
                EventKind::Modify(ModifyKind::Metadata(_)) => self.record(&path, Evidence::Hint),
                EventKind::Modify(_) | EventKind::Any | EventKind::Other => {
                    self.record(&path, Evidence::Written);
                    self.batch.written(&path);
                }
            }
        }
    }

    /// Takes in what happened to a file.
    pub(super) fn record(&mut self, path: &Path, evidence: Evidence) {
        if let Some(root) = self.targets.get(path).filter(|root| *root != path).cloned() {
            self.record(&root, evidence);
        }
        if self.index.has_folder(path) || !self.coverage.reports(path) {
            return;
        }
        let metadata = self.metadata(path).filter(|metadata| !metadata.is_dir());
        let stamp = metadata.as_ref().map(super::stamp::Stamp::of);
        let before = self.index.stamp(path);
        if evidence == Evidence::Written || stamp != before {
            self.changed(path.to_owned(), before);
            self.index.set(path, stamp);
            if let Some(metadata) = metadata
                && std::os::unix::fs::MetadataExt::nlink(&metadata) > 1
            {
                self.batch.linked.insert(std::os::unix::fs::MetadataExt::ino(&metadata));
            }
        }
    }

    /// Of the file itself; a root that is a symbolic link stands for what it points to.
    pub(super) fn metadata(&self, path: &Path) -> Option<fs::Metadata> {
        if self.coverage.is_root(path) { fs::metadata(path).ok() } else { fs::symlink_metadata(path).ok() }
    }

    /// Passes on what is due.
    fn tell(&mut self) -> Audience {
        for problem in std::mem::take(&mut self.problems) {
            if self.events.blocking_send(WatchEvent::Problem(problem)).is_err() {
                return Audience::Left;
            }
        }
        for notice in std::mem::take(&mut self.notices) {
            if self.events.blocking_send(notice).is_err() {
                return Audience::Left;
            }
        }
        let Some(at) = self.batch.began().filter(|_| self.batch.due().is_some_and(|due| due <= Instant::now())) else {
            return if self.batch.began().is_none() { self.answer_looks() } else { Audience::Listens };
        };
        if !self.batch.linked.is_empty() {
            let linked = std::mem::take(&mut self.batch.linked);
            for path in self.index.files_with_inodes(&linked) {
                self.record(&path, Evidence::Hint);
            }
        }
        let batch = std::mem::take(&mut self.batch);
        let mut paths: Vec<PathBuf> = batch
            .paths
            .into_iter()
            // What came and went meanwhile was an editor's or a compiler's own business.
            .filter(|(path, was_there)| *was_there || self.metadata(path).is_some_and(|metadata| !metadata.is_dir()))
            .map(|(path, _)| path)
            .collect();
        if paths.is_empty() {
            return self.answer_looks();
        }
        paths.sort_unstable();
        match self.events.blocking_send(WatchEvent::Changed { paths, at }) {
            Ok(()) => self.answer_looks(),
            Err(_) => Audience::Left,
        }
    }

    fn answer_looks(&mut self) -> Audience {
        // What they have found may wait.
        if self.repositories.has_waiting() {
            return Audience::Listens;
        }
        for number in std::mem::take(&mut self.looks) {
            if self.events.blocking_send(WatchEvent::Looked(number)).is_err() {
                return Audience::Left;
            }
        }
        Audience::Listens
    }

    fn note_limits(&mut self) {
        if self.polled.is_empty() && self.backend.is_open() {
            self.told_limit = false;
            self.next_poll = None;
            return;
        }
        if self.polled.is_empty() && self.coverage.roots().next().is_none() {
            return;
        }
        self.next_poll.get_or_insert_with(|| Instant::now() + self.options.poll_interval);
        if self.backend.is_open() && !self.told_limit {
            self.told_limit = true;
            let limit = self
                .options
                .max_folders
                .map(|max| max as u64)
                .or_else(|| fs::read_to_string("/proc/sys/fs/inotify/max_user_watches").ok()?.trim().parse().ok());
            self.problems.push(WatchProblem::TooManyFolders { folders: self.polled.len(), limit });
        }
    }

    fn publish_counts(&self) {
        self.counters.folders.store(self.index.folder_count(), Ordering::Relaxed);
        self.counters.watches.store(self.backend.count(), Ordering::Relaxed);
        self.counters.polled.store(self.polled.len(), Ordering::Relaxed);
    }
}

/// How sure it is that a file has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// It was written: it counts whatever its stamp says.
    Written,
    /// It counts if its stamp says so.
    Hint,
}
