//! What a row says at one glance: how a resource is, all statuses taken together, and the one line that says why.

use super::text;
use crate::diagnostic::count;
use crate::engine::{ForwardState, ResourceSnapshot, RuntimeStatus, UpdateOutcome, UpdateStatus};

/// How a resource is, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// Its update or what it runs has failed.
    Failed,
    /// It is being updated.
    Working,
    /// It has something to do and is held back.
    Waiting,
    /// It is updated; what it runs is not ready yet.
    Starting,
    /// All is well.
    Ok,
    /// Nothing was asked of it.
    Idle,
    /// It is disabled.
    Disabled,
}

/// How `resource` is.
pub fn health(resource: &ResourceSnapshot) -> Health {
    if !resource.enabled {
        return Health::Disabled;
    }
    if resource.current.is_some() {
        return Health::Working;
    }
    match (resource.update, resource.runtime) {
        (UpdateStatus::Error, _) | (_, RuntimeStatus::Error) => Health::Failed,
        // It may still come up, so nothing that waits for it has failed, but who looks must see it.
        (_, RuntimeStatus::Pending) if is_crash_looping(resource) => Health::Failed,
        (UpdateStatus::InProgress, _) => Health::Working,
        (UpdateStatus::Pending, _) => Health::Waiting,
        (UpdateStatus::None, RuntimeStatus::None | RuntimeStatus::Unknown | RuntimeStatus::NotApplicable) => {
            Health::Idle
        }
        (_, RuntimeStatus::Pending | RuntimeStatus::Unknown) => Health::Starting,
        (_, RuntimeStatus::Ok | RuntimeStatus::None | RuntimeStatus::NotApplicable) => Health::Ok,
    }
}

/// Whether a container keeps ending (in a running pod that is no failure yet, reference §3.8).
fn is_crash_looping(resource: &ResourceSnapshot) -> bool {
    let ended = ["CrashLoopBackOff", "Error", "OOMKilled"];
    resource.pod.as_ref().is_some_and(|pod| ended.iter().any(|word| pod.status.ends_with(word)))
}

/// The one line that matters most about `resource` now; empty when there is nothing to say.
pub fn explain(resource: &ResourceSnapshot) -> String {
    if !resource.enabled {
        return "disabled".to_owned();
    }
    if let Some(current) = &resource.current {
        return text::one_line(&current.step).into_owned();
    }
    let failure = match resource.history.first().map(|record| &record.outcome) {
        Some(UpdateOutcome::Failed(reason)) => Some(reason),
        Some(UpdateOutcome::Ok | UpdateOutcome::Cancelled(_)) | None => None,
    };
    if resource.update == UpdateStatus::Error {
        return failure.map_or("the update failed".into(), |reason| text::one_line(reason)).into_owned();
    }
    if resource.runtime == RuntimeStatus::Error {
        let message = text::one_line(&resource.runtime_message);
        return if message.is_empty() { "it failed".to_owned() } else { message.into_owned() };
    }
    if let Some(hold) = &resource.hold {
        return hold.to_string();
    }
    let waits = matches!(resource.runtime, RuntimeStatus::Pending | RuntimeStatus::Unknown);
    if !resource.runtime_message.is_empty() {
        return text::one_line(&resource.runtime_message).into_owned();
    }
    if waits && resource.pods > 0 {
        return format!("{} of {} ready", resource.ready_pods, count(resource.pods, "pod"));
    }
    if resource.pending_file_count > 0 {
        return format!("{} changed", count(resource.pending_file_count, "file"));
    }
    for forward in &resource.forwards {
        if let ForwardState::Failed(reason) = &forward.state {
            return format!("port {}: {}", forward.local, text::one_line(reason));
        }
    }
    String::new()
}

/// The update column: how the newest update stands.
pub fn update_word(resource: &ResourceSnapshot) -> &'static str {
    match resource.update {
        _ if !resource.enabled => "disabled",
        UpdateStatus::None => "not yet",
        UpdateStatus::Pending if resource.hold.is_some() => "held",
        UpdateStatus::Pending => "queued",
        UpdateStatus::InProgress => "updating",
        UpdateStatus::Ok => "ok",
        UpdateStatus::Error => "failed",
        UpdateStatus::NotApplicable => "-",
    }
}

/// The runtime column: what runs and how, in the words of the cluster where there is a pod.
pub fn runtime_word(resource: &ResourceSnapshot) -> String {
    if !resource.enabled {
        return "-".to_owned();
    }
    let word = match (&resource.pod, resource.runtime) {
        (Some(pod), _) if !pod.status.is_empty() => pod.status.clone(),
        (_, RuntimeStatus::Unknown) if resource.update == UpdateStatus::Ok => "unknown".to_owned(),
        (_, RuntimeStatus::Unknown | RuntimeStatus::None | RuntimeStatus::NotApplicable) => "-".to_owned(),
        // Nothing has been deployed that could get ready.
        (_, RuntimeStatus::Pending) if matches!(resource.update, UpdateStatus::Error | UpdateStatus::Pending) => {
            "-".to_owned()
        }
        (_, RuntimeStatus::Pending) => "pending".to_owned(),
        (_, RuntimeStatus::Ok) => "ok".to_owned(),
        (_, RuntimeStatus::Error) => "failed".to_owned(),
    };
    if resource.pods > 1 || (resource.pods == 1 && resource.ready_pods == 0 && word == "Running") {
        format!("{word} {}/{}", resource.ready_pods, resource.pods)
    } else {
        word
    }
}
