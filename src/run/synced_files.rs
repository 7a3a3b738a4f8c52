//! Which files live updates brought into which containers: kept on disk, so that the next session knows.
//!
//! A container holds what its image holds and what was sent to it. The image of a new session is the one of the pod that
//! is there already when nothing is edited, or when an edit is taken back; what was sent to that pod is then the only
//! difference. One file per container, appended to, each entry a path and the state in which it was sent.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::process::state_folder;
use crate::watch::Stamp;

/// A container of this age has hardly survived.
const FORGET_AFTER: Duration = Duration::from_hours(30 * 24);
/// Entries of a container are gathered when there are more bytes of them.
const MAX_BYTES: u64 = 4_000_000;
/// The state of a file on its way: nobody knows whether it has arrived.
const UNKNOWN: &str = "?";
/// The state of a file that is not there.
const ABSENT: &str = "-";

/// The record.
#[derive(Clone, Debug)]
pub(super) struct SyncedFiles {
    /// `None` without a home folder: then nothing is kept.
    folder: Option<PathBuf>,
}

impl SyncedFiles {
    /// That of the user for one project: a start must not take longer for what other projects have left.
    pub(super) fn of_user(entry_file: &Path) -> Self {
        Self { folder: state_folder().map(|state| folder_of(&state, entry_file)) }
    }

    /// The files, by the id of the container, that are not any more as they were sent. Blocks.
    pub(super) fn outdated(&self) -> HashMap<String, Vec<PathBuf>> {
        let mut outdated = HashMap::new();
        let entries = self.folder.as_ref().and_then(|folder| fs::read_dir(folder).ok());
        for entry in entries.into_iter().flatten().flatten() {
            let path = entry.path();
            let age = entry.metadata().ok().and_then(|metadata| metadata.modified().ok()?.elapsed().ok());
            if age.is_some_and(|age| age > FORGET_AFTER) {
                let _ = fs::remove_file(&path);
                continue;
            }
            let Ok(id) = entry.file_name().into_string() else { continue };
            let sent = read(&path);
            let files: Vec<PathBuf> =
                sent.into_iter().filter(|(path, state)| *state != state_of(path)).map(|(path, _)| path).collect();
            if !files.is_empty() {
                outdated.insert(id, files);
            }
        }
        outdated
    }

    /// Notes that files are about to be sent; the answer is for [`Self::sent`]. Blocks.
    pub(super) fn sending(&self, container: &str, files: Vec<PathBuf>) -> Vec<(PathBuf, String)> {
        let states: Vec<(PathBuf, String)> = files.into_iter().map(|path| (path.clone(), state_of(&path))).collect();
        self.append(container, states.iter().map(|(path, _)| (path.as_path(), UNKNOWN)));
        states
    }

    /// Notes that files have arrived, in the states from before they were read. Blocks.
    pub(super) fn sent(&self, container: &str, states: &[(PathBuf, String)]) {
        self.append(container, states.iter().map(|(path, state)| (path.as_path(), state.as_str())));
    }

    fn append<'p>(&self, container: &str, entries: impl Iterator<Item = (&'p Path, &'p str)>) {
        let Some(folder) = &self.folder else { return };
        let result = (|| {
            fs::create_dir_all(folder)?;
            let path = folder.join(container);
            let file = fs::OpenOptions::new().create(true).append(true).open(&path)?;
            (&file).write_all(&lines(entries))?;
            if file.metadata()?.len() > MAX_BYTES {
                let gathered = read(&path);
                fs::write(&path, lines(gathered.iter().map(|(path, state)| (path.as_path(), state.as_str()))))?;
            }
            io::Result::Ok(())
        })();
        if let Err(error) = result {
            tracing::warn!(%error, folder = %folder.display(), "what was sent into containers is not kept");
        }
    }
}

fn folder_of(state: &Path, entry_file: &Path) -> PathBuf {
    let digest = format!("{:x}", Sha256::digest(entry_file.as_os_str().as_bytes()));
    state.join("synced").join(&digest[..16])
}

fn lines<'p>(entries: impl Iterator<Item = (&'p Path, &'p str)>) -> Vec<u8> {
    let mut lines = Vec::new();
    for (path, state) in entries {
        lines.extend_from_slice(path.as_os_str().as_bytes());
        lines.push(0);
        lines.extend_from_slice(state.as_bytes());
        lines.push(0);
    }
    lines
}

/// The last state of each file of a record.
fn read(path: &Path) -> HashMap<PathBuf, String> {
    let bytes = fs::read(path).unwrap_or_default();
    let mut words = bytes.split(|byte| *byte == 0);
    let mut states = HashMap::new();
    while let (Some(path), Some(state)) = (words.next(), words.next()) {
        states.insert(PathBuf::from(OsStr::from_bytes(path)), String::from_utf8_lossy(state).into_owned());
    }
    states
}

fn state_of(path: &Path) -> String {
    match fs::symlink_metadata(path) {
        Ok(metadata) => {
            let Stamp { size, modified: (seconds, nanoseconds), inode, mode } = Stamp::of(&metadata);
            format!("{size} {seconds} {nanoseconds} {inode} {mode:o}")
        }
        Err(_) => ABSENT.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_since_it_was_sent_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let synced = SyncedFiles { folder: Some(folder.path().join("synced")) };
        let file = |name: &[u8], text: &str| {
            let path = folder.path().join(OsStr::from_bytes(name));
            fs::write(&path, text).expect("written");
            path
        };
        let (same, edited, gone) = (file(b"same\xff", "1"), file(b"edited\n", "1"), file(b"gone", "1"));
        let lost = file(b"lost", "1");
        let never = folder.path().join("never");
        let states = synced.sending("c1", vec![same.clone(), edited.clone(), gone.clone(), never.clone()]);
        assert_eq!(synced.outdated()["c1"].len(), 4, "nobody knows whether they have arrived");
        synced.sent("c1", &states);
        assert_eq!(synced.outdated(), HashMap::new());
        synced.sending("c2", vec![lost.clone()]);
        fs::write(&edited, "22").expect("written");
        fs::remove_file(&gone).expect("removed");
        let mut outdated = synced.outdated();
        let of_first = outdated.get_mut("c1").expect("some");
        of_first.sort();
        assert_eq!(*of_first, [edited, gone]);
        assert_eq!(outdated["c2"], [lost]);
    }

    #[test]
    fn a_project_does_not_read_what_others_have_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let of = |entry_file: &str| SyncedFiles { folder: Some(folder_of(folder.path(), Path::new(entry_file))) };
        of("/a/Devfile").sending("c", vec!["/a/x".into()]);
        assert_eq!(of("/a/Devfile").outdated().len(), 1);
        assert_eq!(of("/b/Devfile").outdated(), HashMap::new());
    }

    #[test]
    fn a_long_record_is_gathered() {
        let folder = tempfile::tempdir().expect("a folder");
        let synced = SyncedFiles { folder: Some(folder.path().to_path_buf()) };
        let name = PathBuf::from(format!("/{}", "x".repeat(100_000)));
        for _ in 0..100 {
            synced.sent("c", &[(name.clone(), ABSENT.to_owned())]);
        }
        let length = fs::metadata(folder.path().join("c")).expect("a record").len();
        assert!(length < MAX_BYTES + 100_010, "{length}");
        assert_eq!(read(&folder.path().join("c")), HashMap::from([(name, ABSENT.to_owned())]));
    }
}
