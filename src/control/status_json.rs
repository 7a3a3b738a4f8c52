//! A snapshot as JSON: stable, and documented in `docs/commands.md`.

use serde_json::{Value, json};

use super::message::SCHEMA;
use crate::diagnostic::Diagnostic;
use crate::engine::{
    ConfigState, Connection, Hold, ResourceKind, ResourceSnapshot, SessionPhase, SessionTime, Snapshot, UpdateReason,
    UpdateRecord,
};
use crate::project::TriggerMode;

/// The whole session; `tasks` is how many asynchronous tasks its process has.
pub fn status_json(snapshot: &Snapshot, pid: u32, tasks: usize) -> Value {
    json!({
        "schema": SCHEMA,
        "pid": pid,
        "tasks": tasks,
        "project": snapshot.project,
        "entry_file": snapshot.entry_file,
        "context": snapshot.context,
        "namespace": snapshot.namespace,
        "started": snapshot.started,
        "phase": match &snapshot.phase {
            SessionPhase::Running => "running",
            SessionPhase::Stopping { .. } => "stopping",
            SessionPhase::Stopped => "stopped",
        },
        "config": {
            "state": match snapshot.config.state {
                ConfigState::Loading => "loading",
                ConfigState::Loaded => "loaded",
                ConfigState::Failed => "failed",
            },
            "args": *snapshot.config.args,
            "loads": snapshot.config.loads,
            "diagnostics": snapshot.config.diagnostics.iter().map(diagnostic).collect::<Vec<_>>(),
        },
        "docker": connection(&snapshot.docker),
        "cluster": connection(&snapshot.cluster),
        "resources": snapshot.resources.iter().map(|it| resource_json(it, snapshot.now)).collect::<Vec<_>>(),
    })
}

/// One resource.
pub fn resource_json(resource: &ResourceSnapshot, now: SessionTime) -> Value {
    json!({
        "name": resource.name,
        "kind": match resource.kind {
            ResourceKind::Kubernetes => "k8s",
            ResourceKind::Local => "local",
            ResourceKind::Compose => "compose",
        },
        "labels": resource.labels,
        "enabled": resource.enabled,
        "trigger_mode": match resource.trigger_mode {
            TriggerMode::Auto => "auto",
            TriggerMode::Manual => "manual",
        },
        "update": resource.update.word(),
        "runtime": resource.runtime.word(),
        "message": resource.runtime_message,
        "waits": resource.hold.as_ref().map(|hold| json!({"reason": hold.code(), "text": hold.to_string(), "on": waits_on(hold)})),
        "pending_files": resource.pending_files,
        "pending_file_count": resource.pending_file_count,
        "reasons": resource.reasons.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "current": resource.current.as_ref().map(|current| json!({
            "step": current.step,
            "reasons": current.reasons.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "seconds": now.since(current.started).as_secs_f64(),
        })),
        "history": resource.history.iter().map(|record| record_json(record, now)).collect::<Vec<_>>(),
        "pod": resource.pod.as_ref().map(|pod| json!({
            "name": pod.name,
            "namespace": pod.namespace,
            "created": pod.created,
            "status": pod.status,
            "restarts": pod.restarts,
            "ready": pod.ready,
        })),
        "pods": resource.pods,
        "ready_pods": resource.ready_pods,
        "pid": resource.pid,
        "ports": resource.forwards.iter().map(|forward| json!({
            "url": forward.url,
            "local": forward.local,
            "container": forward.container,
            "name": forward.name,
            "state": forward.state.words().0,
            "error": forward.state.words().1,
        })).collect::<Vec<_>>(),
        "links": resource.links.iter().map(|link| json!({"url": link.address(), "name": link.name})).collect::<Vec<_>>(),
        "resource_deps": resource.resource_deps,
        "images": resource.images,
    })
}

fn record_json(record: &UpdateRecord, now: SessionTime) -> Value {
    let (outcome, reason) = record.outcome.words();
    json!({
        "kind": record.kind.word(),
        "outcome": outcome,
        "error": reason,
        "reasons": record.reasons.iter().map(UpdateReason::to_string).collect::<Vec<_>>(),
        "rebuild_reason": record.rebuild_reason,
        "files": record.files,
        "seconds": record.finished.since(record.started).as_secs_f64(),
        "seconds_ago": now.since(record.finished).as_secs_f64(),
    })
}

fn waits_on(hold: &Hold) -> Vec<String> {
    match hold {
        Hold::BuildingComponent(images) => images.iter().map(ToString::to_string).collect(),
        _ => hold.resources().iter().map(ToString::to_string).collect(),
    }
}

fn connection(connection: &Connection) -> Value {
    match connection.words() {
        (state, None) => json!({"state": state}),
        (state, Some(error)) => json!({"state": state, "error": error}),
    }
}

fn diagnostic(diagnostic: &Diagnostic) -> Value {
    json!({
        "error": diagnostic.is_error(),
        "message": diagnostic.message,
        "file": diagnostic.primary.as_ref().map(|span| span.file.display().to_string()),
        "line": diagnostic.primary.as_ref().map(|span| span.start.line),
        "column": diagnostic.primary.as_ref().map(|span| span.start.column),
        "help": diagnostic.help,
    })
}
