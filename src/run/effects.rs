//! One match: effect to owned task to event.

use std::sync::Arc;

use super::event_loop::EventLoop;
use super::{build, compose, config, custom_deploy, deploy, live, local, prune};
use crate::engine::{ContainerPlace, Effect, WorkError, WorkResult};
use crate::project::Target;

impl EventLoop {
    /// Starts an effect.
    pub(super) fn start(&mut self, effect: Effect) {
        let edges = Arc::clone(&self.edges);
        let events = self.events.clone();
        match effect {
            Effect::LoadConfig { work, args } => {
                self.spawn(work, |cancel| config::load_config(edges, args, events, cancel));
            }
            Effect::Adopt { project } => {
                edges.logs.mask(&project.secrets);
                edges.set_default_registry(project.settings.default_registry.clone());
                self.connections.want(&project);
            }
            Effect::BuildImage { work, resource, image, bases, deployed, forced, step } => {
                let request = build::Request { resource, image, bases, deployed, forced, step };
                self.spawn(work, |cancel| build::build(edges, request, cancel));
            }
            Effect::Deploy { work, resource, project, images, force, step } => {
                if let Target::Compose(_) = resource.target {
                    let request = compose::Request { resource, project, images, force, step };
                    self.spawn(work, |cancel| compose::up(edges, events, request, cancel));
                    return;
                }
                let request = deploy::Request { resource, project, images, force, step: Some(step) };
                self.spawn(work, |cancel| deploy::deploy(edges, request, cancel));
            }
            Effect::RunLocal { work, resource } => {
                self.spawn(work, |cancel| local::run(edges, resource, cancel));
            }
            Effect::Serve { work, resource } => {
                self.spawn(work, move |cancel| local::serve(edges, resource, work, events, cancel));
            }
            Effect::RunCommand { work, command, env, resource } => {
                let request = local::ApiRequest { command, env, resource, work };
                self.spawn(work, move |cancel| local::run_api_command(edges, request, events, cancel));
            }
            Effect::LiveUpdate { work, place, resource, container, image, copies, initial, runs, restart } => {
                let request = live::Request { place, resource, container, image, copies, initial, runs, restart };
                let channels = match place {
                    ContainerPlace::Cluster => self.pods.channels(),
                    ContainerPlace::Engine => Some(self.containers.channels()),
                };
                self.spawn(work, |cancel| live::update(edges, channels, request, events, cancel));
            }
            Effect::DeleteObjects { work, project, resource, declared_elsewhere } => {
                self.spawn(work, |cancel| deploy::delete(edges, project, resource, declared_elsewhere, cancel));
            }
            Effect::DeleteCustom { work, resource, limit } => {
                self.spawn(work, |cancel| custom_deploy::delete(edges, resource, limit, cancel));
            }
            Effect::PruneStale { work, project } => {
                self.spawn(work, |cancel| deploy::prune_stale(edges, project, cancel));
            }
            Effect::PruneImages { work, project, needed } => {
                self.spawn(work, |cancel| prune::prune(edges, project, needed, cancel));
            }
            Effect::RemoveService { work, resource } => {
                self.spawn(work, |cancel| compose::remove(edges, resource, cancel));
            }
            Effect::RestartRollout { work, resource, project, images } => {
                if let Target::Compose(_) = resource.target {
                    self.spawn(work, |cancel| compose::restart(edges, resource, cancel));
                    return;
                }
                let request = deploy::Request { resource, project, images, force: false, step: None };
                self.spawn(work, |cancel| deploy::restart(edges, request, cancel));
            }
            Effect::Cancel { work } => self.cancel(work),
            log @ Effect::Log { .. } => self.log(&log),
        }
    }
}

/// The result of a piece of housekeeping.
pub(super) fn housekeeping(result: Result<(), WorkError>) -> WorkResult {
    WorkResult::Housekeeping(result)
}
