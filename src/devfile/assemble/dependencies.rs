//! `resource_deps`: those of nobody are dropped, those that can never be met are errors.

use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;

use indexmap::IndexMap;

use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use crate::project::{Resource, ResourceName};

/// Drops unknown and repeated dependencies with a warning; reports those on oneself and cycles.
pub(super) fn check_dependencies(resources: &mut IndexMap<ResourceName, Resource>, problems: &mut Vec<Diagnostic>) {
    let names: HashSet<ResourceName> = resources.keys().cloned().collect();
    for resource in resources.values_mut() {
        let mut seen: HashSet<ResourceName> = HashSet::new();
        let own_name = resource.name.clone();
        resource.resource_deps.retain(|dependency| {
            let name = &dependency.value;
            if *name == own_name {
                problems.push(
                    Diagnostic::error(format!("resource `{own_name}` depends on itself")).at(dependency.span.clone()),
                );
                return false;
            }
            if !names.contains(name) {
                problems.push(unknown(&own_name, name, &dependency.span, &names));
                return false;
            }
            seen.insert(name.clone())
        });
    }
    report_cycles(resources, problems);
}

fn unknown(owner: &ResourceName, name: &ResourceName, span: &Span, names: &HashSet<ResourceName>) -> Diagnostic {
    let diagnostic = Diagnostic::warning(format!(
        "resource `{owner}` depends on `{name}`, which does not exist; the dependency is ignored"
    ))
    .at(span.clone());
    match did_you_mean(name.as_str(), names.iter().map(ResourceName::as_str)) {
        Some(similar) => diagnostic.help(format!("did you mean `{similar}`?")),
        None => diagnostic,
    }
}

fn report_cycles(resources: &IndexMap<ResourceName, Resource>, problems: &mut Vec<Diagnostic>) {
    let edges: BTreeMap<&ResourceName, Vec<&ResourceName>> = resources
        .values()
        .map(|resource| (&resource.name, resource.resource_deps.iter().map(|dependency| &dependency.value).collect()))
        .collect();
    for cycle in cycles(resources.keys(), |name| edges.get(name).cloned().unwrap_or_default()) {
        let path: Vec<&str> = cycle.iter().chain(cycle.first()).map(|name| name.as_str()).collect();
        let mut diagnostic = Diagnostic::error(format!("resources depend on each other: {}", path.join(" -> ")));
        for (index, name) in cycle.iter().enumerate() {
            let next = cycle[(index + 1) % cycle.len()];
            let step = resources
                .get(*name)
                .and_then(|resource| resource.resource_deps.iter().find(|dependency| dependency.value == *next));
            let Some(step) = step else { continue };
            diagnostic = if index == 0 {
                diagnostic.at(step.span.clone())
            } else {
                diagnostic.related(step.span.clone(), format!("`{name}` depends on `{next}` here"))
            };
        }
        problems.push(diagnostic);
    }
}

/// The cycles of a graph, each once; a node is part of at most one of them.
pub(super) fn cycles<'n, N: Eq + Hash>(
    nodes: impl IntoIterator<Item = &'n N>,
    edges: impl Fn(&N) -> Vec<&'n N>,
) -> Vec<Vec<&'n N>> {
    let mut done: HashSet<&N> = HashSet::new();
    let mut found = Vec::new();
    for node in nodes {
        let mut path: Vec<&N> = Vec::new();
        search(node, &edges, &mut path, &mut done, &mut found);
    }
    found
}

fn search<'n, N: Eq + Hash>(
    node: &'n N,
    edges: &impl Fn(&N) -> Vec<&'n N>,
    path: &mut Vec<&'n N>,
    done: &mut HashSet<&'n N>,
    found: &mut Vec<Vec<&'n N>>,
) {
    if let Some(start) = path.iter().position(|step| *step == node) {
        found.push(path[start..].to_vec());
        return;
    }
    if done.contains(node) {
        return;
    }
    path.push(node);
    for next in edges(node) {
        search(next, edges, path, done, found);
    }
    path.pop();
    done.insert(node);
}
