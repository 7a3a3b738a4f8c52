//! Which resources are enabled (reference §2.9).

use std::collections::HashSet;

use indexmap::IndexMap;

use super::grouping::UNCATEGORIZED;
use super::refinements::quoted;
use crate::devfile::declarations::Selection;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::project::{Resource, ResourceName};

/// Sets `enabled` of each resource.
pub(super) fn select(
    resources: &mut IndexMap<ResourceName, Resource>,
    selection: &Selection,
    problems: &mut Vec<Diagnostic>,
) {
    let selected = match selection {
        Selection::All => return,
        Selection::Nothing => {
            resources.values_mut().for_each(|resource| resource.enabled = false);
            return;
        }
        Selection::Only(selected) if selected.is_empty() => return,
        Selection::Only(selected) => selected,
    };
    let existing: Vec<&str> = resources.keys().map(ResourceName::as_str).collect();
    let mut open: Vec<ResourceName> = Vec::new();
    for wanted in selected {
        if let Some((name, _)) = resources.get_key_value(wanted.name.as_str()) {
            open.push(name.clone());
            continue;
        }
        let mut diagnostic = Diagnostic::error(format!("there is no resource `{}` to enable", wanted.name));
        if let Some(span) = &wanted.span {
            diagnostic = diagnostic.at(span.clone());
        }
        if let Some(similar) = did_you_mean(&wanted.name, existing.iter().copied()) {
            diagnostic = diagnostic.help(format!("did you mean `{similar}`?"));
        }
        problems.push(diagnostic.help(format!("resources: {}", quoted(&existing))));
    }
    let mut enabled: HashSet<ResourceName> = HashSet::from([ResourceName::new(UNCATEGORIZED)]);
    while let Some(name) = open.pop() {
        if enabled.insert(name.clone())
            && let Some(resource) = resources.get(&name)
        {
            open.extend(resource.resource_deps.iter().map(|dependency| dependency.value.clone()));
        }
    }
    for (name, resource) in resources {
        resource.enabled = enabled.contains(name);
    }
}
