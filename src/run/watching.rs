//! Keeps the watched files in step with the configuration.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::edges::SharedEdges;
use super::event_loop::EventSender;
use crate::diagnostic::count;
use crate::engine::{Engine, Event};
use crate::logs::LogSource;
use crate::project::{ResourceName, Target, WatchedTree};
use crate::watch::{WatchEvent, Watcher};

/// Batches of changes that may wait for the event loop.
const QUEUE: usize = 256;

/// The file watcher of a session.
#[derive(Debug)]
pub(super) struct Watching {
    edges: SharedEdges,
    events: EventSender,
    watcher: Option<Watcher>,
    task: Option<JoinHandle<()>>,
    /// The files and folders of the configuration that are watched.
    config_files: HashSet<PathBuf>,
    looks: HashMap<u64, Look>,
    next_look: u64,
    looked_tx: mpsc::UnboundedSender<u64>,
    looked: mpsc::UnboundedReceiver<u64>,
}

/// Asks a session to look at a file now instead of when the system tells of it.
#[derive(Debug)]
pub struct Look {
    /// The file, absolute.
    pub path: PathBuf,
    /// Told, when what was found has been taken in, which resources the file belongs to.
    pub done: oneshot::Sender<Vec<ResourceName>>,
}

impl Watching {
    pub(super) fn new(edges: SharedEdges, events: EventSender) -> Self {
        let (looked_tx, looked) = mpsc::unbounded_channel();
        Self {
            edges,
            events,
            watcher: None,
            task: None,
            config_files: HashSet::new(),
            looks: HashMap::new(),
            next_look: 0,
            looked_tx,
            looked,
        }
    }

    /// Begins to look at a file.
    pub(super) fn look(&mut self, look: Look) {
        let number = self.next_look;
        self.next_look += 1;
        match &self.watcher {
            Some(watcher) => watcher.look(look.path.clone(), number),
            // Nothing is watched, so there is nothing that could have been missed.
            None => drop(self.looked_tx.send(number)),
        }
        self.looks.insert(number, look);
    }

    /// The next look whose findings have been passed on as events.
    pub(super) async fn looked(&mut self) -> Option<Look> {
        let number = self.looked.recv().await?;
        self.looks.remove(&number)
    }

    /// Watches what the configuration and the project ask for. When it returns, every later change is seen.
    pub(super) async fn follow(&mut self, engine: &Engine) {
        if !engine.watches_files() {
            return;
        }
        let trees = trees(engine);
        let former = std::mem::replace(&mut self.config_files, roots(engine));
        let global = engine.project().map(|project| Arc::clone(&project.global_filter)).unwrap_or_default();
        let watcher = match self.watcher.take() {
            Some(watcher) => watcher,
            None => self.start(),
        };
        watcher.set_trees(trees, global).await;
        self.watcher = Some(watcher);
        self.tell_unwatched_changes(&former);
    }

    /// What the configuration has read and what was changed before it was watched: nobody else has noticed.
    fn tell_unwatched_changes(&self, former: &HashSet<PathBuf>) {
        let seen = self.edges.take_seen_files();
        let changed: Vec<PathBuf> = seen
            .into_iter()
            .filter(|file| !former.contains(&file.path) && file.has_changed())
            .map(|file| file.path)
            .collect();
        if !changed.is_empty() {
            // The loop is gone only when the session is over.
            let _ = self.events.send(Event::FilesChanged(changed));
        }
    }

    fn start(&mut self) -> Watcher {
        let (tx, rx) = mpsc::channel(QUEUE);
        self.task =
            Some(tokio::spawn(pass_on(rx, Arc::clone(&self.edges), self.events.clone(), self.looked_tx.clone())));
        Watcher::new(tx)
    }

    pub(super) fn stop(&mut self) {
        self.watcher = None;
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

async fn pass_on(
    mut rx: mpsc::Receiver<WatchEvent>,
    edges: SharedEdges,
    events: EventSender,
    looked: mpsc::UnboundedSender<u64>,
) {
    while let Some(event) = rx.recv().await {
        match event {
            WatchEvent::Changed { paths, .. } => {
                if events.send(Event::FilesChanged(paths)).is_err() {
                    return;
                }
            }
            WatchEvent::GitBegan { repository } => {
                if events.send(Event::GitBegan { repository }).is_err() {
                    return;
                }
            }
            WatchEvent::GitEnded { repository, changed, same } => {
                if changed.len() + same.len() > 1 {
                    let text = format!(
                        "git has finished in {}: {} changed, {} written with the content that they had",
                        repository.display(),
                        count(changed.len(), "file"),
                        same.len()
                    );
                    edges.logs.sink(None, LogSource::Build).info(text);
                }
                if events.send(Event::GitEnded { repository, changed, same }).is_err() {
                    return;
                }
            }
            WatchEvent::Problem(problem) => {
                edges.logs.sink(None, LogSource::Build).warn(problem.to_string());
            }
            WatchEvent::Looked(number) => {
                if looked.send(number).is_err() {
                    return;
                }
            }
        }
    }
}

fn roots(engine: &Engine) -> HashSet<PathBuf> {
    engine.config_files().iter().map(|tree| tree.root.clone()).collect()
}

fn trees(engine: &Engine) -> Vec<WatchedTree> {
    let mut trees = engine.config_files().to_vec();
    if let Some(project) = engine.project() {
        for image in project.images.values() {
            trees.extend(image.watched.iter().cloned());
        }
        trees.extend(project.api.file_watches.values().flatten().cloned());
        for resource in project.resources.values() {
            match &resource.target {
                Target::Local(local) => trees.extend(local.watched.iter().cloned()),
                Target::Kubernetes(target) => {
                    trees.extend(target.watched().cloned());
                }
                // Its files are those of its images.
                Target::Compose(_) => {}
            }
        }
    }
    trees
}
