//! How pieces of work ended: reports to facts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::change_log::Sequence;
use super::detail::LastSync;
use super::effect::ContainerKey;
use super::engine::Engine;
use super::event::{BuiltImage, Deployment, LiveError, WorkError, WorkId, WorkResult};
use super::snapshot::{UpdateOutcome, UpdateRecord};
use super::state::{Built, Deployed, ServeState, Stage, Work};
use super::status::{UpdateKind, UpdateReason};
use super::updates::is_live_update_only;
use crate::logs::Level;
use crate::project::{ImageName, ResourceName, Target};

/// A live update whose connection breaks is repaired this often before the image is built anew.
const MAX_INTERRUPTIONS: u32 = 3;

impl Engine {
    pub(super) fn record_finished(&mut self, id: WorkId, result: WorkResult) {
        // Every report names a piece of work; one that is not known has been dealt with.
        let Some(work) = self.state.works.remove(&id) else { return };
        match (work, result) {
            (Work::Config, WorkResult::Config(outcome)) => self.record_config(*outcome),
            (Work::Config, WorkResult::Crashed(message)) => self.record_config_crash(&message),
            (Work::Image { image, .. }, result) => self.record_image(&image, id, into_image(result)),
            (Work::Deploy(resource), result) => self.record_deploy(&resource, into_deploy(result)),
            (Work::Local(resource), result) => self.record_local(&resource, into_done(result)),
            (Work::Serve(resource), WorkResult::Serve(message) | WorkResult::Crashed(message)) => {
                self.record_serve_ended(&resource, id, message);
            }
            (Work::Command(name), WorkResult::Serve(message) | WorkResult::Crashed(message)) => {
                self.record_command_ended(&name, id, message);
            }
            (Work::Live { resource, container }, result) => {
                self.record_live(&resource, &container, id, into_live(result));
            }
            (Work::Housekeeping { resource, what }, result) => match into_done(result) {
                Ok(()) | Err(WorkError::Cancelled) => {}
                Err(WorkError::Lost(message)) => {
                    // What it was to delete is what the project no longer has: the prune finds it.
                    self.state.pruned_stale = false;
                    self.log(resource, Level::Warn, &format!("{what}: {message}; will go on when it is back"));
                }
                Err(WorkError::Failed(message)) => {
                    self.log(resource, Level::Error, &format!("{what} failed: {message}"));
                }
            },
            (work @ (Work::Config | Work::Serve(_) | Work::Command(_)), result) => {
                debug_assert!(false, "{work:?} cannot end with {result:?}");
            }
        }
    }

    fn record_image(&mut self, name: &ImageName, id: WorkId, result: Result<BuiltImage, WorkError>) {
        let Some(state) = self.state.images.get_mut(name) else { return };
        if state.building.as_ref().is_none_or(|building| building.work != id) {
            return;
        }
        let Some(building) = state.building.take() else { return };
        let resource = building.resource.clone();
        match result {
            Ok(image) => {
                state.cancelled = 0;
                state.failed = None;
                self.state.builds += usize::from(image.inject);
                state.built = Some(Built { image, contains: building.contains, bases: building.bases });
                if let Some(update) = self.state.resources.get_mut(&resource).and_then(|state| state.update.as_mut()) {
                    update.built.insert(name.clone());
                }
                self.forget_old_changes(name);
            }
            Err(WorkError::Cancelled) if building.stale => {
                // The update that waits for it starts the build again with the newer files.
                state.cancelled += 1;
                let sequence = self.state.sequence;
                if let Some(update) = self.state.resources.get_mut(&resource).and_then(|state| state.update.as_mut()) {
                    update.sequence = sequence;
                }
            }
            Err(WorkError::Cancelled) => self.end_update(&resource, UpdateEnd::Cancelled),
            Err(WorkError::Lost(message)) => self.end_update(&resource, UpdateEnd::Lost(message)),
            Err(WorkError::Failed(message)) => {
                state.cancelled = 0;
                state.failed = Some(message.clone());
                self.end_update(&resource, UpdateEnd::Failed(message));
            }
        }
    }

    /// Forgets changes that every image and every deployed container contains.
    fn forget_old_changes(&mut self, name: &ImageName) {
        let built = self.state.images.values().filter_map(|image| image.built.as_ref());
        let deployed = self.state.resources.values().flat_map(|resource| {
            let now = resource.deployed.iter().map(|deployed| &deployed.images);
            now.chain(resource.update.iter().map(|update| &update.deploying)).flat_map(BTreeMap::values)
        });
        let oldest = built.chain(deployed).filter_map(|built| built.contains.get(name)).min().copied();
        if let (Some(oldest), Some(state)) = (oldest, self.state.images.get_mut(name)) {
            state.changes.forget_up_to(oldest);
        }
    }

    fn record_deploy(&mut self, name: &ResourceName, result: Result<Deployment, WorkError>) {
        match result {
            Ok(deployment) => {
                let former = self.state.resources.get(name).and_then(|state| state.deployed.as_ref());
                for object in former.iter().flat_map(|deployed| &deployed.objects) {
                    if self.state.owners.get(&object.uid).is_some_and(|owner| owner == name) {
                        self.state.owners.remove(&object.uid);
                    }
                }
                for object in &deployment.objects {
                    self.state.owners.insert(object.uid.clone(), name.clone());
                }
                let now = self.now;
                self.refresh_live_update_only(name);
                if let Some(state) = self.state.resources.get_mut(name) {
                    let images = state.update.as_mut().map(|update| std::mem::take(&mut update.deploying));
                    let images = images.unwrap_or_default();
                    state.deployed = Some(Deployed {
                        ids: Arc::new(deployment.objects.iter().map(|object| object.id.clone()).collect()),
                        objects: deployment.objects,
                        template_hashes: deployment.template_hashes,
                        images,
                    });
                    state.deployed_at = Some(now);
                    state.live_up_to = Sequence::default();
                    state.unready_since = Some(now);
                    state.lost = None;
                }
                self.end_update(name, UpdateEnd::Ok);
                self.refresh_runtime(name);
            }
            Err(WorkError::Cancelled) => self.end_update(name, UpdateEnd::Cancelled),
            Err(WorkError::Lost(message)) => self.end_update(name, UpdateEnd::Lost(message)),
            Err(WorkError::Failed(message)) => self.end_update(name, UpdateEnd::Failed(message)),
        }
    }

    /// Nothing is built for an image that is only live-updated, so nothing says which files its containers hold. After
    /// a deploy by the user's own commands, and after one in place of a live update, they count as current: the same
    /// files would only be refused again.
    fn refresh_live_update_only(&mut self, name: &ResourceName) {
        let Some(project) = self.state.project.clone() else { return };
        let Some(Target::Kubernetes(target)) = project.resources.get(name).map(|resource| &resource.target) else {
            return;
        };
        let Some(update) = self.state.resources.get_mut(name).and_then(|state| state.update.as_mut()) else { return };
        if target.custom_deploy.is_none() && update.rebuild_reason.is_none() {
            return;
        }
        for (image, built) in &mut update.deploying {
            if project.images.get(image).is_some_and(|image| is_live_update_only(image)) {
                built.contains.insert(image.clone(), update.sequence);
                if let Some(state) = self.state.images.get_mut(image) {
                    state.built = Some(built.clone());
                }
            }
        }
    }

    fn record_local(&mut self, name: &ResourceName, result: Result<(), WorkError>) {
        match result {
            Ok(()) => self.end_update(name, UpdateEnd::Ok),
            Err(WorkError::Cancelled) => self.end_update(name, UpdateEnd::Cancelled),
            Err(WorkError::Lost(message)) => self.end_update(name, UpdateEnd::Lost(message)),
            Err(WorkError::Failed(message)) => self.end_update(name, UpdateEnd::Failed(message)),
        }
    }

    /// Ends the full update of a resource, in whichever way.
    pub(super) fn end_update(&mut self, name: &ResourceName, end: UpdateEnd) {
        let now = self.now;
        let consumed = self.contained_by_images(name);
        let Some(state) = self.state.resources.get_mut(name) else { return };
        let Some(mut update) = state.update.take() else { return };
        update.leave(now);
        let outcome = match &end {
            UpdateEnd::Ok => UpdateOutcome::Ok,
            UpdateEnd::Failed(message) => UpdateOutcome::Failed(message.clone()),
            UpdateEnd::Cancelled => {
                UpdateOutcome::Cancelled(update.cancelled.clone().unwrap_or_else(|| "cancelled".to_owned()))
            }
            UpdateEnd::Lost(message) => UpdateOutcome::Cancelled(message.clone()),
        };
        let interrupted = matches!(end, UpdateEnd::Lost(_));
        state.remember(UpdateRecord {
            started: update.started,
            finished: now,
            kind: UpdateKind::Full,
            reasons: update.reasons.clone(),
            outcome,
            rebuild_reason: update.rebuild_reason.clone(),
            files: update.file_count,
            steps: std::mem::take(&mut update.done_steps),
        });
        if interrupted {
            // Nothing was consumed: the same update is done again once the outside system is back.
            state.interrupted = true;
            state.config_dirty |= update.reasons.contains(&UpdateReason::ConfigChanged);
            state.rebuild_reason = state.rebuild_reason.take().or(update.rebuild_reason);
            if update.force && !self.state.trigger_queue.contains(name) {
                self.state.trigger_queue.push_front(name.clone());
            }
        } else {
            state.consumed = state.consumed.max(update.sequence);
            if matches!(end, UpdateEnd::Ok)
                && let Some(consumed) = consumed
            {
                state.consumed = state.consumed.max(consumed);
            }
        }
        let duration = now.since(update.started);
        match end {
            UpdateEnd::Ok => {
                state.last_ok = Some(true);
                self.log(Some(name.clone()), Level::Info, &format!("DONE IN: {:.2}s", duration.as_secs_f64()));
                self.update_succeeded(name);
            }
            UpdateEnd::Failed(message) => {
                state.last_ok = Some(false);
                self.log(Some(name.clone()), Level::Error, &format!("Build Failed: {message}"));
            }
            UpdateEnd::Cancelled => {
                state.last_ok = Some(false);
                let why = update.cancelled.unwrap_or_else(|| "cancelled".to_owned());
                self.log(Some(name.clone()), Level::Warn, &format!("update ended: {why}"));
            }
            UpdateEnd::Lost(message) => {
                state.lost = Some(message.clone());
                self.log(Some(name.clone()), Level::Warn, &format!("{message}; will go on when it is back"));
            }
        }
        self.refresh_runtime(name);
    }

    fn update_succeeded(&mut self, name: &ResourceName) {
        let Some(resource) = self.project().and_then(|project| project.resources.get(name)).cloned() else { return };
        if let Target::Local(local) = &resource.target {
            if local.serve_cmd.is_some() {
                self.restart_serve(name);
            }
            if (local.readiness_probe.is_none() || local.serve_cmd.is_none())
                && let Some(state) = self.state.resources.get_mut(name)
            {
                state.ready_once = true;
            }
        }
    }

    fn record_live(&mut self, name: &ResourceName, key: &ContainerKey, id: WorkId, result: Result<(), LiveError>) {
        let now = self.now;
        let pod_is_there = self.state.pods.get(&key.pod_uid).is_some_and(|pod| !pod.deleting);
        let Some(state) = self.state.resources.get_mut(name) else { return };
        let Some(container) = state.live.get_mut(key) else { return };
        if container.in_flight.as_ref().is_none_or(|flight| flight.work != id) {
            return;
        }
        let Some(flight) = container.in_flight.take() else { return };
        if !matches!(result, Err(LiveError::Interrupted(_) | LiveError::Cancelled)) {
            self.state.outdated.remove(key.instance());
        }
        let outcome = match result {
            Ok(()) => {
                container.synced = container.synced.max(flight.up_to);
                container.initial |= flight.initial;
                container.interruptions = 0;
                UpdateOutcome::Ok
            }
            Err(LiveError::RunFailed(message)) => {
                // The files have arrived; only the command failed (reference §3.7).
                container.synced = container.synced.max(flight.up_to);
                container.initial |= flight.initial;
                UpdateOutcome::Failed(message)
            }
            // Its successor starts from what the image contains and gets the rest.
            Err(LiveError::ContainerGone | LiveError::Cancelled) => return,
            Err(LiveError::Interrupted(message)) => {
                container.interruptions += 1;
                if container.interruptions < MAX_INTERRUPTIONS || !pod_is_there {
                    let text = format!("copying to {} was interrupted ({message}): trying again", key.container);
                    self.log(Some(name.clone()), Level::Warn, &text);
                    return;
                }
                state.rebuild_reason = Some(format!("copying to {} keeps failing: {message}", key.container));
                return;
            }
            Err(LiveError::Impossible(message)) => {
                state.rebuild_reason = Some(message);
                return;
            }
        };
        container.last_sync = Some(LastSync { finished: now, took: now.since(flight.started), files: flight.files });
        if flight.replay && outcome == UpdateOutcome::Ok {
            // Bringing a new container up to date is no news for the user's edit.
            self.refresh_runtime(name);
            return;
        }
        state.last_ok = Some(outcome == UpdateOutcome::Ok);
        state.remember(UpdateRecord {
            started: flight.started,
            finished: now,
            kind: UpdateKind::Live,
            reasons: vec![UpdateReason::ChangedFiles],
            outcome: outcome.clone(),
            rebuild_reason: None,
            files: flight.files,
            steps: Vec::new(),
        });
        if let UpdateOutcome::Failed(message) = outcome {
            self.log(Some(name.clone()), Level::Error, &format!("Update Failed: {message}"));
        }
        self.refresh_runtime(name);
    }

    pub(super) fn record_serve_started(&mut self, id: WorkId, started: u32) {
        let Some(Work::Serve(name)) = self.state.works.get(&id).cloned() else { return };
        let has_probe = self.has_probe(&name);
        if let Some(state) = self.state.resources.get_mut(&name)
            && let ServeState::Running { work, pid, ready } = &mut state.serve
            && *work == id
        {
            *pid = Some(started);
            *ready = !has_probe;
        }
        self.refresh_runtime(&name);
    }

    pub(super) fn record_probe(&mut self, id: WorkId, now_ready: bool) {
        let Some(Work::Serve(name)) = self.state.works.get(&id).cloned() else { return };
        if let Some(state) = self.state.resources.get_mut(&name)
            && let ServeState::Running { work, ready, .. } = &mut state.serve
            && *work == id
        {
            *ready = now_ready;
            state.ready_once |= now_ready;
        }
        self.refresh_runtime(&name);
    }

    fn record_serve_ended(&mut self, name: &ResourceName, id: WorkId, message: String) {
        let Some(state) = self.state.resources.get_mut(name) else { return };
        match state.serve {
            ServeState::Stopping { work, restart } if work == id => {
                state.serve = ServeState::Idle;
                if restart && !self.state.quitting {
                    self.start_serve(name);
                }
            }
            ServeState::Running { work, .. } if work == id => {
                state.serve = ServeState::Exited { message };
            }
            ServeState::Idle | ServeState::Stopping { .. } | ServeState::Running { .. } | ServeState::Exited { .. } => {
            }
        }
        self.refresh_runtime(name);
    }

    /// The batch up to which all images of a deployed resource hold its files.
    fn contained_by_images(&self, name: &ResourceName) -> Option<Sequence> {
        let deployed = self.state.resources.get(name)?.deployed.as_ref()?;
        deployed.images.values().flat_map(|built| built.contains.values()).min().copied()
    }
}

/// How a full update ended.
#[derive(Debug)]
pub(super) enum UpdateEnd {
    Ok,
    Failed(String),
    Cancelled,
    Lost(String),
}

impl super::state::Update {
    pub(super) fn is_building(&self) -> bool {
        self.stage == Stage::Images
    }
}

fn into_image(result: WorkResult) -> Result<BuiltImage, WorkError> {
    match result {
        WorkResult::Image(result) => result,
        other => Err(unexpected(other)),
    }
}

fn into_deploy(result: WorkResult) -> Result<Deployment, WorkError> {
    match result {
        WorkResult::Deploy(result) | WorkResult::Compose(result) => result,
        other => Err(unexpected(other)),
    }
}

fn into_done(result: WorkResult) -> Result<(), WorkError> {
    match result {
        WorkResult::Local(result) | WorkResult::Housekeeping(result) => result,
        other => Err(unexpected(other)),
    }
}

fn into_live(result: WorkResult) -> Result<(), LiveError> {
    match result {
        WorkResult::Live(result) | WorkResult::ComposeLive(result) => result,
        WorkResult::Crashed(message) => Err(LiveError::Impossible(message)),
        other => Err(LiveError::Impossible(format!("unexpected result {other:?}"))),
    }
}

fn unexpected(result: WorkResult) -> WorkError {
    match result {
        WorkResult::Crashed(message) => WorkError::Failed(format!("devloop's own task failed: {message}")),
        other => WorkError::Failed(format!("unexpected result {other:?}")),
    }
}
