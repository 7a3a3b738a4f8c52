//! `devloop down`: deletes what `up` or `ci` created, and waits until it is gone.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::args::DownArgs;
use super::common::{self, Kube};
use super::config::{evaluate, print_diagnostics};
use super::error::CommandError;
use super::exit_code::ExitCode;
use crate::cluster::{Cluster, DownOptions, DownReport, Namespaces, Patience, Volumes, down as tear_down};
use crate::engine::WorkError;
use crate::k8s::Object;
use crate::logs::{LogSource, LogStore};
use crate::process::{CommandEnvironment, SessionEnvironment, Supervisor};
use crate::project::{ComposeProject, Project, Resource, ResourceName, Target};
use crate::run::{Interrupts, compose_down, delete_custom};
use crate::ui::headless::{self, HeadlessOptions};

/// For everything to be gone: finalizers and grace periods of pods take their time.
const LIMIT: Duration = Duration::from_mins(3);

pub(super) fn down(arguments: &DownArgs) -> Result<ExitCode, CommandError> {
    let kube = Kube::load(&arguments.project)?;
    let logs = LogStore::new();
    let outcome = evaluate(&arguments.project, "down", &kube, &logs)?;
    print_diagnostics(&outcome);
    let environment = SessionEnvironment {
        devfile: outcome.environment.clone(),
        kubeconfig: kube.frozen.as_ref().map(|frozen| frozen.path().to_path_buf()),
        colors: common::colors_on_stderr(),
        entry_file: None,
    };
    let environment = Supervisor::default().environment(&environment);
    let Some(project) = outcome.project else { return Ok(ExitCode::Config) };
    let services = compose_projects(&project);
    if kube.context.is_none() && services.is_empty() {
        return common::print_out("nothing to delete: no Kubernetes cluster is configured\n").map(|()| ExitCode::Ok);
    }
    let options = DownOptions {
        namespaces: if arguments.delete_namespaces { Namespaces::Delete } else { Namespaces::Keep },
        volumes: if arguments.delete_volumes { Volumes::Delete } else { Volumes::Keep },
        declared: declared(&project).map(|object| object.id.clone()).collect(),
        stateful_sets: declared(&project)
            .filter(|object| object.id.kind == "StatefulSet")
            .map(|object| (object.id.clone(), object.value.clone()))
            .collect(),
        limit: LIMIT,
        log: logs.sink(None, LogSource::Build),
        cancel: CancellationToken::new(),
    };
    let runtime = common::runtime()?;
    let result = runtime.block_on(async {
        let mut interrupts = Interrupts::install()
            .map_err(|error| CommandError::environment(format!("cannot watch for signals: {error}")))?;
        let done = CancellationToken::new();
        let printer =
            tokio::spawn(headless::print(logs.reader(), tokio::io::stdout(), HeadlessOptions::default(), done.clone()));
        let cancel = options.cancel.clone();
        let customs = CustomDeploys { project: &project, environment, logs: &logs, cancel: &options.cancel };
        let (before, after) = customs.in_order();
        let everything = async {
            let mut failures = Vec::new();
            let mut report = None;
            // Somebody who has Compose services alone may have a cluster that has nothing to do with them.
            if let Some(context) = &kube.context
                && (services.is_empty() || has_objects(&project))
            {
                let cluster = Cluster::connect(context).await.map_err(CommandError::environment)?;
                failures.extend(customs.delete(&before).await);
                let torn_down = tear_down(&cluster, &project.name, &options).await.map_err(CommandError::environment);
                failures.extend(customs.delete(&after).await);
                report = Some(torn_down?);
                if context.own_namespace && arguments.delete_namespaces {
                    let patience = Patience::new(LIMIT, &options.cancel, Some(&options.log));
                    let deleted = cluster.delete_own_namespace(&project.name, &patience).await;
                    if deleted.map_err(CommandError::environment)? {
                        options.log.info(format!("namespace/{} is being deleted", cluster.namespace()));
                    }
                }
            }
            // What is left in the cluster is to be seen to first (reference §3.16).
            let is_complete = failures.is_empty() && report.as_ref().is_none_or(DownReport::is_complete);
            if is_complete && !services.is_empty() {
                compose_down(&services, arguments.delete_volumes, &logs, &options.cancel)
                    .await
                    .map_err(CommandError::failed)?;
            }
            Ok((report, failures))
        };
        let result = tokio::select! {
            result = everything => result,
            signal = interrupts.next() => {
                cancel.cancel();
                return Ok(ExitCode::Signal(signal.exit_code()));
            }
        };
        done.cancel();
        let _ = printer.await;
        match result? {
            (Some(report), failures) => summarize(&report, before.len() + after.len(), &failures),
            (None, _) => Ok(ExitCode::Ok),
        }
    });
    runtime.shutdown_background();
    result
}

fn has_objects(project: &Project) -> bool {
    project.resources.values().any(|resource| matches!(resource.target, Target::Kubernetes(_)))
}

/// The Compose projects that an enabled service belongs to, whole.
fn compose_projects(project: &Project) -> Vec<Arc<ComposeProject>> {
    let mut projects: Vec<Arc<ComposeProject>> = Vec::new();
    for resource in project.resources.values().filter(|resource| resource.enabled) {
        if let Target::Compose(target) = &resource.target
            && !projects.iter().any(|known| known.name == target.project.name)
        {
            projects.push(Arc::clone(&target.project));
        }
    }
    projects
}

/// The objects of all enabled resources.
fn declared(project: &Project) -> impl Iterator<Item = &Arc<Object>> {
    project
        .resources
        .values()
        .filter(|resource| resource.enabled)
        .filter_map(|resource| match &resource.target {
            Target::Kubernetes(target) => Some(target),
            Target::Local(_) | Target::Compose(_) => None,
        })
        .flat_map(|target| &target.objects)
}

/// The resources that the user's own commands delete.
struct CustomDeploys<'a> {
    project: &'a Project,
    environment: CommandEnvironment,
    logs: &'a LogStore,
    cancel: &'a CancellationToken,
}

impl<'a> CustomDeploys<'a> {
    /// Those that go before the objects of all other resources, and those that go after them: in reverse order of their
    /// declaration, but nothing before what depends on it (reference §3.16).
    fn in_order(&self) -> (Vec<&'a Arc<Resource>>, Vec<&'a Arc<Resource>>) {
        let enabled = || self.project.resources.values().filter(|resource| resource.enabled);
        let mut ordered: Vec<&Arc<Resource>> = Vec::new();
        for resource in enabled().rev() {
            self.visit(resource, &mut ordered);
        }
        // The objects of all other resources are deleted in one go, when the last of them that others wait for is due.
        let custom = |resource: &&Arc<Resource>| is_custom(resource);
        let first_other = ordered.iter().rposition(|resource| {
            matches!(&resource.target, Target::Kubernetes(target) if target.custom_deploy.is_none())
                && ordered.iter().any(|dependent| is_custom(dependent) && depends_on(dependent, &resource.name))
        });
        let (before, after) = ordered.split_at(first_other.unwrap_or(0));
        (before.iter().copied().filter(custom).collect(), after.iter().copied().filter(custom).collect())
    }

    /// Adds a resource after everything that depends on it.
    fn visit(&self, resource: &'a Arc<Resource>, ordered: &mut Vec<&'a Arc<Resource>>) {
        if ordered.iter().any(|known| known.name == resource.name) {
            return;
        }
        let dependents = self.project.resources.values().rev();
        for dependent in dependents.filter(|other| other.enabled && depends_on(other, &resource.name)) {
            self.visit(dependent, ordered);
        }
        ordered.push(resource);
    }

    /// Runs the delete commands; what fails keeps nothing else from being deleted.
    async fn delete(&self, resources: &[&Arc<Resource>]) -> Vec<(ResourceName, String)> {
        let mut failures = Vec::new();
        for resource in resources {
            let log = self.logs.sink(Some(resource.name.clone()), LogSource::Build);
            let timeout = resource.api().and_then(|api| api.timeout);
            let limit = timeout.unwrap_or(self.project.settings.k8s_upsert_timeout);
            let supervisor = Supervisor::default();
            let environment = self.environment.clone();
            match delete_custom(&supervisor, environment, resource, limit, &log, self.cancel).await {
                Ok(()) | Err(WorkError::Cancelled) => {}
                Err(WorkError::Failed(message) | WorkError::Lost(message)) => {
                    failures.push((resource.name.clone(), message));
                }
            }
        }
        failures
    }
}

fn is_custom(resource: &Resource) -> bool {
    matches!(&resource.target, Target::Kubernetes(target) if target.custom_deploy.is_some())
}

fn depends_on(resource: &Resource, name: &ResourceName) -> bool {
    resource.resource_deps.iter().any(|dependency| dependency.value == *name)
}

fn summarize(
    report: &DownReport,
    customs: usize,
    failures: &[(ResourceName, String)],
) -> Result<ExitCode, CommandError> {
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
    if report.deleted.is_empty() && report.kept.is_empty() && report.is_complete() && customs == 0 {
        text.push_str("nothing to delete\n");
    }
    common::print_out(&text)?;
    if report.is_complete() && failures.is_empty() {
        return Ok(ExitCode::Ok);
    }
    let mut error = CommandError::failed("not everything could be deleted");
    for (id, holders) in &report.remaining {
        let why = if holders.is_empty() { String::new() } else { format!(" (held by {})", holders.join(", ")) };
        error = error.hint(format!("{id} is still being deleted{why}: look at it, then run `devloop down` again"));
    }
    for (name, failure) in failures {
        error = error.hint(format!("{name}: {failure}"));
    }
    for (id, failure) in &report.failed {
        error = error.hint(format!("{id}: {failure}"));
    }
    Err(error)
}
