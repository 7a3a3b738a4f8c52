//! `devloop down`: deletes what `up` or `ci` created, and waits until it is gone.

use std::fmt::Write as _;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::args::DownArgs;
use super::common::{self, Kube};
use super::config::{evaluate, print_diagnostics};
use super::error::CommandError;
use super::exit_code::ExitCode;
use crate::cluster::{Cluster, DownOptions, DownReport, Namespaces, down as tear_down};
use crate::logs::{LogSource, LogStore};
use crate::project::{Project, Target};
use crate::run::Interrupts;
use crate::ui::headless::{self, HeadlessOptions};

/// For everything to be gone: finalizers and grace periods of pods take their time.
const LIMIT: Duration = Duration::from_mins(3);

pub(super) fn down(arguments: &DownArgs) -> Result<ExitCode, CommandError> {
    let kube = Kube::load(&arguments.project)?;
    let logs = LogStore::new();
    let outcome = evaluate(&arguments.project, "down", &kube, &logs)?;
    print_diagnostics(&outcome);
    let Some(project) = outcome.project else { return Ok(ExitCode::Config) };
    let Some(context) = &kube.context else {
        return common::print_out("nothing to delete: no Kubernetes cluster is configured\n").map(|()| ExitCode::Ok);
    };
    let options = DownOptions {
        namespaces: if arguments.delete_namespaces { Namespaces::Delete } else { Namespaces::Keep },
        declared: declared(&project),
        limit: LIMIT,
        log: logs.sink(None, LogSource::Build),
        cancel: CancellationToken::new(),
    };
    let runtime = common::runtime()?;
    let result = runtime.block_on(async {
        let mut interrupts = Interrupts::install()
            .map_err(|error| CommandError::environment(format!("cannot watch for signals: {error}")))?;
        let cluster = Cluster::connect(context).await.map_err(CommandError::environment)?;
        let done = CancellationToken::new();
        let printer =
            tokio::spawn(headless::print(logs.reader(), tokio::io::stdout(), HeadlessOptions::default(), done.clone()));
        let cancel = options.cancel.clone();
        let report = tokio::select! {
            report = tear_down(&cluster, &project.name, &options) => report.map_err(CommandError::environment),
            signal = interrupts.next() => {
                cancel.cancel();
                return Ok(ExitCode::Signal(signal.exit_code()));
            }
        };
        done.cancel();
        let _ = printer.await;
        summarize(&report?)
    });
    runtime.shutdown_background();
    result
}

fn declared(project: &Project) -> Vec<crate::k8s::ObjectId> {
    project
        .resources
        .values()
        .filter(|resource| resource.enabled)
        .filter_map(|resource| match &resource.target {
            Target::Kubernetes(target) => Some(target),
            Target::Local(_) => None,
        })
        .flat_map(|target| target.objects.iter().map(|object| object.id.clone()))
        .collect()
}

fn summarize(report: &DownReport) -> Result<ExitCode, CommandError> {
    // Each deletion has been said when it was done.
    let mut text = String::new();
    for (id, reason) in &report.kept {
        let _ = writeln!(text, "{id} kept: {reason}");
    }
    match report.deleted.len() {
        0 => {}
        1 => text.push_str("1 object deleted\n"),
        count => drop(writeln!(text, "{count} objects deleted")),
    }
    if report.deleted.is_empty() && report.kept.is_empty() && report.is_complete() {
        text.push_str("nothing to delete\n");
    }
    common::print_out(&text)?;
    if report.is_complete() {
        return Ok(ExitCode::Ok);
    }
    let mut error = CommandError::failed("not everything could be deleted");
    for (id, holders) in &report.remaining {
        let why = if holders.is_empty() { String::new() } else { format!(" (held by {})", holders.join(", ")) };
        error = error.hint(format!("{id} is still being deleted{why}: look at it, then run `devloop down` again"));
    }
    for (id, failure) in &report.failed {
        error = error.hint(format!("{id}: {failure}"));
    }
    Err(error)
}
