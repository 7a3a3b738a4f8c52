//! Where a session listens: one socket per entry file, in a folder that only its user may enter.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::process::{PrivateFolderError, make_private, runtime_folder};

/// The bytes of the digest that name a socket: unlike for all projects of a machine, short enough for `sun_path`.
const DIGEST_BYTES: usize = 12;

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

    /// What tells this session from those of other projects, for names of files.
    pub fn name(&self) -> String {
        self.socket.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The path of the socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Makes the folder, readable by this user alone.
    pub(super) fn prepare(&self) -> Result<(), PrivateFolderError> {
        make_private(&self.folder)
    }
}
