//! Talks to devloop's own receiver in a container.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use tokio::io::AsyncWriteExt;

use super::archive::Archive;
use super::batch::SyncError;
use super::channel::Ended;
use super::receiver::protocol::{Answer, Class, Failure, HEADER, Request, header};
use super::wire::{Kept, Lines, Output, Wire, half, lost};
use crate::project::MappedPath;

/// devloop's own receiver.
pub(super) struct ProgramReceiver;

impl ProgramReceiver {
    pub async fn transfer(
        &self,
        wire: &mut Wire,
        deletes: &[PathBuf],
        archive: &Archive,
    ) -> Result<Vec<MappedPath>, SyncError> {
        let request = Request::Transfer {
            deletes: deletes.iter().chain(&archive.deletes).map(|path| bytes(path)).collect(),
            folders: archive.folders.iter().map(|path| bytes(path)).collect(),
            archive: archive.length,
        };
        let (stdin, output) = (&mut wire.stdin, &mut wire.output);
        let send = async {
            stdin.write_all(&request.encode()).await.map_err(|error| lost(&error))?;
            archive.write_to(stdin).await.map_err(|error| lost(&error))
        };
        let (changed, answer) = tokio::try_join!(send, answer(output))?;
        match answer {
            Answer::Done(0) => Ok(changed),
            Answer::Failed(failure) => Err(refused(&failure)),
            other => Err(half(format!("it answered {other:?}"))),
        }
    }

    pub async fn run(
        &self,
        wire: &mut Wire,
        argv: &[String],
        mut on_line: impl FnMut(&str),
    ) -> Result<Ended, SyncError> {
        let argv = argv.iter().map(|word| word.as_bytes().to_vec()).collect();
        wire.stdin.write_all(&Request::Run { argv }.encode()).await.map_err(|error| lost(&error))?;
        let (mut kept, mut lines) = (Kept::default(), Lines::default());
        let mut hear = |line: &str| {
            on_line(line);
            if !line.is_empty() {
                kept.line(line);
            }
        };
        loop {
            match answer(&mut wire.output).await? {
                Answer::Output(piece) => lines.piece(&piece, &mut hear),
                Answer::Done(code) => {
                    lines.rest(&mut hear);
                    return Ok(Ended { code, output: kept.text() });
                }
                Answer::Failed(failure) => return Err(SyncError::Refused(failure.message)),
            }
        }
    }

    pub async fn ping(&self, wire: &mut Wire) -> Result<(), SyncError> {
        wire.stdin.write_all(&Request::Ping.encode()).await.map_err(|error| lost(&error))?;
        answer(&mut wire.output).await.map(drop)
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

async fn answer(output: &mut Output) -> Result<Answer, SyncError> {
    let mut start = [0; HEADER];
    output.fill(&mut start).await.map_err(|error| lost(&error))?;
    let unknown = || half("its answer is not understood".to_owned());
    let (kind, length) = header(start).ok_or_else(unknown)?;
    let mut body = vec![0; length];
    output.fill(&mut body).await.map_err(|error| lost(&error))?;
    Answer::decode(kind, &body).ok_or_else(unknown)
}

fn refused(failure: &Failure) -> SyncError {
    let path = String::from_utf8_lossy(&failure.path).into_owned();
    match failure.class {
        Class::Permission => SyncError::PermissionDenied { path },
        Class::ReadOnly => SyncError::ReadOnly { path },
        Class::Full => SyncError::DiskFull { path },
        Class::Other => SyncError::Refused(format!("{path}: {}", failure.message)),
    }
}
