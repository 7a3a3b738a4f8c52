//! `trigger`, `restart`, `stop`, `enable`, `disable`, `reload`.

use super::target;
use crate::cli::args::{ActArgs, EnableArgs, ReloadArgs};
use crate::cli::common;
use crate::cli::error::CommandError;
use crate::cli::exit_code::ExitCode;
use crate::control::{Action, Request};

/// What the command line asks to be done.
#[derive(Debug)]
pub(in crate::cli) enum Act<'a> {
    Each(Action, &'a ActArgs),
    Enable(&'a EnableArgs),
    Disable(&'a EnableArgs),
    Reload(&'a ReloadArgs),
}

pub(in crate::cli) fn act(act: &Act) -> Result<ExitCode, CommandError> {
    let (target, json, action, resources, done) = match act {
        Act::Each(action, arguments) => {
            let done = match action {
                Action::Trigger => "triggered",
                Action::Restart => "is being restarted",
                _ => "is being stopped",
            };
            (&arguments.target, arguments.json, *action, arguments.resources.clone(), done)
        }
        Act::Enable(arguments) => {
            let action = match (arguments.all, arguments.only) {
                (true, _) => Action::EnableAll,
                (_, true) => Action::EnableOnly,
                _ => Action::Enable,
            };
            (&arguments.target, arguments.json, action, arguments.resources.clone(), "enabled")
        }
        Act::Disable(arguments) => {
            let action = if arguments.all { Action::DisableAll } else { Action::Disable };
            (&arguments.target, arguments.json, action, arguments.resources.clone(), "disabled")
        }
        Act::Reload(arguments) => (&arguments.target, arguments.json, Action::Reload, Vec::new(), "is being reloaded"),
    };
    let answer = target::answer(target, &Request::Act { action, resources: resources.clone() })?;
    if json {
        common::print_out(&format!("{answer}\n"))?;
        return Ok(ExitCode::Ok);
    }
    let text: String = match action {
        Action::EnableAll | Action::DisableAll => format!("all resources {done}\n"),
        Action::Reload => format!("the configuration {done}\n"),
        _ => resources.iter().fold(String::new(), |text, name| text + name + " " + done + "\n"),
    };
    common::print_out(&text)?;
    Ok(ExitCode::Ok)
}
