//! The order of the assembly (reference §3.1).

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};

use super::api_kubernetes::api_resources;
use super::api_runtime::api_runtime;
use super::compose::{compose_names, compose_services};
use super::custom_deploys::{custom_deploy, custom_groups};
use super::dependencies::check_dependencies;
use super::filters::{local_watched, single_file};
use super::grouping::{Group, UNCATEGORIZED, group_objects, pod_readiness};
use super::images::Images;
use super::live_updates::{Places, check_live_updates, withdraw_live_updates};
use super::names::{NameWorkloads, check_names};
use super::objects::{KnownObject, collect_objects};
use super::project_name::project_name;
use super::refinements::Refinement;
use super::selection::select;
use super::unused_images::{Deployables, unused_image_warning};
use crate::devfile::KubeInfo;
use crate::devfile::declarations::{Declarations, LocalResourceDeclaration};
use crate::diagnostic::{Diagnostic, Span};
use crate::k8s::{LabelSelector, secret_values};
use crate::project::{
    DiscoveryStrategy, ImageBuild, ImageName, KubernetesTarget, LocalTarget, PathFilter, PatternSet, PodReadiness,
    Project, Resource, ResourceName, Target, TriggerMode, WatchedTree,
};

/// What the assembly has to know beside the declarations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssembleOptions {
    /// What is known of the cluster.
    pub kube: KubeInfo,
    /// `up`, `ci`, `down`, `config` …
    pub subcommand: String,
    /// Whether a configuration without resources is fine: an extension may have other things to say, and one that has
    /// extensions run on their own may leave everything to them.
    pub may_be_empty: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Assembled {
    /// `None` when there is an error among the diagnostics.
    pub project: Option<Project>,
    /// All problems, warnings included.
    pub diagnostics: Vec<Diagnostic>,
}

/// Makes a project of what a run recorded. `namer` names the workloads when the configuration has a function for that.
pub fn assemble(declarations: Declarations, options: &AssembleOptions, namer: Option<&dyn NameWorkloads>) -> Assembled {
    let mut problems = Vec::new();
    let Declarations {
        entry_file,
        root,
        images,
        objects,
        workload_registrations,
        custom_deploys,
        kubernetes_resources,
        compose_projects,
        local_resources,
        api_objects,
        default_trigger_mode,
        allowed_contexts,
        settings,
        team_call: _,
        telemetry_call: _,
        default_registry_call,
        suppressed_unused_images,
        selection,
        config_files,
        global_ignores,
    } = declarations;
    let objects_calls = objects.iter().map(|declaration| &declaration.call.span);
    let first_objects_call = objects_calls.chain(custom_deploys.iter().map(|deploy| &deploy.call.span)).next().cloned();
    let default_mode = default_trigger_mode.map_or(TriggerMode::Auto, |mode| mode.value);

    let mut images = Images::collect(images, &mut problems);
    let objects = collect_objects(objects, &workload_registrations, &images, &mut problems);
    let customs = custom_groups(custom_deploys, &mut problems);
    let (groups, rest) = group_objects(&objects, customs, namer, &mut problems);

    let locals = unique_locals(local_resources, &mut problems);
    let local_names = locals.iter().map(|local| (local.name.clone(), ("a local resource", local.call.span.clone())));
    let compose_names = compose_names(&compose_projects).map(|(name, span)| (name, ("a Compose service", span)));
    let other_names = local_names.chain(compose_names).collect();
    let mut refinement = Refinement::new(&objects, groups, rest, other_names);
    for call in kubernetes_resources {
        refinement.apply(call, &mut problems);
    }
    let Refinement { groups, rest, .. } = refinement;

    let mut resources: IndexMap<ResourceName, Resource> = IndexMap::new();
    for group in groups {
        // A call whose objects could not be found has been reported.
        if !group.objects.is_empty() || group.custom_deploy.is_some() {
            let resource = kubernetes_resource(group, &objects, &images, default_mode, &mut problems);
            resources.insert(resource.name.clone(), resource);
        }
    }
    if let (Some(project), Some(call)) = (compose_projects.first(), default_registry_call) {
        problems.push(
            Diagnostic::error("`default_registry` does not work beside Compose services: they use the local engine")
                .at(call)
                .related(project.call.span.clone(), "the services are declared here"),
        );
    }
    let compose = compose_services(compose_projects, &images, default_mode, &mut problems);
    for resource in compose.resources {
        if let Some(existing) = resources.get(&resource.name) {
            problems.push(name_taken(resource.name.as_str(), kind_of(existing), &resource.origin, &existing.origin));
            continue;
        }
        resources.insert(resource.name.clone(), resource);
    }
    for local in locals {
        if let Some(existing) = resources.get(local.name.as_str()) {
            problems.push(name_taken(&local.name, kind_of(existing), &local.call.span, &existing.origin));
            continue;
        }
        let resource = local_resource(local, default_mode, &mut problems);
        resources.insert(resource.name.clone(), resource);
    }
    if let Some(first) = rest.first() {
        let group = Group {
            pod_readiness: Some(PodReadiness::Ignore),
            trigger_mode: Some(TriggerMode::Auto),
            ..Group::new(UNCATEGORIZED, objects[*first].object.origin.clone(), rest.iter().copied().collect(), false)
        };
        let resource = kubernetes_resource(group, &objects, &images, default_mode, &mut problems);
        resources.insert(resource.name.clone(), resource);
    }
    check_names(&resources, &mut problems);

    // They are no resources of the configuration's own: selection, dependencies and names do not concern them.
    let api = api_runtime(&api_objects, &mut problems);
    let of_api = api_resources(&api_objects, &api, &images, &mut problems);
    let all = || resources.values().chain(&of_api);
    let used = used_images(all(), Target::images);
    let has_services = resources.values().any(|resource| matches!(resource.target, Target::Compose(_)));
    let deployables = Deployables {
        has_resources: !resources.is_empty(),
        has_objects: !objects.is_empty() || has_services,
        has_workloads: objects.iter().any(|object| object.is_workload) || has_services,
        references: objects.iter().flat_map(|object| object.references.iter().map(String::as_str)).collect(),
    };
    // Behind an error an image may only look unused.
    if !problems.iter().any(Diagnostic::is_error) {
        problems.extend(unused_image_warning(&images, &used, &suppressed_unused_images, &deployables));
    }
    let on_cluster = used_images(all(), Target::cluster_images);
    let deployed = used_images(all(), Target::deployed_images);
    let by_command = used_images(all(), images_of_custom_deploy);
    let places = Places { on_cluster: &on_cluster, by_command: &by_command };
    withdraw_live_updates(&deployed, &places, &mut images, &mut problems);
    check_live_updates(&deployed, &places, &images, &mut problems);
    if let Some(call) = &first_objects_call
        && options.subcommand != "config"
    {
        problems.extend(refused_context(&options.kube, &allowed_contexts, call.clone()));
    }
    check_dependencies(&mut resources, &mut problems);
    select(&mut resources, &selection, &mut problems);
    if resources.is_empty() && !options.may_be_empty && !problems.iter().any(Diagnostic::is_error) {
        problems.push(
            Diagnostic::error("No resources found: the configuration declares nothing to run")
                .at(Span::file(&entry_file))
                .help("declare something, for example `k8s_yaml(\"deploy.yaml\")` or `local_resource(\"test\", cmd=\"make test\")`"),
        );
    }

    if let (Some(first), None) = (of_api.first(), &first_objects_call)
        && options.subcommand != "config"
    {
        problems.extend(refused_context(&options.kube, &allowed_contexts, first.origin.clone()));
    }
    if problems.iter().any(Diagnostic::is_error) {
        return Assembled { project: None, diagnostics: problems };
    }
    let secrets = if settings.mask_secrets {
        let applied = of_api.iter().filter_map(|resource| match &resource.target {
            Target::Kubernetes(target) => Some(&target.objects),
            Target::Local(_) | Target::Compose(_) => None,
        });
        let declared = objects.iter().map(|object| &object.object);
        declared.chain(applied.flatten()).flat_map(|object| secret_values(object)).collect()
    } else {
        Vec::new()
    };
    let global_filter = global_filter(&global_ignores, &images);
    let project = Project {
        name: project_name(&root),
        root,
        entry_file,
        images: images
            .into_shared(|name| used.contains(name))
            .into_iter()
            .chain(compose.images.into_iter().map(|(name, image)| (name, Arc::new(image))))
            .collect(),
        resources: resources
            .into_values()
            .chain(of_api)
            .map(|resource| (resource.name.clone(), Arc::new(resource)))
            .collect(),
        api,
        api_objects: api_objects.into_iter().map(Arc::new).collect(),
        settings,
        config_files,
        global_filter: Arc::new(global_filter),
        warnings: problems.clone(),
        secrets,
    };
    Assembled { project: Some(project), diagnostics: problems }
}

/// Local resources that have a name of their own among their like.
fn unique_locals(
    declarations: Vec<LocalResourceDeclaration>,
    problems: &mut Vec<Diagnostic>,
) -> Vec<LocalResourceDeclaration> {
    let mut kept: IndexMap<String, LocalResourceDeclaration> = IndexMap::new();
    for local in declarations {
        if local.name == UNCATEGORIZED {
            problems.push(
                Diagnostic::error(format!("the name `{UNCATEGORIZED}` is kept for objects that belong to no resource"))
                    .at(local.call.span),
            );
        } else if let Some(first) = kept.get(&local.name) {
            problems.push(name_taken(&local.name, "a local resource", &local.call.span, &first.call.span));
        } else {
            kept.insert(local.name.clone(), local);
        }
    }
    kept.into_values().collect()
}

pub(super) fn name_taken(name: &str, what: &str, call: &Span, existing: &Span) -> Diagnostic {
    Diagnostic::error(format!("the name `{name}` is taken: there is already {what} of this name"))
        .at(call.clone())
        .related(existing.clone(), "declared here")
}

/// What a resource is, for messages.
fn kind_of(resource: &Resource) -> &'static str {
    match resource.target {
        Target::Kubernetes(_) => "a Kubernetes resource",
        Target::Local(_) => "a local resource",
        Target::Compose(_) => "a Compose service",
    }
}

fn kubernetes_resource(
    mut group: Group,
    objects: &[KnownObject],
    images: &Images,
    default_mode: TriggerMode,
    problems: &mut Vec<Diagnostic>,
) -> Resource {
    let custom_deploy =
        group.custom_deploy.take().map(|declaration| custom_deploy(declaration, &mut group, images, problems));
    let mut deployed_images: Vec<ImageName> = Vec::new();
    for name in group.objects.iter().flat_map(|index| &objects[*index].images) {
        if !deployed_images.contains(name) {
            deployed_images.push(name.clone());
        }
    }
    let custom_deploy = custom_deploy.map(|(custom_deploy, names)| {
        deployed_images = names;
        Box::new(custom_deploy)
    });
    let target = KubernetesTarget {
        pod_readiness: pod_readiness(&group, objects, !deployed_images.is_empty()),
        images: images.with_bases(&deployed_images),
        deployed_images,
        objects: group.objects.iter().map(|index| Arc::clone(&objects[*index].object)).collect(),
        port_forwards: group.port_forwards,
        extra_pod_selectors: group.extra_pod_selectors.into_iter().map(LabelSelector::from).collect(),
        discovery: group.discovery.unwrap_or(DiscoveryStrategy::Default),
        custom_deploy,
        api: None,
    };
    Resource {
        name: ResourceName::new(group.name),
        origin: group.origin,
        target: Target::Kubernetes(Box::new(target)),
        resource_deps: group.resource_deps,
        trigger_mode: group.trigger_mode.unwrap_or(default_mode),
        auto_init: group.auto_init.unwrap_or(true),
        labels: group.labels,
        links: group.links,
        enabled: true,
    }
}

fn local_resource(
    local: LocalResourceDeclaration,
    default_mode: TriggerMode,
    problems: &mut Vec<Diagnostic>,
) -> Resource {
    let watched: Vec<WatchedTree> = local_watched(&local, problems);
    let target = LocalTarget {
        watched,
        ignore: local.ignore,
        // What only serves has no update that could get in the way of others.
        allow_parallel: local.allow_parallel || local.cmd.is_none(),
        cmd: local.cmd,
        serve_cmd: local.serve_cmd,
        readiness_probe: local.readiness_probe,
    };
    Resource {
        name: ResourceName::new(local.name),
        origin: local.call.span,
        target: Target::Local(Box::new(target)),
        resource_deps: local.resource_deps,
        trigger_mode: local.trigger_mode.unwrap_or(default_mode),
        auto_init: local.auto_init,
        labels: local.labels,
        links: local.links,
        enabled: true,
    }
}

fn used_images<'r>(
    resources: impl Iterator<Item = &'r Resource>,
    field: impl Fn(&'r Target) -> &'r [ImageName],
) -> IndexSet<ImageName> {
    resources.flat_map(|resource| field(&resource.target)).cloned().collect()
}

/// The images that the user's own command deploys.
fn images_of_custom_deploy(target: &Target) -> &[ImageName] {
    match target {
        Target::Kubernetes(target) if target.custom_deploy.is_some() => &target.deployed_images,
        Target::Kubernetes(_) | Target::Local(_) | Target::Compose(_) => &[],
    }
}

/// The error for a context that nobody has allowed (reference §2.5).
fn refused_context(kube: &KubeInfo, allowed: &BTreeSet<String>, call: Span) -> Option<Diagnostic> {
    let context = kube.context.as_ref()?;
    if kube.is_local_product || allowed.contains(context) {
        return None;
    }
    Some(
        Diagnostic::error(format!(
            "Stop! `{context}` is not known to be a development cluster, and this configuration would deploy to it"
        ))
        .at(call)
        .help(format!("if you are sure, add `allow_k8s_contexts('{context}')` to the Devfile"))
        .help("else switch to another context: `--context NAME`, or `kubectl config use-context NAME`"),
    )
}

/// What no watch takes notice of: `global_ignores`, temporary files, and what builds write for devloop.
fn global_filter(global_ignores: &[Arc<PatternSet>], images: &Images) -> PathFilter {
    let everywhere = Path::new("/");
    let mut sets: Vec<PatternSet> = global_ignores.iter().map(|set| PatternSet::clone(set)).collect();
    sets.push(PatternSet::editor_files(everywhere));
    for image in images.iter() {
        if let ImageBuild::Custom(build) = &image.build
            && let Some(file) = &build.outputs_image_ref_to
        {
            sets.push(single_file(everywhere, "outputs_image_ref_to", file));
        }
    }
    PathFilter { sets }
}
