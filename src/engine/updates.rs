//! Full updates: the images of a resource one after the other, then its objects; or its command (reference §3.5, §3.6).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::change_log::Sequence;
use super::effect::{Effect, Step};
use super::engine::Engine;
use super::event::{BuiltImage, compose_owner};
use super::results::UpdateEnd;
use super::state::{Building, Built, Stage, Update, Work};
use super::status::UpdateReason;
use crate::diagnostic::count;
use crate::logs::Level;
use crate::project::{CustomBuild, Image, ImageBuild, ImageName, Project, Resource, ResourceName, Target, TriggerMode};

/// Files named in an update's heading.
const HEADING_FILES: usize = 5;

impl Engine {
    pub(super) fn start_update(&mut self, resource: &Arc<Resource>) {
        let name = resource.name.clone();
        let triggered = self.state.trigger_queue.iter().position(|queued| *queued == name);
        if let Some(position) = triggered {
            self.state.trigger_queue.remove(position);
        }
        let files = self.pending_files(resource);
        let pending_reasons = self.full_update_reasons(resource);
        let sequence = self.state.sequence;
        let now = self.now;
        let Some(state) = self.state.resources.get_mut(&name) else { return };
        let first = !state.started_once;
        let reasons = if first {
            vec![UpdateReason::InitialBuild]
        } else if triggered.is_some() {
            vec![UpdateReason::Triggered]
        } else {
            pending_reasons
        };
        let only_files = !first && !state.config_dirty && state.rebuild_reason.is_none() && !files.is_empty();
        let force = triggered.is_some() && !first && !(resource.trigger_mode == TriggerMode::Manual && only_files);
        let update = Update {
            started: now,
            reasons: reasons.clone(),
            sequence,
            file_count: files.len(),
            files,
            rebuild_reason: state.rebuild_reason.take(),
            force,
            stage: Stage::Images,
            step: String::new(),
            step_started: now,
            done_steps: Vec::new(),
            steps: Step { number: 0, of: 1 },
            built: BTreeSet::new(),
            deploying: BTreeMap::new(),
            cancelled: None,
        };
        let heading = heading(&update, &self.options.entry_file);
        let rebuild = update.rebuild_reason.clone();
        state.started_once = true;
        state.config_dirty = false;
        state.interrupted = false;
        state.lost = None;
        state.stopped = false;
        state.update = Some(update);
        let of = 1 + self.build_steps(resource, force);
        if let Some(update) = self.state.resources.get_mut(&name).and_then(|state| state.update.as_mut()) {
            update.steps.of = of;
        }
        // A failed build of the same input would fail again; the user who triggers wants it tried.
        if triggered.is_some() {
            for image in resource.target.images() {
                if let Some(image) = self.state.images.get_mut(image) {
                    image.failed = None;
                }
            }
        }
        self.log(Some(name.clone()), Level::Info, &format!("\n{heading}"));
        if let Some(reason) = rebuild {
            self.log(Some(name), Level::Info, &format!("no live update, because {reason}"));
        }
    }

    /// Takes each running update one step further, if it waits for nothing.
    pub(super) fn advance_updates(&mut self) {
        self.absorb();
        let Some(project) = self.state.project.clone() else { return };
        let names: Vec<ResourceName> = self
            .attention
            .updating
            .iter()
            .filter_map(|place| self.state.resources.at(*place))
            .filter(|(_, state)| state.update.as_ref().is_some_and(Update::is_building))
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            let Some(resource) = project.resources.get(&name).cloned() else { continue };
            match &resource.target {
                Target::Kubernetes(_) | Target::Compose(_) => self.advance_deploy(&project, &resource),
                Target::Local(target) if target.cmd.is_some() => {
                    let work = self.state.start_work(Work::Local(name.clone()));
                    self.set_stage(&name, Stage::Local(work), "running");
                    self.effects.push(Effect::RunLocal { work, resource: Arc::clone(&resource) });
                }
                // A resource without `cmd` goes through an update all the same, so that dependencies and holds apply.
                Target::Local(_) => self.end_update(&name, UpdateEnd::Ok),
            }
        }
    }

    /// The number of the step that begins now; `length` steps of the log belong to it.
    fn next_step(&mut self, name: &ResourceName, length: usize) -> Step {
        let Some(update) = self.state.resources.get_mut(name).and_then(|state| state.update.as_mut()) else {
            return Step { number: 1, of: 1 };
        };
        let first = update.steps.number + 1;
        update.steps.number += length;
        update.steps.of = update.steps.of.max(update.steps.number);
        Step { number: first, of: update.steps.of }
    }

    /// How many steps of the log the builds of an update take.
    fn build_steps(&self, resource: &Resource, force: bool) -> usize {
        let Some(project) = &self.state.project else { return 0 };
        let target = &resource.target;
        let images = target.images().iter().filter_map(|name| project.images.get(name));
        let built = images.filter(|image| !is_live_update_only(image));
        built.filter(|image| self.needs_build(image, force, &BTreeSet::new(), self.state.sequence, target)).count()
            * steps_of_build(target)
    }

    fn set_stage(&mut self, name: &ResourceName, stage: Stage, step: &str) {
        let now = self.now;
        if let Some(update) = self.state.resources.get_mut(name).and_then(|state| state.update.as_mut()) {
            update.stage = stage;
            update.enter(step, now);
        }
    }

    fn advance_deploy(&mut self, project: &Arc<Project>, resource: &Arc<Resource>) {
        let (name, target) = (&resource.name, &resource.target);
        let Some(update) = self.state.resources.get(name).and_then(|state| state.update.clone()) else { return };
        let mut waiting = false;
        for image_name in target.images() {
            let Some(image) = project.images.get(image_name).cloned() else { continue };
            if self.state.images.get(image_name).is_some_and(|state| state.building.is_some()) {
                waiting = true;
                continue;
            }
            let force = update.force && !update.built.contains(image_name);
            if !self.needs_build(&image, force, &update.built, update.sequence, target) {
                continue;
            }
            if !force && let Some(message) = self.state.images.get(image_name).and_then(|state| state.failed.clone()) {
                self.end_update(name, UpdateEnd::Failed(message));
                return;
            }
            waiting = true;
            // Bases come first: this one waits until all of its own are there and current.
            let bases_ready = image.base_images.iter().all(|base| {
                project.images.get(base).is_none_or(|base| {
                    let force = update.force && !update.built.contains(&base.name);
                    !self.needs_build(base, force, &update.built, update.sequence, target)
                        && self.state.images.get(&base.name).is_none_or(|state| state.building.is_none())
                })
            });
            if bases_ready {
                self.start_build(&image, resource, target, force);
            }
        }
        if waiting {
            return;
        }
        let deploying = self.built_images_of(project, name);
        let images = deploying.iter().map(|(image, built)| (image.clone(), built.image.clone())).collect();
        if let Some(update) = self.state.resources.get_mut(name).and_then(|state| state.update.as_mut()) {
            update.deploying = deploying;
        }
        if let Target::Compose(target) = target {
            // Its containers are its own as soon as they are there: what they say while they start is not lost.
            self.state.owners.insert(compose_owner(&target.project.name, &target.service), name.clone());
        }
        let work = self.state.start_work(Work::Deploy(name.clone()));
        let step = self.next_step(name, 1);
        self.set_stage(name, Stage::Deploying(work), "deploying");
        self.effects.push(Effect::Deploy {
            work,
            resource: Arc::clone(resource),
            project: Arc::clone(project),
            images,
            force: update.force,
            step,
        });
    }

    fn start_build(&mut self, image: &Arc<Image>, resource: &Arc<Resource>, target: &Target, force: bool) {
        let work = self.state.start_work(Work::Image { image: image.name.clone(), resource: resource.name.clone() });
        let bases: BTreeMap<ImageName, BuiltImage> = image
            .base_images
            .iter()
            .filter_map(|base| Some((base.clone(), self.state.images.get(base)?.built.as_ref()?.image.clone())))
            .collect();
        let mut contains = BTreeMap::from([(image.name.clone(), self.state.sequence)]);
        for base in &image.base_images {
            if let Some(built) = self.state.images.get(base).and_then(|state| state.built.as_ref()) {
                for (name, sequence) in &built.contains {
                    contains.insert(name.clone(), *sequence);
                }
            }
        }
        let building = Building { work, resource: resource.name.clone(), contains, bases: bases.clone(), stale: false };
        self.state.images.get_or_default(&image.name).building = Some(building);
        let length = if is_live_update_only(image) { 0 } else { steps_of_build(target) };
        let step = self.next_step(&resource.name, length);
        let now = self.now;
        if let Some(update) = self.state.resources.get_mut(&resource.name).and_then(|state| state.update.as_mut()) {
            update.enter(&format!("building {}", image.name), now);
        }
        self.effects.push(Effect::BuildImage {
            work,
            resource: resource.name.clone(),
            image: Arc::clone(image),
            bases,
            deployed: target.cluster_images().contains(&image.name),
            forced: force,
            step,
        });
    }

    /// Whether an image must be built before it can be deployed (reference §3.5). Changes after `wanted` do not count:
    /// they came during the update, and live update or the next update deals with them.
    pub(super) fn needs_build(
        &self,
        image: &Image,
        force: bool,
        built_now: &BTreeSet<ImageName>,
        wanted: Sequence,
        target: &Target,
    ) -> bool {
        let Some(state) = self.state.images.get(&image.name) else { return true };
        let Some(built) = &state.built else { return true };
        if force && !built_now.contains(&image.name) {
            return true;
        }
        if is_live_update_only(image) {
            return false;
        }
        // Built as a base only, and now to be deployed: the cluster has to find it.
        let deployed = target.cluster_images().contains(&image.name);
        if deployed && built.image.cluster_ref.is_empty() {
            return true;
        }
        let contained = built.contains.get(&image.name).copied().unwrap_or_default();
        state.changes.between(contained, wanted).next().is_some()
            || image.base_images.iter().any(|base| {
                let current =
                    self.state.images.get(base).and_then(|state| state.built.as_ref()).map(|built| &built.image);
                current != built.bases.get(base)
            })
    }

    /// The current images of a resource.
    pub(super) fn built_images_of(&self, project: &Project, name: &ResourceName) -> BTreeMap<ImageName, Built> {
        let Some(target) = project.resources.get(name).map(|resource| &resource.target) else {
            return BTreeMap::new();
        };
        target
            .images()
            .iter()
            .filter_map(|image| Some((image.clone(), self.state.images.get(image)?.built.clone()?)))
            .collect()
    }
}

pub(super) fn is_live_update_only(image: &Image) -> bool {
    match &image.build {
        ImageBuild::Custom(custom) => image.live_update.is_some() && CustomBuild::is_live_update_only(custom),
        ImageBuild::Docker(_) | ImageBuild::Compose(_) => false,
    }
}

/// A build for the cluster is followed by a push (reference §3.5).
fn steps_of_build(target: &Target) -> usize {
    match target {
        Target::Kubernetes(_) => 2,
        Target::Compose(_) | Target::Local(_) => 1,
    }
}

/// The heading of an update in the log (reference §3.6).
fn heading(update: &Update, entry_file: &std::path::Path) -> String {
    if update.reasons.contains(&UpdateReason::InitialBuild) || update.files.is_empty() {
        return update.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
    }
    let root = entry_file.parent().unwrap_or(entry_file);
    let mut names: Vec<String> = update
        .files
        .iter()
        .take(HEADING_FILES)
        .map(|path| path.strip_prefix(root).unwrap_or(path).display().to_string())
        .collect();
    if update.files.len() > HEADING_FILES {
        names.push("...".to_owned());
    }
    format!("{} Changed: [{}]", count(update.file_count, "File"), names.join(" "))
}
