//! When what is left of earlier builds is removed from the Docker engine (reference §3.12).

use std::collections::HashSet;

use super::effect::Effect;
use super::engine::{Engine, Mode};
use super::hold::Hold;
use super::state::Work;
use super::status::SessionTime;
use crate::project::{ImageBuild, Project, PruneFrequency};

/// When it was done last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pruned {
    pub at: SessionTime,
    /// How many images the session had built by then.
    pub builds: usize,
}

impl Engine {
    /// A first time as soon as the session is idle after its start, then as often as the settings say; never while
    /// something is built or is about to be, and not in `ci`, which ends when there is nothing left to do.
    pub(super) fn plan_image_prune(&mut self) {
        let Some(project) = self.state.project.clone() else { return };
        if self.options.mode != Mode::Up || !self.is_prune_due(&project) || !self.is_idle() || self.docker_is_away() {
            return;
        }
        self.state.pruned_images = Some(Pruned { at: self.now, builds: self.state.builds });
        let what = "removing what is left of earlier builds";
        let work = self.state.start_work(Work::Housekeeping { resource: None, what });
        self.effects.push(Effect::PruneImages { work, project, needed: self.images_in_use() });
    }

    fn is_prune_due(&self, project: &Project) -> bool {
        if project.settings.prune.disabled || !builds_images(project) {
            return false;
        }
        match (self.state.pruned_images, project.settings.prune.frequency) {
            (None, _) => true,
            (Some(last), PruneFrequency::Builds(count)) => self.state.builds - last.builds >= count,
            (Some(last), PruneFrequency::Interval(time)) => self.now >= last.at + time,
        }
    }

    /// Whether nothing is being built or queued.
    fn is_idle(&self) -> bool {
        self.state.config.running.is_none()
            && !self.state.config.pending
            && !self.state.config.failed
            && self.state.trigger_queue.is_empty()
            && self.attention.updating.is_empty()
            && self.state.images.values().all(|image| image.building.is_none())
            && self.holds.values().all(|hold| *hold == Hold::Manual)
    }

    /// What the session has built and may need again: to deploy it, or to build upon it.
    fn images_in_use(&self) -> HashSet<String> {
        let built = self.state.images.values().filter_map(|image| image.built.as_ref());
        let deployed = self.state.resources.values().filter_map(|resource| resource.deployed.as_ref());
        let deployed = deployed.flat_map(|deployed| deployed.images.values());
        built.chain(deployed).map(|built| built.image.local_ref.clone()).filter(|name| !name.is_empty()).collect()
    }

    /// The next moment at which it is time.
    pub(super) fn next_image_prune(&self) -> Option<SessionTime> {
        let project = self.state.project.as_ref()?;
        let PruneFrequency::Interval(time) = project.settings.prune.frequency else { return None };
        if project.settings.prune.disabled || !builds_images(project) {
            return None;
        }
        let next = self.state.pruned_images?.at + time;
        (next > self.now).then_some(next)
    }
}

/// What Compose builds is Compose's.
fn builds_images(project: &Project) -> bool {
    project.images.values().any(|image| matches!(image.build, ImageBuild::Docker(_) | ImageBuild::Custom(_)))
}
