//! The evaluated project as JSON: stable, and documented in `docs/commands.md`. Every resource and every image has all
//! keys, so that a reader need not ask for its kind first.

mod images;
mod resources;

use std::path::Path;

use serde_json::{Value, json};

use crate::diagnostic::Diagnostic;
use crate::logs::LogStore;
use crate::project::{ApiObject, Project, PruneFrequency, PruneSettings, Settings, WatchedTree};

/// The outcome of an evaluation. `error` is `null` when there is a project.
pub(super) fn project_json(
    project: Option<&Project>,
    diagnostics: &[Diagnostic],
    config_files: &[WatchedTree],
) -> Value {
    let errors: Vec<Value> = diagnostics.iter().filter(|it| it.is_error()).map(diagnostic).collect();
    let warnings: Vec<Value> = diagnostics.iter().filter(|it| !it.is_error()).map(diagnostic).collect();
    let mut files: Vec<String> = config_files.iter().map(|tree| path(&tree.root)).collect();
    files.sort();
    files.dedup();
    let resources: Vec<Value> = project
        .into_iter()
        .flat_map(|project| project.resources.values().map(move |resource| (project, resource)))
        // Those are listed as what they are: objects of the API.
        .filter(|(_, resource)| resource.api().is_none())
        .map(|(project, resource)| resources::resource(project, resource))
        .collect();
    let api_objects: Vec<Value> =
        project.into_iter().flat_map(|project| project.api_objects.iter().map(|it| api_object(it))).collect();
    json!({
        "schema": 1,
        "project": project.map(|project| project.name.as_str()),
        "resources": resources,
        "api_objects": api_objects,
        "settings": project.map(|project| settings(&project.settings)),
        "config_files": files,
        "warnings": warnings,
        "error": errors.first().map(|error| error["message"].clone()),
        "errors": errors,
    })
}

/// Values of Secrets are never shown.
pub(super) fn mask(value: &mut Value, logs: &LogStore) {
    match value {
        Value::String(text) => *text = logs.masked(text),
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, logs)),
        Value::Object(fields) => fields.values_mut().for_each(|field| mask(field, logs)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn api_object(object: &ApiObject) -> Value {
    json!({
        "kind": object.kind.to_string(),
        "name": object.name,
        "labels": object.labels,
        "annotations": object.annotations,
        "spec": object.spec,
    })
}

fn diagnostic(diagnostic: &Diagnostic) -> Value {
    json!({
        "message": diagnostic.message,
        "file": diagnostic.primary.as_ref().map(|span| path(&span.file)),
        "line": diagnostic.primary.as_ref().map(|span| span.start.line),
        "column": diagnostic.primary.as_ref().map(|span| span.start.column),
        "help": diagnostic.help,
    })
}

fn settings(settings: &Settings) -> Value {
    json!({
        "max_parallel_updates": settings.max_parallel_updates,
        "k8s_upsert_timeout_secs": settings.k8s_upsert_timeout.as_secs_f64(),
        "default_registry": settings.default_registry.as_ref().map(|registry| json!({
            "host": registry.host,
            "host_from_cluster": registry.host_from_cluster,
            "single_name": registry.single_name,
        })),
        "ci": {
            "k8s_grace_period_secs": settings.ci.k8s_grace_period.map(|it| it.as_secs_f64()),
            "timeout_secs": settings.ci.timeout.flatten().map(|it| it.as_secs_f64()),
            "readiness_timeout_secs": settings.ci.readiness_timeout.map(|it| it.as_secs_f64()),
        },
        "mask_secrets": settings.mask_secrets,
        "docker_prune": prune(&settings.prune),
        "features": {
            "snapshots": settings.features.snapshots,
            "cluster_refresh": settings.features.cluster_refresh,
        },
        "analytics": settings.analytics,
        "check_updates": settings.check_updates,
        "team": settings.team,
    })
}

fn prune(prune: &PruneSettings) -> Value {
    let (builds, interval) = match prune.frequency {
        PruneFrequency::Builds(builds) => (Some(builds), None),
        PruneFrequency::Interval(interval) => (None, Some(interval.as_secs())),
    };
    json!({
        "disabled": prune.disabled,
        "max_age_secs": prune.max_age.as_secs(),
        "num_builds": builds,
        "interval_secs": interval,
        "keep_recent": prune.keep_recent,
    })
}

/// An absolute path as text.
fn path(path: &Path) -> String {
    path.display().to_string()
}
