//! What git's index knows of files: the hash of a file's content together with the stamp with which it was written.
//!
//! So two states of thousands of files are compared by content without reading one. Format: `gitformat-index(5)`,
//! versions 2 to 4.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use super::stamp::Stamp;

/// Bytes before the path of an entry without extended flags.
const FIXED: usize = 62;
const EXTENDED: u16 = 0x4000;
const STAGE: u16 = 0x3000;

/// A file as git has last written or read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    modified: (u32, u32),
    /// The low 32 bits, as of the size.
    inode: u32,
    size: u32,
    /// The hash of the content, after it with the mode what git would make another file of.
    content: ([u8; 20], u32),
}

impl Entry {
    /// Whether the file with this stamp is in the state that git knows.
    pub fn describes(&self, stamp: &Stamp) -> bool {
        let low = |number: u64| u32::try_from(number & u64::from(u32::MAX)).ok();
        let modified = (u32::try_from(stamp.modified.0).ok(), u32::try_from(stamp.modified.1).ok());
        modified == (Some(self.modified.0), Some(self.modified.1))
            && low(stamp.inode) == Some(self.inode)
            && low(stamp.size) == Some(self.size)
    }

    /// Whether two states of a file have the same content and rights.
    pub fn has_content_of(&self, other: &Self) -> bool {
        self.content == other.content
    }
}

/// The entries of the files that are `wanted`, by their paths in the work tree. `None` when the bytes are not an index of
/// the known kind (one that is split over two files, or with hashes of another length): then nothing is known.
pub(super) fn read(bytes: &[u8], wanted: &HashSet<PathBuf>) -> Option<HashMap<PathBuf, Entry>> {
    if bytes.get(..4)? != b"DIRC" {
        return None;
    }
    let version = number(bytes, 4)?;
    if !(2..=4).contains(&version) {
        return None;
    }
    let count = number(bytes, 8)?;
    let mut found = HashMap::new();
    let mut at = 12;
    let mut path: Vec<u8> = Vec::new();
    for _ in 0..count {
        let field = |offset: usize| number(bytes, at + offset);
        let hash: [u8; 20] = bytes.get(at + 40..at + 60)?.try_into().ok()?;
        let flags = u16::from_be_bytes(bytes.get(at + 60..at + 62)?.try_into().ok()?);
        let mut name = at + FIXED;
        if flags & EXTENDED != 0 {
            name += 2;
        }
        if version == 4 {
            let dropped = variable(bytes, &mut name)?;
            path.truncate(path.len().checked_sub(dropped)?);
        } else {
            path.clear();
        }
        let length = bytes.get(name..)?.iter().position(|byte| *byte == 0)?;
        path.extend_from_slice(&bytes[name..name + length]);
        // What does not fit is no entry of this kind.
        let told = usize::from(flags & 0xfff);
        if path.is_empty() || (told < 0xfff && told != path.len()) {
            return None;
        }
        let end = name + length + 1;
        let next = if version == 4 { end } else { at + (end - at).div_ceil(8) * 8 };
        let of_path = PathBuf::from(OsString::from_vec(path.clone()));
        if flags & STAGE == 0 && wanted.contains(&of_path) {
            let entry = Entry {
                modified: (field(8)?, field(12)?),
                inode: field(20)?,
                size: field(36)?,
                content: (hash, field(24)?),
            };
            found.insert(of_path, entry);
        }
        at = next;
    }
    // A split index has the rest of its entries elsewhere.
    while let Some(name) = bytes.get(at..at + 4).filter(|_| at + 28 <= bytes.len()) {
        if name == b"link" {
            return None;
        }
        at += 8 + usize::try_from(number(bytes, at + 4)?).ok()?;
    }
    Some(found)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A number of variable length, as in pack files.
fn variable(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut byte = *bytes.get(*at)?;
    *at += 1;
    let mut value = usize::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        byte = *bytes.get(*at)?;
        *at += 1;
        value = value.checked_add(1)?.checked_mul(128)? + usize::from(byte & 0x7f);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use super::*;

    fn git(folder: &Path, script: &str) {
        let git = "git -c user.name=n -c user.email=a@b -c init.defaultBranch=main";
        let script = script.replace("git ", &format!("{git} "));
        let status = Command::new("sh").args(["-ec", &script]).current_dir(folder).status().expect("a shell");
        assert!(status.success(), "{script}");
    }

    fn index(folder: &Path) -> Vec<u8> {
        fs::read(folder.join(".git/index")).expect("an index")
    }

    fn stamp(path: &Path) -> Stamp {
        Stamp::of(&fs::symlink_metadata(path).expect("there"))
    }

    #[test]
    fn what_git_wrote_is_known_by_content_in_every_version() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        git(
            root,
            "git init -q; mkdir -p a/b; for i in $(seq 300); do echo $i > a/b/file$i; done; ln -s x a/link; git add .",
        );
        let long = format!("a/{}", "n".repeat(250));
        fs::write(root.join(&long), "one").expect("written");
        git(root, "git add .; git commit -qm one");
        let wanted: HashSet<PathBuf> =
            ["a/b/file1", "a/b/file300", "a/link", &long, "a/none"].iter().map(PathBuf::from).collect();
        for version in ["2", "3", "4"] {
            git(root, &format!("git update-index --index-version {version}; git update-index --force-write-index"));
            let known = read(&index(root), &wanted).expect("an index");
            assert_eq!(known.len(), 4, "version {version}");
            for (path, entry) in &known {
                assert!(entry.describes(&stamp(&root.join(path))), "{version} {}", path.display());
            }
            assert!(!known[Path::new("a/b/file1")].has_content_of(&known[Path::new("a/b/file300")]));
        }
        let before = read(&index(root), &wanted).expect("an index");
        let file = root.join("a/b/file1");
        git(root, "git rm -qr a; git commit -qm two; git checkout -q HEAD~1");
        let after = read(&index(root), &wanted).expect("an index");
        assert!(after[Path::new("a/b/file1")].describes(&stamp(&file)), "it was written anew");
        assert!(after[Path::new("a/b/file1")].has_content_of(&before[Path::new("a/b/file1")]));
        fs::write(&file, "9\n").expect("written");
        assert!(!after[Path::new("a/b/file1")].describes(&stamp(&file)), "an edit is another state");
    }

    #[test]
    fn what_is_no_index_of_the_known_kind_tells_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        git(root, "git init -q; echo 1 > a; echo 2 > b; git add .");
        let wanted: HashSet<PathBuf> = [PathBuf::from("a")].into();
        let whole = index(root);
        assert!(read(&whole, &wanted).is_some());
        for length in 0..whole.len() - 60 {
            assert!(read(&whole[..length], &wanted).is_none_or(|known| known.len() < 2), "cut at {length}");
        }
        git(root, "git update-index --split-index");
        assert_eq!(read(&index(root), &wanted), None, "split");
        let other = tempfile::tempdir().expect("a folder");
        git(other.path(), "git init -q --object-format=sha256; echo 1 > a; echo 2 > b; git add .");
        assert_eq!(read(&index(other.path()), &wanted), None, "longer hashes");
    }
}
