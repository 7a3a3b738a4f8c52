//! The commands of a configuration, run like all others: below a supervisor, so that nothing of them survives devloop.

use tokio_util::sync::CancellationToken;

use crate::devfile::{CommandOutput, CommandRunner, ConfigCommand};
use crate::process::{SessionEnvironment, Supervisor, session_environment};

/// Runs the commands of a configuration.
#[derive(Clone, Debug)]
pub struct ConfigCommands {
    /// How they are started and ended.
    pub supervisor: Supervisor,
    /// Whether the terminal shows colours.
    pub colors: bool,
}

impl CommandRunner for ConfigCommands {
    /// Must be called on a thread that may wait.
    fn run(
        &self,
        command: &ConfigCommand<'_>,
        cancel: &CancellationToken,
        line: &mut (dyn FnMut(&str) + Send),
    ) -> Result<CommandOutput, String> {
        let environment = session_environment(
            &SessionEnvironment {
                devfile: command.environment.clone(),
                kubeconfig: command.kubeconfig.map(Into::into),
                colors: self.colors,
            },
            |name| std::env::var_os(name).is_some(),
        );
        // One at a time, on the thread of the evaluation: a runtime for each costs less than keeping one for none.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("cannot start `{}`: {error}", command.line))?;
        let captured = self.supervisor.capture(command.line, &environment, command.input, cancel, true, line);
        let captured = runtime.block_on(captured).map_err(|error| error.to_string())?;
        Ok(CommandOutput { stdout: captured.stdout, stderr: captured.stderr, status: captured.status })
    }
}
