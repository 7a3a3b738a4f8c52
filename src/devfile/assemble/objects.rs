//! Objects: unique, with the locators that match them, and with the images that they refer to.

use std::collections::HashMap;
use std::sync::Arc;

use super::images::Images;
use crate::devfile::declarations::{ObjectDeclaration, ObjectMatcher, WorkloadRegistration};
use crate::diagnostic::Diagnostic;
use crate::k8s::{ImageLocator, Object, ObjectId, env_images, image_uses};
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
    let kinds = kinds(registrations);
    let matches_env = images.iter().any(|image| image.match_in_env_vars);
    let declarations = unique(declarations, problems);
    let known = |declaration: ObjectDeclaration| {
        let mut object = declaration.object;
        let matching: Vec<&KindRules> = kinds.iter().filter(|rules| rules.matcher.matches(&object.id)).collect();
        object.locators = matching.iter().filter_map(|rules| rules.locator.clone()).collect();
        let pod_readiness: Vec<PodReadiness> = matching.iter().filter_map(|rules| rules.pod_readiness).collect();
        let is_registered = !matching.is_empty();
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

/// What all registrations with one selector say together.
struct KindRules {
    matcher: ObjectMatcher,
    locator: Option<ImageLocator>,
    pod_readiness: Option<PodReadiness>,
}

/// The predefined kinds and the registered ones. What a later registration with the same selector says replaces what an
/// earlier one said; what it leaves out stays.
fn kinds(registrations: &[WorkloadRegistration]) -> Vec<KindRules> {
    let mut kinds = predefined();
    for WorkloadRegistration { call: _, matcher, locator, pod_readiness } in registrations {
        let place = kinds.iter().position(|known| known.matcher == *matcher).unwrap_or_else(|| {
            kinds.push(KindRules { matcher: matcher.clone(), locator: None, pod_readiness: None });
            kinds.len() - 1
        });
        let known = &mut kinds[place];
        known.locator = locator.clone().or(known.locator.take());
        known.pod_readiness = pod_readiness.or(known.pod_readiness);
    }
    kinds
}

/// Jobs end, CronJobs wait for their time. The expressions are unanchored, so a CronJob matches both.
fn predefined() -> Vec<KindRules> {
    let rules = |kind, mode| KindRules {
        matcher: ObjectMatcher::new("batch/v1", kind, "", "").expect("the expressions are valid"),
        locator: None,
        pod_readiness: Some(mode),
    };
    vec![rules("Job", PodReadiness::Succeeded), rules("CronJob", PodReadiness::Ignore)]
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
