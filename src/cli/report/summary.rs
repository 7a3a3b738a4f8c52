//! A CI run as Markdown, for the summary page of a CI system.

use std::fmt::Write as _;

use super::RanCommand;
use crate::engine::{ResourceSnapshot, RuntimeStatus, Snapshot, UpdateOutcome, UpdateStatus, Verdict};
use crate::journal::{Phase, Timeline};
use crate::ui::health::explain;

/// How a resource stands at the end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Done, and what runs is ready.
    Ok,
    /// Nobody asked for it.
    Skipped(String),
    /// It failed.
    Failed(String),
    /// The run was over before it was.
    Unfinished(String),
}

pub(super) fn standing(resource: &ResourceSnapshot) -> Standing {
    if !resource.enabled {
        return Standing::Skipped("disabled".to_owned());
    }
    let failure = resource.history.first().and_then(|record| match &record.outcome {
        UpdateOutcome::Failed(reason) => Some(reason.clone()),
        UpdateOutcome::Ok | UpdateOutcome::Cancelled(_) => None,
    });
    let why = || match explain(resource) {
        text if text.is_empty() => "it was not ready".to_owned(),
        text => text,
    };
    match (resource.update, resource.runtime) {
        (UpdateStatus::Error, _) => Standing::Failed(failure.unwrap_or_else(why)),
        (_, RuntimeStatus::Error) => Standing::Failed(why()),
        (UpdateStatus::None, _) => Standing::Skipped("it waits for a trigger".to_owned()),
        (UpdateStatus::Pending | UpdateStatus::InProgress, _)
        | (_, RuntimeStatus::Pending | RuntimeStatus::Unknown) => Standing::Unfinished(why()),
        (UpdateStatus::Ok | UpdateStatus::NotApplicable, _) => Standing::Ok,
    }
}

pub(super) fn summary(snapshot: &Snapshot, timeline: Option<&Timeline>, ran: Option<&RanCommand>) -> String {
    let mut out = String::new();
    let verdict = match &snapshot.verdict {
        Some(Verdict::Success) => "✔ devloop ci: success".to_owned(),
        Some(Verdict::Failure { resource: Some(name), reason }) => {
            format!("✖ devloop ci: {name} failed: {}", cell(reason))
        }
        Some(Verdict::Failure { resource: None, reason }) => format!("✖ devloop ci: {}", cell(reason)),
        None => "✖ devloop ci: ended before there was a verdict".to_owned(),
    };
    let _ = writeln!(out, "## {verdict}\n");
    if let Some(ran) = ran {
        let outcome = ran.failure.as_deref().map_or("success", |why| why);
        let _ = writeln!(out, "* the command `{}`: {}, {:.1} s", ran.line, cell(outcome), ran.took.as_secs_f64());
    }
    for diagnostic in snapshot.config.diagnostics.iter() {
        let place = diagnostic.primary.as_ref().map(|span| format!("`{}:{}`: ", span.file.display(), span.start.line));
        let _ = writeln!(out, "* {}{}", place.unwrap_or_default(), cell(&diagnostic.message));
    }
    let _ = writeln!(out, "\n| | resource | update | starting | why |\n|---|---|--:|--:|---|");
    for resource in &snapshot.resources {
        let (mark, why) = match standing(resource) {
            Standing::Ok => ("✔", String::new()),
            Standing::Skipped(why) => ("–", why),
            Standing::Failed(why) => ("✖", why),
            Standing::Unfinished(why) => ("…", why),
        };
        let took = |phase: Phase| {
            let spans = timeline.into_iter().flat_map(|timeline| &timeline.spans);
            let spans = spans.filter(|span| span.phase == phase && span.resource.as_ref() == Some(&resource.name));
            let seconds: f64 = spans.filter_map(|span| Some(span.end? - span.start)).sum();
            if seconds > 0.0 { format!("{seconds:.1} s") } else { String::new() }
        };
        let (update, starting) = (took(Phase::Update), took(Phase::Starting));
        let _ = writeln!(out, "| {mark} | {} | {update} | {starting} | {} |", cell(resource.name.as_str()), cell(&why));
    }
    if let Some(timeline) = timeline {
        let path = timeline.critical_path_text(|seconds| format!("{seconds:.1} s"));
        let _ = writeln!(out, "\n{:.1} s in all. Critical path: {}.", timeline.seconds, cell(&path));
    }
    out
}

/// Text that stays within its cell of a table.
fn cell(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;").replace('`', "\\`")
}
