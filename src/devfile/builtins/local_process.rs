//! Runs a command to its end at configuration time.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::devfile::commands::ConfigCommand;
use crate::devfile::language::failure::{Failure, Outcome};
use crate::devfile::language::session::Session;
use crate::project::CommandLine;

/// What a command wrote, and how it ended.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    /// Everything on standard output.
    pub stdout: String,
    /// Everything on standard error.
    pub stderr: String,
    /// How it ended.
    pub status: ExitStatus,
    /// The objects that it has applied, as YAML.
    pub applied: String,
}

impl Finished {
    /// How it ended, for people.
    pub fn ending(&self) -> String {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(signal)) => format!("killed by signal {signal}"),
            (None, None) => "unknown exit status".to_owned(),
        }
    }
}

/// Runs a command to its end. `echo` takes each line of its output as it arrives.
pub(crate) fn run(
    session: &Session,
    line: &CommandLine,
    input: Option<&str>,
    mut echo: impl FnMut(&str) + Send,
) -> Outcome<Finished> {
    let command = ConfigCommand {
        line,
        input,
        environment: session.environment.overlay(),
        kubeconfig: session.kube.kubeconfig_path.as_deref(),
    };
    run_until(session, &command, &session.cancel, &mut echo)
}

/// Runs a command of devloop's own quietly, at most so long.
pub(crate) fn run_within(session: &Session, line: &CommandLine, limit: Duration) -> Outcome<Finished> {
    let command = ConfigCommand {
        line,
        input: None,
        environment: session.environment.overlay(),
        kubeconfig: session.kube.kubeconfig_path.as_deref(),
    };
    let cancel = session.cancel.child_token();
    let (ended, waiting) = mpsc::channel::<()>();
    let timer = cancel.clone();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if waiting.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                timer.cancel();
            }
        });
        let result = run_until(session, &command, &cancel, &mut |_| ());
        drop(ended);
        result
    })
    .map_err(|failure| {
        if cancel.is_cancelled() && !session.cancel.is_cancelled() {
            Failure::new(format!("it took longer than {} s and was ended", limit.as_secs()))
        } else {
            failure
        }
    })
}

fn run_until(
    session: &Session,
    command: &ConfigCommand<'_>,
    cancel: &CancellationToken,
    echo: &mut (dyn FnMut(&str) + Send),
) -> Outcome<Finished> {
    let output = session.commands.run(command, cancel, echo).map_err(Failure::new)?;
    let text = |bytes: Vec<u8>| match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    Ok(Finished {
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        status: output.status,
        applied: output.applied,
    })
}
