//! Which rows the resource table has, in which order.

use std::cmp::Reverse;

use super::state::ViewState;
use crate::engine::{ResourceSnapshot, Snapshot};
use crate::project::ResourceName;
use crate::ui::health::{Health, health};

/// What is selected. Kept by name, so that it stays the same whatever moves around it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum RowId {
    /// The configuration.
    #[default]
    Config,
    /// A resource.
    Resource(ResourceName),
}

/// How the rows are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Order {
    /// As in the Devfile, grouped by label.
    #[default]
    Project,
    /// Worst first.
    Problems,
    /// By name.
    Name,
    /// By the time of the newest update, newest first.
    Newest,
    /// By the duration of the newest update, longest first.
    Slowest,
}

impl Order {
    /// The one after it, around.
    pub(super) fn next(self) -> Self {
        match self {
            Self::Project => Self::Problems,
            Self::Problems => Self::Name,
            Self::Name => Self::Newest,
            Self::Newest => Self::Slowest,
            Self::Slowest => Self::Project,
        }
    }

    /// For people.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Project => "as in the Devfile",
            Self::Problems => "problems first",
            Self::Name => "by name",
            Self::Newest => "newest update first",
            Self::Slowest => "slowest update first",
        }
    }
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Row<'a> {
    /// The configuration.
    Config,
    /// The heading of a label.
    Group(&'a str),
    /// A resource.
    Resource(&'a ResourceSnapshot),
}

impl Row<'_> {
    /// What it selects; headings select nothing.
    pub(super) fn id(&self) -> Option<RowId> {
        match self {
            Self::Config => Some(RowId::Config),
            Self::Group(_) => None,
            Self::Resource(resource) => Some(RowId::Resource(resource.name.clone())),
        }
    }
}

/// The heading of the resources that have no label, when others have.
const UNLABELED: &str = "unlabeled";

/// The lines of the table: the configuration, then the resources that the filter lets through, grouped by their
/// first label, or worst first.
pub(super) fn rows<'a>(snapshot: &'a Snapshot, state: &ViewState) -> Vec<Row<'a>> {
    let needle = state.filter.to_lowercase();
    let wanted = |resource: &&ResourceSnapshot| {
        let mut texts = std::iter::once(resource.name.as_str()).chain(resource.labels.iter().map(String::as_str));
        texts.any(|text| text.to_lowercase().contains(&needle))
    };
    let mut resources: Vec<&ResourceSnapshot> = snapshot.resources.iter().filter(wanted).collect();
    let mut rows = Vec::with_capacity(resources.len() + 8);
    if needle.is_empty() {
        rows.push(Row::Config);
    }
    if state.order != Order::Project {
        // Stable: what is equal stays in the order of the project.
        match state.order {
            Order::Project => {}
            Order::Problems => resources.sort_by_key(|resource| health(resource)),
            Order::Name => resources.sort_by(|one, other| one.name.cmp(&other.name)),
            Order::Newest => resources.sort_by_key(|resource| Reverse(resource.history.first().map(|it| it.finished))),
            Order::Slowest => resources
                .sort_by_key(|resource| Reverse(resource.history.first().map(|it| it.finished.since(it.started)))),
        }
        rows.extend(resources.into_iter().map(Row::Resource));
        return rows;
    }
    if resources.iter().all(|resource| resource.labels.is_empty()) {
        rows.extend(resources.into_iter().map(Row::Resource));
        return rows;
    }
    let label = |resource: &'a ResourceSnapshot| resource.labels.first().map(String::as_str);
    resources.sort_by_key(|resource| (label(resource).is_none(), label(resource)));
    let mut current = None;
    for resource in resources {
        let group = label(resource).unwrap_or(UNLABELED);
        if current != Some(group) {
            rows.push(Row::Group(group));
            current = Some(group);
        }
        rows.push(Row::Resource(resource));
    }
    rows
}

/// How many enabled resources there are, are well, and have failed.
pub(super) fn counts(snapshot: &Snapshot) -> (usize, usize, usize) {
    let enabled = snapshot.resources.iter().filter(|resource| resource.enabled);
    enabled.fold((0, 0, 0), |(all, ok, failed), resource| match health(resource) {
        Health::Ok => (all + 1, ok + 1, failed),
        Health::Failed => (all + 1, ok, failed + 1),
        Health::Working | Health::Waiting | Health::Starting | Health::Idle | Health::Disabled => (all + 1, ok, failed),
    })
}
