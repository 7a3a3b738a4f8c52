//! One live update of one container, over whatever connection there is.

use std::path::PathBuf;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::archive::Archive;
use super::batch::{SyncBatch, SyncError, SyncReport};
use super::channel::{Channel, ReceiverKind};
use super::connect::Connect;
use crate::cluster::exec::ContainerRef;
use crate::logs::LogSink;
use crate::project::MappedPath;

/// A file that still changes after so many attempts is being written to all the time.
const MAX_ROUNDS: usize = 4;
/// Lines of the log that name files.
const MAX_NAMED: usize = 10;

/// How a connection is opened.
#[derive(Clone, Copy)]
pub(super) struct Connector<'a> {
    pub connect: &'a dyn Connect,
    pub kind: ReceiverKind,
}

impl Connector<'_> {
    pub async fn open(self, target: &ContainerRef) -> Result<Channel, SyncError> {
        Channel::open(self.connect, target, self.kind).await
    }
}

/// Brings a batch into a container, over `channel` if that holds one. Leaves a connection there that can be used again.
pub(super) async fn apply(
    connector: Connector<'_>,
    target: &ContainerRef,
    channel: &mut Option<Channel>,
    batch: &SyncBatch,
    log: &LogSink,
    cancel: &CancellationToken,
) -> Result<SyncReport, SyncError> {
    let result = tokio::select! {
        () = cancel.cancelled() => Err(SyncError::Cancelled),
        result = apply_all(connector, target, channel, batch, log) => result,
    };
    let unusable =
        matches!(result, Err(SyncError::Cancelled | SyncError::Transport { .. } | SyncError::ContainerGone(_)));
    if unusable {
        *channel = None;
    }
    result
}

async fn apply_all(
    connector: Connector<'_>,
    target: &ContainerRef,
    channel: &mut Option<Channel>,
    batch: &SyncBatch,
    log: &LogSink,
) -> Result<SyncReport, SyncError> {
    // The clock of a report, not of a decision.
    let started = Instant::now();
    let warm = channel.is_some();
    let (mut deletes, mut files) = (batch.deletes.clone(), batch.files.clone());
    if let Some(path) = deletes.iter().find(|path| path.parent().is_none()) {
        return Err(SyncError::Refused(format!("deleting `{}` is refused", path.display())));
    }
    let mut report = SyncReport {
        copied: 0,
        deleted: 0,
        bytes: 0,
        duration: started.elapsed(),
        files_after: started.elapsed(),
        warm,
        own_receiver: false,
        by_shell: false,
    };
    for round in 0.. {
        if files.is_empty() && deletes.is_empty() {
            break;
        }
        if round == MAX_ROUNDS {
            let path = files.first().map(|file| file.local.clone()).unwrap_or_default();
            return Err(SyncError::Local { path, reason: "it changes all the time while it is copied".to_owned() });
        }
        let archive = read(files).await?;
        if round == 0 {
            say(log, &deletes, &archive, target);
        }
        report.copied += archive.targets.len() + archive.folders.len();
        report.deleted += deletes.len() + archive.deletes.len();
        report.bytes += archive.length;
        files = transfer(connector, target, channel, &deletes, &archive, log).await?;
        report.copied -= files.len();
        deletes.clear();
    }
    report.files_after = started.elapsed();
    for run in &batch.runs {
        if run.echo {
            log.info(format!("Running in {target}: {}", run.argv.join(" ")));
        }
        let channel = match channel {
            Some(channel) => channel,
            None => channel.insert(connector.open(target).await?),
        };
        channel.run(run, |line| log.info(line)).await?;
    }
    report.duration = started.elapsed();
    report.own_receiver = channel.as_ref().is_some_and(Channel::is_program);
    report.by_shell = channel.as_ref().is_some_and(Channel::by_shell);
    Ok(report)
}

/// Sends the files, a second time over a new connection when the first one breaks: that changes nothing if they had
/// arrived, and completes them if they had not.
async fn transfer(
    connector: Connector<'_>,
    target: &ContainerRef,
    channel: &mut Option<Channel>,
    deletes: &[PathBuf],
    archive: &Archive,
    log: &LogSink,
) -> Result<Vec<MappedPath>, SyncError> {
    let mut replace_folders = false;
    let mut half_sent = false;
    for attempt in 0.. {
        let was_open = channel.is_some();
        let open = match channel.take() {
            Some(open) => Ok(open),
            None => connector.open(target).await,
        };
        let result = match open {
            Ok(open) => channel.insert(open).transfer(deletes, archive, replace_folders).await,
            Err(error) => Err(error),
        };
        match result {
            Err(SyncError::Transport { reason, half_applied }) => {
                *channel = None;
                half_sent |= half_applied;
                if attempt > 0 {
                    return Err(SyncError::Transport { reason, half_applied: half_sent });
                }
                log.warn(format!("The connection to {target} failed ({reason}), sending the files again"));
            }
            // Perhaps only our receiver was killed: a new connection finds out.
            Err(SyncError::ContainerGone(_)) if was_open && attempt == 0 => *channel = None,
            // A folder may be in the place of a file; the tools' words for it are the same as for missing rights.
            Err(SyncError::PermissionDenied { .. } | SyncError::Refused(_))
                if !replace_folders && attempt == 0 && channel.as_ref().is_some_and(|open| !open.is_program()) =>
            {
                replace_folders = true;
            }
            result => return result,
        }
    }
    unreachable!("the second attempt returns")
}

async fn read(files: Vec<MappedPath>) -> Result<Archive, SyncError> {
    let reading = tokio::task::spawn_blocking(move || Archive::read(&files));
    reading.await.map_err(|error| SyncError::Local { path: PathBuf::new(), reason: error.to_string() })?
}

fn say(log: &LogSink, deletes: &[PathBuf], archive: &Archive, target: &ContainerRef) {
    let copies: Vec<&PathBuf> = archive.targets.iter().chain(&archive.folders).collect();
    let gone: Vec<&PathBuf> = deletes.iter().chain(&archive.deletes).collect();
    for (verb, paths) in [("copy", copies), ("delete", gone)] {
        if paths.is_empty() {
            continue;
        }
        log.info(format!("Will {verb} {} file(s) in container {target}:", paths.len()));
        for path in paths.iter().take(MAX_NAMED) {
            log.info(format!("- {}", path.display()));
        }
        if paths.len() > MAX_NAMED {
            log.info(format!("- … and {} more", paths.len() - MAX_NAMED));
        }
    }
    for path in &archive.skipped {
        log.warn(format!("`{}` is not a file, link or folder, and is not copied", path.display()));
    }
}
