//! What several commands need: output, the entry file, the cluster connection, the runtime, the trace.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use super::args::{Color, ProjectArgs, SessionArgs};
use super::error::CommandError;
use crate::cluster::{ContextInfo, ContextOverrides, FrozenKubeconfig, own_namespace};
use crate::devfile::KubeInfo;
use crate::run::kube_info;
use crate::ui::{ColorChoice, ColorDepth};

/// File names that are looked for, in this order.
pub(super) const ENTRY_FILES: [&str; 2] = ["Devfile", "Tiltfile"];

/// Writes to standard output. A closed pipe is no failure: the reader has seen enough.
pub(super) fn print_out(text: &str) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CommandError::environment(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes to standard error, for people.
pub(super) fn print_err(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// The folder that devloop was started in.
pub(super) fn current_dir() -> Result<PathBuf, CommandError> {
    std::env::current_dir().map_err(|error| {
        CommandError::environment(format!("the current folder cannot be used: {error}"))
            .hint("it may have been deleted: go to another folder and come back")
    })
}

/// The entry file, with its symlinks resolved where that works (reference §1.3).
pub(super) fn entry_file(dir: &Path, given: Option<&Path>) -> Result<PathBuf, CommandError> {
    let tried: Vec<PathBuf> = match given {
        Some(file) => vec![dir.join(file)],
        None => ENTRY_FILES.iter().map(|name| dir.join(name)).collect(),
    };
    let Some(found) = tried.iter().find(|path| path.is_file()) else {
        let paths: Vec<String> = tried.iter().map(|path| format!("`{}`", path.display())).collect();
        let error = CommandError::environment(format!("no Devfile found at {}", paths.join(", ")));
        return Err(match given {
            Some(_) => error.hint("check the path given with --file"),
            None => error.hint("go to the project's folder, or name the file with --file"),
        });
    };
    Ok(std::fs::canonicalize(found).unwrap_or_else(|_| found.clone()))
}

/// The cluster connection, as far as the kubeconfig tells of one.
#[derive(Debug)]
pub(super) struct Kube {
    pub(super) context: Option<ContextInfo>,
    /// Why there is none.
    pub(super) absent: String,
    pub(super) frozen: Option<FrozenKubeconfig>,
}

impl Kube {
    /// Reads the kubeconfig. None at all is fine; one that cannot be used is an error.
    pub(super) fn load(arguments: &ProjectArgs) -> Result<Self, CommandError> {
        let mut overrides = ContextOverrides {
            context: arguments.context.clone(),
            namespace: arguments.namespace.clone(),
            own_namespace: false,
        };
        if arguments.isolate
            && let Ok(plain) = ContextInfo::load(&overrides)
        {
            let entry_file = entry_file(&current_dir()?, arguments.file.as_deref())?;
            overrides.namespace = Some(own_namespace(&plain.namespace, &entry_file));
            overrides.own_namespace = true;
        }
        match ContextInfo::load(&overrides) {
            Ok(context) => {
                let frozen = context.freeze().map_err(CommandError::environment)?;
                Ok(Self { context: Some(context), absent: String::new(), frozen: Some(frozen) })
            }
            Err(error) if error.is_absent() && arguments.context.is_none() => {
                Ok(Self { context: None, absent: error.to_string(), frozen: None })
            }
            Err(error) => Err(CommandError::environment(error)),
        }
    }

    /// What the configuration is told of the cluster.
    pub(super) fn info(&self) -> KubeInfo {
        kube_info(self.context.as_ref(), self.frozen.as_ref())
    }
}

/// The runtime that a command works in. Two workers are enough: the work is done by other processes.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| CommandError::environment(format!("cannot start: {error}")))
}

/// Starts devloop's own trace, which goes to a file and never to the terminal.
pub(super) fn trace(arguments: &SessionArgs) -> Result<(), CommandError> {
    let Some(path) = &arguments.trace_file else { return Ok(()) };
    let file = std::fs::File::create(path).map_err(|error| {
        CommandError::environment(format!("cannot write the trace to `{}`: {error}", path.display()))
    })?;
    let filter = tracing_subscriber::EnvFilter::try_from_env("DEVLOOP_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("devloop=debug"));
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::sync::Mutex::new(file)).init();
    Ok(())
}

/// The choice of the command line in the words of the screen.
pub(super) fn color_choice(color: Color) -> ColorChoice {
    match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
}

/// Whether colours may be written to standard output.
pub(super) fn colors_on_stdout(color: Color) -> bool {
    depth(color, std::io::stdout().is_terminal()) != ColorDepth::None
}

/// Whether colours may be written to standard error.
pub(super) fn colors_on_stderr() -> bool {
    depth(Color::Auto, std::io::stderr().is_terminal()) != ColorDepth::None
}

fn depth(color: Color, is_terminal: bool) -> ColorDepth {
    let variables: Vec<(&str, std::ffi::OsString)> = ["NO_COLOR", "TERM", "COLORTERM"]
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)))
        .collect();
    color_choice(color).depth(is_terminal, |name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_os_str())
    })
}

/// The columns of the terminal on standard output; 100 where there is none.
pub(super) fn terminal_columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout());
    // A terminal that does not know its size says 0.
    size.ok().map(|size| usize::from(size.ws_col)).filter(|&columns| columns > 0).unwrap_or(100)
}

/// Where logs are saved that the user wants in a file.
pub(super) fn saved_logs() -> PathBuf {
    crate::process::state_folder().unwrap_or_else(std::env::temp_dir).join("saved")
}
