//! Lines of the log for another process: what is stored, and what comes.

use super::answer::LogAnswer;
use super::commands::named;
use super::message::{LogQuery, Refusal, Reply};
use super::server::{Gone, Peer, Shared};
use crate::engine::Snapshot;
use crate::logs::{Level, LogFilter, LogLine, LogReader, LogSource, Producer};
use crate::project::ResourceName;

pub(super) async fn log_lines(peer: &mut Peer, shared: &Shared, query: &LogQuery) -> Result<(), Gone> {
    let filter = match log_filter(&shared.snapshot(), query) {
        Ok(filter) => filter,
        Err(refusal) => return peer.say(&Reply::Error(refusal)).await,
    };
    let mut reader = shared.logs.reader();
    let mut next = reader.next_sequence();
    let since = query.since_ms.map(|since| chrono::Utc::now() - chrono::TimeDelta::milliseconds(since.cast_signed()));
    let wanted = |line: &LogLine| {
        since.is_none_or(|since| line.time >= since)
            && query.contains.as_ref().is_none_or(|part| line.text.contains(part.as_str()))
    };
    let mut stored: Vec<LogLine> = reader.since_filtered(query.after.map_or(0, |after| after + 1), &filter);
    stored.retain(|line| line.sequence < next && wanted(line));
    let skipped = query.tail.map_or(0, |tail| stored.len().saturating_sub(tail));
    for line in &stored[skipped..] {
        peer.say(&Reply::of(&LogAnswer::new(line))).await?;
    }
    if !query.follow {
        return Ok(());
    }
    loop {
        // All lines are read, so that those that nobody has seen are noticed.
        for line in reader.since(next) {
            if line.sequence > next {
                peer.say(&Reply::of(&missed(&line, line.sequence - next))).await?;
            }
            next = line.sequence + 1;
            if filter.accepts(&line) && wanted(&line) {
                peer.say(&Reply::of(&LogAnswer::new(&line))).await?;
            }
        }
        tokio::select! {
            () = LogReader::changed(&mut reader) => {}
            () = peer.hung_up() => return Err(Gone),
        }
    }
}

fn log_filter(snapshot: &Snapshot, query: &LogQuery) -> Result<LogFilter, Refusal> {
    let unknown = |what: &str, value: &str, known: &str| Refusal {
        message: format!("there is no {what} `{value}`"),
        help: Some(format!("it is one of {known}")),
    };
    let names: Vec<ResourceName> = named(snapshot, &query.resources)?.iter().map(|it| it.name.clone()).collect();
    let source = match query.source.as_deref() {
        None | Some("all") => None,
        Some("build") => Some(LogSource::Build),
        Some("runtime") => Some(LogSource::Runtime),
        Some(other) => return Err(unknown("source", other, "all, build, runtime")),
    };
    let level = match query.level.as_deref() {
        None => None,
        Some("debug") => Some(Level::Debug),
        Some("info") => Some(Level::Info),
        Some("warn") => Some(Level::Warn),
        Some("error") => Some(Level::Error),
        Some(other) => return Err(unknown("level", other, "debug, info, warn, error")),
    };
    let producer = if names.is_empty() { Producer::All } else { Producer::Resources(names) };
    Ok(LogFilter { producer, source, level })
}

/// Says in place of lines that were dropped before they could be sent how many they were.
fn missed(next: &LogLine, count: u64) -> LogAnswer {
    LogAnswer {
        sequence: next.sequence - 1,
        resource: None,
        source: "build".to_owned(),
        level: "warn".to_owned(),
        message: format!("{count} lines of log came faster than they could be sent"),
        ..LogAnswer::new(next)
    }
}
