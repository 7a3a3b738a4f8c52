//! The files of a build context: walked once, in the order that BuildKit demands, ignored folders never entered.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use bollard::fsutil::types::Stat;

use crate::project::PathFilter;

/// Go's `os.FileMode` bits, which BuildKit's wire format uses.
pub(super) const MODE_DIR: u32 = 1 << 31;
pub(super) const MODE_SYMLINK: u32 = 1 << 27;
const MODE_SETUID: u32 = 1 << 23;
const MODE_SETGID: u32 = 1 << 22;
const MODE_STICKY: u32 = 1 << 20;

/// A folder and what in it does not count.
#[derive(Clone, Debug)]
pub(super) struct ContextTree {
    pub root: PathBuf,
    pub filter: Arc<PathFilter>,
}

/// Why a context cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// A file or folder cannot be read.
    #[error("cannot read `{}` of the build context ({source}): make it readable or add it to .dockerignore", path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A name that the engine's protocol cannot carry.
    #[error("`{}` in the build context is not named in UTF-8: rename it or add it to .dockerignore", path.display())]
    NotUtf8 {
        /// Which one.
        path: PathBuf,
    },
    /// The context is no folder.
    #[error("the build context `{}` is not a folder that can be read ({source})", path.display())]
    NoFolder {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The parts of the context that the builder asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Everything,
    /// These files and folders (with what is below), relative, without `.` and `..`.
    Only(Vec<PathBuf>),
}

impl Wanted {
    /// From the builder's patterns. What cannot be decided simply is sent: too much is never wrong, only slower.
    pub fn new(root: &Path, patterns: &[String]) -> Self {
        let mut only = Vec::new();
        for pattern in patterns {
            match literal_prefix(root, pattern) {
                Some(path) => only.push(path),
                None => return Self::Everything,
            }
        }
        if only.is_empty() { Self::Everything } else { Self::Only(only) }
    }

    /// Whether `path` is wanted, or is a folder on the way to something that is.
    fn includes(&self, path: &Path) -> bool {
        match self {
            Self::Everything => true,
            Self::Only(paths) => paths.iter().any(|wanted| path.starts_with(wanted) || wanted.starts_with(path)),
        }
    }
}

/// The part of a pattern before its first wildcard; `None` if that is the whole context or leads over a symbolic link.
fn literal_prefix(root: &Path, pattern: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for component in Path::new(pattern).components() {
        match component {
            Component::Normal(name) if name.to_str().is_none_or(|name| name.contains(['*', '?', '[', '\\'])) => break,
            Component::Normal(name) => path.push(name),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir => {
                path.pop();
            }
            Component::Prefix(_) => return None,
        }
        let is_link = fs::symlink_metadata(root.join(&path)).is_ok_and(|metadata| metadata.file_type().is_symlink());
        if is_link {
            return None;
        }
    }
    (!path.as_os_str().is_empty()).then_some(path)
}

/// Calls `visit` for each file and folder that counts, parents first and names in byte order, until it breaks.
/// Blocks.
pub(super) fn walk(
    tree: &ContextTree,
    wanted: &Wanted,
    visit: &mut dyn FnMut(Stat, PathBuf, &Metadata) -> ControlFlow<()>,
) -> Result<(), ContextError> {
    let mut walk = Walk { tree, wanted, visit, pending: Vec::new() };
    let names = names(&tree.root).map_err(|source| ContextError::NoFolder { path: tree.root.clone(), source })?;
    // A visitor that has had enough is no error.
    let _ = walk.entries(&tree.root, Path::new(""), &names)?;
    Ok(())
}

struct Walk<'a> {
    tree: &'a ContextTree,
    wanted: &'a Wanted,
    visit: &'a mut dyn FnMut(Stat, PathBuf, &Metadata) -> ControlFlow<()>,
    /// Ignored folders that we are in because something below may count; visited when something does.
    pending: Vec<(Stat, PathBuf, Metadata)>,
}

impl Walk<'_> {
    fn entries(
        &mut self,
        folder: &Path,
        relative: &Path,
        names: &[std::ffi::OsString],
    ) -> Result<ControlFlow<()>, ContextError> {
        for name in names {
            if self.entry(folder, relative, name)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn entry(&mut self, folder: &Path, relative: &Path, name: &OsStr) -> Result<ControlFlow<()>, ContextError> {
        let path = folder.join(name);
        let relative = relative.join(name);
        if !self.wanted.includes(&relative) {
            return Ok(ControlFlow::Continue(()));
        }
        let ignored = self.tree.filter.ignores(&path);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            // Gone since the folder was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ControlFlow::Continue(())),
            Err(source) => return Err(ContextError::Unreadable { path, source }),
        };
        if !metadata.is_dir() {
            if ignored || is_special(&metadata) {
                return Ok(ControlFlow::Continue(()));
            }
            let stat = stat(&relative, &path, &metadata)?;
            return Ok(self.emit(stat, path, &metadata));
        }
        if ignored && self.tree.filter.prunes(&path) {
            return Ok(ControlFlow::Continue(()));
        }
        let names = match names(&path) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ControlFlow::Continue(())),
            Err(source) => return Err(ContextError::Unreadable { path, source }),
        };
        let stat = stat(&relative, &path, &metadata)?;
        let depth = self.pending.len();
        if ignored {
            self.pending.push((stat, path.clone(), metadata));
        } else if self.emit(stat, path.clone(), &metadata).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let flow = self.entries(&path, &relative, &names)?;
        self.pending.truncate(depth);
        Ok(flow)
    }

    fn emit(&mut self, stat: Stat, path: PathBuf, metadata: &Metadata) -> ControlFlow<()> {
        for (stat, path, metadata) in self.pending.drain(..) {
            (self.visit)(stat, path, &metadata)?;
        }
        (self.visit)(stat, path, metadata)
    }
}

fn names(folder: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    let mut names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable();
    Ok(names)
}

/// Sockets, pipes and devices are not part of an image.
fn is_special(metadata: &Metadata) -> bool {
    let kind = metadata.file_type();
    kind.is_socket() || kind.is_fifo() || kind.is_block_device() || kind.is_char_device()
}

/// What BuildKit compares to decide whether a file has changed. Owners are always root, as with docker's client.
fn stat(relative: &Path, path: &Path, metadata: &Metadata) -> Result<Stat, ContextError> {
    let not_utf8 = || ContextError::NotUtf8 { path: path.to_owned() };
    let unix = metadata.mode();
    let mut mode = unix & 0o777;
    for (bit, go_bit) in [(0o4000, MODE_SETUID), (0o2000, MODE_SETGID), (0o1000, MODE_STICKY)] {
        if unix & bit != 0 {
            mode |= go_bit;
        }
    }
    let mut linkname = String::new();
    let mut size = 0;
    if metadata.is_dir() {
        mode |= MODE_DIR;
    } else if metadata.file_type().is_symlink() {
        mode |= MODE_SYMLINK;
        let target =
            fs::read_link(path).map_err(|source| ContextError::Unreadable { path: path.to_owned(), source })?;
        target.to_str().ok_or_else(not_utf8)?.clone_into(&mut linkname);
    } else {
        size = i64::try_from(metadata.len()).unwrap_or(i64::MAX);
    }
    Ok(Stat {
        path: relative.to_str().ok_or_else(not_utf8)?.to_owned(),
        mode,
        size,
        mod_time: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
        linkname,
        ..Stat::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::PatternSet;

    fn tree(files: &[&str]) -> (tempfile::TempDir, ContextTree) {
        let folder = tempfile::tempdir().expect("temp folder");
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            fs::write(path, file).expect("file");
        }
        let root = folder.path().to_owned();
        (folder, ContextTree { root, filter: Arc::default() })
    }

    fn walked(tree: &ContextTree, patterns: &[&str]) -> Vec<String> {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        let mut paths = Vec::new();
        walk(tree, &Wanted::new(&tree.root, &patterns), &mut |stat, _, _| {
            paths.push(stat.path);
            ControlFlow::Continue(())
        })
        .expect("walk");
        paths
    }

    #[test]
    fn parents_come_first_and_names_in_byte_order() {
        let (_folder, tree) = tree(&["b/x", "a.b", "a/z", "a/b/c", "Z"]);
        assert_eq!(walked(&tree, &[]), ["Z", "a", "a/b", "a/b/c", "a/z", "a.b", "b", "b/x"].map(String::from));
    }

    #[test]
    fn only_what_the_builder_asks_for_is_walked() {
        let (_folder, tree) = tree(&["src/a", "src/deep/b", "lib/c", "package.json"]);
        assert_eq!(walked(&tree, &["src/deep", "package.json"]), ["package.json", "src", "src/deep", "src/deep/b"]);
        assert_eq!(walked(&tree, &["/src/*.x"]), ["src", "src/a", "src/deep", "src/deep/b"]);
        assert_eq!(walked(&tree, &["*.json"]).len(), 7);
        std::os::unix::fs::symlink("src", tree.root.join("link")).expect("link");
        assert_eq!(walked(&tree, &["link/a"]).len(), 8, "links may lead anywhere");
    }

    #[test]
    fn modes_links_and_special_files() {
        let (_folder, tree) = tree(&["run"]);
        fs::set_permissions(tree.root.join("run"), std::os::unix::fs::PermissionsExt::from_mode(0o4755)).expect("mode");
        std::os::unix::fs::symlink("run", tree.root.join("link")).expect("link");
        let _socket = std::os::unix::net::UnixListener::bind(tree.root.join("socket")).expect("socket");
        let mut stats = Vec::new();
        walk(&tree, &Wanted::Everything, &mut |stat, _, _| {
            stats.push((stat.path, stat.mode, stat.linkname, stat.size));
            ControlFlow::Continue(())
        })
        .expect("walk");
        assert_eq!(
            stats,
            [
                ("link".to_owned(), MODE_SYMLINK | 0o777, "run".to_owned(), 0),
                ("run".to_owned(), MODE_SETUID | 0o755, String::new(), 3)
            ]
        );
    }

    #[test]
    fn names_that_are_not_utf8_are_refused_by_name() {
        use std::os::unix::ffi::OsStrExt;
        let (_folder, tree) = tree(&[]);
        fs::write(tree.root.join(OsStr::from_bytes(b"caf\xe9")), "").expect("file");
        let error = walk(&tree, &Wanted::Everything, &mut |_, _, _| ControlFlow::Continue(())).expect_err("refused");
        assert!(error.to_string().contains("caf"), "{error}");
    }

    #[test]
    fn ignored_folders_are_kept_when_something_below_is_not() {
        let (_folder, mut tree) = tree(&["node_modules/x/y", "build/keep/me", "build/drop", "src/a"]);
        let text = "node_modules\nbuild/**\nbuild\n!build/keep/me\n";
        let set = PatternSet::from_file(&tree.root, ".dockerignore", text).expect("patterns");
        tree.filter = Arc::new(PathFilter { sets: vec![set] });
        assert_eq!(walked(&tree, &[]), ["build", "build/keep", "build/keep/me", "src", "src/a"]);
    }
}
