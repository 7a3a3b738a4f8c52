//! One exec connection with the receiver behind it.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::time::timeout;

use super::archive::Archive;
use super::batch::{SyncError, SyncRun, classify_output, last_lines};
use super::connect::{Connect, Connection, Ending};
use super::script;
use crate::cluster::exec::{ContainerRef, ExecError};
use crate::project::MappedPath;

const OPEN: Duration = Duration::from_secs(15);
const PING: Duration = Duration::from_secs(5);
/// Beside the time that the bytes need at [`SLOWEST`].
const TRANSFER: Duration = Duration::from_secs(30);
const SLOWEST: u64 = 200_000;
/// A longer script is sent as data.
const LONG_SCRIPT: usize = 4096;
/// A longer line of output is passed on in pieces.
const MAX_LINE: usize = 64 * 1024;
/// Kept of a step's output to say why it failed.
const MAX_KEPT: usize = 16 * 1024;

/// One exec connection with the receiver behind it. After an error of the connection it must be dropped.
pub(super) struct Channel {
    stdin: Box<dyn AsyncWrite + Send + Unpin>,
    output: Output,
    nonce: String,
    /// A tool that the container lacks.
    missing: Option<String>,
    /// Ends the connection when dropped.
    _guard: Box<dyn Send>,
}

struct Output {
    stdout: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    ending: Ending,
    marker: Vec<u8>,
}

struct Answer {
    stage: String,
    code: i32,
    /// The end of what the step wrote.
    output: String,
}

impl Channel {
    /// Starts the receiver and waits until it is ready.
    pub async fn open(connect: &dyn Connect, target: &ContainerRef) -> Result<Self, SyncError> {
        let nonce = nonce();
        let argv = ["sh".to_owned(), "-c".to_owned(), script::receiver(&nonce)];
        let Connection { stdin, stdout, ending, guard } = connect.connect(target, &argv).await.map_err(from_exec)?;
        let marker = format!("{nonce} ").into_bytes();
        let output = Output { stdout: BufReader::with_capacity(64 * 1024, stdout), ending, marker };
        let mut channel = Self { stdin, output, nonce, missing: None, _guard: guard };
        loop {
            let answer = match timeout(OPEN, channel.output.answer(|_| {})).await {
                Ok(answer) => answer?,
                Err(_) => return Err(broken("the receiver did not start")),
            };
            match answer.stage.strip_prefix("missing-") {
                Some(tool) => channel.missing = Some(tool.to_owned()),
                None => return Ok(channel),
            }
        }
    }

    /// Deletes and copies; returns the files that changed while they were sent.
    pub async fn transfer(
        &mut self,
        deletes: &[PathBuf],
        archive: &Archive,
        replace_folders: bool,
    ) -> Result<Vec<MappedPath>, SyncError> {
        if let Some(tool) = self.missing.as_ref().filter(|_| archive.length > 0) {
            return Err(SyncError::NoTar(tool.clone()));
        }
        let mut script = script::prepare(deletes, archive, replace_folders);
        if script.len() > LONG_SCRIPT {
            let framed = self.framed(&script::long(script.len())) + &script;
            self.step(framed.as_bytes(), &Archive::default()).await?;
            script.clear();
        }
        if archive.length > 0 {
            script.push_str(&script::extract(archive.length));
        }
        if script.is_empty() {
            return Ok(Vec::new());
        }
        let framed = self.framed(&script);
        self.step(framed.as_bytes(), archive).await
    }

    /// Sends a script and the archive that it reads, and takes its answer.
    async fn step(&mut self, script: &[u8], archive: &Archive) -> Result<Vec<MappedPath>, SyncError> {
        let (stdin, output) = (&mut self.stdin, &mut self.output);
        let send = async {
            stdin.write_all(script).await.map_err(|error| lost(&error))?;
            archive.write_to(stdin).await.map_err(|error| lost(&error))
        };
        // Both at once: a container that complains a lot must not wait for us to listen while we wait for it.
        let both = async { tokio::try_join!(send, output.answer(|_| {})) };
        let limit = TRANSFER + Duration::from_secs(archive.length / SLOWEST);
        let (changed, answer) = match timeout(limit, both).await {
            Ok(Ok(done)) => done,
            // The server's word on why the connection ended says more than our failing write.
            Ok(Err(SyncError::Transport { reason, .. })) => return Err(self.output.why_ended(reason).await),
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(half(format!("no answer within {} s", limit.as_secs()))),
        };
        match answer.code {
            0 => Ok(changed),
            127 => Err(SyncError::NoTar(if answer.stage == "archive" { "tar" } else { "rm" }.to_owned())),
            _ => Err(classify_output(&answer.output)),
        }
    }

    /// Runs a command and passes its output on as it comes.
    pub async fn run(&mut self, run: &SyncRun, on_line: impl FnMut(&str)) -> Result<(), SyncError> {
        let script = self.framed(&script::run(&run.argv));
        self.stdin.write_all(script.as_bytes()).await.map_err(|error| lost(&error))?;
        let answer = self.output.answer(on_line).await?;
        match answer.code {
            0 => Ok(()),
            137 => Err(SyncError::ContainerGone("a command ended with exit status 137".to_owned())),
            exit_code => {
                Err(SyncError::RunFailed { argv: run.argv.clone(), exit_code, output: last_lines(&answer.output, 20) })
            }
        }
    }

    /// Whether the receiver still answers.
    pub async fn ping(&mut self) -> bool {
        let script = self.framed(":\n");
        let round = async {
            self.stdin.write_all(script.as_bytes()).await.map_err(|error| lost(&error))?;
            self.output.answer(|_| {}).await
        };
        matches!(timeout(PING, round).await, Ok(Ok(_)))
    }

    /// Waits until the connection ends. What processes that a command left behind still write is dropped. May be
    /// dropped and called again.
    pub async fn ended(&mut self) {
        while let Ok(length @ 1..) = self.output.stdout.fill_buf().await.map(<[u8]>::len) {
            self.output.stdout.consume(length);
        }
    }

    fn framed(&self, script: &str) -> String {
        format!("{script}{}\n", self.nonce)
    }
}

impl Output {
    /// Reads up to the answer of a script; what comes before is its output.
    async fn answer(&mut self, mut on_line: impl FnMut(&str)) -> Result<Answer, SyncError> {
        let mut kept = String::new();
        // The receiver starts a line of its own for its answer: an empty line before it is not the command's.
        let mut empty_before = false;
        loop {
            let line = match self.line().await {
                Ok(Some(line)) => line,
                Ok(None) => return Err(self.why_ended("it broke off".to_owned()).await),
                Err(error) => return Err(half(error.to_string())),
            };
            if let Some(answer) = line.strip_prefix(self.marker.as_slice()) {
                let answer = String::from_utf8_lossy(answer);
                let (stage, code) = answer.trim().split_once(' ').unwrap_or((answer.trim(), "0"));
                let code = code.parse().map_err(|_| half(format!("it answered `{}`", answer.trim())))?;
                return Ok(Answer { stage: stage.to_owned(), code, output: kept });
            }
            if std::mem::take(&mut empty_before) {
                on_line("");
            }
            if line.is_empty() {
                empty_before = true;
                continue;
            }
            let line = String::from_utf8_lossy(&line);
            on_line(&line);
            if kept.len() + line.len() > MAX_KEPT {
                let cut = (kept.len() / 2..=kept.len()).find(|at| kept.is_char_boundary(*at)).unwrap_or(0);
                kept.drain(..cut);
            }
            kept.push_str(&line);
            kept.push('\n');
        }
    }

    /// The next line without its end; `None` at the end of the connection.
    async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
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

    /// What the server said when the connection ended.
    async fn why_ended(&mut self, otherwise: String) -> SyncError {
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

fn lost(error: &io::Error) -> SyncError {
    half(error.to_string())
}

fn half(reason: String) -> SyncError {
    SyncError::Transport { reason, half_applied: true }
}

fn broken(reason: &str) -> SyncError {
    SyncError::Transport { reason: reason.to_owned(), half_applied: false }
}

fn from_exec(error: ExecError) -> SyncError {
    match error {
        ExecError::ContainerGone(reason) => SyncError::ContainerGone(reason),
        ExecError::NotFound(_) => SyncError::NoShell,
        ExecError::Forbidden(reason) => SyncError::Forbidden(reason),
        ExecError::Transport(reason) => broken(&reason),
    }
}

/// A word that no output contains by chance, and no older connection uses.
fn nonce() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("devloop-{:016x}{:016x}", random(), random())
}
