//! A live update of a container of a Compose service by the engine's own means (reference §3.17): for images without a
//! shell or tar, and for files that the container's user may not write.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::edges::Edges;
use crate::cluster::{Archive, ContainerRef, SyncBatch, SyncError, SyncReport};
use crate::docker::{AttachError, Engine, EngineError};
use crate::engine::WorkError;
use crate::logs::LogSink;

/// A file that still changes after so many attempts is being written to all the time.
const MAX_ROUNDS: usize = 4;

/// Whether what the receiver in the container cannot do is something that the engine can.
pub(super) fn helps(error: &SyncError) -> bool {
    matches!(error, SyncError::NoShell | SyncError::NoTar(_) | SyncError::PermissionDenied { .. })
}

/// Deletes, copies and runs. The files belong to root, as those of an image do.
pub(super) async fn upload(
    edges: &Edges,
    target: &ContainerRef,
    batch: &SyncBatch,
    log: &LogSink,
) -> Result<SyncReport, SyncError> {
    // The clock of a report, not of a decision.
    let started = Instant::now();
    let engine = edges.docker().await.map_err(|error| match error {
        WorkError::Failed(message) | WorkError::Lost(message) => broken(message),
        WorkError::Cancelled => SyncError::Cancelled,
    })?;
    let mut files = batch.files.clone();
    let mut report = SyncReport {
        copied: 0,
        deleted: 0,
        bytes: 0,
        duration: started.elapsed(),
        files_after: started.elapsed(),
        warm: true,
        own_receiver: false,
        by_shell: false,
    };
    delete(&engine, target, &batch.deletes).await?;
    report.deleted += batch.deletes.len();
    for round in 0.. {
        if files.is_empty() {
            break;
        }
        if round == MAX_ROUNDS {
            let path = files.first().map(|file| file.local.clone()).unwrap_or_default();
            return Err(SyncError::Local { path, reason: "it changes all the time while it is copied".to_owned() });
        }
        let reading = tokio::task::spawn_blocking(move || Archive::read(&files)).await;
        let archive =
            reading.map_err(|error| SyncError::Local { path: PathBuf::new(), reason: error.to_string() })??;
        delete(&engine, target, &archive.deletes).await?;
        make_folders(&engine, target, &archive.folders).await?;
        let mut bytes = Vec::new();
        files = archive.write_to(&mut bytes).await.map_err(|error| broken(error.to_string()))?;
        if archive.length > 0 {
            engine.unpack_into(&target.id, bytes).await.map_err(|error| refused(error, &archive.targets))?;
        }
        report.copied += archive.targets.len() + archive.folders.len() - files.len();
        report.deleted += archive.deletes.len();
        report.bytes += archive.length;
    }
    report.files_after = started.elapsed();
    for run in &batch.runs {
        if run.echo {
            log.info(format!("Running in {target}: {}", run.argv.join(" ")));
        }
        let (exit_code, output) =
            engine.run_in(&target.id, &run.argv).await.map_err(|error| not_run(error, &run.argv))?;
        for line in output.lines() {
            log.info(line);
        }
        if exit_code != 0 {
            return Err(SyncError::RunFailed { argv: run.argv.clone(), exit_code, output });
        }
    }
    report.duration = started.elapsed();
    Ok(report)
}

/// The engine can unpack and not delete: that is up to the container's `rm`.
async fn delete(engine: &Engine, target: &ContainerRef, paths: &[PathBuf]) -> Result<(), SyncError> {
    let mut there = Vec::new();
    for path in paths {
        let text = path.to_string_lossy().into_owned();
        if engine.is_in_container(&target.id, &text).await.map_err(|error| broken(error.to_string()))? {
            there.push(text);
        }
    }
    if there.is_empty() {
        return Ok(());
    }
    let argv: Vec<String> = ["rm", "-rf", "--"].map(str::to_owned).into_iter().chain(there).collect();
    match engine.run_in(&target.id, &argv).await {
        Ok((0, _)) => Ok(()),
        Ok((_, output)) => Err(SyncError::Refused(output.trim().to_owned())),
        Err(error) => Err(not_run(error, &argv)),
    }
}

/// Those that are there keep their mode.
async fn make_folders(engine: &Engine, target: &ContainerRef, folders: &[PathBuf]) -> Result<(), SyncError> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut is_empty = true;
    for folder in folders {
        let text = folder.to_string_lossy();
        if engine.is_in_container(&target.id, &text).await.map_err(|error| broken(error.to_string()))? {
            continue;
        }
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        header.set_size(0);
        let name = folder.strip_prefix("/").unwrap_or(folder);
        let added = builder.append_data(&mut header, Path::new(name), std::io::empty());
        added.map_err(|error| broken(error.to_string()))?;
        is_empty = false;
    }
    if is_empty {
        return Ok(());
    }
    let bytes = builder.into_inner().map_err(|error| broken(error.to_string()))?;
    engine.unpack_into(&target.id, bytes).await.map_err(|error| refused(error, folders))
}

/// Whether `batch` can be brought into a container at all without its own tools is known only when it was tried.
fn not_run(error: AttachError, argv: &[String]) -> SyncError {
    match error {
        AttachError::NotRunning(message) => SyncError::ContainerGone(message),
        AttachError::NotFound => SyncError::NoTar(argv.first().cloned().unwrap_or_default()),
        AttachError::Engine(error) => broken(error.to_string()),
    }
}

fn refused(error: EngineError, paths: &[PathBuf]) -> SyncError {
    match error {
        EngineError::Refused(message) if message.contains("read-only") => {
            let path = paths.first().map(|path: &PathBuf| path.display().to_string()).unwrap_or_default();
            SyncError::ReadOnly { path }
        }
        EngineError::Refused(message) => SyncError::Refused(message),
        EngineError::NoSuchImage(message) => SyncError::ContainerGone(message),
        EngineError::Cancelled => SyncError::Cancelled,
        error @ EngineError::Lost(_) => broken(error.to_string()),
    }
}

fn broken(reason: String) -> SyncError {
    SyncError::Transport { reason, half_applied: true }
}
