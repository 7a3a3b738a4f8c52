//! What the worker does with folders: watch them, compare them with the index, and follow roots that come and go.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::backend::Watched;
use super::coverage::Coverage;
use super::index::{Folder, Seen};
use super::problem::WatchProblem;
use super::stamp::Listing;
use super::worker::{Evidence, Worker};

/// A root that changes faster than it can be looked at is left to its next event after so many looks.
const LOOKS: usize = 20;

/// What of the differences to the index is told.
#[derive(Debug)]
pub(super) enum Reporting {
    /// All of them.
    Changes,
    /// All of them, and what might have changed without a difference; every folder is watched anew.
    Rescan,
    /// Those that count under the former rules; for the rest it is the first look.
    Baseline(Coverage),
    /// As `Changes`, but folders that are known are left to their own turn.
    Shallow,
}

impl Worker {
    /// Exchanges what is watched.
    pub(super) fn set_trees(&mut self, coverage: Coverage) {
        let former = std::mem::replace(&mut self.coverage, coverage);
        let changed = self.coverage.changed_roots(&former);
        let dropped: Vec<PathBuf> =
            former.roots().filter(|root| !self.coverage.is_root(root)).map(Path::to_owned).collect();
        if changed.is_empty() && dropped.is_empty() {
            return;
        }
        self.open_backend();
        // Before the first look: what git changes from now on is seen in order.
        let repositories = self.find_repositories();
        for root in &dropped {
            self.set_anchors(root, &[]);
            self.index.forget_loose(root);
        }
        let uncovered: Vec<PathBuf> =
            self.index.folders().filter(|folder| !self.coverage.covers(folder)).map(Path::to_owned).collect();
        for folder in uncovered {
            self.index.forget(&folder);
            self.unwatch(&folder);
        }
        let (reporting, mut visited) = (Reporting::Baseline(former), HashSet::new());
        for root in changed {
            self.attach(&root, &reporting, &mut visited);
        }
        self.drop_repositories_but(&repositories);
    }

    /// Compares everything with the index.
    pub(super) fn sync_all(&mut self, reporting: &Reporting) {
        let roots: Vec<PathBuf> = self.coverage.roots().map(Path::to_owned).collect();
        let mut visited = HashSet::new();
        for root in roots {
            self.attach(&root, reporting, &mut visited);
        }
    }

    /// An entry of a watched folder, or a watched folder itself, was created, removed or renamed.
    pub(super) fn entry_changed(&mut self, path: &Path) {
        let mut visited = HashSet::new();
        if let Some(root) = self.targets.get(path).cloned() {
            self.record(&root, Evidence::Written);
            self.attach(&root, &Reporting::Changes, &mut visited);
        }
        if !self.coverage.is_root(path) {
            if self.index.has_folder(path) || self.metadata(path).is_some_and(|metadata| metadata.is_dir()) {
                self.sync(path, &Reporting::Changes, &mut visited);
            } else {
                self.record(path, Evidence::Written);
            }
        } else if !self.index.has_folder(path) {
            self.record(path, Evidence::Written);
        }
        let mut roots = self.coverage.roots_below(path);
        roots.extend(self.anchors.get(path).into_iter().flatten().cloned());
        for root in roots {
            self.attach(&root, &Reporting::Changes, &mut visited);
        }
    }

    /// Compares what cannot be watched, and tries to watch it.
    pub(super) fn poll(&mut self) {
        self.open_backend();
        let mut room = true;
        let mut visited = HashSet::new();
        for folder in self.polled.clone() {
            if room {
                self.watch(&folder);
                room = !self.polled.contains(&folder);
            }
            if self.index.has_folder(&folder) {
                self.sync(&folder, &Reporting::Shallow, &mut visited);
            }
            for root in self.anchors.get(&folder).cloned().unwrap_or_default() {
                self.attach(&root, &Reporting::Shallow, &mut visited);
            }
        }
    }

    /// Brings watches and index in step with a folder and all below it.
    pub(super) fn sync(&mut self, start: &Path, reporting: &Reporting, visited: &mut HashSet<PathBuf>) {
        let mut waiting = vec![start.to_owned()];
        while let Some(path) = waiting.pop() {
            if !visited.insert(path.clone()) {
                continue;
            }
            let metadata = self.metadata(&path).filter(fs::Metadata::is_dir).filter(|_| self.coverage.covers(&path));
            let Some(metadata) = metadata else {
                self.remove_folder(&path);
                self.record(&path, Evidence::Hint);
                continue;
            };
            // It was a file when it was last seen.
            if let Some(before) = self.index.stamp(&path) {
                self.index.set(&path, None);
                self.changed(path.clone(), Some(before));
            }
            // Watched before it is read: what happens in between is told by an event.
            match reporting {
                Reporting::Baseline(_) if self.backend.is_watching(&path) => {}
                Reporting::Shallow if self.polled.contains(&path) => {}
                _ => self.watch(&path),
            }
            let listing = match Listing::read(&path, &self.coverage) {
                Ok(listing) => listing,
                Err(error) => {
                    self.note_unreadable(&path, &error);
                    self.remove_folder(&path);
                    continue;
                }
            };
            if listing.has_git {
                self.find_repository(&path);
            }
            let folder = Folder {
                id: (metadata.dev(), metadata.ino()),
                files: listing.files.into_iter().map(|(name, stamp)| (name, Seen::now(stamp))).collect(),
                folders: listing.folders.iter().cloned().collect(),
            };
            let seen: Vec<_> = folder.files.iter().map(|(name, seen)| (name.clone(), seen.stamp)).collect();
            let mut former = self.index.replace(&path, folder).unwrap_or_default();
            for (name, stamp) in seen {
                let before = former.files.remove(&name);
                let same = before.is_some_and(|before| {
                    before.stamp == stamp && !(before.fresh && matches!(reporting, Reporting::Rescan))
                });
                let file = path.join(name);
                if !same && reporting.tells(&file) {
                    self.changed(file, before.map(|before| before.stamp));
                }
            }
            for (name, before) in former.files {
                let file = path.join(name);
                if self.coverage.reports(&file) {
                    self.changed(file, Some(before.stamp));
                }
            }
            for name in former.folders {
                if !listing.folders.contains(&name) {
                    self.remove_folder(&path.join(name));
                }
            }
            let below = listing.folders.into_iter().map(|name| path.join(name));
            match reporting {
                Reporting::Shallow => waiting.extend(below.filter(|folder| !self.index.has_folder(folder))),
                Reporting::Changes | Reporting::Rescan | Reporting::Baseline(_) => waiting.extend(below),
            }
        }
    }

    /// Follows a root, whatever it is at the moment: a folder, a file, or nothing at all.
    fn attach(&mut self, root: &Path, reporting: &Reporting, visited: &mut HashSet<PathBuf>) {
        for _ in 0..LOOKS {
            let is_folder = fs::metadata(root).is_ok_and(|metadata| metadata.is_dir());
            let anchors = anchors(root, is_folder);
            self.set_anchors(root, &anchors);
            if is_folder {
                self.sync(root, reporting, visited);
                self.index.forget_loose(root);
            } else {
                self.remove_folder(root);
                self.attach_loose(root, reporting);
            }
            // What changed before the anchor was watched is told by nobody.
            let is_folder_now = fs::metadata(root).is_ok_and(|metadata| metadata.is_dir());
            if is_folder_now == is_folder && self::anchors(root, is_folder) == anchors {
                return;
            }
            visited.remove(root);
        }
    }

    fn attach_loose(&mut self, root: &Path, reporting: &Reporting) {
        let before = self.index.stamp(root);
        self.index.set_loose(root, before);
        if reporting.tells(root) {
            self.record(root, Evidence::Hint);
        } else {
            let stamp = self.metadata(root).map(|metadata| super::stamp::Stamp::of(&metadata));
            self.index.set(root, stamp);
        }
    }

    /// Forgets a folder and tells that its files are gone.
    fn remove_folder(&mut self, path: &Path) {
        if !self.index.has_folder(path) {
            return;
        }
        let removed = self.index.remove(path);
        for (file, before) in removed.files {
            if self.coverage.reports(&file) {
                self.changed(file, Some(before));
            }
        }
        for folder in removed.folders {
            self.unwatch(&folder);
            if self.repositories.contains(&folder) {
                self.find_repository(&folder);
            }
        }
        // The system's watch belongs to the folder, not to its name: ending it may have ended that of the new name.
        self.doubtful.extend(removed.elsewhere);
    }

    /// Watches the folders that tell of a root what it does not tell of itself.
    fn set_anchors(&mut self, root: &Path, anchors: &[PathBuf]) {
        for former in self.anchors_of.remove(root).unwrap_or_default() {
            if anchors.contains(&former) {
                continue;
            }
            let unused = self.anchors.get_mut(&former).is_some_and(|roots| {
                roots.remove(root);
                roots.is_empty()
            });
            if unused {
                self.anchors.remove(&former);
                if !self.index.has_folder(&former) {
                    self.unwatch(&former);
                }
            }
        }
        for anchor in anchors {
            self.anchors.entry(anchor.clone()).or_default().insert(root.to_owned());
            self.watch(anchor);
        }
        if !anchors.is_empty() {
            self.anchors_of.insert(root.to_owned(), anchors.to_owned());
        }
        self.targets.retain(|_, target_of| target_of != root);
        if let Some(target) = linked_file(root) {
            self.targets.insert(target, root.to_owned());
        }
    }

    fn watch(&mut self, folder: &Path) {
        match self.backend.watch(folder) {
            Watched::Yes => drop(self.polled.remove(folder)),
            Watched::LimitReached => drop(self.polled.insert(folder.to_owned())),
            Watched::Gone => {}
            Watched::Failed(reason) => {
                if self.told_unreadable.insert(folder.to_owned()) {
                    self.problems.push(WatchProblem::Unreadable { path: folder.to_owned(), reason });
                }
            }
        }
    }

    pub(super) fn unwatch(&mut self, folder: &Path) {
        if self.anchors.contains_key(folder) || self.repositories.root_of_git_folder(folder).is_some() {
            return;
        }
        self.backend.unwatch(folder);
        self.polled.remove(folder);
    }

    fn note_unreadable(&mut self, path: &Path, error: &io::Error) {
        let gone = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
        if !gone && self.told_unreadable.insert(path.to_owned()) {
            self.problems.push(WatchProblem::Unreadable { path: path.to_owned(), reason: error.to_string() });
        }
    }
}

impl Reporting {
    /// Whether a difference at `file` is told.
    fn tells(&self, file: &Path) -> bool {
        match self {
            Self::Changes | Self::Rescan | Self::Shallow => true,
            Self::Baseline(former) => former.reports(file),
        }
    }
}

/// The folders whose events tell that a root appears, is replaced or goes: even a folder needs one, because the system
/// does not tell of the end of a folder that is some process' working directory. A link to a file has two.
fn anchors(root: &Path, is_folder: bool) -> Vec<PathBuf> {
    let above = |path: &Path| path.ancestors().skip(1).find(|ancestor| ancestor.is_dir()).map(Path::to_owned);
    let target = if is_folder { None } else { linked_file(root) };
    above(root).into_iter().chain(target.and_then(|target| above(&target))).collect()
}

/// The file that a root which is a symbolic link stands for.
fn linked_file(root: &Path) -> Option<PathBuf> {
    let is_link = fs::symlink_metadata(root).is_ok_and(|metadata| metadata.is_symlink());
    fs::canonicalize(root).ok().filter(|target| is_link && target.is_file())
}
