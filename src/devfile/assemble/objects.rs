//! Objects: unique, with the locators that match them, and with the images that they refer to.

use std::collections::HashMap;
use std::sync::Arc;

use super::images::Images;
use crate::devfile::declarations::{ObjectDeclaration, ObjectMatcher, WorkloadRegistration};
use crate::diagnostic::Diagnostic;
use crate::k8s::{Object, ObjectId, env_images, image_uses};
use crate::project::{ImageName, PodReadiness};

/// An object and what the assembly knows of it.
#[derive(Debug)]
pub(super) struct KnownObject {
    pub(super) object: Arc<Object>,
    /// It becomes a resource of its own.
    pub(super) is_workload: bool,
    /// Images of ours that it refers to, in order, each once.
    pub(super) images: Vec<ImageName>,
    /// All references to images in it, of whoever's, as people write them.
    pub(super) references: Vec<String>,
    /// What registrations of its kind say.
    pub(super) pod_readiness: Vec<PodReadiness>,
}

/// Resolves the declared objects.
pub(super) fn collect_objects(
    declarations: Vec<ObjectDeclaration>,
    registrations: &[WorkloadRegistration],
    images: &Images,
    problems: &mut Vec<Diagnostic>,
) -> Vec<KnownObject> {
    let registrations = effective(registrations);
    let predefined = predefined();
    let matches_env = images.iter().any(|image| image.match_in_env_vars);
    let declarations = unique(declarations, problems);
    let known = |declaration: ObjectDeclaration| {
        let mut object = declaration.object;
        let matching: Vec<&WorkloadRegistration> =
            registrations.iter().copied().filter(|registration| registration.matcher.matches(&object.id)).collect();
        object.locators = matching.iter().filter_map(|registration| registration.locator.clone()).collect();
        let by_kind = predefined.iter().filter(|(matcher, _)| matcher.matches(&object.id)).map(|(_, mode)| *mode);
        let pod_readiness: Vec<PodReadiness> =
            matching.iter().filter_map(|registration| registration.pod_readiness).chain(by_kind).collect();
        let is_registered = !matching.is_empty() || predefined.iter().any(|(matcher, _)| matcher.matches(&object.id));
        let uses = image_uses(&object).unwrap_or_else(|error| {
            problems.push(Diagnostic::error(format!("{}: {error}", object.id)).at(object.origin.clone()));
            Vec::new()
        });
        let references = uses.iter().map(|used| used.reference.to_string()).collect();
        let mut found: Vec<ImageName> = Vec::new();
        let mut refer = |name: &ImageName| {
            if !found.contains(name) {
                found.push(name.clone());
            }
        };
        uses.iter().filter_map(|used| images.find(&used.reference)).for_each(|image| refer(&image.name));
        let mut has_image = !uses.is_empty();
        if matches_env {
            let used = env_images(&object);
            let matched = used.iter().filter_map(|used| images.find(&used.reference));
            for image in matched.filter(|image| image.match_in_env_vars) {
                refer(&image.name);
                has_image = true;
            }
        }
        KnownObject {
            is_workload: is_registered || has_image,
            images: found,
            references,
            pod_readiness,
            object: Arc::new(object),
        }
    };
    declarations.into_iter().map(known).collect()
}

/// A later registration with the same selector replaces the locator of an earlier one.
fn effective(registrations: &[WorkloadRegistration]) -> Vec<&WorkloadRegistration> {
    let is_replaced = |index: usize, registration: &WorkloadRegistration| {
        registration.locator.is_some()
            && registrations[index + 1..]
                .iter()
                .any(|later| later.locator.is_some() && later.matcher == registration.matcher)
    };
    let kept = registrations.iter().enumerate().filter(|(index, registration)| !is_replaced(*index, registration));
    kept.map(|(_, registration)| registration).collect()
}

/// Jobs end, CronJobs wait for their time. The expressions are unanchored, so a CronJob matches both.
fn predefined() -> [(ObjectMatcher, PodReadiness); 2] {
    let matcher = |kind| ObjectMatcher::new("batch/v1", kind, "", "").expect("the expressions are valid");
    [(matcher("Job"), PodReadiness::Succeeded), (matcher("CronJob"), PodReadiness::Ignore)]
}

fn unique(declarations: Vec<ObjectDeclaration>, problems: &mut Vec<Diagnostic>) -> Vec<ObjectDeclaration> {
    let mut first: HashMap<ObjectId, usize> = HashMap::new();
    let mut kept: Vec<ObjectDeclaration> = Vec::new();
    for declaration in declarations {
        let id = declaration.object.id.clone();
        if let Some(earlier) = first.get(&id).and_then(|index| kept.get(*index))
            && !declaration.allow_duplicates
        {
            problems.push(
                Diagnostic::error(format!(
                    "{} `{}` in namespace `{}` is declared twice",
                    id.kind,
                    id.name,
                    id.namespace.as_deref().unwrap_or("default")
                ))
                .at(declaration.object.origin.clone())
                .related(earlier.object.origin.clone(), "first declared here")
                .related(declaration.call.span.clone(), "declared again by this call")
                .help("if that is intended, pass `allow_duplicates=True` to `k8s_yaml`"),
            );
            continue;
        }
        first.entry(id).or_insert(kept.len());
        kept.push(declaration);
    }
    kept
}
