//! Connections to containers that are opened before they are needed.
//!
//! A task per container owns its connection: it opens it in the background, replaces it when it breaks, asks from time to
//! time whether it still answers, and takes the container's updates one after the other.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::batch::{SyncBatch, SyncError, SyncReport};
use super::channel::{Channel, ReceiverKind};
use super::connect::Connect;
use super::update::{Connector, apply};
use crate::cluster::exec::ContainerRef;
use crate::logs::LogSink;

/// Between two questions whether an idle connection still answers.
const PING: Duration = Duration::from_secs(20);
/// After a connection was lost: a container that ends takes its connection with it, and is about to be given up.
const REOPEN_SOON: Duration = Duration::from_millis(200);
const REOPEN_FIRST: Duration = Duration::from_secs(1);
const REOPEN_MAX: Duration = Duration::from_secs(30);

struct Job {
    batch: SyncBatch,
    log: LogSink,
    cancel: CancellationToken,
    reply: oneshot::Sender<Result<SyncReport, SyncError>>,
}

struct Keeper {
    jobs: mpsc::Sender<Job>,
    cancel: CancellationToken,
}

#[derive(Default)]
struct Keepers {
    by_container: HashMap<ContainerRef, Keeper>,
    tasks: JoinSet<()>,
}

/// Live updates, over connections that are opened before they are needed. Dropping it closes them.
pub struct WarmChannels {
    connect: Arc<dyn Connect>,
    kind: ReceiverKind,
    keepers: Mutex<Keepers>,
}

impl WarmChannels {
    /// Without connections; every update opens one of its own until [`Self::keep`] is called.
    pub fn new(connect: impl Connect) -> Self {
        Self::with_receiver(connect, ReceiverKind::from_environment())
    }

    /// As [`Self::new`], with a receiver of this kind whatever the environment says.
    pub fn with_receiver(connect: impl Connect, kind: ReceiverKind) -> Self {
        Self { connect: Arc::new(connect), kind, keepers: Mutex::default() }
    }

    /// Keeps a connection to each of these running containers, and closes those to all others.
    ///
    /// Must be called within the async runtime.
    pub fn keep(&self, containers: &HashSet<ContainerRef>) {
        let open: Vec<ContainerRef> = self.lock().by_container.keys().cloned().collect();
        let gone: Vec<ContainerRef> = open.into_iter().filter(|container| !containers.contains(container)).collect();
        self.change(&gone, containers);
    }

    /// Closes the connections to some containers and keeps one to each of some others; those to all others stay.
    ///
    /// Must be called within the async runtime.
    pub fn change<'a>(&self, gone: &[ContainerRef], running: impl IntoIterator<Item = &'a ContainerRef>) {
        let mut keepers = self.lock();
        for container in gone {
            if let Some(keeper) = keepers.by_container.remove(container) {
                keeper.cancel.cancel();
            }
        }
        while keepers.tasks.try_join_next().is_some() {}
        for container in running {
            if keepers.by_container.contains_key(container) {
                continue;
            }
            let (jobs, receiver) = mpsc::channel(16);
            let cancel = CancellationToken::new();
            keepers.tasks.spawn(keep_open(
                Arc::clone(&self.connect),
                self.kind,
                container.clone(),
                receiver,
                cancel.clone(),
            ));
            keepers.by_container.insert(container.clone(), Keeper { jobs, cancel });
        }
    }

    /// Brings a batch into a container: deletions, then files, then commands; each only if what comes before it worked.
    ///
    /// After [`SyncError::Transport`] some of the files may be in place; sending the batch again mends it.
    pub async fn update(
        &self,
        target: &ContainerRef,
        batch: SyncBatch,
        log: &LogSink,
        cancel: &CancellationToken,
    ) -> Result<SyncReport, SyncError> {
        let jobs = self.lock().by_container.get(target).map(|keeper| keeper.jobs.clone());
        let Some(jobs) = jobs else {
            let connector = Connector { connect: &*self.connect, kind: self.kind };
            return apply(connector, target, &mut None, &batch, log, cancel).await;
        };
        let (reply, answer) = oneshot::channel();
        let job = Job { batch, log: log.clone(), cancel: cancel.clone(), reply };
        let gone = || SyncError::ContainerGone("it is not watched any more".to_owned());
        jobs.send(job).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    fn lock(&self) -> MutexGuard<'_, Keepers> {
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for WarmChannels {
    fn drop(&mut self) {
        // The tasks themselves are ended by their set.
        for keeper in self.lock().by_container.values() {
            keeper.cancel.cancel();
        }
    }
}

async fn keep_open(
    connect: Arc<dyn Connect>,
    kind: ReceiverKind,
    target: ContainerRef,
    mut jobs: mpsc::Receiver<Job>,
    cancel: CancellationToken,
) {
    let connector = Connector { connect: &*connect, kind };
    let mut channel: Option<Channel> = None;
    let mut pause = REOPEN_FIRST;
    let mut reopen = Instant::now();
    let work = async {
        loop {
            if channel.is_none() && reopen <= Instant::now() {
                match connector.open(&target).await {
                    Ok(open) => {
                        channel = Some(open);
                        pause = REOPEN_FIRST;
                    }
                    Err(error) => {
                        tracing::debug!(%target, %error, "no connection for live updates yet");
                        // An update that comes meanwhile opens its own connection, and reports why it cannot.
                        reopen = Instant::now() + pause;
                        pause = (pause * 2).min(REOPEN_MAX);
                    }
                }
            }
            tokio::select! {
                job = jobs.recv() => {
                    let Some(Job { batch, log, cancel, reply }) = job else { return };
                    let result = apply(connector, &target, &mut channel, &batch, &log, &cancel).await;
                    // The caller may have gone away; the update has been made all the same.
                    let _ = reply.send(result);
                }
                () = watch_idle(&mut channel), if channel.is_some() => {}
                () = sleep_until(reopen), if channel.is_none() => {}
            }
            if channel.is_none() {
                reopen = reopen.max(Instant::now() + REOPEN_SOON);
            }
        }
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        () = work => {}
    }
}

/// Takes the connection away once it has ended or does not answer.
async fn watch_idle(channel: &mut Option<Channel>) {
    let Some(open) = channel else { return };
    tokio::select! {
        () = open.ended() => *channel = None,
        () = sleep(PING) => {
            // Taken out while it is asked: if a job interrupts this, the answer would be in the job's way.
            let Some(mut asked) = channel.take() else { return };
            if asked.ping().await {
                *channel = Some(asked);
            }
        }
    }
}
