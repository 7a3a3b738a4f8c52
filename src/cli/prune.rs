//! `devloop prune`: removes what is left of earlier builds from the Docker engine (reference §3.12).

use std::fmt::Write as _;

use super::args::PruneArgs;
use super::common::{self, Kube};
use super::config::{evaluate, print_diagnostics};
use super::error::CommandError;
use super::exit_code::ExitCode;
use crate::logs::LogStore;
use crate::run::{PruneReport, prune_now, prune_summary, shown_size};

/// Grows when something is removed from the JSON or changes its meaning.
const SCHEMA: u32 = 1;

/// `devloop prune --json`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct PruneAnswer {
    /// The version of this interface.
    pub schema: u32,
    /// Whether it was only said what would go.
    pub dry_run: bool,
    /// The names of images that are gone, or would go.
    pub images: Vec<String>,
    /// The same of containers.
    pub containers: Vec<String>,
    /// Room that was freed; `null` when nothing was removed.
    pub freed_bytes: Option<u64>,
    /// With `--dry-run`: at most so much would be freed, because layers that other images have too stay.
    pub expected_bytes: Option<u64>,
    /// What could not be removed, and why.
    pub failures: Vec<String>,
}

pub(super) fn prune(arguments: &PruneArgs) -> Result<ExitCode, CommandError> {
    let kube = Kube::load(&arguments.project)?;
    let logs = LogStore::new();
    let outcome = evaluate(&arguments.project, "prune", &kube, &logs)?;
    print_diagnostics(&outcome);
    let Some(project) = outcome.project else { return Ok(ExitCode::Config) };
    let pruning = prune_now(&project, arguments.dry_run);
    let report = common::runtime()?.block_on(pruning).map_err(CommandError::environment)?;
    if arguments.json {
        let mut text = serde_json::to_string_pretty(&PruneAnswer {
            schema: SCHEMA,
            dry_run: arguments.dry_run,
            images: report.images.clone(),
            containers: report.containers.clone(),
            freed_bytes: report.freed,
            expected_bytes: report.expected,
            failures: report.failures.clone(),
        })
        .unwrap_or_default();
        text.push('\n');
        common::print_out(&text)?;
    } else {
        common::print_out(&text(&report, arguments.dry_run))?;
    }
    let Some((first, others)) = report.failures.split_first() else { return Ok(ExitCode::Ok) };
    let error = CommandError::failed(format!("cannot remove {first}"));
    Err(others.iter().fold(error, |error, failure| error.hint(format!("cannot remove {failure}"))))
}

fn text(report: &PruneReport, rehearsed: bool) -> String {
    if report.is_empty() {
        return "nothing to remove\n".to_owned();
    }
    if !rehearsed {
        return prune_summary(report).map(|line| line + "\n").unwrap_or_default();
    }
    let mut text = String::new();
    for (kind, names) in [("image", &report.images), ("container", &report.containers)] {
        for name in names {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "would remove {kind} {name}");
        }
    }
    if let Some(bytes) = report.expected.filter(|bytes| *bytes > 0) {
        let _ = writeln!(text, "would free at most {}: layers that other images have too stay", shown_size(bytes));
    }
    text
}
