//! Default names of workloads (reference §3.3): the shortest form that tells them apart.

use crate::k8s::ObjectId;

/// The names of workloads, in order; `index` is the place of each among all workloads.
pub(super) fn workload_names(ids: &[&ObjectId]) -> Vec<String> {
    let forms: Vec<[String; 4]> = ids.iter().map(|id| name_forms(id)).collect();
    forms
        .iter()
        .enumerate()
        .map(|(index, own)| {
            let is_unique = |level: usize| {
                forms.iter().enumerate().all(|(other, form)| other == index || form[level] != own[level])
            };
            match (0..own.len()).find(|level| is_unique(*level)) {
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
