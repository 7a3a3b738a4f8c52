//! The bounded store and its writing handle.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::Utc;
use tokio::sync::watch;

use super::line::{Level, LogLine, LogSource};
use super::masker::Masker;
use super::reader::LogReader;
use super::sanitize::{sanitize, strip_colors};
use crate::project::{ResourceName, SecretValue};

/// The store keeps at most this many bytes of text (reference §4), then cuts to half.
const MAX_BYTES: usize = 2_000_000;

/// What a line costs at least, so that a flood of empty lines is bounded too.
const MIN_LINE_COST: usize = 20;

/// Longer lines are stored in pieces, without colours.
const MAX_LINE_BYTES: usize = 32 * 1024;

/// The store. The event loop owns it; edges get a [`LogSink`], UIs a [`LogReader`].
#[derive(Clone, Debug)]
pub struct LogStore {
    inner: Arc<Mutex<Inner>>,
    /// Wakes readers. A value that nobody has taken yet is replaced, so any number of lines wake a reader once.
    changed: watch::Sender<u64>,
}

/// What the lock protects. It is held for the time of a few pushes, a search or, once per megabyte, a cut.
#[derive(Debug, Default)]
pub(super) struct Inner {
    /// By sequence number, ascending.
    pub(super) lines: VecDeque<LogLine>,
    /// The sequence numbers of each producer's lines, and what they cost.
    pub(super) producers: HashMap<Option<ResourceName>, ProducerLines>,
    pub(super) next_sequence: u64,
    /// Grows when lines that were stored are cut or masked, so that readers read them again.
    pub(super) revision: u64,
    bytes: usize,
    masker: Arc<Masker>,
}

#[derive(Debug, Default)]
pub(super) struct ProducerLines {
    pub(super) sequences: VecDeque<u64>,
    bytes: usize,
}

impl Default for LogStore {
    fn default() -> Self {
        Self { inner: Arc::default(), changed: watch::channel(0).0 }
    }
}

impl LogStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// A handle that writes lines of one resource and source.
    pub fn sink(&self, resource: Option<ResourceName>, source: LogSource) -> LogSink {
        LogSink { store: self.clone(), resource, source, prefix: Arc::from("") }
    }

    /// A handle that reads.
    pub fn reader(&self) -> LogReader {
        LogReader::new(self.clone(), self.changed.subscribe())
    }

    /// Masks these values, in addition to those known before, in what is stored and in what comes (reference §3.14).
    pub fn mask(&self, secrets: &[SecretValue]) {
        let mut inner = self.lock();
        let Some(masker) = inner.masker.with(secrets) else { return };
        let masker = Arc::new(masker);
        inner.masker = Arc::clone(&masker);
        inner.mask_stored(&masker);
        drop(inner);
        self.changed.send_modify(|_| {});
    }

    /// Takes lines of another store as they are, with their numbers: this one is its mirror. They come in order.
    pub fn mirror(&self, lines: impl IntoIterator<Item = LogLine>) {
        let next = {
            let mut inner = self.lock();
            for line in lines {
                inner.push(line);
            }
            if inner.bytes > MAX_BYTES {
                inner.cut(MAX_BYTES / 2);
            }
            inner.next_sequence
        };
        self.changed.send_replace(next);
    }

    /// Forgets all lines: those that a mirror has taken were changed.
    pub fn clear(&self) {
        let mut inner = self.lock();
        inner.lines.clear();
        inner.producers.clear();
        inner.bytes = 0;
        inner.revision += 1;
        drop(inner);
        self.changed.send_modify(|_| {});
    }

    /// `text` with all known values masked: for what is shown and is no log line.
    pub fn masked(&self, text: &str) -> String {
        let masker = Arc::clone(&self.lock().masker);
        masker.mask(text).into_owned()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, resource: Option<&ResourceName>, source: LogSource, level: Level, record: &str, prefix: &str) {
        // The work on the text is done outside of the lock.
        let masker = Arc::clone(&self.lock().masker);
        let mut texts = Vec::new();
        for line in record.strip_suffix('\n').unwrap_or(record).split('\n') {
            let mut clean = sanitize(line);
            if !prefix.is_empty() {
                clean = Cow::Owned(format!("{prefix}{clean}"));
            }
            split_long(&masker.mask(&clean), &mut texts);
        }
        let time = Utc::now();
        let next = {
            let mut inner = self.lock();
            if !Arc::ptr_eq(&masker, &inner.masker) {
                // Values became known meanwhile.
                for text in &mut texts {
                    if let Cow::Owned(masked) = inner.masker.mask(text) {
                        *text = masked.into();
                    }
                }
            }
            for (index, text) in texts.into_iter().enumerate() {
                let sequence = inner.next_sequence;
                let continuation = index > 0;
                inner.push(LogLine { sequence, time, resource: resource.cloned(), source, level, continuation, text });
            }
            if inner.bytes > MAX_BYTES {
                inner.cut(MAX_BYTES / 2);
            }
            inner.next_sequence
        };
        self.changed.send_replace(next);
    }
}

impl Inner {
    fn push(&mut self, line: LogLine) {
        let cost = cost(&line);
        self.next_sequence = line.sequence + 1;
        self.bytes += cost;
        if let Some(producer) = self.producers.get_mut(&line.resource) {
            producer.bytes += cost;
            producer.sequences.push_back(line.sequence);
        } else {
            let lines = ProducerLines { sequences: VecDeque::from([line.sequence]), bytes: cost };
            self.producers.insert(line.resource.clone(), lines);
        }
        self.lines.push_back(line);
    }

    /// Drops the oldest lines of the producers that have most, until all together cost at most `target`.
    fn cut(&mut self, target: usize) {
        let level = water_level(self.producers.values().map(|producer| producer.bytes).collect(), target);
        let Self { lines, producers, bytes, .. } = self;
        lines.retain(|line| {
            let Some(producer) = producers.get_mut(&line.resource) else { return true };
            if producer.bytes <= level {
                return true;
            }
            let cost = cost(line);
            producer.bytes -= cost;
            *bytes -= cost;
            producer.sequences.pop_front();
            false
        });
        producers.retain(|_, producer| !producer.sequences.is_empty());
        self.revision += 1;
    }

    fn mask_stored(&mut self, masker: &Masker) {
        let mut changed = false;
        for line in &mut self.lines {
            if let Cow::Owned(masked) = masker.mask(&line.text) {
                let before = cost(line);
                line.text = masked.into();
                changed = true;
                self.bytes = self.bytes - before + cost(line);
                if let Some(producer) = self.producers.get_mut(&line.resource) {
                    producer.bytes = producer.bytes - before + cost(line);
                }
            }
        }
        if changed {
            self.revision += 1;
        }
    }
}

/// The size that every producer may have so that all together have `target`.
fn water_level(mut sizes: Vec<usize>, target: usize) -> usize {
    sizes.sort_unstable();
    let mut left = target;
    for (index, &size) in sizes.iter().enumerate() {
        let fair = left / (sizes.len() - index);
        if size > fair {
            return fair;
        }
        left -= size;
    }
    usize::MAX
}

fn cost(line: &LogLine) -> usize {
    (line.text.len() + 1).max(MIN_LINE_COST)
}

fn split_long(text: &str, pieces: &mut Vec<Arc<str>>) {
    if text.len() <= MAX_LINE_BYTES {
        pieces.push(text.into());
        return;
    }
    let plain = strip_colors(text);
    let mut rest: &str = &plain;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(MAX_LINE_BYTES));
        pieces.push(piece.into());
        rest = after;
    }
}

/// Writes lines of one resource and source. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogSink {
    store: LogStore,
    resource: Option<ResourceName>,
    source: LogSource,
    prefix: Arc<str>,
}

impl LogSink {
    /// The same sink with a text before each line, for example `[container] `.
    #[must_use]
    pub fn with_prefix(&self, prefix: impl Into<Arc<str>>) -> Self {
        Self { prefix: prefix.into(), ..self.clone() }
    }

    /// Writes a record of one or several lines; the empty text is one empty line.
    pub fn write(&self, level: Level, text: impl AsRef<str>) {
        self.store.push(self.resource.as_ref(), self.source, level, text.as_ref(), &self.prefix);
    }

    /// Writes at [`Level::Info`].
    pub fn info(&self, text: impl AsRef<str>) {
        self.write(Level::Info, text);
    }

    /// Writes at [`Level::Warn`].
    pub fn warn(&self, text: impl AsRef<str>) {
        self.write(Level::Warn, text);
    }

    /// Writes at [`Level::Error`].
    pub fn error(&self, text: impl AsRef<str>) {
        self.write(Level::Error, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::LogFilter;

    fn sink(store: &LogStore, name: &str) -> LogSink {
        store.sink(Some(name.into()), LogSource::Runtime)
    }

    fn texts(lines: &[LogLine]) -> Vec<&str> {
        lines.iter().map(|line| &*line.text).collect()
    }

    #[test]
    fn a_record_becomes_lines_of_which_only_the_first_starts_it() {
        let store = LogStore::new();
        sink(&store, "web").with_prefix("[app] ").warn("one\r\ntwo\n\n");
        let lines = store.reader().since(0);
        assert_eq!(texts(&lines), ["[app] one", "[app] two", "[app] "]);
        assert_eq!(lines.iter().map(|line| line.continuation).collect::<Vec<_>>(), [false, true, true]);
        sink(&store, "web").info("");
        assert_eq!(texts(&store.reader().since(3)), [""]);
    }

    #[test]
    fn an_overflow_takes_from_the_largest_producer_and_spares_the_quiet_ones() {
        let store = LogStore::new();
        sink(&store, "quiet").info("I said something at the very start");
        let line = "x".repeat(999);
        for _ in 0..2_100 {
            sink(&store, "noisy").info(&line);
        }
        let reader = store.reader();
        let inner = store.lock();
        assert!(inner.bytes <= MAX_BYTES, "{}", inner.bytes);
        assert_eq!(inner.bytes, inner.lines.iter().map(cost).sum::<usize>());
        assert_eq!(inner.bytes, inner.producers.values().map(|producer| producer.bytes).sum::<usize>());
        assert_eq!(inner.lines.len(), inner.producers.values().map(|producer| producer.sequences.len()).sum::<usize>());
        drop(inner);
        assert_eq!(
            texts(&reader.tail(&LogFilter::resource("quiet".into()), 5)),
            ["I said something at the very start"]
        );
        let newest = reader.tail(&LogFilter::resource("noisy".into()), 1);
        assert_eq!(newest[0].sequence, 2_100);
        assert_eq!(reader.revision(), 1);
        assert_eq!(reader.next_sequence(), 2_101);
    }

    #[test]
    fn empty_lines_are_bounded_too() {
        let store = LogStore::new();
        let sink = sink(&store, "web");
        for _ in 0..250 {
            sink.info("\n".repeat(1_000));
        }
        assert!(store.lock().lines.len() <= MAX_BYTES / MIN_LINE_COST);
    }

    #[test]
    fn the_water_level_is_fair() {
        assert_eq!(water_level(vec![10, 20, 1_000, 400], 430), 200);
        assert_eq!(water_level(vec![10, 20], 100), usize::MAX);
        assert_eq!(water_level(vec![500, 500], 500), 250);
    }

    #[test]
    fn a_very_long_line_is_kept_in_pieces() {
        let store = LogStore::new();
        let text = "ä".repeat(MAX_LINE_BYTES);
        sink(&store, "web").info(&text);
        let lines = store.reader().since(0);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines.iter().map(|line| &*line.text).collect::<String>(), text);
        assert!(lines[1].continuation);
    }

    #[test]
    fn secrets_are_masked_in_what_was_stored_and_in_what_comes() {
        let store = LogStore::new();
        sink(&store, "web").info("before hunter2-pass");
        let secret = SecretValue { secret: "db".into(), key: "pw".into(), value: "hunter2-pass".into() };
        let reader = store.reader();
        store.mask(std::slice::from_ref(&secret));
        sink(&store, "web").info("after \x1b[1mhunter2-pass");
        store.mask(&[]);
        assert_eq!(
            texts(&reader.since(0)),
            ["before [redacted secret db:pw]", "after \x1b[1m[redacted secret db:pw]\x1b[0m"]
        );
        assert_eq!(reader.revision(), 1);
        assert_eq!(store.masked("hunter2-pass!"), "[redacted secret db:pw]!");
    }

    #[test]
    fn writers_of_many_threads_leave_no_gap() {
        let store = LogStore::new();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let sink = sink(&store, &format!("r{thread}"));
                scope.spawn(move || (0..500).for_each(|n| sink.info(format!("line {n}"))));
            }
        });
        let lines = store.reader().since(0);
        assert_eq!(lines.len(), 4_000);
        assert!(lines.iter().zip(0..).all(|(line, sequence)| line.sequence == sequence));
        let third = store.reader().tail(&LogFilter::resource("r3".into()), 1_000);
        assert_eq!(third.len(), 500);
        assert!(third.iter().zip(0..).all(|(line, n)| *line.text == *format!("line {n}")));
    }

    #[tokio::test]
    async fn a_reader_is_woken_once_for_many_lines() {
        let store = LogStore::new();
        let mut reader = store.reader();
        (0..100).for_each(|n| sink(&store, "web").info(format!("{n}")));
        reader.changed().await;
        assert_eq!(reader.since(0).len(), 100);
        tokio::select! {
            biased;
            () = reader.changed() => panic!("there is nothing new"),
            () = std::future::ready(()) => {}
        }
    }
}
