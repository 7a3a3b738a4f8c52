//! What was last seen of every file that counts.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::stamp::Stamp;

/// Tells folders apart across renames: device and inode.
pub(super) type FolderId = (u64, u64);

/// One file as it was last seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub stamp: Stamp,
    /// Whether it might have changed right after it was seen, without a new stamp.
    pub fresh: bool,
}

impl Seen {
    /// A stamp that has been taken just now.
    pub fn now(stamp: Stamp) -> Self {
        Self { stamp, fresh: stamp.is_fresh() }
    }
}

/// One folder as it was last seen.
#[derive(Debug, Default)]
pub(super) struct Folder {
    pub id: FolderId,
    pub files: HashMap<OsString, Seen>,
    pub folders: HashSet<OsString>,
}

/// What was last seen of every file that counts.
#[derive(Debug, Default)]
pub(super) struct Index {
    folders: HashMap<PathBuf, Folder>,
    by_id: HashMap<FolderId, PathBuf>,
    /// Roots that are files, or are missing.
    loose: HashMap<PathBuf, Option<Stamp>>,
}

/// What went with a folder.
#[derive(Debug, Default)]
pub(super) struct Removed {
    /// And how each was when it was last seen.
    pub files: Vec<(PathBuf, Stamp)>,
    pub folders: Vec<PathBuf>,
    /// Folders that are still there under another name, which the end of a watch may have hit, too.
    pub elsewhere: Vec<PathBuf>,
}

impl Index {
    pub fn has_folder(&self, path: &Path) -> bool {
        self.folders.contains_key(path)
    }

    pub fn folder_count(&self) -> usize {
        self.folders.len()
    }

    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.keys().map(PathBuf::as_path)
    }

    pub fn stamp(&self, path: &Path) -> Option<Stamp> {
        if let Some((folder, name)) = split(path)
            && let Some(seen) = self.folders.get(folder).and_then(|folder| folder.files.get(name))
        {
            return Some(seen.stamp);
        }
        self.loose.get(path).copied().flatten()
    }

    /// Remembers what is there now.
    pub fn set(&mut self, path: &Path, stamp: Option<Stamp>) {
        if let Some((folder, name)) = split(path)
            && let Some(folder) = self.folders.get_mut(folder)
        {
            match stamp {
                Some(stamp) => drop(folder.files.insert(name.to_owned(), Seen::now(stamp))),
                None => drop(folder.files.remove(name)),
            }
        }
        if let Some(loose) = self.loose.get_mut(path) {
            *loose = stamp;
        }
    }

    /// Remembers a root that is no folder.
    pub fn set_loose(&mut self, path: &Path, stamp: Option<Stamp>) {
        self.loose.insert(path.to_owned(), stamp);
    }

    pub fn forget_loose(&mut self, path: &Path) {
        self.loose.remove(path);
    }

    /// Exchanges what is known of one folder itself, and returns what was known before.
    pub fn replace(&mut self, path: &Path, folder: Folder) -> Option<Folder> {
        self.by_id.insert(folder.id, path.to_owned());
        if let Some((parent, name)) = split(path)
            && let Some(parent) = self.folders.get_mut(parent)
        {
            parent.folders.insert(name.to_owned());
        }
        self.folders.insert(path.to_owned(), folder)
    }

    /// Forgets a folder, but nothing below it.
    pub fn forget(&mut self, path: &Path) {
        if let Some(folder) = self.folders.remove(path)
            && self.by_id.get(&folder.id).is_some_and(|owner| owner == path)
        {
            self.by_id.remove(&folder.id);
        }
    }

    /// Forgets a folder and everything in it.
    pub fn remove(&mut self, path: &Path) -> Removed {
        let mut removed = Removed::default();
        let mut waiting = vec![path.to_owned()];
        while let Some(path) = waiting.pop() {
            let Some(folder) = self.folders.remove(&path) else { continue };
            removed.files.extend(folder.files.iter().map(|(name, seen)| (path.join(name), seen.stamp)));
            waiting.extend(folder.folders.iter().map(|name| path.join(name)));
            match self.by_id.get(&folder.id) {
                Some(owner) if *owner == path => drop(self.by_id.remove(&folder.id)),
                Some(other) => removed.elsewhere.push(other.clone()),
                None => {}
            }
            removed.folders.push(path);
        }
        if let Some((parent, name)) = split(path)
            && let Some(parent) = self.folders.get_mut(parent)
        {
            parent.folders.remove(name);
        }
        removed.elsewhere.retain(|path| self.folders.contains_key(path));
        removed
    }

    /// The files that have one of these inode numbers.
    pub fn files_with_inodes(&self, inodes: &HashSet<u64>) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for (path, folder) in &self.folders {
            let files = folder.files.iter().filter(|(_, seen)| inodes.contains(&seen.stamp.inode));
            found.extend(files.map(|(name, _)| path.join(name)));
        }
        found
    }
}

fn split(path: &Path) -> Option<(&Path, &OsStr)> {
    Some((path.parent()?, path.file_name()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_takes_its_content_with_it() {
        let stamp = Stamp { size: 1, modified: (0, 0), inode: 9, mode: 0 };
        let mut index = Index::default();
        for (number, path) in ["/a", "/a/b", "/a/b/c"].iter().enumerate() {
            index.replace(Path::new(path), Folder { id: (0, number as u64), ..Folder::default() });
            index.set(&Path::new(path).join("file"), Some(stamp));
        }
        assert_eq!(index.stamp(Path::new("/a/b/file")), Some(stamp));
        let removed = index.remove(Path::new("/a/b"));
        assert_eq!((removed.files.len(), removed.folders.len()), (2, 2));
        assert_eq!(index.stamp(Path::new("/a/b/file")), None);
        assert_eq!(index.folder_count(), 1);
        assert_eq!(index.files_with_inodes(&HashSet::from([9])), [PathBuf::from("/a/file")]);
    }

    #[test]
    fn a_renamed_folder_is_known_to_live_on() {
        let mut index = Index::default();
        index.replace(Path::new("/old"), Folder { id: (0, 1), ..Folder::default() });
        index.replace(Path::new("/new"), Folder { id: (0, 1), ..Folder::default() });
        assert_eq!(index.remove(Path::new("/old")).elsewhere, [PathBuf::from("/new")]);
        assert!(index.remove(Path::new("/new")).elsewhere.is_empty());
    }
}
