//! Two pictures in, what happened between them out. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use super::happening::Happening;
use crate::engine::{
    ConfigState, Connection, Hold, ResourceSnapshot, SessionPhase, SessionTime, Snapshot, UpdateReason, UpdateRecord,
    Verdict,
};
use crate::project::ResourceName;

/// What happened between two pictures of one session, each with its moment, in the order in which it makes sense.
pub fn differences(before: &Snapshot, after: &Snapshot) -> Vec<(SessionTime, Happening)> {
    let mut found = Vec::new();
    let mut tell = |happening| found.push((after.now, happening));
    connection(&before.docker, &after.docker, |state, error| tell(Happening::Docker { state, error }));
    connection(&before.cluster, &after.cluster, |state, error| tell(Happening::Cluster { state, error }));
    config(before, after, &mut tell);
    resources(before, after, &mut found);
    if before.verdict != after.verdict
        && let Some(verdict) = &after.verdict
    {
        let happening = match verdict {
            Verdict::Success => Happening::Verdict { success: true, resource: None, reason: None },
            Verdict::Failure { resource, reason } => {
                Happening::Verdict { success: false, resource: resource.clone(), reason: Some(reason.clone()) }
            }
        };
        found.push((after.now, happening));
    }
    if before.phase == SessionPhase::Running && after.phase != SessionPhase::Running {
        found.push((after.now, Happening::Stopping));
    }
    found
}

fn resources(before: &Snapshot, after: &Snapshot, found: &mut Vec<(SessionTime, Happening)>) {
    if before.resources.is_same(&after.resources) {
        return;
    }
    let (old_rows, new_rows) = (before.resources.shared(), after.resources.shared());
    let pairs = || old_rows.iter().zip(new_rows);
    // Between two configurations the rows are the same, and those that have not changed are even the same in memory.
    if old_rows.len() == new_rows.len() && pairs().all(|(old, new)| Arc::ptr_eq(old, new) || old.name == new.name) {
        for (old, new) in pairs() {
            if !Arc::ptr_eq(old, new) && old != new {
                compare(Some(old), new, after.now, found);
            }
        }
        return;
    }
    let known: HashMap<&ResourceName, &ResourceSnapshot> = before.resources.iter().map(|it| (&it.name, it)).collect();
    for resource in &after.resources {
        match known.get(&resource.name) {
            // Pictures of what did not change are equal, and most did not.
            Some(old) if *old == resource => {}
            Some(old) => compare(Some(old), resource, after.now, found),
            None => {
                found.push((after.now, Happening::ResourceAdded { resource: resource.name.clone() }));
                compare(None, resource, after.now, found);
            }
        }
    }
    if !before.resources.is_empty() {
        let left: std::collections::HashSet<&ResourceName> = after.resources.iter().map(|it| &it.name).collect();
        let gone = before.resources.iter().filter(|it| !left.contains(&it.name));
        found.extend(gone.map(|it| (after.now, Happening::ResourceRemoved { resource: it.name.clone() })));
    }
}

fn connection(before: &Connection, after: &Connection, tell: impl FnOnce(String, Option<String>)) {
    if before != after {
        let (state, error) = after.words();
        tell(state.to_owned(), error.map(str::to_owned));
    }
}

fn config(before: &Snapshot, after: &Snapshot, tell: &mut impl FnMut(Happening)) {
    let (old, new) = (&before.config, &after.config);
    let begun = new.state == ConfigState::Loading && old.state != ConfigState::Loading;
    // The loads are counted when they end, so one that began and ended between two pictures shows, too.
    let ended = new.loads != old.loads || (old.state == ConfigState::Loading && new.state != ConfigState::Loading);
    if begun {
        tell(Happening::ConfigLoading);
    }
    if !ended || new.state == ConfigState::Loading {
        return;
    }
    let error = new.diagnostics.iter().find(|it| it.is_error());
    tell(match error {
        Some(error) => Happening::ConfigFailed { error: error.message.clone() },
        None => Happening::ConfigLoaded {
            seconds: new.duration.unwrap_or_default().as_secs_f64(),
            warnings: new.diagnostics.len(),
        },
    });
}

fn compare(
    before: Option<&ResourceSnapshot>,
    after: &ResourceSnapshot,
    now: SessionTime,
    found: &mut Vec<(SessionTime, Happening)>,
) {
    let name = || after.name.clone();
    if let Some(old) = before
        && old.enabled != after.enabled
    {
        found.push((now, Happening::EnabledChanged { resource: name(), enabled: after.enabled }));
    }
    // The update that was running in the old picture has been told of already.
    let told = before.and_then(|old| old.current.as_ref()).map(|current| current.started);
    for record in new_records(before, after) {
        if told != Some(record.started) {
            found.push((record.started, started(name(), &record.reasons)));
        }
        found.push((record.finished, finished(name(), record)));
    }
    let old_current = before.and_then(|old| old.current.as_ref());
    if let Some(current) = &after.current {
        let same = old_current.filter(|old| old.started == current.started);
        if same.is_none() {
            found.push((current.started, started(name(), &current.reasons)));
        }
        if !current.step.is_empty() && same.is_none_or(|old| old.step != current.step) {
            found.push((now, Happening::Step { resource: name(), step: current.step.clone() }));
        }
    }
    let old_hold = before.and_then(|old| old.hold.as_ref());
    if old_hold != after.hold.as_ref() {
        match &after.hold {
            Some(hold) => found.push((now, waiting(name(), hold))),
            // The beginning of an update says it already.
            None if after.current.is_some() => {}
            None => found.push((now, Happening::WaitingEnded { resource: name() })),
        }
    }
    runtime(before, after, now, found);
}

fn runtime(
    before: Option<&ResourceSnapshot>,
    after: &ResourceSnapshot,
    now: SessionTime,
    found: &mut Vec<(SessionTime, Happening)>,
) {
    let name = || after.name.clone();
    if let Some(pod) = &after.pod
        && before.and_then(|old| old.pod.as_ref()) != Some(pod)
    {
        found.push((
            now,
            Happening::PodChanged {
                resource: name(),
                pod: pod.name.clone(),
                status: pod.status.clone(),
                ready: pod.ready,
                restarts: pod.restarts,
            },
        ));
    }
    if before.is_none_or(|old| {
        (old.runtime, old.runtime_message.as_str()) != (after.runtime, after.runtime_message.as_str())
    }) {
        let (runtime, message) = (after.runtime.word().to_owned(), after.runtime_message.clone());
        found.push((now, Happening::RuntimeChanged { resource: name(), runtime, message }));
    }
    for (index, forward) in after.forwards.iter().enumerate() {
        if before.and_then(|old| old.forwards.get(index)).is_some_and(|old| old.state == forward.state) {
            continue;
        }
        let (state, error) = forward.state.words();
        found.push((
            now,
            Happening::ForwardChanged {
                resource: name(),
                url: forward.url.clone(),
                state: state.to_owned(),
                error: error.map(str::to_owned),
            },
        ));
    }
}

/// The records that the old picture does not have, oldest first.
fn new_records<'a>(
    before: Option<&ResourceSnapshot>,
    after: &'a ResourceSnapshot,
) -> impl Iterator<Item = &'a UpdateRecord> {
    let newest = before.and_then(|old| old.history.first());
    let count = match newest {
        // Identified by its times: an old record is never changed.
        Some(newest) => after
            .history
            .iter()
            .position(|record| record.finished == newest.finished && record.started == newest.started)
            .unwrap_or(after.history.len()),
        None => after.history.len(),
    };
    after.history[..count].iter().rev()
}

fn started(resource: ResourceName, reasons: &[UpdateReason]) -> Happening {
    Happening::UpdateStarted { resource, reasons: reasons.iter().map(ToString::to_string).collect() }
}

fn finished(resource: ResourceName, record: &UpdateRecord) -> Happening {
    let (outcome, error) = record.outcome.words();
    Happening::UpdateFinished {
        resource,
        kind: record.kind.word().to_owned(),
        outcome: outcome.to_owned(),
        error: error.map(str::to_owned),
        reasons: record.reasons.iter().map(ToString::to_string).collect(),
        rebuild_reason: record.rebuild_reason.clone(),
        files: record.files,
        seconds: record.finished.since(record.started).as_secs_f64(),
    }
}

fn waiting(resource: ResourceName, hold: &Hold) -> Happening {
    Happening::Waiting {
        resource,
        reason: hold.code().to_owned(),
        text: hold.to_string(),
        on: hold.resources().to_vec(),
    }
}
