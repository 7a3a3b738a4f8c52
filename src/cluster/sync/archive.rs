//! Local files as a tar stream whose length is known before it is sent.
//!
//! Small files are read at once, so that each is sent as it was at one moment; large ones are streamed with the size that
//! they had, and sent again when they changed meanwhile. Folders are never in the archive: extracting one would change
//! the mode and time of a folder that is already there.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::batch::SyncError;
use crate::project::MappedPath;

/// Files up to this size are read at once …
const SMALL: u64 = 512 * 1024;
/// … as long as all of them together stay below this.
const BUFFERED: usize = 8 * 1024 * 1024;
const BLOCK: u64 = 512;

/// What has to happen in the container so that it has these files.
#[derive(Debug, Default)]
pub struct Archive {
    /// Paths that are not there any more on this machine.
    pub deletes: Vec<PathBuf>,
    /// Folders that must exist.
    pub folders: Vec<PathBuf>,
    /// Targets of files and links.
    pub targets: Vec<PathBuf>,
    /// Length of the stream; 0 without files.
    pub length: u64,
    /// Paths that cannot be copied (sockets, devices).
    pub skipped: Vec<PathBuf>,
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Bytes(Vec<u8>),
    File { file: MappedPath, stamp: Stamp },
}

/// Tells whether a file has been written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self { length: metadata.len(), modified: metadata.modified().ok() }
    }
}

impl Archive {
    /// Looks at the files. Blocks: not for the async runtime's threads.
    ///
    /// # Errors
    ///
    /// [`SyncError::Local`] when a file is there and cannot be read.
    pub fn read(files: &[MappedPath]) -> Result<Self, SyncError> {
        let mut archive = Self::default();
        let mut builder = tar::Builder::new(Vec::new());
        let mut buffered = 0;
        for file in files {
            let failed = |error: io::Error| SyncError::Local { path: file.local.clone(), reason: error.to_string() };
            match archive.add(file, &mut builder, &mut buffered) {
                Ok(()) => {}
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    archive.deletes.push(file.remote.clone());
                }
                Err(error) => return Err(failed(error)),
            }
        }
        if !archive.targets.is_empty() {
            // Ends the archive with two empty blocks.
            let rest = builder.into_inner().unwrap_or_default();
            archive.push(Part::Bytes(rest));
        }
        Ok(archive)
    }

    fn add(&mut self, file: &MappedPath, builder: &mut tar::Builder<Vec<u8>>, buffered: &mut usize) -> io::Result<()> {
        let metadata = std::fs::symlink_metadata(&file.local)?;
        if metadata.is_dir() {
            self.folders.push(file.remote.clone());
            return Ok(());
        }
        let name = file.remote.strip_prefix("/").unwrap_or(&file.remote);
        let mut header = tar::Header::new_gnu();
        header.set_metadata_in_mode(&metadata, tar::HeaderMode::Complete);
        // The files belong to the user that the container runs as; ids of this machine mean nothing there.
        header.set_uid(0);
        header.set_gid(0);
        header.set_mode(metadata.permissions().mode() & 0o7777);
        if metadata.is_symlink() {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            builder.append_link(&mut header, name, std::fs::read_link(&file.local)?)?;
        } else if !metadata.is_file() {
            self.skipped.push(file.local.clone());
            return Ok(());
        } else if metadata.len() <= SMALL && *buffered < BUFFERED {
            let contents = std::fs::read(&file.local)?;
            header.set_size(contents.len() as u64);
            builder.append_data(&mut header, name, contents.as_slice())?;
            *buffered += contents.len();
        } else {
            header.set_size(metadata.len());
            builder.append_data(&mut header, name, io::empty())?;
            self.push(Part::Bytes(std::mem::take(builder.get_mut())));
            self.push(Part::File { file: file.clone(), stamp: Stamp::of(&metadata) });
            self.push(Part::Bytes(vec![0; ((BLOCK - metadata.len() % BLOCK) % BLOCK) as usize]));
        }
        self.targets.push(file.remote.clone());
        Ok(())
    }

    fn push(&mut self, part: Part) {
        self.length += match &part {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::File { stamp, .. } => stamp.length,
        };
        self.parts.push(part);
    }

    /// Writes exactly [`Self::length`] bytes, and returns the files that changed meanwhile and must be sent again.
    ///
    /// # Errors
    ///
    /// When the writer refuses.
    pub async fn write_to(&self, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<Vec<MappedPath>> {
        let mut changed = Vec::new();
        for part in &self.parts {
            match part {
                Part::Bytes(bytes) => writer.write_all(bytes).await?,
                Part::File { file, stamp } => {
                    if !write_file(&file.local, *stamp, writer).await? {
                        changed.push(file.clone());
                    }
                }
            }
        }
        Ok(changed)
    }
}

/// Writes as many bytes as the file had, filled up with zeros, and whether these are the file.
async fn write_file(path: &Path, stamp: Stamp, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<bool> {
    let mut chunk = vec![0; 64 * 1024];
    let mut left = stamp.length;
    let mut file = tokio::fs::File::open(path).await.ok();
    while left > 0 {
        let room = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = match &mut file {
            Some(file) => file.read(&mut chunk[..room]).await.unwrap_or(0),
            None => 0,
        };
        if read == 0 {
            file = None;
            chunk[..room].fill(0);
        }
        let length = if read == 0 { room } else { read };
        writer.write_all(&chunk[..length]).await?;
        left -= length as u64;
    }
    let complete = file.is_some();
    let now = tokio::fs::symlink_metadata(path).await.ok().map(|metadata| Stamp::of(&metadata));
    Ok(complete && now == Some(stamp))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mapped(folder: &Path, name: &str) -> MappedPath {
        MappedPath { local: folder.join(name), remote: Path::new("/app").join(name) }
    }

    async fn sent(archive: &Archive) -> (Vec<u8>, Vec<MappedPath>) {
        let mut bytes = Vec::new();
        let changed = archive.write_to(&mut bytes).await.expect("memory takes it");
        assert_eq!(bytes.len() as u64, archive.length);
        (bytes, changed)
    }

    #[tokio::test]
    async fn files_links_folders_and_what_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let long = "x".repeat(180);
        std::fs::write(folder.path().join("run me"), "#!").expect("written");
        std::fs::set_permissions(folder.path().join("run me"), std::fs::Permissions::from_mode(0o755)).expect("set");
        std::fs::write(folder.path().join(&long), vec![7; SMALL as usize + 100]).expect("written");
        symlink("run me", folder.path().join("link")).expect("linked");
        std::fs::create_dir(folder.path().join("empty")).expect("created");
        let files: Vec<MappedPath> = ["run me", &long, "link", "empty", "gone", "run me/below"]
            .iter()
            .map(|name| mapped(folder.path(), name))
            .collect();
        let archive = Archive::read(&files).expect("readable");
        assert_eq!(archive.deletes, [PathBuf::from("/app/gone"), "/app/run me/below".into()]);
        assert_eq!(archive.folders, [PathBuf::from("/app/empty")]);
        let (bytes, changed) = sent(&archive).await;
        assert!(changed.is_empty());
        let out = tempfile::tempdir().expect("a folder");
        tar::Archive::new(bytes.as_slice()).unpack(out.path()).expect("a valid archive");
        let mode = std::fs::metadata(out.path().join("app/run me")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert_eq!(std::fs::read(out.path().join("app").join(&long)).expect("there").len(), SMALL as usize + 100);
        assert_eq!(std::fs::read_link(out.path().join("app/link")).expect("a link"), Path::new("run me"));
    }

    #[tokio::test]
    async fn a_file_that_shrinks_or_grows_while_it_is_sent_must_be_sent_again() {
        let folder = tempfile::tempdir().expect("a folder");
        for size in [SMALL as usize / 2, SMALL as usize * 2] {
            let file = mapped(folder.path(), "big");
            std::fs::write(&file.local, vec![7; SMALL as usize + 1]).expect("written");
            let archive = Archive::read(std::slice::from_ref(&file)).expect("readable");
            std::fs::write(&file.local, vec![8; size]).expect("written");
            let (_, changed) = sent(&archive).await;
            assert_eq!(changed, [file]);
        }
    }

    #[test]
    fn without_files_there_is_no_stream() {
        assert_eq!(Archive::read(&[]).expect("nothing to read").length, 0);
    }
}
