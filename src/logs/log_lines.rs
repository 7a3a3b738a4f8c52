//! The bytes of a container's log as lines with their times. Pure.

use chrono::DateTime;

/// A longer line is passed on in pieces.
const MAX_LINE: usize = 256 * 1024;
/// `2026-01-02T03:04:05.123456789Z `: how long the shortest timestamp with its space is.
const SHORTEST_STAMP: usize = 21;
/// Container runtimes cut lines into chunks of a multiple of this.
const CHUNK: usize = 4096;

/// A line, or a piece of a very long one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TimedLine {
    /// Nanoseconds since 1970.
    pub time: i64,
    pub text: Vec<u8>,
}

/// Cuts a stream with timestamps into lines; a piece without an end is kept for what comes next.
#[derive(Debug, Default)]
pub(crate) struct LineSplitter {
    partial: Vec<u8>,
    /// Set within a line that is passed on in pieces.
    piece_of: Option<i64>,
}

impl LineSplitter {
    pub fn push(&mut self, mut bytes: &[u8], lines: &mut Vec<TimedLine>) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            self.flush(true, lines);
        }
        self.partial.extend_from_slice(bytes);
        if self.partial.len() >= MAX_LINE {
            self.flush(false, lines);
        }
    }

    /// At the regular end of a log: a last line without an end is a line too.
    pub fn finish(&mut self, lines: &mut Vec<TimedLine>) {
        if !self.partial.is_empty() {
            self.flush(true, lines);
        }
    }

    fn flush(&mut self, ended: bool, lines: &mut Vec<TimedLine>) {
        let line = std::mem::take(&mut self.partial);
        let parsed = match self.piece_of {
            Some(time) => Some(TimedLine { time, text: without_stamps(&line) }),
            // Words of the kubelet about the log have no timestamp; they are not the container's.
            None => split_stamp(&line).map(|(time, text)| TimedLine { time, text: without_stamps(text) }),
        };
        self.piece_of = if ended { None } else { parsed.as_ref().map(|line| line.time) };
        lines.extend(parsed);
    }
}

/// The time at the start of a line, and the rest.
fn split_stamp(line: &[u8]) -> Option<(i64, &[u8])> {
    let end = line.iter().take(40).position(|byte| *byte == b' ').unwrap_or(line.len().min(40));
    let stamp = std::str::from_utf8(&line[..end]).ok()?;
    let time = DateTime::parse_from_rfc3339(stamp).ok()?.timestamp_nanos_opt()?;
    Some((time, line.get(end + 1..).unwrap_or_default()))
}

/// Kubelets before 1.27 put a timestamp before each chunk of a line that the runtime had to cut.
fn without_stamps(text: &[u8]) -> Vec<u8> {
    if text.len() < CHUNK {
        return text.to_vec();
    }
    let mut clean = Vec::with_capacity(text.len());
    let mut rest = text;
    while rest.len() > CHUNK + SHORTEST_STAMP {
        let cut = (CHUNK..=rest.len() - SHORTEST_STAMP).step_by(CHUNK).find_map(|at| {
            let starts_like_a_year = rest[at].is_ascii_digit() && rest.get(at + 4) == Some(&b'-');
            let after = starts_like_a_year.then(|| split_stamp(&rest[at..])).flatten()?.1;
            Some((at, rest.len() - after.len()))
        });
        let Some((end, next)) = cut else { break };
        clean.extend_from_slice(&rest[..end]);
        rest = &rest[next..];
    }
    clean.extend_from_slice(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: &str = "2026-01-02T03:04:05.123456789Z";

    fn split(parts: &[&str]) -> Vec<String> {
        let (mut splitter, mut lines) = (LineSplitter::default(), Vec::new());
        for part in parts {
            splitter.push(part.as_bytes(), &mut lines);
        }
        splitter.finish(&mut lines);
        assert!(lines.iter().all(|line| line.time == 1_767_323_045_123_456_789));
        lines.into_iter().map(|line| String::from_utf8(line.text).expect("UTF-8")).collect()
    }

    #[test]
    fn lines_may_come_in_any_pieces() {
        let text = format!("{STAMP} one\n{STAMP} \n{STAMP} t w o\n{STAMP} end");
        for at in 0..text.len() {
            assert_eq!(split(&[&text[..at], &text[at..]]), ["one", "", "t w o", "end"]);
        }
    }

    #[test]
    fn what_has_no_timestamp_is_not_the_containers() {
        assert_eq!(split(&["unable to retrieve container logs for x\n"]), Vec::<String>::new());
    }

    #[test]
    fn timestamps_within_a_long_line_are_taken_out() {
        let (a, b, c) = ("a".repeat(16_384), "b".repeat(16_384), "c".repeat(10));
        assert_eq!(split(&[&format!("{STAMP} {a}{STAMP} {b}{STAMP} {c}\n")]), [format!("{a}{b}{c}")]);
        // A date that the program wrote itself stays.
        let own = format!("{}{STAMP} x", "a".repeat(5000));
        assert_eq!(split(&[&format!("{STAMP} {own}\n")]), [own]);
    }

    #[test]
    fn an_endless_line_is_passed_on_in_pieces() {
        let endless = "x".repeat(MAX_LINE * 2);
        let pieces = split(&[&format!("{STAMP} {endless}"), "y\n", &format!("{STAMP} next\n")]);
        assert_eq!(pieces.concat(), format!("{endless}ynext"));
        assert_eq!(pieces.last().map(String::as_str), Some("next"));
    }
}
