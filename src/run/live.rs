//! Effect `LiveUpdate`: copies files into a container and runs commands there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::compose;
use super::edges::SharedEdges;
use super::event_loop::EventSender;
use crate::cluster::{ContainerRef, SyncBatch, SyncError, SyncRun, WarmChannels};
use crate::engine::{ContainerKey, ContainerPlace, LiveError, WorkResult};
use crate::logs::LogSink;
use crate::project::{Image, MappedPath, ResourceName, Run};

/// What goes where.
pub(super) struct Request {
    pub(super) place: ContainerPlace,
    pub(super) resource: ResourceName,
    pub(super) container: ContainerKey,
    pub(super) image: Arc<Image>,
    pub(super) copies: Vec<MappedPath>,
    pub(super) initial: bool,
    pub(super) runs: Vec<Run>,
    /// `restart_container()`.
    pub(super) restart: bool,
}

pub(super) async fn update(
    edges: SharedEdges,
    channels: Option<Arc<WarmChannels>>,
    request: Request,
    events: EventSender,
    cancel: CancellationToken,
) -> WorkResult {
    let place = request.place;
    let result = match channels {
        Some(channels) => update_container(&edges, &channels, request, &events, &cancel).await,
        None => Err(LiveError::Interrupted("the cluster is not connected".to_owned())),
    };
    match place {
        ContainerPlace::Cluster => WorkResult::Live(result),
        ContainerPlace::Engine => WorkResult::ComposeLive(result),
    }
}

async fn update_container(
    edges: &SharedEdges,
    channels: &WarmChannels,
    request: Request,
    events: &EventSender,
    cancel: &CancellationToken,
) -> Result<(), LiveError> {
    let log = edges.build_log(&request.resource);
    let mut copies = request.copies;
    if request.initial {
        let image = Arc::clone(&request.image);
        let all = tokio::task::spawn_blocking(move || everything_synced(&image)).await.unwrap_or_default();
        copies.extend(all);
    }
    let target = container_ref(&request.container);
    let batch = SyncBatch {
        deletes: Vec::new(),
        files: copies,
        runs: request.runs.iter().map(|run| SyncRun { argv: run.argv.clone(), echo: !run.echo_off }).collect(),
    };
    match channels.update(&target, batch, &log, cancel).await {
        Ok(report) => {
            if request.restart && request.place == ContainerPlace::Engine {
                compose::restart_container(edges, &target, &log, events).await?;
            }
            let how = if report.warm { "" } else { ", over a new connection" };
            log.info(format!(
                "  → Container {} updated! ({} copied, {} deleted, {:.0} ms{how})",
                target.container,
                report.copied,
                report.deleted,
                report.duration.as_secs_f64() * 1000.0
            ));
            Ok(())
        }
        Err(error) => Err(live_error(&error, &log)),
    }
}

pub(super) fn container_ref(key: &ContainerKey) -> ContainerRef {
    ContainerRef {
        namespace: key.namespace.clone(),
        pod: key.pod.clone(),
        container: key.container.clone(),
        id: key.id.clone(),
    }
}

fn live_error(error: &SyncError, log: &LogSink) -> LiveError {
    match error {
        SyncError::RunFailed { .. } => LiveError::RunFailed(error.to_string()),
        SyncError::ContainerGone(_) => {
            log.info("the container has ended meanwhile: the next one gets the files");
            LiveError::ContainerGone
        }
        SyncError::Transport { .. } => LiveError::Interrupted(error.to_string()),
        SyncError::Cancelled => LiveError::Cancelled,
        SyncError::NoShell
        | SyncError::NoTar(_)
        | SyncError::PermissionDenied { .. }
        | SyncError::ReadOnly { .. }
        | SyncError::DiskFull { .. }
        | SyncError::Refused(_)
        | SyncError::Local { .. }
        | SyncError::Forbidden(_) => LiveError::Impossible(error.to_string()),
    }
}

/// Every file below the sources of all `sync` steps that is not ignored (`initial_sync()`).
fn everything_synced(image: &Image) -> Vec<MappedPath> {
    let Some(live_update) = &image.live_update else { return Vec::new() };
    let mut files: Vec<PathBuf> = Vec::new();
    for sync in &live_update.syncs {
        collect(&sync.local, image, &mut files);
    }
    crate::project::map_paths(live_update, &files, Path::is_dir).paths
}

fn collect(path: &Path, image: &Image, files: &mut Vec<PathBuf>) {
    let ignored = image.watched.iter().any(|tree| path.starts_with(&tree.root) && tree.filter.prunes(path));
    if ignored {
        return;
    }
    if path.is_dir() && !path.is_symlink() {
        let Ok(entries) = std::fs::read_dir(path) else { return };
        let mut children: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        children.sort();
        for child in children {
            collect(&child, image, files);
        }
    } else if !image.watched.iter().any(|tree| path.starts_with(&tree.root) && tree.filter.ignores(path)) {
        files.push(path.to_path_buf());
    }
}
