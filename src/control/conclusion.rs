//! Whether resources are as somebody waits for them to be. Pure: a snapshot in, an answer out.

use super::message::WaitFor;
use crate::engine::{ConfigState, ResourceSnapshot, RuntimeStatus, Snapshot, UpdateStatus};

/// How far a wait has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Conclusion {
    /// As wanted.
    Reached,
    /// Not yet.
    Open,
    /// It cannot come by itself: what is wrong, per resource.
    Failed(Vec<(String, String)>),
}

/// How far the resources that `wanted` accepts have come. Disabled ones do not count.
pub(super) fn conclude(
    snapshot: &Snapshot,
    condition: WaitFor,
    wanted: impl Fn(&ResourceSnapshot) -> bool,
) -> Conclusion {
    if snapshot.config.state == ConfigState::Loading {
        return Conclusion::Open;
    }
    if snapshot.config.state == ConfigState::Failed {
        let error = snapshot.config.diagnostics.iter().find(|it| it.is_error());
        let message = error.map_or("it does not load".to_owned(), |error| error.message.clone());
        return Conclusion::Failed(vec![("(configuration)".to_owned(), message)]);
    }
    let mut failed = Vec::new();
    let mut open = false;
    for resource in snapshot.resources.iter().filter(|it| it.enabled && wanted(it)) {
        match one(resource, condition) {
            Conclusion::Reached => {}
            Conclusion::Open => open = true,
            Conclusion::Failed(mut why) => failed.append(&mut why),
        }
    }
    match (open, failed.is_empty()) {
        // What still goes on may mend what has failed.
        (true, _) => Conclusion::Open,
        (false, false) => Conclusion::Failed(failed),
        (false, true) => Conclusion::Reached,
    }
}

fn one(resource: &ResourceSnapshot, condition: WaitFor) -> Conclusion {
    let failed = |why: String| Conclusion::Failed(vec![(resource.name.to_string(), why)]);
    if resource.current.is_some() {
        return Conclusion::Open;
    }
    match resource.update {
        UpdateStatus::Pending | UpdateStatus::InProgress => return Conclusion::Open,
        UpdateStatus::Error => {
            let outcome = resource.history.first().map(|record| &record.outcome);
            return failed(match outcome {
                Some(crate::engine::UpdateOutcome::Failed(reason)) => reason.clone(),
                _ => "its update failed".to_owned(),
            });
        }
        // Nobody has asked for it: that is as ready as it gets.
        UpdateStatus::None => return Conclusion::Reached,
        UpdateStatus::Ok | UpdateStatus::NotApplicable => {}
    }
    if condition == WaitFor::Updated {
        return Conclusion::Reached;
    }
    match resource.runtime {
        RuntimeStatus::Ok | RuntimeStatus::None | RuntimeStatus::NotApplicable => Conclusion::Reached,
        RuntimeStatus::Pending | RuntimeStatus::Unknown => Conclusion::Open,
        RuntimeStatus::Error => failed(resource.runtime_message.clone()),
    }
}
