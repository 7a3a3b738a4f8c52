//! A dashboard in another process: the newest picture and the lines of the log, as they come.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::answer::DetachAnswer;
use super::message::Reply;
use super::server::{Gone, Peer, Shared};
use crate::engine::Snapshot;
use crate::journal::Entry;
use crate::logs::{LogLine, LogReader};

/// Between two messages: what changes meanwhile is told together. A screen draws no more often.
const PACE: Duration = Duration::from_millis(50);

/// What an attached dashboard is told. It is of the same version, so the engine's own types serve.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mirrored {
    /// The newest picture.
    Snapshot(Arc<Snapshot>),
    /// Lines of the log.
    Lines {
        /// Whether they replace everything before them.
        reset: bool,
        /// In order.
        lines: Vec<LogLine>,
    },
    /// What has happened since, in order.
    Happened(Vec<Entry>),
    /// Leave; the session goes on.
    Leave,
}

/// The dashboards that are attached.
#[derive(Debug)]
pub(super) struct Attached {
    background: bool,
    count: AtomicUsize,
    leave: watch::Sender<()>,
}

impl Attached {
    pub(super) fn new(background: bool) -> Self {
        Self { background, count: AtomicUsize::new(0), leave: watch::channel(()).0 }
    }

    /// Tells all of them to leave.
    pub(super) fn leave(&self) -> DetachAnswer {
        self.leave.send_replace(());
        DetachAnswer { dashboards: self.count.load(Ordering::Relaxed), background: self.background }
    }
}

/// One attached dashboard, while it is.
struct Place(Arc<Attached>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) async fn attach(peer: &mut Peer, mut shared: Shared, version: &str) -> Result<(), Gone> {
    let own = env!("CARGO_PKG_VERSION");
    if version != own {
        let refusal = Reply::refuse_with(
            format!("the running devloop is version {own}, this one is {version}"),
            "attach with the same version, or start the session again",
        );
        return peer.say(&refusal).await;
    }
    shared.attached.count.fetch_add(1, Ordering::Relaxed);
    let _place = Place(Arc::clone(&shared.attached));
    let mut leave = shared.attached.leave.subscribe();
    let mut log = LogMirror::new(shared.logs.reader());
    shared.snapshots.mark_changed();
    let mut cursor = 0;
    let mut ended = false;
    loop {
        if ended || shared.snapshots.has_changed().unwrap_or(true) {
            let snapshot = Arc::clone(&shared.snapshots.borrow_and_update());
            peer.say(&Reply::of(&Mirrored::Snapshot(snapshot))).await?;
        }
        let page = shared.journal.after(cursor);
        if let Some(last) = page.entries.last() {
            cursor = last.cursor;
            let entries = page.entries.iter().map(|entry| Entry::clone(entry)).collect();
            peer.say(&Reply::of(&Mirrored::Happened(entries))).await?;
        }
        if let Some(lines) = log.news() {
            peer.say(&Reply::of(&lines)).await?;
        }
        if ended {
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(PACE) => {}
            () = peer.hung_up() => return Err(Gone),
        }
        tokio::select! {
            changed = shared.snapshots.changed() => match changed {
                Ok(()) => shared.snapshots.mark_changed(),
                Err(_) => ended = true,
            },
            () = log.reader.changed() => {}
            _ = leave.changed() => return peer.say(&Reply::of(&Mirrored::Leave)).await,
            () = peer.hung_up() => return Err(Gone),
        }
    }
}

/// What has been told of the log.
struct LogMirror {
    reader: LogReader,
    next: u64,
    revision: u64,
}

impl LogMirror {
    fn new(reader: LogReader) -> Self {
        let revision = reader.revision();
        Self { reader, next: 0, revision }
    }

    /// What has come since, or everything when something that was told has been cut or masked.
    fn news(&mut self) -> Option<Mirrored> {
        let revision = self.reader.revision();
        let reset = std::mem::replace(&mut self.revision, revision) != revision;
        let lines = self.reader.since(if reset { 0 } else { self.next });
        if let Some(line) = lines.last() {
            self.next = line.sequence + 1;
        }
        (reset || !lines.is_empty()).then_some(Mirrored::Lines { reset, lines })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::{LogSource, LogStore};
    use crate::project::SecretValue;

    #[test]
    fn a_mirror_holds_what_the_log_holds_also_after_a_secret_becomes_known() {
        let (store, copy) = (LogStore::new(), LogStore::new());
        let sink = store.sink(Some("web".into()), LogSource::Runtime);
        let mut mirror = LogMirror::new(store.reader());
        let mut follow = || {
            if let Some(Mirrored::Lines { reset, lines }) = mirror.news() {
                if reset {
                    copy.clear();
                }
                copy.mirror(lines);
            }
            assert_eq!(copy.reader().since(0), store.reader().since(0));
            assert_eq!(copy.reader().next_sequence(), store.reader().next_sequence());
        };
        follow();
        sink.info("the password is hunter22");
        follow();
        sink.info("more");
        follow();
        store.mask(&[SecretValue { secret: "s".to_owned(), key: "password".to_owned(), value: "hunter22".to_owned() }]);
        follow();
    }
}
