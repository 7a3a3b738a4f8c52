//! Which resources the plan looks at.
//!
//! What is decided about a resource follows from its own facts, those of its images, and a few facts about the session. A
//! resource that has nothing to do and that nothing has touched since it was looked at last is *settled*: it would be decided
//! the same again. So an event costs in proportion to what it touches and to what is under way, not to the number of
//! resources. Facts about the session touch all when they change ([`Engine::touch_all`]).

use std::collections::BTreeSet;

use super::engine::Engine;
use super::hold::Hold;
use super::state::ResourceState;
use crate::project::Resource;

/// Places in the project's order.
#[derive(Debug, Default)]
pub(super) struct Attention {
    /// To be looked at by the plan.
    pub active: BTreeSet<usize>,
    /// Being updated.
    pub updating: BTreeSet<usize>,
    /// The next picture must look at them.
    pub unseen: BTreeSet<usize>,
    /// The next picture must look at all.
    pub all_unseen: bool,
    /// Resources that what follows pods has not been told of ([`Engine::take_moved`]).
    pub moved: BTreeSet<usize>,
    pub all_moved: bool,
    /// How often the plan has looked at a resource, for tests.
    pub looks: u64,
    /// How many rows have been made for pictures, for tests.
    pub rows: u64,
}

impl Engine {
    /// Every resource is looked at again: a fact has changed that any of them may depend on.
    pub(super) fn touch_all(&mut self) {
        self.state.resources.touch_all();
    }

    /// Takes in what was touched.
    pub(super) fn absorb(&mut self) {
        let (images, _) = self.state.images.take_touched();
        for place in images {
            let Some((image, _)) = self.state.images.at(place) else { continue };
            for user in self.index.users(image) {
                self.state.resources.touch(user);
            }
        }
        let (touched, rearranged) = self.state.resources.take_touched();
        let attention = &mut self.attention;
        if rearranged {
            attention.active.clear();
            attention.updating.clear();
            attention.unseen.clear();
            attention.moved.clear();
            attention.all_unseen = true;
            attention.all_moved = true;
        }
        for place in touched {
            let Some((_, state)) = self.state.resources.at(place) else { continue };
            if state.update.is_some() {
                attention.updating.insert(place);
            } else {
                attention.updating.remove(&place);
            }
            attention.active.insert(place);
            attention.unseen.insert(place);
        }
    }

    /// Forgets, after a plan, those that would be decided the same again.
    pub(super) fn settle(&mut self) {
        let Some(project) = self.state.project.clone() else {
            self.attention.active.clear();
            return;
        };
        let mut active = std::mem::take(&mut self.attention.active);
        active.retain(|place| {
            let resource = project.resources.get_index(*place).map(|(_, resource)| resource);
            let state = self.state.resources.at(*place).map(|(_, state)| state);
            resource.zip(state).is_some_and(|(resource, state)| self.is_active(resource, state))
        });
        self.attention.active = active;
    }

    fn is_active(&self, resource: &Resource, state: &ResourceState) -> bool {
        let held = self.holds.get(&resource.name);
        state.update.is_some()
            || held.is_some_and(|hold| *hold != Hold::Manual)
            || state.live.values().any(|container| container.in_flight.is_some())
            || self.is_candidate(resource)
            || (state.enabled && (self.has_pending_files(resource) || !self.full_update_reasons(resource).is_empty()))
    }
}
