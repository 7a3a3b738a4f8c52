//! List, then watch, for ever: the healing loop under every watch of the cluster.
//!
//! Not `watcher` of kube's runtime: it cannot tell a quiet watch from a dead connection, and does not say when it lost
//! and found the server again. Streaming lists are not used, as older servers refuse them.

use std::fmt::Debug;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use kube::api::{Api, ListParams, WatchEvent, WatchParams};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

/// The server ends each watch after this time; a watch that stays silent for longer hangs on a dead connection.
const WATCH_SECONDS: u32 = 60;
const IDLE: Duration = Duration::from_secs(WATCH_SECONDS as u64 + 10);
const REQUEST: Duration = Duration::from_secs(30);
const PAGE: u32 = 500;
const BACKOFF_START: Duration = Duration::from_millis(200);
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// What happened to the objects of one kind.
#[derive(Debug)]
pub(super) enum Change<T> {
    /// All objects there are; replaces everything known before.
    Listed(Vec<T>),
    /// New or changed.
    Applied(T),
    /// Gone.
    Deleted(T),
    /// The server cannot be asked, and why; what is known may be out of date.
    Lost(String),
    /// The server answers again.
    Recovered,
}

/// Why a round of list or watch ended.
enum Stop {
    /// The version is too old: list again.
    Gone,
    /// Ask again after a pause.
    Failed(String),
    /// The receiver went away.
    Closed,
}

/// Lists and watches until the receiver of `tx` goes away or the future is dropped.
///
/// `reduce` turns each object into what is kept of it; `None` drops it.
pub(super) async fn list_watch<K, T>(api: Api<K>, reduce: impl Fn(K) -> Option<T>, tx: mpsc::Sender<Change<T>>)
where
    K: kube::Resource + Clone + DeserializeOwned + Debug,
{
    let mut session = Session { api, reduce, tx, lost: false, version: None };
    let mut backoff = BACKOFF_START;
    loop {
        let started = Instant::now();
        match session.round().await {
            Ok(()) => backoff = BACKOFF_START,
            Err(Stop::Closed) => return,
            Err(Stop::Gone) => session.version = None,
            Err(Stop::Failed(reason)) => {
                if !session.lost {
                    session.lost = true;
                    if session.tx.send(Change::Lost(reason)).await.is_err() {
                        return;
                    }
                }
            }
        }
        // A server that ends every watch at once must not be asked without a pause.
        if started.elapsed() < BACKOFF_MAX {
            sleep(backoff).await;
            backoff = (backoff * 2).min(BACKOFF_MAX);
        } else {
            backoff = BACKOFF_START;
        }
    }
}

struct Session<K, T, F> {
    api: Api<K>,
    reduce: F,
    tx: mpsc::Sender<Change<T>>,
    lost: bool,
    /// Where the next watch goes on; `None` before the first list.
    version: Option<String>,
}

impl<K, T, F> Session<K, T, F>
where
    K: kube::Resource + Clone + DeserializeOwned + Debug,
    F: Fn(K) -> Option<T>,
{
    /// One watch until its regular end, after a list when there is nothing to go on from.
    async fn round(&mut self) -> Result<(), Stop> {
        let version = match self.version.take() {
            Some(version) => version,
            None => self.list().await?,
        };
        self.version = Some(version.clone());
        let params = WatchParams { timeout: Some(WATCH_SECONDS), bookmarks: true, ..WatchParams::default() };
        let stream = timeout(REQUEST, self.api.watch(&params, &version)).await.map_err(|_| unanswered())?;
        let mut stream = stream.map_err(stop)?.boxed();
        self.recovered().await?;
        loop {
            let event = timeout(IDLE, stream.try_next()).await.map_err(|_| unanswered())?.map_err(stop)?;
            match event {
                None => return Ok(()),
                Some(WatchEvent::Added(object) | WatchEvent::Modified(object)) => {
                    self.pass(object, Change::Applied).await?;
                }
                Some(WatchEvent::Deleted(object)) => self.pass(object, Change::Deleted).await?,
                Some(WatchEvent::Bookmark(bookmark)) => self.version = Some(bookmark.metadata.resource_version),
                Some(WatchEvent::Error(status)) => return Err(stop(kube::Error::Api(status))),
            }
        }
    }

    async fn pass(&mut self, object: K, change: fn(T) -> Change<T>) -> Result<(), Stop> {
        let version = object.meta().resource_version.clone();
        if let Some(reduced) = (self.reduce)(object) {
            self.send(change(reduced)).await?;
        }
        if version.is_some() {
            self.version = version;
        }
        Ok(())
    }

    async fn list(&mut self) -> Result<String, Stop> {
        let mut params = ListParams::default().limit(PAGE);
        let mut objects = Vec::new();
        loop {
            let page = timeout(REQUEST, self.api.list(&params)).await.map_err(|_| unanswered())?.map_err(stop)?;
            objects.extend(page.items.into_iter().filter_map(&self.reduce));
            params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
            if params.continue_token.is_none() {
                self.recovered().await?;
                self.send(Change::Listed(objects)).await?;
                return Ok(page.metadata.resource_version.unwrap_or_default());
            }
        }
    }

    async fn recovered(&mut self) -> Result<(), Stop> {
        if std::mem::take(&mut self.lost) {
            self.send(Change::Recovered).await?;
        }
        Ok(())
    }

    async fn send(&self, change: Change<T>) -> Result<(), Stop> {
        self.tx.send(change).await.map_err(|_| Stop::Closed)
    }
}

fn unanswered() -> Stop {
    Stop::Failed("the API server does not answer".to_owned())
}

fn stop(error: kube::Error) -> Stop {
    match error {
        kube::Error::Api(status) if status.code == 410 => Stop::Gone,
        kube::Error::Api(status) => Stop::Failed(status.message.clone()),
        error => Stop::Failed(error.to_string()),
    }
}
