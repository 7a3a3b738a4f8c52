//! A supervised command whose output is wanted, each stream by itself: what a configuration runs while it is evaluated.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::environment::CommandEnvironment;
use super::handle::Supervisor;
use super::launch::{DRAIN, SUPERVISOR_DEADLINE, Streams, at, end_marked, request, start};
use super::message::{Report, Request};
use super::output::LineSplitter;
use super::process_error::ProcessError;
use crate::project::CommandLine;

/// How long a cancelled command may take to end by itself: somebody waits for the configuration.
const GRACE: Duration = Duration::from_secs(2);

/// What a command wrote, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// Everything on standard output.
    pub stdout: Vec<u8>,
    /// Everything on standard error.
    pub stderr: Vec<u8>,
    /// How it ended.
    pub status: ExitStatus,
}

impl Supervisor {
    /// Runs a command to its end and returns what it wrote; `line` takes each line of either stream as it arrives, of
    /// standard output only if it is `shown`. When
    /// it returns, however it returns, no process that the command has started is left.
    ///
    /// Standard input is `input`, or closed.
    pub async fn capture(
        &self,
        command: &CommandLine,
        env: &CommandEnvironment,
        input: Option<&str>,
        cancel: &CancellationToken,
        shown: bool,
        line: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Captured, ProcessError> {
        let failed = |error: std::io::Error| ProcessError::NotStarted {
            program: command.argv.first().cloned().unwrap_or_default(),
            dir: command.dir.display().to_string(),
            reason: error.to_string(),
        };
        // The file has no name and is in memory only: the supervisor opens it by way of this process.
        let input = input.map(in_memory).transpose().map_err(failed)?;
        let path =
            input.as_ref().map(|file| PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd())));
        let (stdout, stdout_writer) = std::io::pipe().map_err(failed)?;
        let (stderr, stderr_writer) = std::io::pipe().map_err(failed)?;
        let streams = Streams { input: path.as_deref(), stdout: stdout_writer.into(), stderr: stderr_writer.into() };
        let mut running = start(&self.program, command, env, streams).await?;
        let mut stdout = Reading::new(pipe::Receiver::from_owned_fd(stdout.into()).map_err(failed)?);
        let mut stderr = Reading::new(pipe::Receiver::from_owned_fd(stderr.into()).map_err(failed)?);
        let hidden: &mut (dyn FnMut(&str) + Send) = &mut |_: &str| {};
        let mut status = None;
        // When the next step of a stop is due, and whether the command has been killed already.
        let mut stop: Option<(Instant, bool)> = None;
        let gone = loop {
            tokio::select! {
                count = stdout.next(), if stdout.open => stdout.take(count, if shown { &mut *line } else { hidden }),
                count = stderr.next(), if stderr.open => stderr.take(count, line),
                report = running.reports.next_line() => match report.ok().flatten().as_deref().map(Report::decode) {
                    Some(Some(Report::Exited { status: raw })) => status = Some(ExitStatus::from_raw(raw)),
                    Some(Some(Report::Gone | Report::Stuck { .. })) => break true,
                    Some(_) => {}
                    None => break false,
                },
                () = cancel.cancelled(), if stop.is_none() => {
                    stop = Some((Instant::now() + GRACE, false));
                    request(&mut running.requests, Request::Terminate).await;
                }
                () = at(stop.map(|(due, _)| due)) => match stop {
                    Some((_, false)) => {
                        stop = Some((Instant::now() + SUPERVISOR_DEADLINE, true));
                        request(&mut running.requests, Request::Kill).await;
                    }
                    _ => break false,
                },
            }
        };
        if !gone {
            end_marked(&running.mark).await;
        }
        stdout.drain(if shown { &mut *line } else { hidden }).await;
        stderr.drain(line).await;
        running.end().await;
        if stop.is_some() {
            return Err(ProcessError::Cancelled { program: running.program });
        }
        let status = status.ok_or(ProcessError::SupervisorLost { program: running.program })?;
        Ok(Captured { stdout: stdout.bytes, stderr: stderr.bytes, status })
    }
}

/// A file with this text that has no name.
fn in_memory(text: &str) -> std::io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("input", rustix::fs::MemfdFlags::CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    Ok(file)
}

/// A stream that is being read to its end.
struct Reading {
    pipe: pipe::Receiver,
    open: bool,
    lines: LineSplitter,
    bytes: Vec<u8>,
    buffer: Vec<u8>,
}

impl Reading {
    fn new(pipe: pipe::Receiver) -> Self {
        Self { pipe, open: true, lines: LineSplitter::default(), bytes: Vec::new(), buffer: vec![0; 16 << 10] }
    }

    /// Reads into the buffer; 0 at the end.
    async fn next(&mut self) -> usize {
        self.pipe.read(&mut self.buffer).await.unwrap_or(0)
    }

    /// Takes in what has been read.
    fn take(&mut self, count: usize, line: &mut (dyn FnMut(&str) + Send)) {
        if count == 0 {
            self.open = false;
            self.lines.flush(line);
        } else {
            self.bytes.extend_from_slice(&self.buffer[..count]);
            self.lines.push(&self.buffer[..count], Instant::now(), line);
        }
    }

    /// Reads what is left when everything that writes is gone.
    async fn drain(&mut self, line: &mut (dyn FnMut(&str) + Send)) {
        while self.open {
            let count = timeout(DRAIN, self.next()).await.unwrap_or(0);
            self.take(count, line);
        }
    }
}
