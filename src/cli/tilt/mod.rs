//! devloop called by the name `tilt`: what public extensions and configurations call of that program (decision 13).

mod objects;
mod translate;

use std::ffi::OsString;

use super::args::TargetArgs;
use super::common;
use super::error::{self, CommandError};
use super::exit_code::ExitCode;
use super::remote;
use crate::control::Request;
use crate::process::ENTRY_FILE;
use crate::project::TILT_VERSION;
use objects::{Query, answer};
use translate::{Translation, translate};

/// Runs a command line of Tilt; `arguments` begins with the name of the program.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<String> =
        arguments.into_iter().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    // The session that has started the command; from elsewhere it is looked for as always.
    let entry_file = std::env::var(ENTRY_FILE).ok().filter(|file| !file.is_empty());
    let result = match translate(&arguments, entry_file.as_deref()) {
        Translation::Devloop(arguments) => {
            return super::run(std::iter::once("devloop".to_owned()).chain(arguments).map(OsString::from));
        }
        Translation::Version => common::print_out(&version()).map(|()| ExitCode::Ok),
        Translation::Nothing => Ok(ExitCode::Ok),
        Translation::Get(query) => get(&query, entry_file),
        Translation::Unknown(what) => Err(CommandError::failed(format!("`tilt {what}` is nothing that devloop knows"))
            .hint(
                "this `tilt` is devloop, which answers to what public extensions call most: args, ci, config, disable, \
                   down, enable, get, logs, trigger, up, version, wait",
            )
            .hint("with Tilt itself on the PATH, that one is called")),
    };
    result.unwrap_or_else(|error| {
        error::print(&error);
        error.exit_code()
    })
}

/// In Tilt's form, which `min_tilt_version` takes apart.
fn version() -> String {
    format!("v{TILT_VERSION}, by devloop {}\n", env!("CARGO_PKG_VERSION"))
}

fn get(query: &Query, entry_file: Option<String>) -> Result<ExitCode, CommandError> {
    let target = TargetArgs { file: entry_file.map(Into::into) };
    let status = remote::answer(&target, &Request::Status)?;
    let text = answer(query, &status).map_err(CommandError::failed)?;
    common::print_out(&text)?;
    Ok(ExitCode::Ok)
}
