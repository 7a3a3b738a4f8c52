//! `devloop config`: evaluates the configuration and prints what was understood. Deploys nothing.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::args::{ConfigArgs, ProjectArgs};
use super::common::{self, Kube};
use super::error::CommandError;
use super::exit_code::ExitCode;
use super::project_json::{mask, project_json};
use super::project_text::project_text;
use crate::devfile::{LoadOptions, LoadOutcome, ParseCache, load};
use crate::diagnostic::{RenderStyle, render};
use crate::logs::{LogSource, LogStore};
use crate::process::Supervisor;
use crate::run::ConfigCommands;

pub(super) fn config(arguments: &ConfigArgs) -> Result<ExitCode, CommandError> {
    let kube = Kube::load(&arguments.project)?;
    let logs = LogStore::new();
    let dir = common::current_dir()?;
    let given = arguments.project.file.as_deref();
    let entry_file = match common::entry_file(&dir, given) {
        Ok(found) => Some(found),
        // Who reads JSON gets JSON: the evaluation itself says that there is no such file.
        Err(_) if arguments.json => given.map(|file| dir.join(file)),
        Err(error) => return Err(error),
    };
    let outcome = evaluate_file(&arguments.project, dir, entry_file, "config", &kube, &logs);
    if arguments.json {
        let mut json = project_json(outcome.project.as_ref(), &outcome.diagnostics, &outcome.config_files);
        mask(&mut json, &logs);
        let mut text = serde_json::to_string_pretty(&json).unwrap_or_default();
        text.push('\n');
        common::print_out(&text)?;
    } else if let Some(project) = &outcome.project {
        common::print_out(&logs.masked(&project_text(project)))?;
    }
    if !arguments.json {
        print_diagnostics(&outcome);
    }
    let code = if outcome.project.is_some() { ExitCode::Ok } else { ExitCode::Config };
    // The process ends here: to take a large project apart piece by piece would be a noticeable part of its time.
    std::mem::forget(outcome);
    Ok(code)
}

/// Evaluates the configuration for a command that then works with the result.
pub(super) fn evaluate(
    arguments: &ProjectArgs,
    subcommand: &str,
    kube: &Kube,
    logs: &LogStore,
) -> Result<LoadOutcome, CommandError> {
    let dir = common::current_dir()?;
    let entry_file = common::entry_file(&dir, arguments.file.as_deref())?;
    Ok(evaluate_file(arguments, dir, Some(entry_file), subcommand, kube, logs))
}

fn evaluate_file(
    arguments: &ProjectArgs,
    dir: PathBuf,
    entry_file: Option<PathBuf>,
    subcommand: &str,
    kube: &Kube,
    logs: &LogStore,
) -> LoadOutcome {
    let outcome = load(LoadOptions {
        entry_file,
        dir,
        args: arguments.all_args(),
        subcommand: subcommand.to_owned(),
        kube: kube.info(),
        environment: std::collections::BTreeMap::new(),
        // Nobody sees what its commands write but the configuration itself.
        commands: Arc::new(ConfigCommands { supervisor: Supervisor::default(), colors: false, entry_file: None }),
        cache: ParseCache::for_one_run(),
        log: logs.sink(None, LogSource::Build),
        cancel: CancellationToken::new(),
    });
    if let Some(project) = &outcome.project {
        logs.mask(&project.secrets);
    }
    outcome
}

/// Prints errors and warnings to standard error.
pub(super) fn print_diagnostics(outcome: &LoadOutcome) {
    let style = RenderStyle { color: common::colors_on_stderr(), base: std::env::current_dir().ok() };
    for diagnostic in &outcome.diagnostics {
        common::print_err(&render(diagnostic, &style));
        common::print_err("\n");
    }
}
