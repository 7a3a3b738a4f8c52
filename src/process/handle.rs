//! The front door: run a command to its end, or keep one running.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::environment::{CommandEnvironment, SessionEnvironment, session_environment};
use super::launch::{attend, launch};
use super::process_error::ProcessError;
use super::tools_folder::add_tools;
use crate::logs::LogSink;
use crate::project::CommandLine;

/// How commands are started and ended.
#[derive(Clone, Debug)]
pub struct Supervisor {
    /// devloop's own binary, which is re-executed as the supervisor of each command.
    pub program: PathBuf,
    /// How long a cancelled command may take to end before it is killed.
    pub grace: Duration,
    /// Once cancelled, nothing that is being stopped gets that time any more.
    pub hurry: CancellationToken,
}

impl Supervisor {
    /// How long a command may take to end when nothing else is said (reference §3.9).
    pub const GRACE: Duration = Duration::from_secs(30);

    /// A supervisor by another binary than the running one, for tests.
    pub fn with_program(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), grace: Self::GRACE, hurry: CancellationToken::new() }
    }

    /// The environment of a session's commands (reference §1.6). Where the `PATH` leads to no `tilt`, devloop is one.
    pub fn environment(&self, session: &SessionEnvironment) -> CommandEnvironment {
        let mut environment = session_environment(session, |name| std::env::var_os(name).is_some());
        add_tools(&self.program, &mut environment);
        environment
    }

    /// Runs a command to its end and passes its output on. When it returns, however it returns, no process that the
    /// command has started is left. `env` changes the inherited environment, and then the command's own is added.
    ///
    /// A future that is dropped ends the command all the same, but then nobody waits for it.
    pub async fn run_to_end(
        &self,
        command: &CommandLine,
        env: &CommandEnvironment,
        log: &LogSink,
        cancel: &CancellationToken,
    ) -> Result<ExitStatus, ProcessError> {
        let cancelled = || ProcessError::Cancelled { program: command.argv.first().cloned().unwrap_or_default() };
        if cancel.is_cancelled() {
            return Err(cancelled());
        }
        let launched = launch(&self.program, command, env).await?;
        let (stop, stops) = mpsc::unbounded_channel();
        let mut attended = std::pin::pin!(attend(launched, log, stops));
        tokio::select! {
            result = &mut attended => return result,
            () = cancel.cancelled() => {}
        }
        // The receiver lives in the future that is awaited next.
        let _ = stop.send(self.grace);
        tokio::select! {
            _ = &mut attended => return Err(cancelled()),
            () = self.hurry.cancelled() => {}
        }
        let _ = stop.send(Duration::ZERO);
        let _ = attended.await;
        Err(cancelled())
    }

    /// Starts a command that keeps running; returns when it runs.
    pub async fn serve(
        &self,
        command: &CommandLine,
        env: &CommandEnvironment,
        log: &LogSink,
    ) -> Result<ServeHandle, ProcessError> {
        let launched = launch(&self.program, command, env).await?;
        let pid = launched.running.pid;
        let (stop, stops) = mpsc::unbounded_channel();
        let (ended, exited) = watch::channel(None);
        let log = log.clone();
        let task = tokio::spawn(async move {
            let result = attend(launched, &log, stops).await;
            ended.send_replace(Some(result));
        });
        Ok(ServeHandle { pid, stop, exited, task, hurry: self.hurry.clone() })
    }
}

impl Default for Supervisor {
    /// The running binary, even if its file has been replaced since it was started.
    fn default() -> Self {
        let program = if cfg!(target_os = "linux") {
            PathBuf::from("/proc/self/exe")
        } else {
            std::env::current_exe().unwrap_or_else(|_| PathBuf::from("devloop"))
        };
        Self::with_program(program)
    }
}

/// A command that keeps running. Dropping it ends the command; [`ServeHandle::stop`] also waits for the end.
#[derive(Debug)]
pub struct ServeHandle {
    pid: u32,
    stop: mpsc::UnboundedSender<Duration>,
    exited: watch::Receiver<Option<Result<ExitStatus, ProcessError>>>,
    task: JoinHandle<()>,
    hurry: CancellationToken,
}

impl ServeHandle {
    /// The command's own process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until the command has ended and nothing of it is left. The future borrows nothing.
    pub fn exited(&self) -> impl Future<Output = Result<ExitStatus, ProcessError>> + Send + 'static {
        let mut exited = self.exited.clone();
        async move {
            match exited.wait_for(Option::is_some).await.as_deref() {
                Ok(Some(result)) => result.clone(),
                // The task ends without a result only when it is aborted by dropping the handle.
                Ok(None) | Err(_) => Err(ProcessError::Cancelled { program: "server".to_owned() }),
            }
        }
    }

    /// Asks the whole tree to end, kills what remains after `grace`, and returns when nothing is left. Calling it again
    /// with a shorter time hurries it up.
    pub async fn stop(&self, grace: Duration) {
        // A task that has ended has nothing to stop.
        let _ = self.stop.send(grace);
        tokio::select! {
            _ = self.exited() => return,
            () = self.hurry.cancelled() => {}
        }
        let _ = self.stop.send(Duration::ZERO);
        let _ = self.exited().await;
    }
}

impl Drop for ServeHandle {
    fn drop(&mut self) {
        // Closes the control socket, upon which the supervisor ends everything.
        self.task.abort();
    }
}
