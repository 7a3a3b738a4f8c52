//! Relative paths of a configuration: joined and cleaned by their text alone, as the reference demands (§1.3).

use std::path::{Component, Path, PathBuf};

/// `path` below `dir`; an absolute path is used unchanged.
pub(crate) fn resolve(dir: &Path, path: &str) -> PathBuf {
    if Path::new(path).is_absolute() { PathBuf::from(path) } else { clean(&dir.join(path)) }
}

/// Removes `.`, resolves `..` against what stands before it, without looking at the disk.
pub(crate) fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match cleaned.components().next_back() {
                Some(Component::Normal(_)) => {
                    cleaned.pop();
                }
                Some(Component::RootDir | Component::Prefix(_)) => {}
                _ => cleaned.push(".."),
            },
            other => cleaned.push(other),
        }
    }
    if cleaned.as_os_str().is_empty() { PathBuf::from(".") } else { cleaned }
}

/// The path that leads from `base` to `target`, both absolute and cleaned.
pub(crate) fn relative(target: &Path, base: &Path) -> PathBuf {
    let (target, base) = (clean(target), clean(base));
    let shared = target.components().zip(base.components()).take_while(|(a, b)| a == b).count();
    let mut path: PathBuf = base.components().skip(shared).map(|_| "..").collect();
    path.extend(target.components().skip(shared));
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_by_their_text() {
        for (path, expected) in
            [("a/../b", "/p/b"), ("./", "/p"), ("", "/p"), ("../x/./y", "/x/y"), ("../../..", "/"), ("~/$X", "/p/~/$X")]
        {
            assert_eq!(resolve(Path::new("/p"), path), Path::new(expected), "{path}");
        }
        assert_eq!(resolve(Path::new("/p"), "/abs/../x"), Path::new("/abs/../x"));
    }

    #[test]
    fn a_relative_path_leads_back() {
        for (target, base, expected) in
            [("/a/b", "/a", "b"), ("/a", "/a/b", ".."), ("/a", "/a", "."), ("/x", "/a/b", "../../x")]
        {
            assert_eq!(relative(Path::new(target), Path::new(base)), Path::new(expected));
        }
    }
}
