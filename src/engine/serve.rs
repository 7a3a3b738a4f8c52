//! Serve processes, and stopping what runs for a resource (reference §3.9).

use super::effect::Effect;
use super::engine::Engine;
use super::event::WorkId;
use super::results::UpdateEnd;
use super::state::{ServeState, Work};
use crate::project::{ResourceName, Target};

impl Engine {
    /// Starts the serve process of a resource, after having stopped the one that runs.
    pub(super) fn restart_serve(&mut self, name: &ResourceName) {
        let Some(state) = self.state.resources.get_mut(name) else { return };
        match state.serve.clone() {
            ServeState::Running { work, .. } => {
                state.serve = ServeState::Stopping { work, restart: true };
                self.effects.push(Effect::Cancel { work });
            }
            ServeState::Stopping { work, .. } => state.serve = ServeState::Stopping { work, restart: true },
            ServeState::Idle | ServeState::Exited { .. } => self.start_serve(name),
        }
    }

    pub(super) fn start_serve(&mut self, name: &ResourceName) {
        let Some(resource) = self.project().and_then(|project| project.resources.get(name)).cloned() else { return };
        if !matches!(&resource.target, Target::Local(local) if local.serve_cmd.is_some()) {
            return;
        }
        let work = self.state.start_work(Work::Serve(name.clone()));
        let now = self.now;
        if let Some(state) = self.state.resources.get_mut(name) {
            state.serve = ServeState::Running { work, pid: None, ready: false };
            state.unready_since = Some(now);
        }
        self.effects.push(Effect::Serve { work, resource });
    }

    pub(super) fn stop_serve(&mut self, name: &ResourceName) {
        let Some(state) = self.state.resources.get_mut(name) else { return };
        match state.serve {
            ServeState::Running { work, .. } => {
                state.serve = ServeState::Stopping { work, restart: false };
                self.effects.push(Effect::Cancel { work });
            }
            ServeState::Stopping { work, .. } => state.serve = ServeState::Stopping { work, restart: false },
            ServeState::Idle | ServeState::Exited { .. } => state.serve = ServeState::Idle,
        }
    }

    /// Cancels what runs for a resource.
    pub(super) fn stop_resource(&mut self, name: &ResourceName, why: &str) {
        self.stop_serve(name);
        self.state.trigger_queue.retain(|queued| queued != name);
        let works: Vec<WorkId> = self
            .state
            .works
            .iter()
            .filter(|(_, work)| match work {
                Work::Image { resource, .. }
                | Work::Deploy(resource)
                | Work::Local(resource)
                | Work::Live { resource, .. } => resource == name,
                Work::Config | Work::Serve(_) | Work::Command(_) | Work::Housekeeping { .. } => false,
            })
            .map(|(id, _)| *id)
            .collect();
        let Some(state) = self.state.resources.get_mut(name) else { return };
        state.stopped = true;
        if let Some(update) = &mut state.update {
            update.cancelled = Some(why.to_owned());
        }
        if works.is_empty() && state.update.is_some() {
            // It waits for an image that another resource builds.
            self.end_update(name, UpdateEnd::Cancelled);
        }
        for work in works {
            self.effects.push(Effect::Cancel { work });
        }
        self.refresh_runtime(name);
    }
}
