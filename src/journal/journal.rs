//! The bounded list of what happened.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::difference::differences;
use super::happening::Happening;
use crate::engine::{ConfigState, Connection, ResourceRows, SessionPhase, Snapshot};

/// So many entries are kept; about 4 MB at most. The first updates of 1,000 resources fit.
const MAX_ENTRIES: usize = 20_000;

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Entry {
    /// Its number, from 1, without gaps: the cursor to go on from.
    pub cursor: u64,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// What happened.
    #[serde(flatten)]
    pub happening: Happening,
}

/// Entries from a cursor on.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The entries, oldest first.
    pub entries: Vec<Arc<Entry>>,
    /// How many after the cursor have been dropped already.
    pub missed: u64,
}

/// What happened in a session. Cloning is cheap; all clones are the same journal.
#[derive(Clone, Debug)]
pub struct Journal {
    inner: Arc<Mutex<Inner>>,
    newest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: VecDeque<Arc<Entry>>,
    last: Option<Arc<Snapshot>>,
    cursor: u64,
}

impl Default for Journal {
    fn default() -> Self {
        Self { inner: Arc::default(), newest: watch::channel(0).0 }
    }
}

impl Journal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes down what happened since the picture before. Pictures must come in their order.
    pub fn observe(&self, snapshot: &Arc<Snapshot>) {
        let mut inner = self.lock();
        let found = match &inner.last {
            Some(last) => differences(last, snapshot),
            None => differences(&blank(snapshot), snapshot),
        };
        inner.last = Some(Arc::clone(snapshot));
        if found.is_empty() {
            return;
        }
        for (at, happening) in found {
            inner.cursor += 1;
            let time = snapshot.started + chrono::TimeDelta::from_std(at.0).unwrap_or_default();
            let entry = Arc::new(Entry { cursor: inner.cursor, time, happening });
            inner.entries.push_back(entry);
        }
        let excess = inner.entries.len().saturating_sub(MAX_ENTRIES);
        inner.entries.drain(..excess);
        self.newest.send_replace(inner.cursor);
    }

    /// Takes entries of another journal as they are, with their cursors: this one is its mirror. They come in order.
    pub fn mirror(&self, entries: impl IntoIterator<Item = Entry>) {
        let mut inner = self.lock();
        for entry in entries {
            inner.cursor = entry.cursor;
            inner.entries.push_back(Arc::new(entry));
        }
        let excess = inner.entries.len().saturating_sub(MAX_ENTRIES);
        inner.entries.drain(..excess);
        self.newest.send_replace(inner.cursor);
    }

    /// The entries after this cursor; 0 for all that are kept.
    pub fn after(&self, cursor: u64) -> Page {
        let inner = self.lock();
        let first = inner.entries.front().map_or(inner.cursor + 1, |entry| entry.cursor);
        let skip = usize::try_from((cursor + 1).saturating_sub(first)).unwrap_or(usize::MAX);
        Page { entries: inner.entries.iter().skip(skip).cloned().collect(), missed: first.saturating_sub(cursor + 1) }
    }

    /// Tells the newest cursor whenever there is something new.
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same session before anything had happened.
fn blank(snapshot: &Snapshot) -> Snapshot {
    let mut blank = Snapshot {
        docker: Connection::NotNeeded,
        cluster: Connection::NotNeeded,
        resources: ResourceRows::default(),
        phase: SessionPhase::Running,
        verdict: None,
        ..snapshot.clone()
    };
    blank.config.state = ConfigState::Loaded;
    blank.config.loads = 0;
    blank
}
