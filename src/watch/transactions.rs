//! What the worker does with git: the changes that git makes while it has its lock are held, compared by content with what
//! was there before, and told as one ([decision 15]).
//!
//! [decision 15]: ../../docs/decisions/0015-branch-switches.md

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use notify::EventKind;
use notify::event::{ModifyKind, RenameMode};

use super::git_hold::Verdict;
use super::problem::WatchProblem;
use super::repositories::Repository;
use super::stamp::Stamp;
use super::watcher::WatchEvent;
use super::worker::{Evidence, Worker};

impl Worker {
    /// Takes in that a file is not any more as it was last told: `before`, `None` when it was not there.
    pub(super) fn changed(&mut self, path: PathBuf, before: Option<Stamp>) {
        let now = Instant::now();
        let Some((root, repository)) = self.repositories.holding(&path) else {
            self.batch.add(path, before.is_some(), now);
            return;
        };
        repository.hold.waits(now);
        if repository.waiting.is_empty() {
            self.notices.push(WatchEvent::GitBegan { repository: root });
        }
        repository.waiting.entry(path).or_insert(before);
    }

    /// Finds out what `folder` is to git, now that its `.git` may be another one.
    pub(super) fn find_repository(&mut self, folder: &Path) {
        let (former, git_folder) = self.repositories.insert(folder);
        if let Some(former) = former {
            self.leave_repository(folder, former);
        }
        if let Some(git_folder) = git_folder {
            // Without it, changes are told as they come.
            self.backend.watch(&git_folder);
            if let Some(repository) = self.repositories.get_mut(folder) {
                repository.begin();
            }
        }
    }

    /// Finds the repositories that roots are in, and gives the roots of their work trees.
    pub(super) fn find_repositories(&mut self) -> HashSet<PathBuf> {
        let holder = |root: &Path| root.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_owned);
        let wanted: HashSet<PathBuf> = self.coverage.roots().filter_map(holder).collect();
        for root in &wanted {
            self.find_repository(root);
        }
        wanted
    }

    /// Drops the repositories in which nothing is watched any more, but for these.
    pub(super) fn drop_repositories_but(&mut self, wanted: &HashSet<PathBuf>) {
        for root in self.repositories.roots() {
            if !wanted.contains(&root)
                && !self.index.has_folder(&root)
                && let Some(former) = self.repositories.remove(&root)
            {
                self.leave_repository(&root, former);
            }
        }
    }

    /// Nothing is known any more of what waits there.
    fn leave_repository(&mut self, root: &Path, former: Repository) {
        if !self.index.has_folder(&former.git_folder) {
            self.unwatch(&former.git_folder);
        }
        if !former.waiting.is_empty() {
            self.settled(root, former.waiting.into_keys().collect(), Vec::new());
        }
    }

    /// Takes in what the system tells of a git folder. Says whether that is all there is to it.
    pub(super) fn take_git(&mut self, path: &Path, kind: EventKind) -> bool {
        let is_entry =
            matches!(kind, EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)));
        if is_entry && let Some(root) = self.repositories.root_of_git_folder(path).cloned() {
            self.find_repository(&root);
        }
        let Some(folder) = path.parent() else { return false };
        if path.file_name() == Some(OsStr::new(".git")) {
            if self.index.has_folder(folder) || self.repositories.contains(folder) {
                self.find_repository(folder);
            }
            return false;
        }
        let Some(root) = self.repositories.root_of_git_folder(folder).cloned() else { return false };
        let Some(repository) = self.repositories.get_mut(&root) else { return false };
        let now = Instant::now();
        let is_lock = path.file_name() == Some(OsStr::new("index.lock"));
        match kind {
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) if is_lock => {
                let operation = repository.sight().operation;
                repository.hold.unlocked(operation, now);
            }
            EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(RenameMode::To)) if is_lock => {
                repository.hold.locked(now);
            }
            _ => repository.hold.touched(now),
        }
        !self.index.has_folder(folder) && !self.anchors.contains_key(folder)
    }

    /// Passes on what waits for git no longer.
    pub(super) fn end_holds(&mut self) {
        let now = Instant::now();
        for root in self.repositories.due_at(now) {
            let Some(repository) = self.repositories.get_mut(&root) else { continue };
            let sight = repository.sight();
            let (verdict, files) = (repository.hold.decide(sight, now), repository.waiting.len());
            match verdict {
                Verdict::Wait => {}
                Verdict::Explain => self.problems.push(WatchProblem::GitWorks { repository: root, files }),
                Verdict::Release => self.release(&root),
                Verdict::GiveUp { after } => {
                    if files > 0 {
                        let lock = repository.git_folder.join("index.lock");
                        self.problems.push(WatchProblem::GitLockLeft { lock, after, files });
                    }
                    self.release(&root);
                }
            }
        }
    }

    fn release(&mut self, root: &Path) {
        // Files with several names that changed under one of them.
        for path in self.index.files_with_inodes(&std::mem::take(&mut self.batch.linked)) {
            self.record(&path, Evidence::Hint);
        }
        let Some(repository) = self.repositories.get_mut(root) else { return };
        let waiting = std::mem::take(&mut repository.waiting);
        if waiting.is_empty() {
            repository.open_index();
            return;
        }
        let below = |path: &Path| path.strip_prefix(root).ok().map(Path::to_owned);
        // The same content may be another file by other rules for line ends and filters.
        let other_rules = waiting.keys().any(|path| path.file_name() == Some(OsStr::new(".gitattributes")));
        let knowledge = if other_rules {
            None
        } else {
            repository.knowledge(&waiting.keys().filter_map(|path| below(path)).collect())
        };
        repository.open_index();
        let (mut changed, mut same) = (Vec::new(), Vec::new());
        for (path, before) in waiting {
            let metadata = self.metadata(&path).filter(|metadata| !metadata.is_dir());
            let now = metadata.as_ref().map(Stamp::of);
            let is_same = match (before, now) {
                (None, None) => continue,
                (Some(before), Some(now)) => {
                    let known = |side: usize, stamp: &Stamp| {
                        let entry = knowledge.as_ref()?[side].get(&below(&path)?)?;
                        entry.describes(stamp).then_some(entry)
                    };
                    let equal = known(0, &before).zip(known(1, &now)).is_some_and(|(old, new)| old.has_content_of(new));
                    equal && before.mode == now.mode
                }
                _ => false,
            };
            if !self.coverage.reports(&path) {
                continue;
            }
            if is_same { &mut same } else { &mut changed }.push(path);
        }
        self.settled(root, changed, same);
    }

    fn settled(&mut self, root: &Path, mut changed: Vec<PathBuf>, mut same: Vec<PathBuf>) {
        changed.sort_unstable();
        same.sort_unstable();
        self.notices.push(WatchEvent::GitEnded { repository: root.to_owned(), changed, same });
    }
}
