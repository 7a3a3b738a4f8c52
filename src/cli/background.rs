//! `devloop up -d`: a session of its own process, without a terminal, and its log in the state folder.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::args::{Color, UpArgs};
use super::common;
use super::error::CommandError;
use super::exit_code::ExitCode;
use crate::control::{Address, Client, Request};
use crate::process::{make_private, state_folder};

/// Between two looks at whether the session answers.
const LOOK: Duration = Duration::from_millis(30);

/// Lines of its log that are shown when it ends at once.
const LAST_LINES: usize = 20;

/// Starts the session and returns as soon as it answers.
pub(super) fn start(arguments: &UpArgs) -> Result<ExitCode, CommandError> {
    let dir = common::current_dir()?;
    let entry_file = common::entry_file(&dir, arguments.project.file.as_deref())?;
    let address = Address::of(&entry_file);
    if let Some(pid) = pid_of(&address) {
        return Err(CommandError::failed(format!("devloop runs for this project already, with pid {pid}"))
            .hint("`devloop attach` shows it, `devloop quit` ends it"));
    }
    let (path, log) = log_file(&address)?;
    let mut child = session(arguments, &entry_file, log)?;
    let pid = child.id();
    loop {
        if pid_of(&address) == Some(u64::from(pid)) {
            let text = format!(
                "devloop runs in the background, with pid {pid}\n  its log: {}\n  `devloop attach` shows it, `devloop wait` \
                 waits until everything is ready, `devloop quit` ends it\n",
                path.display()
            );
            return common::print_out(&text).map(|()| ExitCode::Ok);
        }
        if let Some(status) = child.try_wait().map_err(|error| not_started(&error))? {
            common::print_err(&last_lines(&path));
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            return Ok(ended_with(code));
        }
        std::thread::sleep(LOOK);
    }
}

/// What the session itself does first: no signal of the terminal that it was started in reaches it.
pub(super) fn leave_terminal() {
    // Refused to the leader of a process group, which has no terminal to leave.
    let _ = rustix::process::setsid();
}

fn session(arguments: &UpArgs, entry_file: &Path, log: File) -> Result<Child, CommandError> {
    let program = std::env::current_exe().map_err(|error| not_started(&error))?;
    let mut command = Command::new(program);
    command.args(["up", "--background", "--headless", "--file"]).arg(entry_file);
    let project = &arguments.project;
    for (flag, value) in [("--context", &project.context), ("--namespace", &project.namespace)] {
        if let Some(value) = value {
            command.args([flag, value]);
        }
    }
    if project.isolate {
        command.arg("--isolate");
    }
    command.args(["--host", &arguments.session.host]);
    if let Some(path) = &arguments.session.trace_file {
        command.arg("--trace-file").arg(path);
    }
    if arguments.disable_port_forwards {
        command.arg("--disable-port-forwards");
    }
    match arguments.color {
        Color::Auto => {}
        Color::Always => drop(command.args(["--color", "always"])),
        Color::Never => drop(command.args(["--color", "never"])),
    }
    command.arg("--").args(project.all_args());
    // Files, pipes and locks of whoever has started this command: a session that outlives it must not hold them.
    close_fds::set_fds_cloexec(3, &[]);
    let errors = log.try_clone().map_err(|error| not_started(&error))?;
    command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().map_err(|error| not_started(&error))
}

fn not_started(error: &std::io::Error) -> CommandError {
    CommandError::failed(format!("the session cannot be started: {error}"))
}

fn ended_with(code: Option<u8>) -> ExitCode {
    match code {
        Some(2) => ExitCode::Usage,
        Some(3) => ExitCode::Environment,
        Some(5) => ExitCode::Config,
        _ => ExitCode::Failed,
    }
}

/// The pid of the session that listens there.
fn pid_of(address: &Address) -> Option<u64> {
    Client::ask(address, &Request::Status).ok()?.next().ok()??["pid"].as_u64()
}

/// The log of the newest session of a project: readable by its user alone, because programs say all kinds of things.
fn log_file(address: &Address) -> Result<(PathBuf, File), CommandError> {
    let folder = state_folder()
        .ok_or_else(|| CommandError::environment("there is no folder for the log of the session").hint("set HOME"))?;
    let folder = folder.join("sessions");
    make_private(&folder).map_err(CommandError::environment)?;
    let path = folder.join(format!("{}.log", address.name()));
    let file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&path);
    let file = file.map_err(|error| CommandError::environment(format!("cannot write {}: {error}", path.display())))?;
    Ok((path, file))
}

fn last_lines(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(LAST_LINES);
    lines[first..].iter().fold(String::new(), |text, line| text + line + "\n")
}
