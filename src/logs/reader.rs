//! The reading handle of the store.

use std::collections::VecDeque;

use tokio::sync::watch;

use super::filter::{LogFilter, Producer};
use super::line::LogLine;
use super::store::{Inner, LogStore};

/// Reads lines. Each clone waits for changes on its own.
#[derive(Clone, Debug)]
pub struct LogReader {
    store: LogStore,
    changed: watch::Receiver<u64>,
}

impl LogReader {
    pub(super) fn new(store: LogStore, changed: watch::Receiver<u64>) -> Self {
        Self { store, changed }
    }

    /// Waits until there is something that this reader has not been told of. Any number of lines are one change.
    pub async fn changed(&mut self) {
        // The store holds a sender, so this cannot fail while the reader lives.
        let _ = self.changed.changed().await;
    }

    /// The lines from `sequence` on that are still kept, oldest first.
    pub fn since(&self, sequence: u64) -> Vec<LogLine> {
        let inner = self.store.lock();
        let start = inner.position(sequence);
        inner.lines.range(start..).cloned().collect()
    }

    /// The lines from `sequence` on that `filter` accepts, oldest first.
    pub fn since_filtered(&self, sequence: u64, filter: &LogFilter) -> Vec<LogLine> {
        let inner = self.store.lock();
        match inner.scope(filter) {
            Scope::Everything => {
                let start = inner.position(sequence);
                inner.lines.range(start..).filter(|line| filter.accepts(line)).cloned().collect()
            }
            Scope::Lines(sequences) => {
                let start = sequences.partition_point(|&line| line < sequence);
                let lines = sequences.range(start..).filter_map(|&line| inner.line(line));
                lines.filter(|line| filter.accepts(line)).cloned().collect()
            }
            Scope::Nothing => Vec::new(),
        }
    }

    /// The last `count` lines that `filter` accepts, oldest first. The lines of one resource are found by an index,
    /// however many others there are.
    pub fn tail(&self, filter: &LogFilter, count: usize) -> Vec<LogLine> {
        let inner = self.store.lock();
        let mut tail: Vec<LogLine> = match inner.scope(filter) {
            Scope::Everything => {
                inner.lines.iter().rev().filter(|line| filter.accepts(line)).take(count).cloned().collect()
            }
            Scope::Lines(sequences) => {
                let newest_first = sequences.iter().rev().filter_map(|&line| inner.line(line));
                newest_first.filter(|line| filter.accepts(line)).take(count).cloned().collect()
            }
            Scope::Nothing => Vec::new(),
        };
        tail.reverse();
        tail
    }

    /// The sequence number that the next line will get.
    pub fn next_sequence(&self) -> u64 {
        self.store.lock().next_sequence
    }

    /// Grows when lines that were stored have been cut or masked: whoever keeps lines reads them again then.
    pub fn revision(&self) -> u64 {
        self.store.lock().revision
    }
}

/// Where the lines that a filter accepts are to be looked for.
enum Scope<'a> {
    /// Among all.
    Everything,
    /// Among these.
    Lines(&'a VecDeque<u64>),
    /// There are none.
    Nothing,
}

impl Inner {
    fn scope(&self, filter: &LogFilter) -> Scope<'_> {
        let producer = match &filter.producer {
            Producer::All | Producer::Resources(_) => return Scope::Everything,
            Producer::Main => self.producers.get(&None),
            Producer::Resource(name) => self.producers.get(&Some(name.clone())),
        };
        producer.map_or(Scope::Nothing, |producer| Scope::Lines(&producer.sequences))
    }

    fn position(&self, sequence: u64) -> usize {
        self.lines.partition_point(|line| line.sequence < sequence)
    }

    fn line(&self, sequence: u64) -> Option<&LogLine> {
        self.lines.get(self.position(sequence)).filter(|line| line.sequence == sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::{Level, LogSource};

    fn store() -> LogStore {
        let store = LogStore::new();
        store.sink(None, LogSource::Build).info("loading");
        store.sink(Some("web".into()), LogSource::Build).info("building");
        store.sink(Some("api".into()), LogSource::Runtime).error("boom");
        store.sink(Some("web".into()), LogSource::Runtime).info("listening");
        store
    }

    #[track_caller]
    fn check(filter: &LogFilter, expected: &[&str]) {
        let reader = store().reader();
        let texts = |lines: &[LogLine]| lines.iter().map(|line| line.text.to_string()).collect::<Vec<_>>();
        assert_eq!(texts(&reader.since_filtered(0, filter)), expected);
        assert_eq!(texts(&reader.tail(filter, 10)), expected);
        assert_eq!(texts(&reader.tail(filter, 1)), expected[expected.len().saturating_sub(1)..]);
    }

    #[test]
    fn filters_select() {
        check(&LogFilter::default(), &["loading", "building", "boom", "listening"]);
        check(&LogFilter { producer: Producer::Main, ..LogFilter::default() }, &["loading"]);
        check(&LogFilter::resource("web".into()), &["building", "listening"]);
        check(&LogFilter::resource("nobody".into()), &[]);
        check(
            &LogFilter { producer: Producer::Resources(vec!["api".into(), "web".into()]), ..LogFilter::default() },
            &["building", "boom", "listening"],
        );
        check(&LogFilter { source: Some(LogSource::Runtime), ..LogFilter::default() }, &["boom", "listening"]);
        check(&LogFilter { level: Some(Level::Warn), ..LogFilter::default() }, &["boom"]);
    }

    #[test]
    fn reading_goes_on_where_it_ended() {
        let reader = store().reader();
        assert_eq!(reader.since(3).len(), 1);
        assert_eq!(reader.since(4), []);
        assert_eq!(reader.since_filtered(2, &LogFilter::resource("web".into())).len(), 1);
    }
}
