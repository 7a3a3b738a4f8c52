//! Both directions of an exec connection, and how it ended.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, BufReader};
use tokio::time::timeout;

use super::batch::SyncError;
use super::connect::{Connection, Ending};
use crate::cluster::exec::ExecError;

/// A longer line of output is passed on in pieces.
const MAX_LINE: usize = 64 * 1024;
/// Kept of a step's output to say why it failed.
const MAX_KEPT: usize = 16 * 1024;

/// An exec connection.
pub(super) struct Wire {
    /// To the container.
    pub stdin: Box<dyn AsyncWrite + Send + Unpin>,
    /// From the container.
    pub output: Output,
    /// Ends the connection when dropped.
    _guard: Box<dyn Send>,
}

/// What comes from the container.
pub(super) struct Output {
    stdout: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    ending: Ending,
}

impl Wire {
    pub fn new(connection: Connection) -> Self {
        let Connection { stdin, stdout, ending, guard } = connection;
        Self { stdin, output: Output { stdout: BufReader::with_capacity(64 * 1024, stdout), ending }, _guard: guard }
    }
}

impl Output {
    /// The next line without its end; `None` at the end of the connection.
    pub async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        loop {
            let available = self.stdout.fill_buf().await?;
            if available.is_empty() {
                return Ok((!line.is_empty()).then_some(line));
            }
            let (length, ended) = match available.iter().position(|byte| *byte == b'\n') {
                Some(position) => (position, true),
                None => (available.len(), false),
            };
            line.extend_from_slice(&available[..length]);
            self.stdout.consume(length + usize::from(ended));
            if ended || line.len() >= MAX_LINE {
                return Ok(Some(line));
            }
        }
    }

    /// Exactly so many bytes.
    pub async fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.stdout.read_exact(bytes).await.map(drop)
    }

    /// Waits until the connection ends; what comes meanwhile is dropped. May be dropped and called again.
    pub async fn ended(&mut self) {
        while let Ok(length @ 1..) = self.stdout.fill_buf().await.map(<[u8]>::len) {
            self.stdout.consume(length);
        }
    }

    /// What the server said when the connection ended.
    pub async fn why_ended(&mut self, otherwise: String) -> SyncError {
        let ending = timeout(Duration::from_secs(2), &mut self.ending).await.ok().flatten();
        // It can be asked for once.
        self.ending = Box::pin(futures::future::ready(None));
        let Some(ending) = ending else { return half(otherwise) };
        match ending {
            Ok(137 | 143) => SyncError::ContainerGone("the receiver in it was killed".to_owned()),
            Ok(code) => half(format!("the receiver in the container ended with exit status {code}")),
            Err(error) => from_exec(error),
        }
    }
}

/// The end of what a step wrote.
#[derive(Default)]
pub(super) struct Kept(String);

impl Kept {
    pub fn line(&mut self, line: &str) {
        if self.0.len() + line.len() > MAX_KEPT {
            let cut = (self.0.len() / 2..=self.0.len()).find(|at| self.0.is_char_boundary(*at)).unwrap_or(0);
            self.0.drain(..cut);
        }
        self.0.push_str(line);
        self.0.push('\n');
    }

    pub fn text(self) -> String {
        self.0
    }
}

/// A line out of pieces of output, when one is complete or too long.
#[derive(Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    pub fn piece(&mut self, piece: &[u8], mut on_line: impl FnMut(&str)) {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.0.extend_from_slice(part);
            if self.0.last() == Some(&b'\n') {
                self.0.pop();
                on_line(&String::from_utf8_lossy(&std::mem::take(&mut self.0)));
            } else if self.0.len() >= MAX_LINE {
                on_line(&String::from_utf8_lossy(&std::mem::take(&mut self.0)));
            }
        }
    }

    /// The last one, which may have no end.
    pub fn rest(self, mut on_line: impl FnMut(&str)) {
        if !self.0.is_empty() {
            on_line(&String::from_utf8_lossy(&self.0));
        }
    }
}

pub(super) fn lost(error: &io::Error) -> SyncError {
    half(error.to_string())
}

/// Some of the files may be in place.
pub(super) fn half(reason: String) -> SyncError {
    SyncError::Transport { reason, half_applied: true }
}

/// None of the files is in place.
pub(super) fn broken(reason: &str) -> SyncError {
    SyncError::Transport { reason: reason.to_owned(), half_applied: false }
}

pub(super) fn from_exec(error: ExecError) -> SyncError {
    match error {
        ExecError::ContainerGone(reason) => SyncError::ContainerGone(reason),
        ExecError::NotFound(_) => SyncError::NoShell,
        ExecError::Forbidden(reason) => SyncError::Forbidden(reason),
        ExecError::Transport(reason) => broken(&reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_out_of_pieces() {
        let mut lines = Lines::default();
        let mut heard = Vec::new();
        for piece in ["a", "b\n\nc", "\n", "end"] {
            lines.piece(piece.as_bytes(), |line| heard.push(line.to_owned()));
        }
        lines.rest(|line| heard.push(line.to_owned()));
        assert_eq!(heard, ["ab", "", "c", "end"]);
    }
}
