//! Effect `LoadConfig`: evaluates the Devfile on a thread of its own.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::config_commands::ConfigCommands;
use super::edges::SharedEdges;
use crate::devfile::{LoadOptions, load};
use crate::diagnostic::{RenderStyle, render};
use crate::engine::{ConfigOutcome, WorkResult};
use crate::logs::{Level, LogSource};

pub(super) async fn load_config(edges: SharedEdges, args: Arc<Vec<String>>, cancel: CancellationToken) -> WorkResult {
    let log = edges.logs.sink(None, LogSource::Build);
    let options = LoadOptions {
        entry_file: Some(edges.options.entry_file.clone()),
        dir: edges.options.dir.clone(),
        args: args.to_vec(),
        subcommand: edges.options.subcommand.clone(),
        kube: edges.options.kube_info(),
        environment: edges.overlay(),
        commands: Arc::new(ConfigCommands { supervisor: edges.supervisor.clone(), colors: edges.options.colors }),
        cache: edges.parse_cache.clone(),
        log: log.clone(),
        cancel,
    };
    let outcome = match tokio::task::spawn_blocking(move || load(options)).await {
        Ok(outcome) => outcome,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => return WorkResult::Crashed(error.to_string()),
    };
    edges.set_overlay(outcome.environment);
    edges.set_seen_files(outcome.seen_files);
    let style = RenderStyle { color: false, base: Some(edges.options.dir.clone()) };
    for diagnostic in &outcome.diagnostics {
        let level = if diagnostic.is_error() { Level::Error } else { Level::Warn };
        log.write(level, render(diagnostic, &style));
    }
    WorkResult::Config(Box::new(ConfigOutcome {
        project: outcome.project.map(Arc::new),
        diagnostics: outcome.diagnostics,
        config_files: outcome.config_files,
        duration: outcome.duration,
    }))
}
