//! Folders that only this user may enter, for what the processes of one user share.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFolderError {
    /// It cannot be made.
    #[error("cannot make the folder `{folder}`: {error}")]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Somebody else could put something there.
    #[error("the folder `{folder}` is not this user's alone: remove it, or set XDG_RUNTIME_DIR to a private folder")]
    NotPrivate {
        /// The folder.
        folder: PathBuf,
    },
}

/// `$XDG_RUNTIME_DIR/devloop` (XDG base directory specification), else a folder of this user among the temporary files.
pub fn runtime_folder() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_absolute()) {
        Some(folder) => folder.join("devloop"),
        None => std::env::temp_dir().join(format!("devloop-{}", rustix::process::getuid().as_raw())),
    }
}

/// `$XDG_STATE_HOME/devloop` (XDG base directory specification), by default below the home folder; `None` without either.
pub fn state_folder() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let home = || Some(directories::BaseDirs::new()?.home_dir().join(".local/state"));
    state.or_else(home).map(|folder| folder.join("devloop"))
}

/// Makes a folder that this user alone may enter, or checks that it is one.
pub fn make_private(folder: &Path) -> Result<(), PrivateFolderError> {
    let unusable = |error| PrivateFolderError::Unusable { folder: folder.to_owned(), error };
    match fs::DirBuilder::new().mode(0o700).recursive(true).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(unusable(error)),
        _ => {}
    }
    // In a folder that all users share, somebody may have been there first.
    let metadata = fs::symlink_metadata(folder).map_err(unusable)?;
    let is_ours = metadata.is_dir() && metadata.uid() == rustix::process::getuid().as_raw();
    if !is_ours || metadata.permissions().mode() & 0o077 != 0 {
        return Err(PrivateFolderError::NotPrivate { folder: folder.to_owned() });
    }
    Ok(())
}
