//! The file that a path of a missing one probably means.

use std::path::{Path, PathBuf};

use crate::diagnostic::did_you_mean;

/// The path with its first missing part replaced by a nearly equal name that is there, as long as the result exists.
pub(super) fn nearby(path: &Path) -> Option<String> {
    let folder = path.ancestors().skip(1).find(|folder| folder.is_dir())?;
    let missing = path.strip_prefix(folder).ok()?;
    let mut parts = missing.components();
    let first = parts.next()?.as_os_str().to_str()?;
    let names: Vec<String> =
        std::fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let mut suggestion = PathBuf::from(did_you_mean(first, names.iter().map(String::as_str))?);
    suggestion.extend(parts);
    // A second wrong part would make the suggestion wrong as well.
    folder.join(&suggestion).exists().then(|| suggestion.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wrong_part_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("deploy/base")).unwrap();
        std::fs::write(folder.path().join("deploy/base/web.yaml"), "").unwrap();
        for (path, expected) in [
            ("deploy/base/wbe.yaml", Some("web.yaml")),
            ("deplyo/base/web.yaml", Some("deploy/base/web.yaml")),
            ("deploy/bsae/web.yaml", Some("base/web.yaml")),
            ("deplyo/base/other.yaml", None),
            ("elsewhere/web.yaml", None),
        ] {
            assert_eq!(nearby(&folder.path().join(path)).as_deref(), expected, "{path}");
        }
    }
}
