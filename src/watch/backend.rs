//! `notify`, one folder at a time.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

/// How an attempt to watch a folder ended.
#[derive(Debug)]
pub(super) enum Watched {
    Yes,
    /// The limit of watches is reached.
    LimitReached,
    /// The folder is gone; its parent's events say so, too.
    Gone,
    Failed(String),
}

/// Watches folders, each by itself.
pub(super) struct Backend {
    watcher: Option<RecommendedWatcher>,
    folders: HashSet<PathBuf>,
    max: Option<usize>,
}

impl Backend {
    /// `max` limits the folders below what the system allows.
    pub fn new(max: Option<usize>) -> Self {
        Self { watcher: None, folders: HashSet::new(), max }
    }

    /// Opens the connection to the system unless it is open.
    pub fn open(&mut self, on_event: impl Fn(notify::Result<notify::Event>) + Send + 'static) -> Result<(), String> {
        if self.watcher.is_some() {
            return Ok(());
        }
        let relevant = move |event: notify::Result<notify::Event>| {
            // Whoever reads files must not wake us.
            if event.as_ref().is_ok_and(|event| is_mere_access(event.kind)) {
                return;
            }
            on_event(event);
        };
        self.watcher = Some(notify::recommended_watcher(relevant).map_err(|error| error.to_string())?);
        Ok(())
    }

    pub fn is_open(&self) -> bool {
        self.watcher.is_some()
    }

    pub fn count(&self) -> usize {
        self.folders.len()
    }

    pub fn is_watching(&self, folder: &Path) -> bool {
        self.folders.contains(folder)
    }

    /// Watches a folder. It does no harm to do it again, and it is needed when the folder may be another one by now.
    pub fn watch(&mut self, folder: &Path) -> Watched {
        let Some(watcher) = &mut self.watcher else { return Watched::LimitReached };
        if !self.folders.contains(folder) && self.max.is_some_and(|max| self.folders.len() >= max) {
            return Watched::LimitReached;
        }
        let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) else {
            self.folders.insert(folder.to_owned());
            return Watched::Yes;
        };
        self.folders.remove(folder);
        match error.kind {
            notify::ErrorKind::MaxFilesWatch => Watched::LimitReached,
            notify::ErrorKind::PathNotFound => Watched::Gone,
            notify::ErrorKind::Io(error) if is_gone(&error) => Watched::Gone,
            _ => Watched::Failed(error.to_string()),
        }
    }

    pub fn unwatch(&mut self, folder: &Path) {
        if self.folders.remove(folder)
            && let Some(watcher) = &mut self.watcher
        {
            // The watch of a folder that is gone went with it.
            let _ = watcher.unwatch(folder);
        }
    }
}

fn is_mere_access(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write))
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
