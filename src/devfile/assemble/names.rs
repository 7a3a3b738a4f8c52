//! Default names of workloads (reference §3.3): the shortest form that tells them apart.

use std::collections::HashMap;

use indexmap::IndexMap;

use crate::diagnostic::{Diagnostic, Span};
use crate::k8s::{Object, ObjectId};
use crate::project::{Resource, ResourceName};

/// Names workloads in the configuration's own way (reference §2.5, `workload_to_resource_function`).
pub trait NameWorkloads {
    /// The call that asked for it.
    fn span(&self) -> &Span;

    /// The name of the resource of this workload.
    fn name(&self, workload: &ObjectId) -> Result<String, Box<Diagnostic>>;
}

/// The names of workloads, by the configuration's own function if it has one. Workloads without a name are reported.
pub(super) fn name_workloads(
    workloads: &[&Object],
    namer: Option<&dyn NameWorkloads>,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Option<String>> {
    let Some(namer) = namer else {
        let ids: Vec<&ObjectId> = workloads.iter().map(|object| &object.id).collect();
        return workload_names(&ids).into_iter().map(Some).collect();
    };
    let mut taken: HashMap<String, &Object> = HashMap::new();
    let mut names = Vec::new();
    for workload in workloads {
        let name = match namer.name(&workload.id) {
            Ok(name) => name,
            Err(problem) => {
                problems.push(*problem);
                names.push(None);
                continue;
            }
        };
        if let Some(first) = taken.get(&name) {
            problems.push(
                Diagnostic::error(format!(
                    "both `{}` and `{}` are given the resource name `{name}`",
                    id_text(&first.id),
                    id_text(&workload.id)
                ))
                .at(namer.span().clone())
                .related(first.origin.clone(), "the first one")
                .related(workload.origin.clone(), "the second one")
                .help("the function must return a name of its own for each workload"),
            );
            names.push(None);
        } else {
            taken.insert(name.clone(), workload);
            names.push(Some(name));
        }
    }
    names
}

/// `name:kind:namespace:group` in lower case.
pub(crate) fn id_text(id: &ObjectId) -> String {
    let namespace = id.namespace.as_deref().unwrap_or("default");
    format!("{}:{}:{namespace}:{}", id.name, id.kind, id.group()).to_lowercase()
}

/// Every name must be one path segment, wherever it comes from (reference §1.5).
pub(super) fn check_names(resources: &IndexMap<ResourceName, Resource>, problems: &mut Vec<Diagnostic>) {
    for resource in resources.values() {
        let name = resource.name.as_str();
        let message = if name.is_empty() {
            "the name of a resource must not be empty".to_owned()
        } else if matches!(name, "." | "..") || name.contains(['/', '%']) {
            format!("`{name}` is no valid name of a resource")
        } else {
            continue;
        };
        problems.push(
            Diagnostic::error(message)
                .at(resource.origin.clone())
                .help("a name must not be empty, `.` or `..` and must not contain `/` or `%`"),
        );
    }
}

/// The names of workloads, in order; `index` is the place of each among all workloads.
pub(super) fn workload_names(ids: &[&ObjectId]) -> Vec<String> {
    let forms: Vec<[String; 4]> = ids.iter().map(|id| name_forms(id)).collect();
    let mut counts: [HashMap<&str, usize>; 4] = Default::default();
    for form in &forms {
        for (count, text) in counts.iter_mut().zip(form) {
            *count.entry(text).or_default() += 1;
        }
    }
    forms
        .iter()
        .enumerate()
        .map(|(index, own)| {
            match (0..own.len()).find(|level| counts[*level].get(own[*level].as_str()) == Some(&1)) {
                Some(level) => own[level].clone(),
                // Only with `allow_duplicates`.
                None => format!("{}:{index}", own[3]),
            }
        })
        .collect()
}

fn name_forms(id: &ObjectId) -> [String; 4] {
    let group = if id.group().is_empty() { "core" } else { id.group() };
    let name = id.name.to_lowercase();
    let kind = format!("{name}:{}", id.kind.to_lowercase());
    let namespace = format!("{kind}:{}", id.namespace.as_deref().unwrap_or("default").to_lowercase());
    let full = format!("{namespace}:{}", group.to_lowercase());
    [name, kind, namespace, full]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(objects: &[(&str, &str, &str, Option<&str>)], expected: &[&str]) {
        let ids: Vec<ObjectId> = objects
            .iter()
            .map(|(api_version, kind, name, namespace)| ObjectId {
                api_version: (*api_version).into(),
                kind: (*kind).into(),
                namespace: namespace.map(Into::into),
                name: (*name).into(),
            })
            .collect();
        assert_eq!(workload_names(&ids.iter().collect::<Vec<_>>()), expected);
    }

    #[test]
    fn names_are_as_short_as_they_can_be() {
        check(&[("apps/v1", "Deployment", "web", None), ("batch/v1", "Job", "migrate", None)], &["web", "migrate"]);
        check(
            &[
                ("apps/v1", "Deployment", "web", None),
                ("apps/v1", "StatefulSet", "web", None),
                ("v1", "Pod", "x", None),
            ],
            &["web:deployment", "web:statefulset", "x"],
        );
        check(
            &[("apps/v1", "Deployment", "web", Some("a")), ("apps/v1", "Deployment", "web", None)],
            &["web:deployment:a", "web:deployment:default"],
        );
        check(
            &[("v1", "Widget", "web", None), ("w.io/v1", "Widget", "web", None)],
            &["web:widget:default:core", "web:widget:default:w.io"],
        );
        check(
            &[("v1", "Pod", "web", None), ("v1", "Pod", "web", None)],
            &["web:pod:default:core:0", "web:pod:default:core:1"],
        );
    }
}
