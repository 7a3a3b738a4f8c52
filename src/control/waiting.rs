//! Waiting on behalf of another process, until resources are as it wants them.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::answer::{FailureAnswer, LogAnswer, ResourceAnswer, WaitAnswer};
use super::commands::named;
use super::conclusion::{Conclusion, conclude};
use super::message::{Reply, WaitQuery};
use super::server::{Gone, Peer, Shared};
use crate::engine::{ResourceSnapshot, Snapshot};
use crate::logs::{LogFilter, LogReader};
use crate::run::Look;

/// Of each resource.
const LAST_LINES: usize = 100;

pub(super) async fn wait(peer: &mut Peer, mut shared: Shared, query: &WaitQuery) -> Result<(), Gone> {
    let started = Instant::now();
    let asked = chrono::Utc::now();
    let limit = query.timeout_ms.map(Duration::from_millis);
    if let Err(refusal) = named(&shared.snapshot(), &query.resources) {
        return peer.say(&Reply::Error(refusal)).await;
    }
    let mut concerned = Concerned { names: query.resources.clone(), all: query.resources.is_empty() };
    if let Some(path) = &query.after {
        let (done, looked) = oneshot::channel();
        let asked = shared.looks.send(Look { path: path.clone(), done }).await;
        let Ok(resources) = (match asked {
            Ok(()) => looked.await.map_err(|_| ()),
            Err(_) => Err(()),
        }) else {
            return peer.say(&Reply::refuse("the session is ending")).await;
        };
        if resources.is_empty() {
            let refusal = Reply::refuse_with(
                format!("`{}` belongs to no resource that is enabled", path.display()),
                "it may be ignored, or outside of every build context, `deps` and live update",
            );
            return peer.say(&refusal).await;
        }
        if concerned.all {
            concerned = Concerned { names: resources.iter().map(ToString::to_string).collect(), all: false };
        }
    }
    loop {
        let snapshot = Arc::clone(&shared.snapshots.borrow_and_update());
        let reply = match conclude(&snapshot, query.condition, |resource| concerned.accepts(resource)) {
            Conclusion::Open => None,
            Conclusion::Reached => {
                Some(Reply::of(&concerned.report("reached", &[], &snapshot, started, &shared.logs.reader(), asked)))
            }
            Conclusion::Failed(why) => {
                Some(Reply::of(&concerned.report("failed", &why, &snapshot, started, &shared.logs.reader(), asked)))
            }
        };
        if let Some(reply) = reply {
            return peer.say(&reply).await;
        }
        let left = limit.map(|limit| limit.saturating_sub(started.elapsed()));
        tokio::select! {
            changed = shared.snapshots.changed() => if changed.is_err() {
                return peer.say(&Reply::refuse("the session has ended")).await;
            },
            () = expired(left) => {
                return peer.say(&Reply::of(&concerned.report("timeout", &[], &snapshot, started, &shared.logs.reader(), asked))).await;
            }
            () = peer.hung_up() => return Err(Gone),
        }
    }
}

async fn expired(left: Option<Duration>) {
    match left {
        Some(left) => tokio::time::sleep(left).await,
        None => std::future::pending().await,
    }
}

/// Which resources a wait is about.
struct Concerned {
    names: Vec<String>,
    all: bool,
}

impl Concerned {
    fn accepts(&self, resource: &ResourceSnapshot) -> bool {
        self.all || self.names.iter().any(|name| name == resource.name.as_str())
    }

    /// The last lines of each resource since its newest update began, or since somebody asked, in order.
    fn lines(&self, snapshot: &Snapshot, log: &LogReader, asked: DateTime<Utc>) -> Vec<LogAnswer> {
        let mut lines = Vec::new();
        for resource in snapshot.resources.iter().filter(|resource| self.accepts(resource)) {
            let began = resource.history.first().map(|record| snapshot.started + record.started.0);
            let since = began.map_or(asked, |began| began.min(asked));
            let newest = log.tail(&LogFilter::resource(resource.name.clone()), LAST_LINES);
            lines.extend(newest.into_iter().filter(|line| line.time >= since));
        }
        lines.sort_by_key(|line| line.sequence);
        lines.iter().map(LogAnswer::new).collect()
    }

    fn report(
        &self,
        outcome: &str,
        why: &[(String, String)],
        snapshot: &Snapshot,
        started: Instant,
        log: &LogReader,
        asked: DateTime<Utc>,
    ) -> WaitAnswer {
        let resources = snapshot
            .resources
            .iter()
            .filter(|resource| self.accepts(resource))
            .map(|resource| ResourceAnswer::new(resource, snapshot.now))
            .collect();
        let failure = |(name, why): &(String, String)| FailureAnswer { resource: name.clone(), error: why.clone() };
        WaitAnswer {
            outcome: outcome.to_owned(),
            seconds: started.elapsed().as_secs_f64(),
            failures: why.iter().map(failure).collect(),
            resources,
            logs: self.lines(snapshot, log, asked),
        }
    }
}
