//! Event to facts: writes down what happened. What to do about it is decided by the plan.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::change_log::Sequence;
use super::command::{Command, Selection};
use super::effect::{ContainerKey, Effect};
use super::engine::Engine;
use super::event::{COMPOSE_NAMESPACES, Event, WorkId};
use super::snapshot::Connection;
use super::state::{JobEnd, Work};
use crate::diagnostic::count;
use crate::logs::Level;
use crate::project::{ImageName, ResourceName, Target, TriggerMode, WatchedTree, map_paths};

/// A build that newer saves have made stale this often in a row runs to its end, so that somebody who saves all the
/// time gets a result at all.
const MAX_STALE_CANCELS: u32 = 3;

impl Engine {
    pub(super) fn record(&mut self, event: Event) {
        match event {
            Event::Command(command) => self.record_command(command),
            Event::FilesChanged(paths) => self.record_files(&paths),
            Event::GitBegan { repository } => self.record_git_began(repository),
            Event::GitEnded { repository, changed, same } => self.record_git_ended(&repository, &changed, &same),
            Event::Progressed { work, step } => self.record_progress(work, &step),
            Event::Finished { work, result } => self.record_finished(work, result),
            Event::ServeStarted { work, pid } => {
                self.record_serve_started(work, pid);
                self.record_command_started(work, pid);
            }
            Event::ProbeChanged { work, ready } => self.record_probe(work, ready),
            Event::PodsListed { namespace, pods } => {
                self.state.pods.list(&namespace, pods);
                self.refresh_all_runtimes();
            }
            Event::PodChanged(pod) => {
                let pod = Arc::new(*pod);
                self.state.pods.insert(Arc::clone(&pod));
                self.refresh_runtimes_of(&pod);
            }
            Event::PodDeleted(uid) => {
                if let Some(pod) = self.state.pods.remove(&uid) {
                    self.refresh_runtimes_of(&pod);
                    self.state.shown_in.remove(&uid);
                }
            }
            Event::JobFinished { uid, succeeded, message } => {
                self.state.finished_jobs.insert(uid.clone(), JobEnd { succeeded, message });
                if let Some(name) = self.state.owners.get(&uid).cloned() {
                    self.refresh_runtime(&name);
                }
            }
            Event::ForwardChanged { resource, index, local, state } => {
                if let Some(forward) =
                    self.state.resources.get_mut(&resource).and_then(|resource| resource.forwards.get_mut(index))
                {
                    forward.state = state;
                    if local != 0 {
                        forward.url = forward.url.replacen(&format!(":{}/", forward.local), &format!(":{local}/"), 1);
                        forward.local = local;
                    }
                }
            }
            Event::DockerChanged(connection) => {
                let before = self.state.docker.clone();
                self.log_connection("the Docker engine", self.state.docker.clone(), &connection);
                self.state.docker_lost_since = lost_since(&connection, self.state.docker_lost_since, self.now);
                self.state.docker_seen |= connection == Connection::Ok;
                if connection == Connection::Ok && std::mem::take(&mut self.state.config.needs_engine) {
                    self.state.config.pending = true;
                }
                self.state.docker = Some(connection);
                if self.state.docker != before {
                    self.touch_all();
                }
            }
            Event::ClusterChanged(connection) => {
                let before = self.state.cluster.clone();
                self.log_connection("the cluster", self.state.cluster.clone(), &connection);
                if matches!(connection, Connection::Lost(_)) && !self.cluster_is_away() {
                    self.cancel_transfers();
                }
                self.state.cluster_lost_since = lost_since(&connection, self.state.cluster_lost_since, self.now);
                self.state.cluster_seen |= connection == Connection::Ok;
                self.state.cluster = Some(connection);
                if self.state.cluster != before {
                    self.touch_all();
                }
            }
            Event::Woken => {}
        }
    }

    /// Says when an outside system goes away and when it is back.
    fn log_connection(&mut self, system: &str, before: Option<Connection>, now: &Connection) {
        match (before, now) {
            (Some(Connection::Lost(_)), Connection::Ok) => {
                self.log(None, Level::Info, &format!("{system} answers again"));
            }
            (Some(Connection::Lost(_)), Connection::Lost(_)) => {}
            (_, Connection::Lost(reason)) => {
                let text = format!("{system} does not answer, and what needs it waits: {reason}");
                self.log(None, Level::Warn, &text);
            }
            _ => {}
        }
    }

    /// What is on its way over a connection that is dead would wait for an answer for long; it is sent again afterwards.
    fn cancel_transfers(&mut self) {
        for (work, what) in &self.state.works {
            let is_on_cluster = |container: &ContainerKey| !container.namespace.starts_with(COMPOSE_NAMESPACES);
            if matches!(what, Work::Live { container, .. } if is_on_cluster(container)) {
                self.effects.push(Effect::Cancel { work: *work });
            }
        }
    }

    fn record_command(&mut self, command: Command) {
        match command {
            Command::Trigger(name) => self.record_trigger(name),
            Command::ReloadConfig => self.state.config.pending = true,
            Command::SetArgs(args) => {
                if *self.args() != args {
                    self.state.config.args = Some(Arc::new(args));
                    self.state.config.reselect = true;
                    self.state.config.pending = true;
                }
            }
            Command::Restart(name) => self.record_restart(&name),
            Command::Stop(name) => self.stop_resource(&name, "stopped by the user"),
            Command::Enable(selection) => {
                for name in self.select(selection) {
                    self.enable(&name);
                }
            }
            Command::Disable(selection) => {
                for name in self.select(selection) {
                    self.disable(&name);
                }
            }
            Command::Press { button, inputs } => self.record_press(&button, &inputs),
            Command::Quit => self.state.quitting = true,
        }
    }

    fn select(&self, selection: Selection) -> Vec<ResourceName> {
        match selection {
            Selection::All => self.state.resources.keys().cloned().collect(),
            Selection::Names(names) => names,
        }
    }

    /// Reference §3.10: appended once to the queue; a manual resource with nothing but changed files is released for
    /// live update instead.
    fn record_trigger(&mut self, name: ResourceName) {
        let Some(resource) = self.project().and_then(|project| project.resources.get(&name)).cloned() else { return };
        let sequence = self.state.sequence;
        let live = self.takes_live_updates(&resource);
        let Some(state) = self.state.resources.get_mut(&name) else { return };
        if !state.enabled {
            self.log(Some(name), Level::Warn, "it is disabled, so it was not triggered");
            return;
        }
        state.stopped = false;
        let only_files = state.started_once && !state.config_dirty && state.rebuild_reason.is_none();
        if resource.trigger_mode == TriggerMode::Manual && only_files && live && self.has_pending_files(&resource) {
            if let Some(state) = self.state.resources.get_mut(&name) {
                state.released = sequence;
            }
        } else if !self.state.trigger_queue.contains(&name) {
            self.state.trigger_queue.push_back(name);
        }
    }

    fn record_restart(&mut self, name: &ResourceName) {
        let Some(resource) = self.project().and_then(|project| project.resources.get(name)).cloned() else { return };
        match &resource.target {
            Target::Local(local) if local.serve_cmd.is_some() => {
                if let Some(state) = self.state.resources.get_mut(name) {
                    state.stopped = false;
                }
                self.restart_serve(name);
            }
            Target::Local(_) => self.record_trigger(name.clone()),
            // Only its commands know how it is deployed.
            Target::Kubernetes(target) if target.custom_deploy.is_some() => self.record_trigger(name.clone()),
            Target::Kubernetes(_) | Target::Compose(_) => {
                let what = "restarting";
                let work = self.state.start_work(Work::Housekeeping { resource: Some(name.clone()), what });
                let Some(project) = self.state.project.clone() else { return };
                let deployed = self.state.resources.get(name).and_then(|state| state.deployed.as_ref());
                let images = deployed
                    .map(|deployed| deployed.images.iter().map(|(name, built)| (name.clone(), built.image.clone())))
                    .into_iter()
                    .flatten()
                    .collect();
                self.effects.push(Effect::RestartRollout { work, resource, project, images });
            }
        }
    }

    pub(super) fn record_files(&mut self, paths: &[PathBuf]) {
        let Some(project) = self.state.project.clone() else {
            self.state.config.pending |= paths.iter().any(|path| self.config_index.covers(path));
            return;
        };
        let sequence = Sequence(self.state.sequence.0 + 1);
        self.state.sequence = sequence;
        let mut images: BTreeSet<ImageName> = BTreeSet::new();
        for path in paths {
            if project.global_filter.ignores(path) {
                continue;
            }
            self.state.config.pending |= self.config_index.covers(path);
            for name in self.index.images.covering(path) {
                let state = self.state.images.get_or_default(name);
                state.changes.record(path, sequence);
                state.failed = None;
                images.insert(name.clone());
            }
            for name in self.index.resources.covering(path) {
                if let Some(state) = self.state.resources.get_mut(name) {
                    state.changes.record(path, sequence);
                }
            }
        }
        let counted = paths.iter().map(PathBuf::as_path).filter(|path| !project.global_filter.ignores(path));
        self.record_watched_files(&project, counted);
        self.cancel_stale_builds(&images, sequence);
    }

    /// A running build whose input has just changed is cancelled, unless live update brings the change anyway.
    fn cancel_stale_builds(&mut self, images: &BTreeSet<ImageName>, sequence: Sequence) {
        let Some(project) = self.state.project.clone() else { return };
        let mut cancels = Vec::new();
        for name in images {
            let Some(state) = self.state.images.get(name) else { continue };
            let Some(building) = &state.building else { continue };
            if building.stale || state.cancelled >= MAX_STALE_CANCELS || state.changes.latest() < sequence {
                continue;
            }
            let changed = state.changes.paths_after(Sequence(sequence.0 - 1));
            let live = project.resources.get(&building.resource).is_some_and(|resource| {
                resource.target.deployed_images().iter().any(|deployed| {
                    project.images.get(deployed).is_some_and(|image| {
                        (deployed == name || image.base_images.contains(name))
                            && image
                                .live_update
                                .as_ref()
                                .is_some_and(|live| map_paths(live, &changed, |_| false).stop().is_none())
                    })
                })
            });
            if !live {
                cancels.push((name.clone(), building.work, building.resource.clone(), changed.len()));
            }
        }
        for (name, work, resource, files) in cancels {
            if let Some(building) = self.state.images.get_mut(&name).and_then(|image| image.building.as_mut()) {
                building.stale = true;
            }
            let text = format!("{} changed while {name} was being built: building again", count(files, "file"));
            self.log(Some(resource), Level::Info, &text);
            self.effects.push(Effect::Cancel { work });
        }
    }

    fn record_progress(&mut self, work: WorkId, step: &str) {
        let resource = match self.state.works.get(&work) {
            Some(Work::Image { resource, .. } | Work::Deploy(resource) | Work::Local(resource)) => resource.clone(),
            _ => return,
        };
        let now = self.now;
        if let Some(update) = self.state.resources.get_mut(&resource).and_then(|state| state.update.as_mut()) {
            update.enter(step, now);
        }
    }

    pub(super) fn log(&mut self, resource: Option<ResourceName>, level: Level, text: &str) {
        self.effects.push(Effect::Log { resource, level, text: text.to_owned() });
    }
}

/// Whether a path belongs to one of these trees and is not ignored there.
pub(super) fn covers(trees: &[WatchedTree], path: &Path) -> bool {
    trees.iter().any(|tree| path.starts_with(&tree.root) && !tree.filter.ignores(path))
}

fn lost_since(
    connection: &Connection,
    before: Option<super::status::SessionTime>,
    now: super::status::SessionTime,
) -> Option<super::status::SessionTime> {
    match connection {
        Connection::Lost(_) => before.or(Some(now)),
        Connection::NotNeeded | Connection::Connecting | Connection::Ok => None,
    }
}
