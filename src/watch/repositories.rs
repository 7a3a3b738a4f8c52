//! The git repositories that watched files are in, and the changes that wait until git has finished its work.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use super::git_hold::{GitHold, Sight};
use super::git_index::{self, Entry};
use super::stamp::Stamp;

/// A lock of this age when it is first seen is nobody's.
const OLD_LOCK_SECONDS: u64 = 3;

/// One work tree and what waits in it.
#[derive(Debug)]
pub(super) struct Repository {
    /// Where `HEAD` and `index` are: `.git`, or what a `.git` file names.
    pub git_folder: PathBuf,
    pub hold: GitHold,
    /// The index from before git began. git writes a new file each time, so an open one stays as it was.
    index: Option<fs::File>,
    /// What waits, and how it was when it was last told.
    pub waiting: HashMap<PathBuf, Option<Stamp>>,
}

impl Repository {
    fn at(git_folder: PathBuf) -> Self {
        Self { git_folder, hold: GitHold::default(), index: None, waiting: HashMap::new() }
    }

    /// The first look, once changes of the git folder are told.
    pub fn begin(&mut self) {
        self.open_index();
        let Ok(lock) = fs::symlink_metadata(self.git_folder.join("index.lock")) else { return };
        let age = lock.modified().ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
        match age {
            Some(age) if age.as_secs() >= OLD_LOCK_SECONDS => self.hold.found_old_lock(),
            _ => self.hold.locked(Instant::now()),
        }
    }

    /// Keeps the index as it is now for the next comparison.
    pub fn open_index(&mut self) {
        self.index = fs::File::open(self.git_folder.join("index")).ok();
    }

    /// What is there of git's work.
    pub fn sight(&self) -> Sight {
        let is_there = |name: &str| fs::symlink_metadata(self.git_folder.join(name)).is_ok();
        let operation = ["rebase-merge", "rebase-apply", "sequencer"].into_iter().any(is_there);
        Sight { lock: is_there("index.lock"), operation }
    }

    /// What git knew of these files before it began, and what it knows now.
    pub fn knowledge(&mut self, wanted: &HashSet<PathBuf>) -> Option<[HashMap<PathBuf, Entry>; 2]> {
        let mut before = Vec::new();
        let file = self.index.as_mut()?;
        file.rewind().ok()?;
        file.read_to_end(&mut before).ok()?;
        let after = fs::read(self.git_folder.join("index")).ok()?;
        Some([git_index::read(&before, wanted)?, git_index::read(&after, wanted)?])
    }
}

/// The repositories by the roots of their work trees.
#[derive(Debug, Default)]
pub(super) struct Repositories {
    by_root: HashMap<PathBuf, Repository>,
    roots: HashMap<PathBuf, PathBuf>,
}

impl Repositories {
    /// The root of the work tree whose git folder this is.
    pub fn root_of_git_folder(&self, folder: &Path) -> Option<&PathBuf> {
        self.roots.get(folder)
    }

    pub fn get_mut(&mut self, root: &Path) -> Option<&mut Repository> {
        self.by_root.get_mut(root)
    }

    pub fn roots(&self) -> Vec<PathBuf> {
        self.by_root.keys().cloned().collect()
    }

    pub fn contains(&self, root: &Path) -> bool {
        self.by_root.contains_key(root)
    }

    /// Takes in the repository whose work tree begins at `root`. Gives what it replaces, and the folder that is to be watched.
    pub fn insert(&mut self, root: &Path) -> (Option<Repository>, Option<PathBuf>) {
        let git_folder = git_folder(root);
        if let Some(known) = self.by_root.get(root)
            && Some(&known.git_folder) == git_folder.as_ref()
        {
            return (None, None);
        }
        let former = self.remove(root);
        if let Some(git_folder) = &git_folder {
            self.roots.insert(git_folder.clone(), root.to_owned());
            self.by_root.insert(root.to_owned(), Repository::at(git_folder.clone()));
        }
        (former, git_folder)
    }

    pub fn remove(&mut self, root: &Path) -> Option<Repository> {
        let repository = self.by_root.remove(root)?;
        self.roots.remove(&repository.git_folder);
        Some(repository)
    }

    /// The repository in which a change of `path` waits.
    pub fn holding(&mut self, path: &Path) -> Option<(PathBuf, &mut Repository)> {
        if !self.by_root.values().any(|repository| repository.hold.holds()) {
            return None;
        }
        let root = path.ancestors().find(|ancestor| self.by_root.contains_key(*ancestor))?.to_owned();
        let repository = self.by_root.get_mut(&root).filter(|repository| repository.hold.holds())?;
        Some((root, repository))
    }

    /// Whether changes wait anywhere.
    pub fn has_waiting(&self) -> bool {
        self.by_root.values().any(|repository| !repository.waiting.is_empty())
    }

    /// When one of them is to be looked at.
    pub fn due(&self) -> Option<Instant> {
        self.by_root.values().filter_map(|repository| repository.hold.due()).min()
    }

    /// Those that are to be looked at now.
    pub fn due_at(&self, now: Instant) -> Vec<PathBuf> {
        let is_due = |repository: &Repository| repository.hold.due().is_some_and(|due| due <= now);
        self.by_root.iter().filter(|(_, repository)| is_due(repository)).map(|(root, _)| root.clone()).collect()
    }
}

/// Where git keeps what belongs to the work tree at `root`: in its `.git` folder, or, for a further work tree or a
/// submodule, where its `.git` file says.
fn git_folder(root: &Path) -> Option<PathBuf> {
    let entry = root.join(".git");
    let metadata = fs::metadata(&entry).ok()?;
    if metadata.is_dir() {
        return Some(entry);
    }
    let text = fs::read_to_string(&entry).ok()?;
    let named = root.join(text.strip_prefix("gitdir:")?.trim());
    fs::canonicalize(named).ok().filter(|folder| folder.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_git_folder_of_a_further_work_tree_is_where_its_file_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("there");
        assert_eq!(git_folder(&root), None);
        fs::create_dir_all(root.join("main/.git/worktrees/other")).expect("created");
        fs::create_dir(root.join("other")).expect("created");
        assert_eq!(git_folder(&root.join("main")), Some(root.join("main/.git")));
        let of_other = root.join("main/.git/worktrees/other");
        for text in [format!("gitdir: {}\n", of_other.display()), "gitdir: ../main/.git/worktrees/other\n".to_owned()] {
            fs::write(root.join("other/.git"), text).expect("written");
            assert_eq!(git_folder(&root.join("other")), Some(of_other.clone()));
        }
        fs::write(root.join("other/.git"), "gitdir: gone").expect("written");
        assert_eq!(git_folder(&root.join("other")), None);
    }
}
