//! Which running session a command is for: that of the folder it is given in, or of the nearest folder above.

use std::path::{Path, PathBuf};

use crate::cli::args::TargetArgs;
use crate::cli::common;
use crate::cli::error::CommandError;
use crate::control::{Address, Client, ClientError, Request};

/// Asks the session that the command is for.
pub(in crate::cli) fn ask(arguments: &TargetArgs, request: &Request) -> Result<Client, CommandError> {
    let dir = common::current_dir()?;
    let candidates = candidates(&dir, arguments.file.as_deref())?;
    for entry_file in &candidates {
        match Client::ask(&Address::of(entry_file), request) {
            Err(ClientError::NotRunning) => {}
            other => return other.map_err(explain),
        }
    }
    let error = CommandError::environment("no devloop runs for this project");
    Err(match candidates.first() {
        Some(entry_file) => error.hint(format!("start it: devloop up -f {}", entry_file.display())),
        None => error.hint("go to the folder of the project, or name its configuration: -f FILE"),
    })
}

/// Asks for one answer.
pub(in crate::cli) fn answer(arguments: &TargetArgs, request: &Request) -> Result<serde_json::Value, CommandError> {
    let gone = || CommandError::failed("the running devloop went away before it answered");
    ask(arguments, request)?.next().map_err(explain)?.ok_or_else(gone)
}

/// An error of the conversation, for people.
pub(in crate::cli) fn explain(error: ClientError) -> CommandError {
    match error {
        ClientError::Refused(refusal) => {
            let error = CommandError::failed(refusal.message);
            refusal.help.into_iter().fold(error, CommandError::hint)
        }
        ClientError::NotRunning => CommandError::environment(error),
        ClientError::Broken(_) => CommandError::failed(error),
    }
}

/// The entry files whose sessions may be meant, the nearest first.
fn candidates(dir: &Path, given: Option<&Path>) -> Result<Vec<PathBuf>, CommandError> {
    if let Some(file) = given {
        return Ok(vec![common::entry_file(dir, Some(file))?]);
    }
    let files = dir.ancestors().flat_map(|folder| common::ENTRY_FILES.map(|name| folder.join(name)));
    let files = files.filter(|file| file.is_file());
    Ok(files.map(|file| std::fs::canonicalize(&file).unwrap_or(file)).collect())
}
