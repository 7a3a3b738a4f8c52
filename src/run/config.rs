//! Effect `LoadConfig`: evaluates the Devfile on a thread of its own.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::config_commands::ConfigCommands;
use super::edges::{Edges, SharedEdges, engine_failure};
use super::event_loop::EventSender;
use crate::devfile::{LoadOptions, load};
use crate::diagnostic::{Diagnostic, RenderStyle, render};
use crate::engine::{Command, ConfigOutcome, Event, Mode, WorkError, WorkResult};
use crate::logs::{Level, LogSource};
use crate::project::{ImageBuild, Project, Target};

/// After how long a configuration is run again that could not reach a repository of extensions (reference §2.14); each
/// further time takes twice as long, until the longest.
const RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_mins(5);

/// The next run for want of a repository.
#[derive(Debug, Default)]
pub(super) struct Retry {
    /// Runs in a row that could not reach one.
    failures: u32,
    timer: Option<AbortHandle>,
}

/// Runs the configuration again later, if a repository of extensions could not be reached. Only a session that stays needs
/// that: a CI run has its verdict.
fn retry(edges: &SharedEdges, awaits_repository: bool, events: EventSender) {
    let mut retry = edges.config_retry.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(timer) = retry.timer.take() {
        timer.abort();
    }
    if !awaits_repository || edges.options.mode != Mode::Up {
        retry.failures = 0;
        return;
    }
    let delay = RETRY.saturating_mul(2_u32.saturating_pow(retry.failures)).min(LONGEST_RETRY);
    retry.failures += 1;
    let text = format!("the configuration is evaluated again in {}", humantime::format_duration(delay));
    edges.logs.sink(None, LogSource::Build).info(text);
    let timer = tokio::spawn(async move {
        tokio::time::sleep(delay).await;
        // The loop is gone only when the session is over.
        let _ = events.send(Event::Command(Command::ReloadConfig));
    });
    retry.timer = Some(timer.abort_handle());
}

pub(super) async fn load_config(
    edges: SharedEdges,
    args: Arc<Vec<String>>,
    events: EventSender,
    cancel: CancellationToken,
) -> WorkResult {
    let log = edges.logs.sink(None, LogSource::Build);
    let options = LoadOptions {
        entry_file: Some(edges.options.entry_file.clone()),
        dir: edges.options.dir.clone(),
        args: args.to_vec(),
        subcommand: edges.options.subcommand.clone(),
        kube: edges.options.kube_info(),
        environment: edges.overlay(),
        commands: Arc::new(ConfigCommands {
            supervisor: edges.supervisor.clone(),
            colors: edges.options.colors,
            entry_file: Some(edges.options.entry_file.clone()),
        }),
        cache: edges.parse_cache.clone(),
        log: log.clone(),
        cancel,
    };
    let mut outcome = match tokio::task::spawn_blocking(move || load(options)).await {
        Ok(outcome) => outcome,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => return WorkResult::Crashed(error.to_string()),
    };
    retry(&edges, outcome.awaits_repository, events);
    edges.set_overlay(outcome.environment);
    edges.set_seen_files(outcome.seen_files);
    let missing = match &outcome.project {
        Some(project) => missing_engine(&edges, project).await,
        None => None,
    };
    let needs_engine = missing.is_some();
    if let Some(diagnostic) = missing {
        outcome.project = None;
        outcome.diagnostics.push(diagnostic);
    }
    let style = RenderStyle { color: false, base: Some(edges.options.dir.clone()) };
    for diagnostic in &outcome.diagnostics {
        let level = if diagnostic.is_error() { Level::Error } else { Level::Warn };
        log.write(level, render(diagnostic, &style));
    }
    let outcome = ConfigOutcome {
        project: outcome.project.map(Arc::new),
        reached: outcome.reached.map(Arc::new),
        diagnostics: outcome.diagnostics,
        config_files: outcome.config_files,
        duration: outcome.duration,
        needs_engine,
    };
    edges.set_evaluated(&outcome);
    WorkResult::Config(Box::new(outcome))
}

/// A run whose result needs a container engine fails when there is none (reference §1.8).
async fn missing_engine(edges: &Edges, project: &Project) -> Option<Diagnostic> {
    let image = project.images.values().find(|image| matches!(image.build, ImageBuild::Docker(_)));
    let service = || project.resources.values().find(|resource| matches!(resource.target, Target::Compose(_)));
    let (what, origin) = match (image, service()) {
        (Some(image), _) => (format!("image `{}` is built", image.name), &image.origin),
        (None, Some(service)) => (format!("Compose service `{}` runs", service.name), &service.origin),
        (None, None) => return None,
    };
    let answer = match edges.docker().await {
        Ok(engine) => engine.health().await.map_err(engine_failure),
        Err(error) => Err(error),
    };
    match answer {
        Ok(()) | Err(WorkError::Cancelled) => None,
        Err(WorkError::Failed(message) | WorkError::Lost(message)) => Some(
            Diagnostic::error(format!("{what} by a container engine, and there is none: {message}"))
                .at(origin.clone())
                .help("the configuration is evaluated again as soon as an engine answers; what runs already goes on"),
        ),
    }
}
