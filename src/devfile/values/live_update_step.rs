//! The steps of a live update (reference §2.4), each a type of its own because configurations ask for `type(step)`.

use std::path::PathBuf;

use starlark::values::Value;

use super::plain_value;
use crate::diagnostic::Span;
use crate::project::ExitPolicy;

/// A step and the place that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The place.
    pub span: Span,
    /// What it does.
    pub kind: StepKind,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StepKind {
    /// `initial_sync()`.
    InitialSync,
    /// `fall_back_on(paths)`.
    FallBackOn(Vec<PathBuf>),
    /// `sync(local_path, remote_path)`.
    Sync {
        /// Absolute.
        local: PathBuf,
        /// Absolute, in the container.
        remote: String,
    },
    /// `run(cmd, trigger, echo_off)`.
    Run {
        /// The command.
        argv: Vec<String>,
        /// As written: relative to where the step is used.
        triggers: Vec<String>,
        /// Whether the command is kept out of the log.
        echo_off: bool,
    },
    /// `restart_container()`.
    RestartContainer,
    /// `restart_process(trigger, exit_policy, restart_file)`.
    RestartProcess {
        /// As written: relative to where the step is used.
        triggers: Vec<String>,
        /// What follows when the command ends by itself.
        exit_policy: ExitPolicy,
        /// Absolute, in the container.
        file: String,
    },
}

plain_value! {
    /// `initial_sync()`.
    InitialSyncStep(Step), "live_update_initial_sync_step"
}
plain_value! {
    /// `fall_back_on(…)`.
    FallBackOnStep(Step), "live_update_fall_back_on_step"
}
plain_value! {
    /// `sync(…)`.
    SyncStep(Step), "live_update_sync_step"
}
plain_value! {
    /// `run(…)`.
    RunStep(Step), "live_update_run_step"
}
plain_value! {
    /// `restart_container()`.
    RestartContainerStep(Step), "live_update_restart_container_step"
}
plain_value! {
    /// `restart_process(…)`.
    RestartProcessStep(Step), "live_update_restart_process_step"
}

/// The step in a value, if it is one.
pub(crate) fn step_of(value: Value<'_>) -> Option<&Step> {
    InitialSyncStep::from_value(value)
        .map(|step| &step.0)
        .or_else(|| FallBackOnStep::from_value(value).map(|step| &step.0))
        .or_else(|| SyncStep::from_value(value).map(|step| &step.0))
        .or_else(|| RunStep::from_value(value).map(|step| &step.0))
        .or_else(|| RestartContainerStep::from_value(value).map(|step| &step.0))
        .or_else(|| RestartProcessStep::from_value(value).map(|step| &step.0))
}

// The texts are Tilt's: the extension `file_sync_only` reads the paths of a `sync` out of `str(step)`.
impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.kind {
            StepKind::InitialSync => f.write_str("initial_sync step"),
            StepKind::FallBackOn(paths) => {
                let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
                write!(f, "fall_back_on step: {}", paths.join(" "))
            }
            StepKind::Sync { local, remote } => write!(f, "sync step: '{}'->'{remote}'", local.display()),
            StepKind::Run { argv, triggers, .. } => {
                let command = match argv.as_slice() {
                    [shell, flag, script] if shell == "sh" && flag == "-c" => script.clone(),
                    _ => argv.join(" "),
                };
                write!(f, "run step: {command:?}")?;
                if triggers.is_empty() { Ok(()) } else { write!(f, " (triggers: {})", triggers.join("; ")) }
            }
            StepKind::RestartContainer => f.write_str("restart_container step"),
            StepKind::RestartProcess { .. } => f.write_str("restart_process step"),
        }
    }
}

macro_rules! display_step {
    ($($name:ident),*) => {
        $(impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        })*
    };
}

display_step!(InitialSyncStep, FallBackOnStep, SyncStep, RunStep, RestartContainerStep, RestartProcessStep);
