//! The commands of a configuration, run like all others: below a supervisor, so that nothing of them survives devloop.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use crate::devfile::{CommandOutput, CommandRunner, ConfigCommand};
use crate::process::{APPLIED, SessionEnvironment, Supervisor};

/// Runs the commands of a configuration.
#[derive(Clone, Debug)]
pub struct ConfigCommands {
    /// How they are started and ended.
    pub supervisor: Supervisor,
    /// Whether the terminal shows colours.
    pub colors: bool,
    /// The configuration of the session; `None` where there is none.
    pub entry_file: Option<PathBuf>,
}

impl CommandRunner for ConfigCommands {
    /// Must be called on a thread that may wait.
    fn run(
        &self,
        command: &ConfigCommand<'_>,
        cancel: &CancellationToken,
        line: &mut (dyn FnMut(&str) + Send),
    ) -> Result<CommandOutput, String> {
        let mut environment = self.supervisor.environment(&SessionEnvironment {
            devfile: command.environment.clone(),
            kubeconfig: command.kubeconfig.map(Into::into),
            colors: self.colors,
            entry_file: self.entry_file.clone(),
        });
        let applied =
            tempfile::NamedTempFile::new().map_err(|error| format!("cannot make a temporary file: {error}"))?;
        environment.set.push((APPLIED.to_owned(), applied.path().display().to_string()));
        // One at a time, on the thread of the evaluation: a runtime for each costs less than keeping one for none.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("cannot start `{}`: {error}", command.line))?;
        let captured = self.supervisor.capture(command.line, &environment, command.input, cancel, true, line);
        let captured = runtime.block_on(captured).map_err(|error| error.to_string())?;
        // What is no text is no YAML either, and was refused by whoever should have written it.
        let applied = std::fs::read_to_string(applied.path()).unwrap_or_default();
        Ok(CommandOutput { stdout: captured.stdout, stderr: captured.stderr, status: captured.status, applied })
    }
}
