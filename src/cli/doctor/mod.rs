//! `devloop doctor`: whether everything around devloop is as it needs it, and what to do where it is not.

mod finding;
mod machine;
mod surroundings;

use std::fmt::Write as _;
use std::path::Path;

use super::args::DoctorArgs;
use super::common::{self, Kube};
use super::config::evaluate;
use super::error::CommandError;
use super::exit_code::ExitCode;
use crate::control::SCHEMA;
use crate::logs::LogStore;
use crate::process::{runtime_folder, state_folder};
use crate::project::{Project, Target};
pub use finding::{DoctorAnswer, Finding, Health};

/// Looks at everything.
pub(super) fn doctor(arguments: &DoctorArgs) -> Result<ExitCode, CommandError> {
    let findings = findings(arguments)?;
    let health = findings.iter().map(|finding| finding.health).max().unwrap_or(Health::Ok);
    // What was passed over is no worse than what is well.
    let health = if health == Health::Skipped { Health::Ok } else { health };
    let text = if arguments.json {
        format!("{}\n", serde_json::json!(DoctorAnswer { schema: SCHEMA, health, findings }))
    } else {
        render(&findings)
    };
    common::print_out(&text)?;
    Ok(if health == Health::Failed { ExitCode::Failed } else { ExitCode::Ok })
}

fn findings(arguments: &DoctorArgs) -> Result<Vec<Finding>, CommandError> {
    let mut findings = Vec::new();
    let dir = common::current_dir()?;
    let kube = match Kube::load(&arguments.project) {
        Ok(kube) => Some(kube),
        Err(error) => {
            findings.push(Finding::failed(
                "context",
                error.text(),
                "repair the kubeconfig, or name another context: --context NAME",
            ));
            None
        }
    };
    let project = configuration(arguments, &dir, kube.as_ref(), &mut findings)?;
    if let Some(kube) = &kube {
        findings.push(context(kube, project.as_ref()));
    }
    let uses = |wanted: fn(&Target) -> bool| {
        project.as_ref().is_none_or(|project| project.resources.values().any(|resource| wanted(&resource.target)))
    };
    let needs_cluster = uses(|target| matches!(target, Target::Kubernetes(_)));
    let needs_engine = uses(|target| matches!(target, Target::Compose(_)))
        || project.as_ref().is_none_or(|project| !project.images.is_empty());
    let runtime = common::runtime()?;
    let context = kube.as_ref().and_then(|kube| kube.context.as_ref());
    let (engine, data_folder, cluster) = runtime.block_on(async {
        let engine = surroundings::engine(needs_engine);
        let cluster = async {
            match context {
                Some(context) if needs_cluster => surroundings::cluster(context, project.as_ref()).await,
                Some(_) => vec![Finding::skipped("cluster", "this project needs none")],
                None => vec![Finding::skipped("cluster", "none is configured")],
            }
        };
        let ((engine, data_folder), cluster) = tokio::join!(engine, cluster);
        (engine, data_folder, cluster)
    });
    runtime.shutdown_background();
    findings.extend(engine);
    findings.extend(cluster);
    findings.push(machine::localhost());
    if let Some(host) = context.and_then(|context| url::Url::parse(&context.server).ok()?.host_str().map(str::to_owned))
    {
        let host = host.trim_matches(['[', ']']);
        findings.push(machine::name(
            "the API server",
            host,
            "check the network, a VPN, and the server in the kubeconfig",
        ));
    }
    findings.extend(machine::inotify());
    let temporary = std::env::temp_dir();
    let (runtime_folder, state) = (runtime_folder(), state_folder());
    let mut folders: Vec<(&str, &Path)> =
        vec![("the project", &dir), ("temporary files", &temporary), ("sockets", &runtime_folder)];
    folders.extend(state.as_deref().map(|state| ("records", state)));
    folders.extend(data_folder.as_deref().filter(|folder| folder.exists()).map(|folder| ("the engine's data", folder)));
    findings.extend(machine::disks(&folders));
    Ok(findings)
}

/// Evaluates the configuration, when there is one: what it needs is asked for.
fn configuration(
    arguments: &DoctorArgs,
    dir: &Path,
    kube: Option<&Kube>,
    findings: &mut Vec<Finding>,
) -> Result<Option<Project>, CommandError> {
    let given = arguments.project.file.as_deref();
    if given.is_none() && common::entry_file(dir, None).is_err() {
        findings.push(Finding::skipped("configuration", "there is no Devfile here"));
        return Ok(None);
    }
    let Some(kube) = kube else {
        findings.push(Finding::skipped("configuration", "it is not evaluated without a kubeconfig"));
        return Ok(None);
    };
    let outcome = evaluate(&arguments.project, "doctor", kube, &LogStore::new())?;
    findings.push(match outcome.diagnostics.iter().find(|diagnostic| diagnostic.is_error()) {
        Some(error) => {
            let place = error.primary.as_ref();
            let place = place.map(|span| format!("{}:{}: ", span.file.display(), span.start.line)).unwrap_or_default();
            let remedy =
                error.help.first().cloned().unwrap_or_else(|| "`devloop config` shows it with its place".to_owned());
            Finding::failed("configuration", format!("{place}{}", error.message), remedy)
        }
        None => Finding::ok("configuration", "it has no errors"),
    });
    Ok(outcome.project)
}

fn context(kube: &Kube, project: Option<&Project>) -> Finding {
    let Some(context) = &kube.context else {
        return Finding::skipped("context", kube.absent.clone());
    };
    let text = format!("`{}`, namespace {}, {}", context.context, context.namespace, context.server);
    if context.allowed_by_default() {
        return Finding::ok("context", format!("{text}: a cluster for development"));
    }
    match project {
        // It would not have loaded.
        Some(_) => Finding::ok("context", format!("{text}: allowed by the configuration")),
        None => Finding::warning(
            "context",
            format!("{text}: not known to be a cluster for development"),
            format!("if it is one, put `allow_k8s_contexts('{}')` into the Devfile", context.context),
        ),
    }
}

fn render(findings: &[Finding]) -> String {
    let mut out = String::new();
    for finding in findings {
        let mark = match finding.health {
            Health::Ok => "✔",
            Health::Skipped => "-",
            Health::Warning => "!",
            Health::Failed => "✖",
        };
        let _ = writeln!(out, "{mark} {:<13} {}", finding.check, finding.text);
        if let Some(remedy) = &finding.remedy {
            let _ = writeln!(out, "  {:<13} → {remedy}", "");
        }
    }
    let count = |health| findings.iter().filter(|finding| finding.health == health).count();
    let _ = match (count(Health::Failed), count(Health::Warning)) {
        (0, 0) => writeln!(out, "\nEverything is as devloop needs it."),
        (failed, warnings) => writeln!(out, "\n{failed} failed, {warnings} to look at"),
    };
    out
}
