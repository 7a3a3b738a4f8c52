//! The process between devloop and a command: devloop's own binary, re-executed as
//! `devloop __supervise DIR [--input FILE] -- ARGV`.
//!
//! It is a child subreaper, so every descendant of the command stays below it however often it forks or changes its
//! session, and it sees devloop's death as the end of its control socket. Both together are what lets it promise that
//! nothing survives. It must stay small and quick: it runs beside every command.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep_until};

use super::message::{Report, Request};
use super::process_tree::descendants;

/// The hidden subcommand that the binary is re-executed with; `main` looks for it before anything else.
pub const SUPERVISE: &str = "__supervise";

/// The flag before the file that the command reads as its standard input.
pub(super) const INPUT: &str = "--input";

/// What remains when the command itself has ended may write its last lines for so long.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// When devloop is gone, the tree may end by itself for so long.
const ORPHAN_GRACE: Duration = Duration::from_secs(1);
/// Between two rounds of killing; each round meets what forked during the last.
const KILL_ROUND: Duration = Duration::from_millis(10);
/// A process that outlives this many seconds of killing belongs to somebody else (`sudo`) or hangs in the kernel.
const KILL_DEADLINE: Duration = Duration::from_secs(5);

/// Supervises the command given by `DIR [--input FILE] -- ARGV…`, which are the arguments behind [`SUPERVISE`]. Standard
/// input is the control socket.
pub fn supervise(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args = args.into_iter();
    let (Some(dir), Some(mark)) = (args.next(), args.next()) else { return ExitCode::from(2) };
    let input = if mark == INPUT {
        // With the separator that follows.
        args.next().zip(args.next()).map(|(input, _)| PathBuf::from(input))
    } else {
        None
    };
    let argv: Vec<OsString> = args.collect();
    match control_socket().and_then(|control| run(control, &Start { dir: dir.into(), input, argv })) {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody reads this process' own words; devloop reports that the control socket ended.
        Err(_) => ExitCode::FAILURE,
    }
}

/// What is to be started.
struct Start {
    dir: PathBuf,
    input: Option<PathBuf>,
    argv: Vec<OsString>,
}

fn control_socket() -> io::Result<StdUnixStream> {
    let socket = StdUnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    socket.peer_addr()?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn run(control: StdUnixStream, start: &Start) -> io::Result<()> {
    // Away from devloop's terminal, so that Ctrl-C reaches devloop only. It fails only where it is so already.
    let _ = rustix::process::setsid();
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    // So that `killall devloop` means devloop and lets its supervisors do their work.
    let _ = std::fs::write("/proc/self/comm", "loop-supervisor");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (reader, writer) = UnixStream::from_std(control)?.into_split();
        let mut supervision = Supervision { writer, main: None, kill_at: None, give_up_at: None };
        supervision.run(BufReader::new(reader), start).await
    })
}

struct Supervision {
    writer: OwnedWriteHalf,
    /// The command's own process, until it has been reaped.
    main: Option<Pid>,
    /// When the next round of killing is due.
    kill_at: Option<Instant>,
    /// When killing has been to no avail.
    give_up_at: Option<Instant>,
}

enum Reaped {
    SomeLeft,
    AllGone,
}

impl Supervision {
    async fn run(&mut self, control: BufReader<tokio::net::unix::OwnedReadHalf>, start: &Start) -> io::Result<()> {
        // Before the start, so that no signal is missed.
        let mut child = signal(SignalKind::child())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut quit = signal(SignalKind::quit())?;
        if !self.start(start).await {
            return Ok(());
        }
        let mut requests = control.lines();
        let mut devloop_lives = true;
        loop {
            if let Reaped::AllGone = self.reap().await? {
                self.report(&Report::Gone).await;
                return Ok(());
            }
            tokio::select! {
                _ = child.recv() => {}
                line = requests.next_line(), if devloop_lives => match line.ok().flatten().as_deref().map(Request::decode) {
                    Some(Some(Request::Terminate)) => self.signal_tree(Signal::TERM),
                    Some(Some(Request::Kill)) => self.kill_at = Some(Instant::now()),
                    Some(None) => {}
                    None => {
                        devloop_lives = false;
                        self.signal_tree(Signal::TERM);
                        self.kill_at.get_or_insert(Instant::now() + ORPHAN_GRACE);
                    }
                },
                () = sleep_until(self.kill_at.unwrap_or_else(Instant::now)), if self.kill_at.is_some() => {
                    if self.kill_round().await {
                        return Ok(());
                    }
                }
                _ = terminate.recv() => self.signal_tree(Signal::TERM),
                _ = interrupt.recv() => self.signal_tree(Signal::INT),
                _ = hangup.recv() => self.signal_tree(Signal::HUP),
                _ = quit.recv() => self.signal_tree(Signal::QUIT),
            }
        }
    }

    /// Starts the command; says whether it runs.
    async fn start(&mut self, start: &Start) -> bool {
        let Start { dir, input, argv } = start;
        // Asked first, because the start itself cannot tell a missing folder from a missing program.
        let folder = std::fs::metadata(dir)
            .and_then(|metadata| if metadata.is_dir() { Ok(()) } else { Err(rustix::io::Errno::NOTDIR.into()) });
        let folder = folder.and_then(|()| Ok(rustix::fs::access(dir, rustix::fs::Access::EXEC_OK)?));
        if let Err(error) = folder {
            self.report(&Report::BadFolder { errno: error.raw_os_error().unwrap_or_default() }).await;
            return false;
        }
        let [program, arguments @ ..] = &argv[..] else { return false };
        let input = match input {
            Some(file) => std::fs::File::open(file).map(Stdio::from),
            None => Ok(Stdio::null()),
        };
        let started = input.and_then(|input| {
            Command::new(program).args(arguments).current_dir(dir).stdin(input).process_group(0).spawn()
        });
        match started {
            Ok(child) => {
                self.main = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
                self.report(&Report::Started { pid: child.id() }).await;
                true
            }
            Err(error) => {
                self.report(&Report::NotStarted { errno: error.raw_os_error().unwrap_or_default() }).await;
                false
            }
        }
    }

    /// Takes in every process that has ended.
    async fn reap(&mut self) -> io::Result<Reaped> {
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if Some(pid) == self.main => {
                    self.main = None;
                    self.report(&Report::Exited { status: status.as_raw() }).await;
                    self.kill_at.get_or_insert(Instant::now() + LAST_WORDS);
                }
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => return Ok(Reaped::SomeLeft),
                // A subreaper without children has no descendants.
                Err(rustix::io::Errno::CHILD) => return Ok(Reaped::AllGone),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Kills all there is; says whether to give up.
    async fn kill_round(&mut self) -> bool {
        let now = Instant::now();
        let give_up_at = *self.give_up_at.get_or_insert(now + KILL_DEADLINE);
        if now >= give_up_at {
            let pids = descendants(rustix::process::getpid());
            let pids = pids.iter().map(|pid| pid.as_raw_nonzero().get().unsigned_abs()).collect();
            self.report(&Report::Stuck { pids }).await;
            return true;
        }
        self.signal_tree(Signal::KILL);
        self.kill_at = Some(now + KILL_ROUND);
        false
    }

    /// Sends a signal to the command's group and to every descendant that has left it. Who has ended meanwhile, or
    /// belongs to another user, does not get it.
    fn signal_tree(&self, signal: Signal) {
        let mut group = None;
        if let Some(main) = self.main {
            group = Some(main);
            let _ = kill_process_group(main, signal);
        }
        for pid in descendants(rustix::process::getpid()) {
            let in_group = group.is_some() && rustix::process::getpgid(Some(pid)).ok() == group;
            if !in_group {
                let _ = kill_process(pid, signal);
            }
        }
    }

    /// When devloop is gone there is nobody to tell.
    async fn report(&mut self, report: &Report) {
        let _ = self.writer.write_all(report.encode().as_bytes()).await;
    }
}
