//! Effect `LiveUpdate`: copies files into a container and runs commands there.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::carried_receiver::{Carriers, SHELL};
use super::edges::SharedEdges;
use super::event_loop::EventSender;
use super::{compose, upload};
use crate::cluster::{ContainerRef, SyncBatch, SyncError, SyncRun, WarmChannels};
use crate::engine::{ContainerKey, ContainerPlace, LiveError, WorkResult};
use crate::logs::LogSink;
use crate::project::{Image, ImageBuild, LiveUpdate, MappedPath, ResourceName, Run};

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
    let live_update = request.image.live_update.clone().unwrap_or_default();
    let adding = tokio::task::spawn_blocking(move || with_vanished_folders(&live_update, copies));
    let copies = adding.await.unwrap_or_default();
    let batch = SyncBatch {
        deletes: Vec::new(),
        files: copies,
        runs: request.runs.iter().map(|run| SyncRun { argv: run.argv.clone(), echo: !run.echo_off }).collect(),
    };
    let id = request.container.instance().to_owned();
    let states = note_sending(edges, &id, &batch.files).await;
    let mut result = channels.update(&target, batch.clone(), &log, cancel).await;
    let mut engine_helped = false;
    if let Err(error) = &result
        && request.place == ContainerPlace::Engine
        && upload::helps(error)
    {
        engine_helped = true;
        let uploading = upload::upload(edges, &target, &batch, &log);
        result = cancel.run_until_cancelled(uploading).await.unwrap_or(Err(SyncError::Cancelled));
    }
    if matches!(result, Ok(_) | Err(SyncError::RunFailed { .. })) {
        let synced_files = edges.synced_files.clone();
        // A session that ends before sends them again in the next one.
        tokio::task::spawn_blocking(move || synced_files.sent(&id, &states));
    }
    let may_carry = request.place == ContainerPlace::Cluster && matches!(request.image.build, ImageBuild::Docker(_));
    match result {
        Ok(report) => {
            if may_carry && report.by_shell {
                // The image may have got a shell meanwhile: then it needs nothing of ours.
                let (owner, name) = (Arc::clone(edges), request.image.name.clone());
                drop(tokio::task::spawn_blocking(move || owner.carriers.has_shell(&name)).await);
            }
            if request.restart && request.place == ContainerPlace::Engine {
                compose::restart_container(edges, &target, &log, events).await?;
            }
            let how = match (engine_helped, report.warm) {
                (true, _) => ", by the engine",
                (false, true) => "",
                (false, false) => ", over a new connection",
            };
            log.info(format!(
                "  → Container {} updated! ({} copied, {} deleted, {:.0} ms{how})",
                target.container,
                report.copied,
                report.deleted,
                report.duration.as_secs_f64() * 1000.0
            ));
            Ok(())
        }
        Err(error) if may_carry && Carriers::help(&error) => Err(carry(edges, &request.image, &error).await),
        Err(error) => Err(live_error(&error, &log)),
    }
}

/// The image is built anew, and so that the next edit finds what it needs.
async fn carry(edges: &SharedEdges, image: &Image, error: &SyncError) -> LiveError {
    let (owner, name) = (Arc::clone(edges), image.name.clone());
    let lacks = match error {
        SyncError::NoTar(tool) => tool.clone(),
        _ => SHELL.to_owned(),
    };
    let tool = lacks.clone();
    let adding = tokio::task::spawn_blocking(move || owner.carriers.add(&name, &tool)).await;
    LiveError::Impossible(match adding.map_err(io::Error::other).flatten() {
        Ok(()) => format!(
            "the container has no `{lacks}`, which live updates need: from now on its image carries devloop's own receiver, so that the next edits need no build"
        ),
        Err(failure) => format!("{error} (that the image needs devloop's receiver cannot be kept: {failure})"),
    })
}

/// Until they have arrived, the record says that nobody knows what the container holds.
async fn note_sending(edges: &SharedEdges, id: &str, files: &[MappedPath]) -> Vec<(PathBuf, String)> {
    let paths: Vec<PathBuf> = files.iter().map(|file| file.local.clone()).collect();
    let (synced_files, id) = (edges.synced_files.clone(), id.to_owned());
    tokio::task::spawn_blocking(move || synced_files.sending(&id, paths)).await.unwrap_or_default()
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

/// Of files that are gone, the folders that went with them are to go as well: only files are told.
fn with_vanished_folders(live_update: &LiveUpdate, mut copies: Vec<MappedPath>) -> Vec<MappedPath> {
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    let mut vanished: BTreeSet<PathBuf> = BTreeSet::new();
    for copy in &copies {
        if copy.local.parent().is_none_or(is_there) || is_there(&copy.local) {
            continue;
        }
        let gone = |folder: &&Path| {
            !is_there(folder)
                && live_update.syncs.iter().any(|sync| folder.starts_with(&sync.local) && **folder != sync.local)
        };
        // The topmost takes the others with it.
        let topmost = copy.local.ancestors().skip(1).take_while(gone).last();
        vanished.extend(topmost.map(Path::to_path_buf));
    }
    let folders: Vec<PathBuf> = vanished.into_iter().collect();
    let mut folders = crate::project::map_paths(live_update, &folders, |_| true).paths;
    // What another step puts below it stays.
    folders.retain(|folder| !live_update.syncs.iter().any(|sync| Path::new(&sync.remote).starts_with(&folder.remote)));
    copies.extend(folders);
    copies
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Span;
    use crate::project::Sync;

    fn steps(root: &Path, syncs: &[(&str, &str)]) -> LiveUpdate {
        let sync = |(local, remote): &(&str, &str)| Sync {
            local: root.join(local),
            remote: (*remote).to_owned(),
            origin: Span::file("/p/Devfile"),
        };
        LiveUpdate { syncs: syncs.iter().map(sync).collect(), ..LiveUpdate::default() }
    }

    #[test]
    fn folders_go_with_their_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        std::fs::create_dir_all(root.join("src/kept")).expect("created");
        let copies = |live_update: &LiveUpdate, files: &[&str]| -> Vec<String> {
            let files: Vec<PathBuf> = files.iter().map(|file| root.join(file)).collect();
            let copies = crate::project::map_paths(live_update, &files, |_| false).paths;
            let all = with_vanished_folders(live_update, copies.clone());
            all[copies.len()..].iter().map(|path| path.remote.display().to_string()).collect()
        };
        let one = steps(root, &[("src", "/app")]);
        assert_eq!(copies(&one, &["src/kept/a", "src/gone/deep/b", "src/gone/c"]), ["/app/gone"]);
        assert_eq!(
            copies(&steps(root, &[("away", "/app")]), &["away/a"]),
            [""; 0],
            "the source itself is not taken away"
        );
        let two = steps(root, &[("src", "/app"), ("lib", "/app/gone/lib")]);
        assert_eq!(copies(&two, &["src/gone/c", "src/old/c"]), ["/app/old"], "another step fills it");
    }
}
