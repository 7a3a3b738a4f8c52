//! The side of a command: finds the session, asks, reads.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;

use super::address::Address;
use super::message::{Refusal, Reply, Request};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No session of this project.
    #[error("no devloop runs for this project")]
    NotRunning,
    /// It went away, or something that is no devloop listens.
    #[error("the running devloop does not answer: {0}")]
    Broken(#[from] io::Error),
    /// It says no.
    #[error("{}", .0.message)]
    Refused(Refusal),
}

/// A conversation with a running session.
#[derive(Debug)]
pub struct Client {
    lines: BufReader<UnixStream>,
}

impl Client {
    /// Asks the session at `address`. The replies come one by one from [`Client::next`].
    pub fn ask(address: &Address, request: &Request) -> Result<Self, ClientError> {
        let mut stream = UnixStream::connect(address.socket()).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NotRunning,
            _ => ClientError::Broken(error),
        })?;
        let mut line = serde_json::to_vec(request).map_err(io::Error::other)?;
        line.push(b'\n');
        stream.write_all(&line)?;
        Ok(Self { lines: BufReader::new(stream) })
    }

    /// The next reply; `None` when there are no more.
    #[expect(clippy::should_implement_trait, reason = "a failure ends the conversation, so this is no iterator")]
    pub fn next(&mut self) -> Result<Option<serde_json::Value>, ClientError> {
        let mut line = String::new();
        if self.lines.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match serde_json::from_str(&line).map_err(io::Error::other)? {
            Reply::Ok(value) => Ok(Some(value)),
            Reply::Error(refusal) => Err(ClientError::Refused(refusal)),
        }
    }
}
