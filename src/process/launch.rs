//! devloop's side of one supervised command: start it, pass its output on, stop it, know when all of it is gone.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::environment::CommandEnvironment;
use super::message::{Report, Request};
use super::output::LineSplitter;
use super::process_error::ProcessError;
use super::process_tree::marked;
use super::supervisor::{INPUT, SUPERVISE};
use crate::logs::LogSink;
use crate::project::CommandLine;

/// Marks everything that a supervisor is in charge of, in case the supervisor itself is killed.
const MARK: &str = "DEVLOOP_SUPERVISED";
/// How long output is still read when everything that writes it is gone, and vice versa.
pub(super) const DRAIN: Duration = Duration::from_secs(2);
/// Above the supervisor's own deadline for killing.
pub(super) const SUPERVISOR_DEADLINE: Duration = Duration::from_secs(10);
/// When the log says that something does not end.
const NOTICES: [Duration; 2] = [Duration::from_millis(1500), Duration::from_secs(10)];

/// A command that runs below its supervisor.
pub(super) struct Running {
    pub pid: u32,
    pub program: String,
    pub display: String,
    pub mark: String,
    pub child: Child,
    pub reports: Lines<BufReader<OwnedReadHalf>>,
    pub requests: OwnedWriteHalf,
}

/// A command that runs, and all that it writes.
pub(super) struct Launched {
    pub running: Running,
    output: pipe::Receiver,
}

/// What a command reads and where it writes.
pub(super) struct Streams<'s> {
    /// A file for standard input; `None` for none.
    pub input: Option<&'s Path>,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
}

/// Starts a supervisor at `supervisor` and the command below it; returns when the command runs.
pub(super) async fn launch(
    supervisor: &Path,
    command: &CommandLine,
    env: &CommandEnvironment,
) -> Result<Launched, ProcessError> {
    let no_supervisor = |error| no_supervisor(supervisor, &error);
    // One pipe for both streams keeps their lines in the order in which they were written.
    let (output, writer) = std::io::pipe().map_err(no_supervisor)?;
    let stdout = writer.try_clone().map_err(no_supervisor)?.into();
    let running = start(supervisor, command, env, Streams { input: None, stdout, stderr: writer.into() }).await?;
    let output = pipe::Receiver::from_owned_fd(output.into()).map_err(no_supervisor)?;
    Ok(Launched { running, output })
}

/// The same with streams of the caller.
pub(super) async fn start(
    supervisor: &Path,
    command: &CommandLine,
    env: &CommandEnvironment,
    streams: Streams<'_>,
) -> Result<Running, ProcessError> {
    let program = command.argv.first().filter(|program| !program.is_empty()).ok_or(ProcessError::Empty)?.clone();
    let no_supervisor = |error| no_supervisor(supervisor, &error);
    let mark = next_mark();
    let (child, control) = spawn(supervisor, command, env, &mark, streams).map_err(no_supervisor)?;
    let (reader, requests) = UnixStream::from_std(control).map_err(no_supervisor)?.into_split();
    let mut reports = BufReader::new(reader).lines();
    let first = reports.next_line().await.ok().flatten();
    match first.as_deref().and_then(Report::decode) {
        Some(Report::Started { pid }) => {
            Ok(Running { pid, program, display: command.to_string(), mark, child, reports, requests })
        }
        Some(Report::BadFolder { errno }) => Err(ProcessError::bad_folder(&program, &command.dir, errno)),
        Some(Report::NotStarted { errno }) => Err(ProcessError::not_started(&program, &command.dir, errno)),
        Some(Report::Exited { .. } | Report::Gone | Report::Stuck { .. }) | None => Err(ProcessError::NoSupervisor {
            program: supervisor.display().to_string(),
            reason: "it ended before it started the command".to_owned(),
        }),
    }
}

fn no_supervisor(supervisor: &Path, error: &std::io::Error) -> ProcessError {
    ProcessError::NoSupervisor { program: supervisor.display().to_string(), reason: error.to_string() }
}

fn spawn(
    supervisor: &Path,
    command: &CommandLine,
    env: &CommandEnvironment,
    mark: &str,
    streams: Streams<'_>,
) -> std::io::Result<(Child, StdUnixStream)> {
    let (control, supervisors_end) = StdUnixStream::pair()?;
    control.set_nonblocking(true)?;
    let mut supervising = Command::new(supervisor);
    supervising.arg0("devloop-supervisor").arg(SUPERVISE).arg(&command.dir);
    if let Some(input) = streams.input {
        supervising.arg(INPUT).arg(input);
    }
    for name in &env.removed {
        supervising.env_remove(name);
    }
    supervising
        .arg("--")
        .args(&command.argv)
        .envs(env.set.iter().map(|(name, value)| (name, value)))
        .envs(command.env.iter().map(|(name, value)| (name, value)))
        .env(MARK, mark)
        .stdin(Stdio::from(OwnedFd::from(supervisors_end)))
        .stdout(Stdio::from(streams.stdout))
        .stderr(Stdio::from(streams.stderr));
    // `supervising` holds this side's copies of the pipes' writing ends; they must go, or the pipes never end.
    let child = supervising.spawn()?;
    drop(supervising);
    Ok((child, control))
}

fn next_mark() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // The time tells sessions apart whose process ids are equal.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed), now.as_nanos())
}

/// Sees the command through to its end: returns when no process of it is left. Each message on `stops` asks it to end
/// within that time; a shorter time may follow a longer one.
pub(super) async fn attend(
    launched: Launched,
    log: &LogSink,
    mut stops: mpsc::UnboundedReceiver<Duration>,
) -> Result<ExitStatus, ProcessError> {
    let Launched { mut running, mut output } = launched;
    let mut attention = Attention { log, lines: LineSplitter::default(), status: None, stop: None };
    let mut buffer = vec![0; 64 << 10];
    let mut output_open = true;
    let mut stops_open = true;
    let gone = loop {
        let flush_at = attention.lines.flush_at();
        let stop_at = attention.stop.as_ref().map(Stop::next);
        tokio::select! {
            count = output.read(&mut buffer), if output_open => match count {
                Ok(0) | Err(_) => output_open = false,
                Ok(count) => attention.write(&buffer[..count]),
            },
            line = running.reports.next_line() => match line.ok().flatten().as_deref().map(Report::decode) {
                Some(Some(Report::Exited { status })) => attention.status = Some(ExitStatus::from_raw(status)),
                Some(Some(Report::Gone)) => break true,
                Some(Some(Report::Stuck { pids })) => {
                    attention.log.warn(format!(
                        "processes of `{}` could not be ended: {pids:?}; they belong to another user or hang in the \
                         kernel: try `sudo kill -9` on them", running.display
                    ));
                    break true;
                }
                Some(Some(Report::Started { .. } | Report::BadFolder { .. } | Report::NotStarted { .. }) | None) => {}
                None => break false,
            },
            grace = stops.recv(), if stops_open => match grace {
                Some(grace) => attention.begin_stop(grace, &mut running.requests).await,
                None => stops_open = false,
            },
            () = at(flush_at) => attention.flush(),
            () = at(stop_at) => if attention.stop_step(&running.display, &mut running.requests).await.is_break() {
                break false;
            },
        }
    };
    if !gone {
        end_marked(&running.mark).await;
    }
    while output_open {
        match timeout(DRAIN, output.read(&mut buffer)).await {
            Ok(Ok(count)) if count > 0 => attention.write(&buffer[..count]),
            _ => output_open = false,
        }
    }
    attention.flush();
    running.end().await;
    attention.status.ok_or(ProcessError::SupervisorLost { program: running.program })
}

impl Running {
    /// Says good-bye to a supervisor whose work is done.
    pub async fn end(&mut self) {
        // The end of the control socket is what it waits for.
        let _ = self.requests.shutdown().await;
        if timeout(DRAIN, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

struct Attention<'a> {
    log: &'a LogSink,
    lines: LineSplitter,
    status: Option<ExitStatus>,
    stop: Option<Stop>,
}

/// How far a stop has come.
struct Stop {
    began: Instant,
    kill_at: Instant,
    killed: bool,
    notices: usize,
}

impl Stop {
    /// When something is to be done.
    fn next(&self) -> Instant {
        if self.killed {
            return self.kill_at + SUPERVISOR_DEADLINE;
        }
        NOTICES.get(self.notices).map_or(self.kill_at, |notice| self.kill_at.min(self.began + *notice))
    }
}

impl Attention<'_> {
    fn write(&mut self, bytes: &[u8]) {
        let log = self.log;
        self.lines.push(bytes, Instant::now(), |line| emit(log, line));
    }

    fn flush(&mut self) {
        let log = self.log;
        self.lines.flush(|line| emit(log, line));
    }

    async fn begin_stop(&mut self, grace: Duration, requests: &mut OwnedWriteHalf) {
        let now = Instant::now();
        if let Some(stop) = &mut self.stop {
            stop.kill_at = stop.kill_at.min(now + grace);
        } else {
            self.stop = Some(Stop { began: now, kill_at: now + grace, killed: false, notices: 0 });
            request(requests, Request::Terminate).await;
        }
    }

    /// Does what is due; breaks when not even the supervisor answers.
    async fn stop_step(&mut self, display: &str, requests: &mut OwnedWriteHalf) -> std::ops::ControlFlow<()> {
        let Some(stop) = &mut self.stop else { return std::ops::ControlFlow::Continue(()) };
        let now = Instant::now();
        if stop.killed {
            return std::ops::ControlFlow::Break(());
        }
        if now >= stop.kill_at {
            stop.killed = true;
            stop.kill_at = now;
            let waited = humantime::format_duration(Duration::from_millis((now - stop.began).as_millis() as u64));
            self.log.warn(format!("`{display}` has not ended within {waited}; killing it"));
            request(requests, Request::Kill).await;
        } else {
            stop.notices += 1;
            let left =
                humantime::format_duration(Duration::from_secs((stop.kill_at - now).as_secs_f64().ceil() as u64));
            self.log.info(format!("waiting for `{display}` to end; it will be killed in {left}"));
        }
        std::ops::ControlFlow::Continue(())
    }
}

fn emit(log: &LogSink, line: &str) {
    // The sink takes text of several lines; an empty one would be none.
    log.info(if line.is_empty() { "\n" } else { line });
}

/// A supervisor that has ended needs no request.
pub(super) async fn request(requests: &mut OwnedWriteHalf, request: Request) {
    let _ = requests.write_all(request.encode().as_bytes()).await;
}

pub(super) async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Kills what a killed supervisor has left behind.
pub(super) async fn end_marked(mark: &str) {
    let deadline = Instant::now() + DRAIN;
    loop {
        let mark = mark.to_owned();
        let left = tokio::task::spawn_blocking(move || {
            let left = marked(MARK, &mark);
            for pid in &left {
                // Whoever has ended meanwhile is what is wanted.
                let _ = rustix::process::kill_process(*pid, rustix::process::Signal::KILL);
            }
            left.len()
        });
        if left.await.unwrap_or_default() == 0 || Instant::now() > deadline {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
