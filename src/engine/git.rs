//! git at work: what its files are part of waits, and what it has taken back is no change to those who have not seen it
//! ([decision 15]).
//!
//! [decision 15]: ../../docs/decisions/0015-branch-switches.md

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::engine::Engine;
use super::state::GitWork;
use crate::project::{Project, Resource, Target, WatchedTree};

/// An update that ended so shortly before git's beginning was told may have read what git had written by then.
const TOLD_WITHIN: Duration = Duration::from_millis(500);

impl Engine {
    pub(super) fn record_git_began(&mut self, repository: PathBuf) {
        let just_ended = |finished| self.now.since(finished) < TOLD_WITHIN;
        let ended = self
            .state
            .resources
            .iter()
            .filter(|(_, state)| state.history.front().is_some_and(|record| just_ended(record.finished)));
        let resources = ended.map(|(name, _)| name.clone()).collect();
        let config = self.state.config.running.is_some();
        self.state.git.insert(repository, GitWork { resources, config });
        self.touch_all();
        self.note_readers();
    }

    pub(super) fn record_git_ended(&mut self, repository: &Path, changed: &[PathBuf], same: &[PathBuf]) {
        self.note_readers();
        let readers = self.state.git.remove(repository).unwrap_or_default();
        self.touch_all();
        let seen: Vec<PathBuf> = same.iter().filter(|path| self.was_seen(&readers, path)).cloned().collect();
        let all: Vec<PathBuf> = changed.iter().cloned().chain(seen).collect();
        if !all.is_empty() {
            self.record_files(&all);
        }
    }

    /// Remembers who is at work while git is.
    pub(super) fn note_readers(&mut self) {
        let config = self.state.config.running.is_some();
        let resources = &self.state.resources;
        for work in self.state.git.values_mut() {
            work.config |= config;
            let at_work = resources.iter().filter(|(_, state)| {
                state.update.is_some() || state.live.values().any(|container| container.in_flight.is_some())
            });
            work.resources.extend(at_work.map(|(name, _)| name.clone()));
        }
    }

    /// Whether somebody may have read the file while it was another one.
    fn was_seen(&self, readers: &GitWork, path: &Path) -> bool {
        let Some(project) = self.project() else { return true };
        let by_config = readers.config && self.config_index.covers(path);
        by_config
            || readers
                .resources
                .iter()
                .filter_map(|name| project.resources.get(name))
                .any(|resource| trees(project, resource).any(|tree| tree.covers(path)))
    }

    /// Whether git is changing files that a resource is made of.
    pub(super) fn is_held_by_git(&self, project: &Project, resource: &Resource) -> bool {
        !self.state.git.is_empty() && trees(project, resource).any(|tree| self.is_in_git_work(tree))
    }

    /// Whether git is changing files of the configuration.
    pub(super) fn git_holds_config(&self) -> bool {
        self.state.config.files.iter().any(|tree| self.is_in_git_work(tree))
    }

    fn is_in_git_work(&self, tree: &WatchedTree) -> bool {
        self.state.git.keys().any(|root| tree.root.starts_with(root) || root.starts_with(&tree.root))
    }
}

/// Everything that a resource is made of.
fn trees<'p>(project: &'p Project, resource: &'p Resource) -> impl Iterator<Item = &'p WatchedTree> {
    let own: Vec<&WatchedTree> = match &resource.target {
        Target::Local(local) => local.watched.iter().collect(),
        Target::Kubernetes(target) => target.watched().collect(),
        Target::Compose(_) => Vec::new(),
    };
    let images = resource.target.images().iter().filter_map(|name| project.images.get(name));
    own.into_iter().chain(images.flat_map(|image| &image.watched))
}
