//! A snapshot as JSON: stable, and documented in `docs/commands.md`.

use serde_json::{Value, json};

use super::message::SCHEMA;
use crate::diagnostic::Diagnostic;
use crate::engine::{
    ConfigState, Connection, ForwardState, Hold, ResourceKind, ResourceSnapshot, RuntimeStatus, SessionPhase,
    SessionTime, Snapshot, UpdateKind, UpdateOutcome, UpdateReason, UpdateRecord, UpdateStatus,
};
use crate::project::TriggerMode;

/// The whole session.
pub fn status_json(snapshot: &Snapshot, pid: u32) -> Value {
    json!({
        "schema": SCHEMA,
        "pid": pid,
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
        "update": update_word(resource.update),
        "runtime": runtime_word(resource.runtime),
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
            "state": match &forward.state {
                ForwardState::Pending => "pending",
                ForwardState::Listening => "listening",
                ForwardState::Failed(_) => "failed",
            },
            "error": match &forward.state {
                ForwardState::Failed(reason) => Some(reason),
                ForwardState::Pending | ForwardState::Listening => None,
            },
        })).collect::<Vec<_>>(),
        "links": resource.links.iter().map(|link| json!({"url": link.url, "name": link.name})).collect::<Vec<_>>(),
        "resource_deps": resource.resource_deps,
        "images": resource.images,
    })
}

fn record_json(record: &UpdateRecord, now: SessionTime) -> Value {
    let (outcome, reason) = match &record.outcome {
        UpdateOutcome::Ok => ("ok", None),
        UpdateOutcome::Failed(reason) => ("failed", Some(reason)),
        UpdateOutcome::Cancelled(reason) => ("cancelled", Some(reason)),
    };
    json!({
        "kind": match record.kind {
            UpdateKind::Full => "full",
            UpdateKind::Live => "live",
        },
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
        Hold::WaitingForLocal(name) => vec![name.to_string()],
        Hold::MustRunAlone(names) | Hold::WaitingForDependencies(names) => {
            names.iter().map(ToString::to_string).collect()
        }
        Hold::BuildingComponent(images) => images.iter().map(ToString::to_string).collect(),
        Hold::ReloadingConfig
        | Hold::WaitingForUncategorized
        | Hold::WaitingForCluster
        | Hold::WaitingForDocker
        | Hold::LiveUpdating
        | Hold::WaitingForDeploy
        | Hold::ParallelLimit { .. }
        | Hold::Manual => Vec::new(),
    }
}

fn connection(connection: &Connection) -> Value {
    match connection {
        Connection::NotNeeded => json!({"state": "not_needed"}),
        Connection::Connecting => json!({"state": "connecting"}),
        Connection::Ok => json!({"state": "ok"}),
        Connection::Lost(reason) => json!({"state": "lost", "error": reason}),
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

fn update_word(status: UpdateStatus) -> &'static str {
    match status {
        UpdateStatus::None => "none",
        UpdateStatus::Pending => "pending",
        UpdateStatus::InProgress => "in_progress",
        UpdateStatus::Ok => "ok",
        UpdateStatus::Error => "error",
        UpdateStatus::NotApplicable => "not_applicable",
    }
}

fn runtime_word(status: RuntimeStatus) -> &'static str {
    match status {
        RuntimeStatus::Unknown => "unknown",
        RuntimeStatus::None => "none",
        RuntimeStatus::Pending => "pending",
        RuntimeStatus::Ok => "ok",
        RuntimeStatus::Error => "error",
        RuntimeStatus::NotApplicable => "not_applicable",
    }
}
