//! A stream of bytes as lines: bounded, lossy where it is no UTF-8, and never held back for long.

use std::time::Duration;

use tokio::time::Instant;

/// A longer line is cut into several.
const MAX_LINE: usize = 64 << 10;
/// A line without its end is shown when nothing has come after it for so long: a prompt, or progress.
const QUIET: Duration = Duration::from_millis(300);
/// A line that is overwritten again and again (`\r`) is shown this often.
const PROGRESS: Duration = Duration::from_secs(1);

/// Collects bytes into lines.
#[derive(Debug, Default)]
pub(super) struct LineSplitter {
    partial: Vec<u8>,
    /// When the partial line is to be shown without its end.
    flush_at: Option<Instant>,
    /// Whether the partial line overwrites itself; then its flush is not put off by more bytes.
    overwrites: bool,
}

impl LineSplitter {
    /// Takes bytes in and hands each complete line to `emit`.
    pub fn push(&mut self, bytes: &[u8], now: Instant, mut emit: impl FnMut(&str)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.append(piece, &mut emit);
        }
        if self.partial.is_empty() {
            self.flush_at = None;
        } else if !self.overwrites {
            self.flush_at = Some(now + QUIET);
        } else if self.flush_at.is_none_or(|at| at <= now) {
            self.flush_at = Some(now + PROGRESS);
        }
    }

    /// When [`LineSplitter::flush`] is due.
    pub fn flush_at(&self) -> Option<Instant> {
        self.flush_at
    }

    /// Hands out what there is of a line.
    pub fn flush(&mut self, mut emit: impl FnMut(&str)) {
        self.flush_at = None;
        self.overwrites = false;
        if self.partial.last() == Some(&b'\r') {
            self.partial.pop();
        }
        if !self.partial.is_empty() {
            emit(&String::from_utf8_lossy(&std::mem::take(&mut self.partial)));
        }
    }

    fn append(&mut self, piece: &[u8], emit: &mut impl FnMut(&str)) {
        let (content, ended) = match piece {
            [content @ .., b'\n'] => (content, true),
            content => (content, false),
        };
        for part in content.split_inclusive(|byte| *byte == b'\r') {
            // What was before a `\r` is overwritten by what comes after it, unless that is the line's end.
            if self.partial.last() == Some(&b'\r') && part != b"\r" {
                self.partial.clear();
                self.overwrites = true;
            }
            self.partial.extend_from_slice(part);
        }
        while self.partial.len() > MAX_LINE {
            let cut = character_boundary(&self.partial, MAX_LINE);
            let rest = self.partial.split_off(cut);
            emit(&String::from_utf8_lossy(&std::mem::replace(&mut self.partial, rest)));
        }
        if ended {
            while self.partial.last() == Some(&b'\r') {
                self.partial.pop();
            }
            emit(&String::from_utf8_lossy(&self.partial));
            self.partial.clear();
            self.overwrites = false;
            self.flush_at = None;
        }
    }
}

/// The last place at or before `limit` that is not inside a UTF-8 sequence.
fn character_boundary(bytes: &[u8], limit: usize) -> usize {
    let start = limit.saturating_sub(3);
    (start..=limit).rev().find(|index| bytes[*index] & 0xc0 != 0x80).unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let mut splitter = LineSplitter::default();
        let mut lines = Vec::new();
        for chunk in chunks {
            splitter.push(chunk, Instant::now(), |line| lines.push(line.to_owned()));
        }
        splitter.flush(|line| lines.push(line.to_owned()));
        lines
    }

    #[test]
    fn lines_are_put_together_from_chunks() {
        assert_eq!(lines(&[b"one\ntw", b"o\r", b"\n\nthree"]), ["one", "two", "", "three"]);
        assert_eq!(lines(&["é".as_bytes()[..1].as_ref(), "é\n".as_bytes()[1..].as_ref()]), ["é"]);
        assert_eq!(lines(&[b"a\xffb\n"]), ["a\u{fffd}b"]);
    }

    #[test]
    fn of_a_line_that_overwrites_itself_the_last_state_remains() {
        assert_eq!(lines(&[b"10%\r20%\r", b"30%\rdone\n", b"next\n"]), ["done", "next"]);
        assert_eq!(lines(&[b"10%\r\r\r\n"]), ["10%"]);
        assert_eq!(lines(&[b"50%\r"]), ["50%"]);
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        let line = "ä".repeat(MAX_LINE);
        let cut = lines(&[line.as_bytes(), b"\n"]);
        assert!(cut.len() >= 2 && cut.iter().all(|part| part.len() <= MAX_LINE));
        assert_eq!(cut.concat(), line);
    }

    #[test]
    fn progress_is_shown_though_it_never_pauses() {
        let start = Instant::now();
        let mut splitter = LineSplitter::default();
        let mut due = Vec::new();
        for step in 0..30 {
            splitter.push(format!("{step}%\r").as_bytes(), start + Duration::from_millis(step * 100), |_| {});
            due.extend(splitter.flush_at());
        }
        assert!(due.iter().any(|at| *at <= start + Duration::from_millis(1500)), "{due:?}");
        splitter.push(b"prompt> ", start, |_| {});
        assert!(splitter.flush_at().is_some());
    }
}
