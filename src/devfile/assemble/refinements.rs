//! `k8s_resource` calls, applied in their order (reference §2.5).

use std::collections::{BTreeSet, HashMap};

use super::grouping::{Group, UNCATEGORIZED};
use super::objects::KnownObject;
use crate::devfile::declarations::{KubernetesResourceCall, ObjectFragment};
use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use crate::k8s::ObjectId;

/// The state that the calls change.
pub(super) struct Refinement<'a> {
    pub(super) objects: &'a [KnownObject],
    pub(super) groups: Vec<Group>,
    /// Objects that belong to no group.
    pub(super) rest: BTreeSet<usize>,
    /// Names of resources that are no Kubernetes ones, with what they are.
    pub(super) other_names: HashMap<String, (&'static str, Span)>,
    /// Places of the groups, by their present names.
    by_name: HashMap<String, usize>,
    /// Places of the objects, by their names in lower case.
    objects_by_name: HashMap<String, Vec<usize>>,
    /// Old names to new names and the calls that renamed.
    renamed: HashMap<String, (String, Span)>,
}

impl<'a> Refinement<'a> {
    pub(super) fn new(
        objects: &'a [KnownObject],
        groups: Vec<Group>,
        rest: BTreeSet<usize>,
        other_names: HashMap<String, (&'static str, Span)>,
    ) -> Self {
        let by_name = groups.iter().enumerate().map(|(index, group)| (group.name.clone(), index)).collect();
        let mut objects_by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, object) in objects.iter().enumerate() {
            objects_by_name.entry(object.object.id.name.to_ascii_lowercase()).or_default().push(index);
        }
        Self { objects, groups, rest, other_names, by_name, objects_by_name, renamed: HashMap::new() }
    }

    /// Applies one call; problems leave the rest of it in force.
    pub(super) fn apply(&mut self, call: KubernetesResourceCall, problems: &mut Vec<Diagnostic>) {
        let Some(index) = self.target(&call, problems) else { return };
        for fragment in &call.objects {
            match self.find_object(fragment, &call) {
                Ok(object) => {
                    self.rest.remove(&object);
                    self.groups[index].objects.push(object);
                }
                Err(problem) => problems.push(*problem),
            }
        }
        let group = &mut self.groups[index];
        group.port_forwards.extend(call.port_forwards);
        group.extra_pod_selectors.extend(call.extra_pod_selectors);
        group.resource_deps.extend(call.resource_deps);
        group.links.extend(call.links);
        group.labels.extend(call.labels);
        group.trigger_mode = call.trigger_mode.or(group.trigger_mode);
        group.auto_init = call.auto_init.or(group.auto_init);
        group.pod_readiness = call.pod_readiness.or(group.pod_readiness);
        group.discovery = call.discovery_strategy.or(group.discovery);
    }

    /// The group that a call is about: an existing one, renamed if it says so, or a new one.
    fn target(&mut self, call: &KubernetesResourceCall, problems: &mut Vec<Diagnostic>) -> Option<usize> {
        if call.workload.is_empty() {
            if let Some(problem) = self.taken(&call.new_name, &call.call.span) {
                problems.push(problem);
                return None;
            }
            self.by_name.insert(call.new_name.clone(), self.groups.len());
            self.groups.push(Group::new(call.new_name.as_str(), call.call.span.clone(), Vec::new(), true));
            return Some(self.groups.len() - 1);
        }
        let Some(index) = self.by_name.get(&call.workload).copied() else {
            problems.push(self.unknown(call));
            return None;
        };
        if !call.new_name.is_empty() && call.new_name != call.workload {
            if let Some(problem) = self.taken(&call.new_name, &call.call.span) {
                problems.push(problem);
            } else {
                self.renamed.insert(call.workload.clone(), (call.new_name.clone(), call.call.span.clone()));
                self.groups[index].name.clone_from(&call.new_name);
                self.by_name.remove(&call.workload);
                self.by_name.insert(call.new_name.clone(), index);
            }
        }
        Some(index)
    }

    fn taken(&self, name: &str, call: &Span) -> Option<Diagnostic> {
        let (what, origin) = match self.by_name.get(name) {
            Some(index) => ("a Kubernetes resource", self.groups[*index].origin.clone()),
            None if name == UNCATEGORIZED => {
                return Some(
                    Diagnostic::error(format!("the name `{name}` is kept for objects that belong to no resource"))
                        .at(call.clone()),
                );
            }
            None => self.other_names.get(name).map(|(what, origin)| (*what, origin.clone()))?,
        };
        Some(
            Diagnostic::error(format!("the name `{name}` is taken: there is already {what} of this name"))
                .at(call.clone())
                .related(origin, "declared here"),
        )
    }

    fn unknown(&self, call: &KubernetesResourceCall) -> Diagnostic {
        let name = &call.workload;
        let diagnostic =
            Diagnostic::error(format!("`k8s_resource` refers to `{name}`, which is no Kubernetes resource"))
                .at(call.call.span.clone());
        if let Some((new_name, renamed_by)) = self.renamed.get(name) {
            return diagnostic
                .related(renamed_by.clone(), format!("renamed to `{new_name}` here"))
                .help(format!("use the new name `{new_name}`"));
        }
        if let Some((what, origin)) = self.other_names.get(name) {
            return diagnostic.related(origin.clone(), format!("`{name}` is {what}"));
        }
        let known: Vec<&str> = self.groups.iter().map(|group| group.name.as_str()).collect();
        let diagnostic = match did_you_mean(name, known.iter().copied()) {
            Some(similar) => diagnostic.help(format!("did you mean `{similar}`?")),
            None => diagnostic,
        };
        let is_named = |index: &usize| self.objects[*index].object.id.name.eq_ignore_ascii_case(name);
        let holders: Vec<&Group> = self.groups.iter().filter(|group| group.objects.iter().any(is_named)).collect();
        let diagnostic = if !holders.is_empty() {
            // A longer name, or one of the user's: `web:deployment`.
            let holders = quoted(holders.iter().map(|group| group.name.as_str()));
            diagnostic.help(format!("objects of this name belong to {holders}"))
        } else if (0..self.objects.len()).any(|index| is_named(&index)) {
            diagnostic.help(format!(
                "there is an object of this name, but no workload: group it by `k8s_resource(new_name=…, objects=[\"{name}\"])`"
            ))
        } else {
            diagnostic
        };
        if known.is_empty() {
            diagnostic.help("no workload has been declared: pass its YAML to `k8s_yaml`")
        } else {
            diagnostic.help(format!("known resources: {}", quoted(known.iter().copied())))
        }
    }

    /// The one object that a fragment means, if it still belongs to no resource.
    fn find_object(&self, fragment: &ObjectFragment, call: &KubernetesResourceCall) -> Result<usize, Box<Diagnostic>> {
        let of_name = self.objects_by_name.get(&fragment.name.to_ascii_lowercase());
        let found: Vec<usize> = of_name
            .into_iter()
            .flatten()
            .copied()
            .filter(|index| fragment_matches(fragment, &self.objects[*index].object.id))
            .collect();
        let error = |message: String| Diagnostic::error(message).at(call.call.span.clone());
        let text = &fragment.text;
        match found.as_slice() {
            [index] if self.rest.contains(index) => Ok(*index),
            [index] => {
                let owner = self.groups.iter().find(|group| group.objects.contains(index));
                let owner = owner.map_or_else(String::new, |group| format!(" `{}`", group.name));
                let unassigned = quoted(self.rest.iter().map(|index| self.fragment_of(*index)));
                let diagnostic = error(format!("object `{text}` belongs to resource{owner} already"))
                    .related(self.objects[*index].object.origin.clone(), "declared here");
                Err(Box::new(if unassigned.is_empty() {
                    diagnostic.help("no object is left that belongs to no resource")
                } else {
                    diagnostic.help(format!("objects that belong to no resource: {unassigned}"))
                }))
            }
            [] => {
                let all: Vec<String> = (0..self.objects.len()).map(|index| self.fragment_of(index)).collect();
                let names = self.objects.iter().map(|object| object.object.id.name.as_str());
                let diagnostic = error(format!("no object matches `{text}`"));
                let diagnostic = match did_you_mean(&fragment.name, names) {
                    Some(similar) => diagnostic.help(format!("did you mean `{similar}`?")),
                    None => diagnostic,
                };
                Err(Box::new(if all.is_empty() {
                    diagnostic.help("no object has been declared: pass its YAML to `k8s_yaml`")
                } else {
                    diagnostic.help(format!("known objects: {}", quoted(all)))
                }))
            }
            several => {
                let candidates = quoted(several.iter().map(|index| self.fragment_of(*index)));
                let mut diagnostic = error(format!("`{text}` matches {} objects", several.len()))
                    .help(format!("name one of them: {candidates}"));
                for index in several {
                    let object = &self.objects[*index].object;
                    diagnostic = diagnostic.related(object.origin.clone(), format!("`{}`", self.fragment_of(*index)));
                }
                Err(Box::new(diagnostic))
            }
        }
    }

    /// The full fragment that means an object.
    fn fragment_of(&self, index: usize) -> String {
        let id = &self.objects[index].object.id;
        let escape = |text: &str| text.replace(':', "\\:");
        format!("{}:{}:{}", escape(&id.name), id.kind, id.namespace.as_deref().unwrap_or("default"))
    }
}

fn fragment_matches(fragment: &ObjectFragment, id: &ObjectId) -> bool {
    let is = |wanted: &Option<String>, given: &str| {
        wanted.as_deref().is_none_or(|wanted| wanted.is_empty() || wanted.eq_ignore_ascii_case(given))
    };
    fragment.name.eq_ignore_ascii_case(&id.name)
        && is(&fragment.kind, &id.kind)
        && is(&fragment.namespace, id.namespace.as_deref().unwrap_or("default"))
}

/// Names in backticks, joined by commas.
pub(super) fn quoted(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}
