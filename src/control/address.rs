//! Where a session listens: one socket per entry file, in a folder that only its user may enter.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// The bytes of the digest that name a socket: unlike for all projects of a machine, short enough for `sun_path`.
const DIGEST_BYTES: usize = 12;

/// Why there is no place for a socket.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It cannot be made.
    #[error("cannot make the folder `{folder}` for the socket of this session: {error}")]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Somebody else could listen in.
    #[error("the folder `{folder}` is not this user's alone: remove it, or set XDG_RUNTIME_DIR to a private folder")]
    NotPrivate {
        /// The folder.
        folder: PathBuf,
    },
}

/// The socket of the session of one entry file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    folder: PathBuf,
    socket: PathBuf,
}

impl Address {
    /// The socket of the session that `entry_file` (absolute, symlinks resolved) is the configuration of, whether there
    /// is one or not.
    pub fn of(entry_file: &Path) -> Self {
        let folder = runtime_folder();
        let digest = Sha256::digest(entry_file.as_os_str().as_encoded_bytes());
        let name = digest.iter().take(DIGEST_BYTES).fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
        Self { socket: folder.join(format!("{name:0width$x}.sock", width = 2 * DIGEST_BYTES)), folder }
    }

    /// The path of the socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Makes the folder, readable by this user alone.
    pub(super) fn prepare(&self) -> Result<(), AddressError> {
        let unusable = |error| AddressError::Unusable { folder: self.folder.clone(), error };
        match fs::DirBuilder::new().mode(0o700).recursive(true).create(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(unusable(error)),
            _ => {}
        }
        // In a folder that all users share, somebody may have been there first.
        let metadata = fs::symlink_metadata(&self.folder).map_err(unusable)?;
        let is_ours = metadata.is_dir() && metadata.uid() == rustix::process::getuid().as_raw();
        if !is_ours || metadata.permissions().mode() & 0o077 != 0 {
            return Err(AddressError::NotPrivate { folder: self.folder.clone() });
        }
        Ok(())
    }
}

/// `$XDG_RUNTIME_DIR/devloop` (XDG base directory specification), else a folder of this user among the temporary files.
fn runtime_folder() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_absolute()) {
        Some(folder) => folder.join("devloop"),
        None => std::env::temp_dir().join(format!("devloop-{}", rustix::process::getuid().as_raw())),
    }
}
