//! `quit` and `detach`: a session ends, or goes on alone.

use std::path::Path;
use std::time::{Duration, Instant};

use super::target;
use crate::cli::args::{QuitArgs, ReloadArgs, TargetArgs};
use crate::cli::common;
use crate::cli::error::CommandError;
use crate::cli::exit_code::ExitCode;
use crate::control::{Action, Address, Client, DetachAnswer, Request};
use crate::diagnostic::count;
use crate::process::ENTRY_FILE;

/// Between two looks at whether a session has ended.
const LOOK: Duration = Duration::from_millis(50);

/// What `down` waits for a session's end: its processes have 30 s after SIGTERM.
const LIMIT: Duration = Duration::from_mins(1);

/// `quit`: asks a session to end, and waits until it has.
pub(in crate::cli) fn quit(arguments: &QuitArgs) -> Result<ExitCode, CommandError> {
    let status = target::answer(&arguments.target, &Request::Status)?;
    let answer = end(&arguments.target, &status, arguments.timeout)?;
    let text = if arguments.json {
        format!("{answer}\n")
    } else {
        format!("the session with pid {} has ended\n", status["pid"])
    };
    common::print_out(&text)?;
    Ok(ExitCode::Ok)
}

/// Ends the session of a configuration before what it has deployed is deleted: it would deploy it again. A command of the
/// session itself does not end it.
pub(in crate::cli) fn end_running(file: Option<&Path>) -> Result<(), CommandError> {
    let dir = common::current_dir()?;
    // That there is none is said by the command itself.
    let Ok(entry_file) = common::entry_file(&dir, file) else { return Ok(()) };
    let is_own = std::env::var_os(ENTRY_FILE).is_some_and(|own| Path::new(&own) == entry_file);
    let running = Client::ask(&Address::of(&entry_file), &Request::Status).and_then(|mut client| client.next());
    let Ok(Some(status)) = running else { return Ok(()) };
    if is_own {
        return Ok(());
    }
    common::print_err(&format!("ending the running session, pid {}, first\n", status["pid"]));
    end(&TargetArgs { file: Some(entry_file) }, &status, LIMIT).map(drop)
}

fn end(target: &TargetArgs, status: &serde_json::Value, limit: Duration) -> Result<serde_json::Value, CommandError> {
    let answer = target::answer(target, &Request::Act { action: Action::Quit, resources: Vec::new() })?;
    let address = Address::of(Path::new(status["entry_file"].as_str().unwrap_or_default()));
    let until = Instant::now() + limit;
    while !limit.is_zero() && Client::ask(&address, &Request::Status).is_ok() {
        if Instant::now() > until {
            let message = format!("the session with pid {} has not ended within {} s", status["pid"], limit.as_secs());
            return Err(CommandError::failed(message).hint("`devloop status` says what it waits for"));
        }
        std::thread::sleep(LOOK);
    }
    Ok(answer)
}

/// `detach`: the dashboards of a session leave, and it goes on.
pub(in crate::cli) fn detach(arguments: &ReloadArgs) -> Result<ExitCode, CommandError> {
    let answer = target::answer(&arguments.target, &Request::Detach)?;
    let detached: DetachAnswer = serde_json::from_value(answer.clone())
        .map_err(|error| CommandError::failed(format!("the running devloop is not understood: {error}")))?;
    if !detached.background && detached.dashboards == 0 {
        return Err(CommandError::failed("the session was started on a terminal and ends with it")
            .hint("end it with `devloop quit`, and start one in the background: devloop up -d"));
    }
    let text = if arguments.json {
        format!("{answer}\n")
    } else {
        format!("{} left\n", count(detached.dashboards, "dashboard"))
    };
    common::print_out(&text)?;
    Ok(ExitCode::Ok)
}
