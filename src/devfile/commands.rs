//! The programs that a configuration runs while it is evaluated. How they are run is the affair of whoever evaluates it.

use std::path::Path;
use std::process::ExitStatus;

use tokio_util::sync::CancellationToken;

use super::entry::EnvironmentOverlay;
use crate::project::CommandLine;

/// One command of a configuration.
#[derive(Debug)]
pub struct ConfigCommand<'c> {
    /// What is run, where, and its own environment.
    pub line: &'c CommandLine,
    /// Its standard input; `None` for none.
    pub input: Option<&'c str>,
    /// What the configuration has changed in the environment so far.
    pub environment: EnvironmentOverlay,
    /// The frozen copy of the kubeconfig.
    pub kubeconfig: Option<&'c Path>,
}

/// What a command wrote, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOutput {
    /// Everything on standard output.
    pub stdout: Vec<u8>,
    /// Everything on standard error.
    pub stderr: Vec<u8>,
    /// How it ended.
    pub status: ExitStatus,
    /// The objects that it has applied, as YAML.
    pub applied: String,
}

/// Runs commands to their end.
pub trait CommandRunner: std::fmt::Debug + Send + Sync {
    /// Runs a command until it ends or `cancel` says so; `line` takes each line that it writes. Nothing that it has started
    /// is left when this returns. The error says why it could not be run.
    fn run(
        &self,
        command: &ConfigCommand<'_>,
        cancel: &CancellationToken,
        line: &mut (dyn FnMut(&str) + Send),
    ) -> Result<CommandOutput, String>;
}

/// Refuses to run anything.
#[derive(Debug)]
pub(super) struct NoCommands;

impl CommandRunner for NoCommands {
    fn run(
        &self,
        _: &ConfigCommand<'_>,
        _: &CancellationToken,
        _: &mut (dyn FnMut(&str) + Send),
    ) -> Result<CommandOutput, String> {
        Err("commands are not run here".to_owned())
    }
}
