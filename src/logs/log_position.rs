//! How far the log of a container has been read, so that a reconnect loses and doubles nothing. Pure.
//!
//! A log can be asked for from a point in time on, in whole seconds only; and its lines are not strictly in the order of
//! their timestamps, as two streams are written by two threads. So the last seconds are remembered line by line.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, Utc};

const SECOND: i64 = 1_000_000_000;
/// Lines are asked for again from this long before the last one …
const OVERLAP: i64 = SECOND;
/// … so that those of this time before it may come again.
const REMEMBERED_TIME: i64 = 3 * SECOND;
/// Of a container that writes more than this in that time, earlier lines are told from new ones by their timestamps alone.
const REMEMBERED_LINES: usize = 50_000;

/// How far the log of a container has been read.
#[derive(Debug, Default)]
pub(crate) struct LogPosition {
    /// Nothing from before is wanted.
    since: Option<i64>,
    recent: VecDeque<(i64, u64)>,
    latest: Option<i64>,
    /// Lines up to here have been forgotten, and were delivered.
    forgotten: Option<i64>,
    /// How often each line is still to come again.
    repeats: HashMap<u64, u32>,
}

impl LogPosition {
    pub fn new(since: Option<DateTime<Utc>>) -> Self {
        Self { since: since.and_then(|since| since.timestamp_nanos_opt()), ..Self::default() }
    }

    /// From which second on the next request asks; what it then repeats is told apart by [`Self::is_new`].
    pub fn ask_again(&mut self) -> Option<i64> {
        self.repeats.clear();
        for (_, hash) in &self.recent {
            *self.repeats.entry(*hash).or_default() += 1;
        }
        let from = self.latest.map(|latest| latest - OVERLAP).or(self.since)?;
        Some(from.div_euclid(SECOND))
    }

    /// Whether a line has not been delivered yet.
    pub fn is_new(&mut self, time: i64, text: &[u8]) -> bool {
        if self.since.is_some_and(|since| time < since) {
            return false;
        }
        let mut hasher = DefaultHasher::new();
        (time, text).hash(&mut hasher);
        let hash = hasher.finish();
        if let Some(left) = self.repeats.get_mut(&hash).filter(|left| **left > 0) {
            *left -= 1;
            return false;
        }
        if self.forgotten.is_some_and(|forgotten| time <= forgotten) {
            return false;
        }
        self.recent.push_back((time, hash));
        let latest = self.latest.map_or(time, |latest| latest.max(time));
        self.latest = Some(latest);
        while self.recent.front().is_some_and(|(time, _)| *time < latest - REMEMBERED_TIME) {
            self.recent.pop_front();
        }
        while self.recent.len() > REMEMBERED_LINES {
            let oldest = self.recent.pop_front().map(|(time, _)| time);
            self.forgotten = self.forgotten.max(oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: i64 = 2 * 50_000;

    fn read(position: &mut LogPosition, lines: &[(i64, &str)]) -> Vec<String> {
        lines
            .iter()
            .filter(|(time, text)| position.is_new(*time, text.as_bytes()))
            .map(|(_, text)| (*text).to_owned())
            .collect()
    }

    #[test]
    fn a_reconnect_repeats_nothing_and_loses_nothing() {
        let mut position = LogPosition::default();
        let t = 100 * SECOND;
        assert_eq!(position.ask_again(), None);
        read(&mut position, &[(t, "a"), (t + 5, "same"), (t + 5, "same"), (t + 7, "b")]);
        assert_eq!(position.ask_again(), Some(99));
        let again = read(
            &mut position,
            &[(t, "a"), (t + 3, "late"), (t + 5, "same"), (t + 5, "same"), (t + 5, "same"), (t + 7, "b"), (t + 8, "c")],
        );
        assert_eq!(again, ["late", "same", "c"]);
    }

    #[test]
    fn lines_from_before_the_session_are_left_out() {
        let mut position = LogPosition::new(DateTime::from_timestamp(50, 500));
        assert_eq!(position.ask_again(), Some(50));
        assert_eq!(read(&mut position, &[(50 * SECOND, "old"), (50 * SECOND + 600, "new")]), ["new"]);
    }

    #[test]
    fn memory_is_bounded_and_forgotten_lines_do_not_come_again() {
        let mut position = LogPosition::default();
        for time in 0..MANY {
            assert!(position.is_new(time, b"x"));
        }
        assert!(position.recent.len() <= REMEMBERED_LINES);
        position.ask_again();
        for time in 0..MANY {
            assert!(!position.is_new(time, b"x"));
        }
        assert!(position.is_new(MANY, b"x"));
    }
}
