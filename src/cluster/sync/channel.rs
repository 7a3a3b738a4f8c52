//! One exec connection with a receiver behind it.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::archive::Archive;
use super::batch::{SyncError, SyncRun, last_lines};
use super::connect::Connect;
use super::program_receiver::ProgramReceiver;
use super::receiver::{PROGRAM, Program};
use super::script;
use super::shell_receiver::ShellReceiver;
use super::wire::{Wire, broken, from_exec, lost};
use crate::cluster::exec::ContainerRef;
use crate::project::MappedPath;

const OPEN: Duration = Duration::from_secs(15);
const PING: Duration = Duration::from_secs(5);
/// Beside the time that the bytes need at [`SLOWEST`].
const TRANSFER: Duration = Duration::from_secs(30);
const SLOWEST: u64 = 200_000;

/// What takes the files in a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ReceiverKind {
    /// devloop's own program where it can run, the container's tools where it cannot.
    #[default]
    Best,
    /// The container's shell, `head` and `tar`.
    Shell,
}

impl ReceiverKind {
    /// [`Self::Shell`] when the variable `DEVLOOP_RECEIVER` is `shell`.
    pub fn from_environment() -> Self {
        let asked = std::env::var_os("DEVLOOP_RECEIVER");
        if asked.is_some_and(|kind| kind == "shell") { Self::Shell } else { Self::Best }
    }
}

/// One exec connection with a receiver behind it. After an error of the connection it must be dropped.
pub(super) struct Channel {
    wire: Wire,
    receiver: Receiver,
    by_shell: bool,
}

enum Receiver {
    Program(ProgramReceiver),
    Shell(ShellReceiver),
}

/// How a step of the receiver ended.
pub(super) struct Ended {
    pub code: i32,
    /// The end of what it wrote.
    pub output: String,
}

impl Channel {
    /// Starts the receiver and waits until it is ready.
    pub async fn open(connect: &dyn Connect, target: &ContainerRef, kind: ReceiverKind) -> Result<Self, SyncError> {
        let program = PROGRAM.filter(|_| kind == ReceiverKind::Best);
        let nonce = nonce();
        let argv = ["sh".to_owned(), "-c".to_owned(), script::start(&nonce, program.as_ref())];
        let opened = Self::start(connect, target, &argv, &nonce, program).await;
        let (Err(SyncError::NoShell), Some(program)) = (&opened, program) else { return opened };
        // Without a shell, the image may carry the program.
        Self::start(connect, target, &[program.path.to_owned(), nonce.clone()], &nonce, None).await
    }

    async fn start(
        connect: &dyn Connect,
        target: &ContainerRef,
        argv: &[String],
        nonce: &str,
        program: Option<Program>,
    ) -> Result<Self, SyncError> {
        let mut wire = Wire::new(connect.connect(target, argv).await.map_err(from_exec)?);
        match timeout(OPEN, start(&mut wire, nonce.to_owned(), program)).await {
            Ok(receiver) => Ok(Self { receiver: receiver?, wire, by_shell: argv[0] == "sh" }),
            Err(_) => Err(broken("the receiver did not start")),
        }
    }

    /// Whether the container has a shell.
    pub fn by_shell(&self) -> bool {
        self.by_shell
    }

    /// Whether it is devloop's own program that takes the files.
    pub fn is_program(&self) -> bool {
        matches!(self.receiver, Receiver::Program(_))
    }

    /// Deletes and copies; returns the files that changed while they were sent.
    ///
    /// `replace_folders` when folders may be in the place of files; the program does not need to be told.
    pub async fn transfer(
        &mut self,
        deletes: &[PathBuf],
        archive: &Archive,
        replace_folders: bool,
    ) -> Result<Vec<MappedPath>, SyncError> {
        let limit = TRANSFER + Duration::from_secs(archive.length / SLOWEST);
        let wire = &mut self.wire;
        let transfer = async {
            match &mut self.receiver {
                Receiver::Program(program) => program.transfer(wire, deletes, archive).await,
                Receiver::Shell(shell) => shell.transfer(wire, deletes, archive, replace_folders).await,
            }
        };
        match timeout(limit, transfer).await {
            // The server's word on why the connection ended says more than our failing write.
            Ok(Err(SyncError::Transport { reason, .. })) => Err(self.wire.output.why_ended(reason).await),
            Ok(result) => result,
            Err(_) => Err(super::wire::half(format!("no answer within {} s", limit.as_secs()))),
        }
    }

    /// Runs a command and passes its output on as it comes.
    pub async fn run(&mut self, run: &SyncRun, on_line: impl FnMut(&str)) -> Result<(), SyncError> {
        let ended = match &mut self.receiver {
            Receiver::Program(program) => program.run(&mut self.wire, &run.argv, on_line).await,
            Receiver::Shell(shell) => shell.run(&mut self.wire, &run.argv, on_line).await,
        };
        let ended = match ended {
            Err(SyncError::Transport { reason, .. }) => return Err(self.wire.output.why_ended(reason).await),
            ended => ended?,
        };
        match ended.code {
            0 => Ok(()),
            137 => Err(SyncError::ContainerGone("a command ended with exit status 137".to_owned())),
            exit_code => {
                Err(SyncError::RunFailed { argv: run.argv.clone(), exit_code, output: last_lines(&ended.output, 20) })
            }
        }
    }

    /// Whether the receiver still answers.
    pub async fn ping(&mut self) -> bool {
        let wire = &mut self.wire;
        let round = async {
            match &mut self.receiver {
                Receiver::Program(program) => program.ping(wire).await,
                Receiver::Shell(shell) => shell.ping(wire).await,
            }
        };
        matches!(timeout(PING, round).await, Ok(Ok(())))
    }

    /// Waits until the connection ends. What processes that a command left behind still write is dropped. May be
    /// dropped and called again.
    pub async fn ended(&mut self) {
        self.wire.output.ended().await;
    }
}

/// Hears the script of [`script::start`] out: it may ask for the program, more than once when it cannot run where it was put.
async fn start(wire: &mut Wire, nonce: String, program: Option<Program>) -> Result<Receiver, SyncError> {
    let mut missing = None;
    let marker = format!("{nonce} ").into_bytes();
    loop {
        let line = match wire.output.line().await {
            Ok(Some(line)) => line,
            Ok(None) => return Err(wire.output.why_ended("it broke off".to_owned()).await),
            Err(error) => return Err(lost(&error)),
        };
        // What a container's shell says of its own is no concern of ours.
        let Some(said) = line.strip_prefix(marker.as_slice()) else { continue };
        let said = String::from_utf8_lossy(said);
        match (said.trim(), program) {
            ("send", Some(program)) => wire.stdin.write_all(program.bytes).await.map_err(|error| lost(&error))?,
            ("receiver", _) => return Ok(Receiver::Program(ProgramReceiver)),
            ("ready", _) => return Ok(Receiver::Shell(ShellReceiver::new(nonce, missing))),
            (said, _) => missing = said.strip_prefix("missing-").map(str::to_owned).or(missing),
        }
    }
}

/// A word that no output contains by chance, and no older connection uses.
fn nonce() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("devloop-{:016x}{:016x}", random(), random())
}
