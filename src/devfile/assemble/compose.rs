//! Compose services become resources (reference §2.6, §3.1).

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;

use super::filters::single_file;
use super::images::Images;
use crate::compose::BuildSection;
use crate::devfile::declarations::{ComposeDeclaration, ComposeServiceDeclaration, WatchedPath};
use crate::diagnostic::{Diagnostic, Span, Spanned};
use crate::project::{
    ComposeBuild, ComposeProject, ComposeTarget, Image, ImageBuild, ImageName, ImageReference, Link, PathFilter,
    Resource, ResourceName, Target, TriggerMode, WatchedTree,
};

/// What the services of all projects amount to.
#[derive(Debug, Default)]
pub(super) struct ComposeServices {
    /// In the order of the projects, in each of them dependencies first.
    pub(super) resources: Vec<Resource>,
    /// What Compose itself builds for them.
    pub(super) images: IndexMap<ImageName, Image>,
}

/// The name of each service's resource and where it was declared, for conflicts with others.
pub(super) fn compose_names(projects: &[ComposeDeclaration]) -> impl Iterator<Item = (String, Span)> {
    let services = projects.iter().flat_map(|project| &project.services);
    services.map(|service| (service.name.clone(), service.call.span.clone()))
}

/// Makes resources of the services.
pub(super) fn compose_services(
    projects: Vec<ComposeDeclaration>,
    images: &Images,
    default_mode: TriggerMode,
    problems: &mut Vec<Diagnostic>,
) -> ComposeServices {
    let mut assembled = ComposeServices::default();
    for project in projects {
        let built = built_by_compose(&project, images, &assembled.images, problems);
        for service in &project.services {
            let resource = resource(&project, service, images, &built, default_mode, problems);
            assembled.resources.push(resource);
        }
        assembled.images.extend(built.into_iter().map(|(_, image)| (image.name.clone(), image)));
    }
    assembled
}

/// The reference of the image that a service runs.
fn image_text(project: &ComposeProject, service: &ComposeServiceDeclaration) -> String {
    match (&service.image, &service.service.image) {
        (Some(given), _) => given.to_string(),
        (None, Some(own)) => own.clone(),
        (None, None) => format!("{}_{}", project.name, service.service.name),
    }
}

/// The declared image that a service runs.
fn declared_image<'i>(
    project: &ComposeProject,
    service: &ComposeServiceDeclaration,
    images: &'i Images,
) -> Option<&'i Image> {
    images.find(&ImageReference::parse(&image_text(project, service)).ok()?)
}

/// The images of the services that no declared image stands in for, by service.
fn built_by_compose(
    project: &ComposeDeclaration,
    images: &Images,
    taken: &IndexMap<ImageName, Image>,
    problems: &mut Vec<Diagnostic>,
) -> IndexMap<String, Image> {
    let mut built: IndexMap<String, Image> = IndexMap::new();
    for service in &project.services {
        let Some(section) = &service.service.build else { continue };
        if declared_image(&project.project, service, images).is_some() {
            continue;
        }
        let text = image_text(&project.project, service);
        let reference = match ImageReference::parse(&text) {
            Ok(reference) => reference,
            Err(error) => {
                problems.push(
                    Diagnostic::error(format!("the image of Compose service `{}`: {error}", service.service.name))
                        .at(service.call.span.clone()),
                );
                continue;
            }
        };
        let plain = ImageName::new(text.as_str());
        // Services may well build the same image each for itself.
        let is_taken = taken.contains_key(&plain)
            || images.get(&plain).is_some()
            || built.values().any(|image| image.name == plain);
        let name = if is_taken {
            ImageName::new(format!("{text} ({}/{})", project.project.name, service.service.name))
        } else {
            plain
        };
        built.insert(service.service.name.clone(), image(project, service, section, name, reference));
    }
    let names: IndexMap<String, ImageName> =
        built.iter().map(|(service, image)| (service.clone(), image.name.clone())).collect();
    for service in &project.services {
        if let (Some(image), Some(section)) = (built.get_mut(&service.service.name), &service.service.build) {
            image.base_images = section.base_services().filter_map(|base| names.get(base).cloned()).collect();
        }
    }
    built
}

fn image(
    project: &ComposeDeclaration,
    service: &ComposeServiceDeclaration,
    section: &BuildSection,
    name: ImageName,
    reference: ImageReference,
) -> Image {
    let build = ComposeBuild {
        project: Arc::clone(&project.project),
        service: service.service.name.clone(),
        context: section.context.clone(),
        dockerfile: section.dockerfile.clone(),
        dockerfile_contents: section.dockerfile_contents.clone(),
        target: section.target.clone(),
        build_args: section.args.clone(),
        definition: section.definition.clone(),
    };
    Image {
        name,
        reference,
        exact: true,
        origin: service.call.span.clone(),
        build: ImageBuild::Compose(Box::new(build)),
        base_images: Vec::new(),
        ignore: Vec::new(),
        live_update: None,
        match_in_env_vars: false,
        entrypoint: None,
        container_args: None,
        watched: service.build_paths.iter().map(|path| watched(path, service)).collect(),
    }
}

/// What makes the image stale: its build contexts but for what is mounted into the container anyway (reference §3.13).
fn watched(path: &WatchedPath, service: &ComposeServiceDeclaration) -> WatchedTree {
    let mut sets = Vec::new();
    if path.is_folder {
        sets.push(single_file(&path.path, "Devfile", &service.call.devfile));
        if path.is_repository_root {
            sets.push(single_file(&path.path, ".git", &path.path.join(".git")));
        }
        sets.extend(path.dockerignore.clone());
        let below =
            |mount: &&std::path::PathBuf| mount.starts_with(&path.path) && is_no_file_of_the_build(mount, service);
        sets.extend(service.service.mounts.iter().filter(below).map(|mount| single_file(&path.path, "volumes", mount)));
    }
    WatchedTree { root: path.path.clone(), filter: Arc::new(PathFilter { sets }) }
}

/// A mounted Dockerfile is still what the image is built from.
fn is_no_file_of_the_build(mount: &Path, service: &ComposeServiceDeclaration) -> bool {
    let dockerfile = service.service.build.as_ref().and_then(BuildSection::local_dockerfile);
    dockerfile.as_deref() != Some(mount)
}

fn resource(
    project: &ComposeDeclaration,
    service: &ComposeServiceDeclaration,
    images: &Images,
    built: &IndexMap<String, Image>,
    default_mode: TriggerMode,
    problems: &mut Vec<Diagnostic>,
) -> Resource {
    let (all_images, deployed_images) = match declared_image(&project.project, service, images) {
        Some(image) => {
            problems.extend(refused_overrides(image, service));
            let deployed = vec![image.name.clone()];
            (images.with_bases(&deployed), deployed)
        }
        None => match built.get(&service.service.name) {
            Some(image) => (with_bases(image, built), vec![image.name.clone()]),
            None => (Vec::new(), Vec::new()),
        },
    };
    let target = ComposeTarget {
        project: Arc::clone(&project.project),
        service: service.service.name.clone(),
        definition: service.service.definition.clone(),
        images: all_images,
        deployed_images,
    };
    let resource_name = |name: &str| {
        let named = project.services.iter().find(|other| other.service.name == name);
        named.map_or(name, |other| other.name.as_str()).to_owned()
    };
    let depends_on = service
        .service
        .depends_on
        .iter()
        .map(|name| Spanned { value: ResourceName::new(resource_name(name)), span: service.call.span.clone() });
    // Another `dc_resource` may have renamed what a call names.
    let given = service
        .resource_deps
        .iter()
        .map(|dep| Spanned { value: ResourceName::new(resource_name(dep.value.as_str())), span: dep.span.clone() });
    let ports = service.service.published_ports.iter().filter(|_| service.infer_links.unwrap_or(true));
    let inferred = ports.map(|port| Link { url: format!("http://localhost:{port}/"), name: String::new() });
    Resource {
        name: ResourceName::new(service.name.as_str()),
        origin: service.call.span.clone(),
        target: Target::Compose(Box::new(target)),
        resource_deps: depends_on.chain(given).collect(),
        trigger_mode: service.trigger_mode.unwrap_or(default_mode),
        auto_init: service.auto_init.unwrap_or(true),
        labels: service.labels.clone(),
        links: inferred.chain(service.links.iter().cloned()).collect(),
        enabled: true,
    }
}

/// The image and what Compose builds before it.
fn with_bases(image: &Image, built: &IndexMap<String, Image>) -> Vec<ImageName> {
    let mut names: Vec<ImageName> = Vec::new();
    let mut open = vec![(image, false)];
    while let Some((image, is_done)) = open.pop() {
        if names.contains(&image.name) {
            continue;
        }
        if is_done || image.base_images.is_empty() {
            names.push(image.name.clone());
            continue;
        }
        open.push((image, true));
        // One that is built from itself was refused by Compose.
        let bases = built.values().filter(|base| image.base_images.contains(&base.name));
        open.extend(bases.filter(|base| base.name != image.name).map(|base| (base, false)));
    }
    names
}

/// A service says itself what its containers run (reference §3.17).
fn refused_overrides(image: &Image, service: &ComposeServiceDeclaration) -> Option<Diagnostic> {
    let parameter = match (&image.entrypoint, &image.container_args) {
        (Some(_), _) => "entrypoint",
        (None, Some(_)) => "container_args",
        (None, None) => return None,
    };
    Some(
        Diagnostic::error(format!(
            "image `{}` has `{parameter}=`, which does not work for Compose service `{}`",
            image.name, service.service.name
        ))
        .at(image.origin.clone())
        .related(service.call.span.clone(), "the service is declared here")
        .help("say in the compose file what the container runs: `entrypoint:` and `command:`"),
    )
}

#[cfg(test)]
mod tests {
    use crate::devfile::assemble::test_devfile::Devfile;
    use crate::devfile::declarations::ComposeServiceDeclaration;
    use crate::diagnostic::Span;
    use crate::project::{ImageBuild, Registry, Settings};

    const SHOP: &str = "services:\n  web: {image: shop-web, build: /p/web, depends_on: [api], ports: ['8080:80']}\n  \
                        api: {build: /p/api, depends_on: {db: {condition: service_started}}}\n  db: {image: 'postgres:15'}\n";

    fn named<'s>(services: &'s mut [ComposeServiceDeclaration], name: &str) -> &'s mut ComposeServiceDeclaration {
        services.iter_mut().find(|service| service.name == name).expect("a service")
    }

    #[test]
    fn services_are_resources_after_those_of_kubernetes_and_before_local_ones() {
        let mut devfile = Devfile::new();
        devfile.image("shop-web", "FROM scratch");
        devfile.compose("shop", SHOP);
        devfile.local("tests", &["web"]);
        devfile.yaml("apiVersion: v1\nkind: Pod\nmetadata: {name: pod}\nspec: {containers: [{name: c, image: x}]}\n");
        devfile.check(&[
            "pod: pod/pod | Wait",
            "db: shop/db",
            "api: shop/api | images shop_api | after db",
            "web: shop/web | images shop-web | links http://localhost:8080/ | after api",
            "tests | after web",
        ]);
    }

    #[test]
    fn refinements_rename_what_others_depend_on() {
        let mut devfile = Devfile::new();
        let services = devfile.compose("shop", SHOP);
        named(services, "web").infer_links = Some(false);
        named(services, "api").name = "backend".to_owned();
        devfile.image("other", "FROM scratch");
        named(&mut devfile.declarations.compose_projects[0].services, "db").image =
            Some(crate::project::ImageReference::parse("other:1").expect("a reference"));
        devfile.check(&[
            "db: shop/db | images other",
            "backend: shop/api | images shop_api | after db",
            "web: shop/web | images shop-web | after backend",
        ]);
    }

    #[test]
    fn names_are_unique_across_all_kinds() {
        let mut devfile = Devfile::new();
        devfile.compose("shop", "services: {web: {image: x}, db: {image: y}}");
        devfile.compose("other", "services: {db: {image: y}}");
        devfile.local("web", &[]);
        devfile.check(&[
            "error Devfile:2: the name `db` is taken: there is already a Compose service of this name [Devfile:1 declared here]",
            "error Devfile:3: the name `web` is taken: there is already a Compose service of this name [Devfile:1 declared here]",
        ]);
    }

    #[test]
    fn what_services_cannot_have_is_refused() {
        let mut devfile = Devfile::new();
        devfile.image("shop-web", "FROM scratch").entrypoint = Some(vec!["sh".into()]);
        devfile.compose("shop", SHOP);
        devfile.check(&["error Devfile:1: image `shop-web` has `entrypoint=`, which does not work for Compose service `web` \
                         [Devfile:2 the service is declared here] (say in the compose file what the container runs: `entrypoint:` and `command:`)"]);
        let mut devfile = Devfile::new();
        let call = devfile.call();
        devfile.declarations.default_registry_call = Some(Span::clone(&call.span));
        devfile.declarations.settings = Settings {
            default_registry: Some(Registry {
                host: "x:5000".into(),
                host_from_cluster: String::new(),
                single_name: String::new(),
            }),
            ..Settings::default()
        };
        devfile.compose("shop", "services: {web: {image: x}}");
        devfile.check(&[
            "error Devfile:1: `default_registry` does not work beside Compose services: they use the local engine \
                         [Devfile:2 the services are declared here]",
        ]);
    }

    #[test]
    fn each_service_builds_its_own_image_even_of_the_same_name() {
        let mut devfile = Devfile::new();
        devfile.compose("shop", "services: {a: {image: app, build: /p}, b: {image: app, build: /p}}");
        let project = devfile.project();
        let images: Vec<(&str, String)> =
            project.images.values().map(|image| (image.name.as_str(), image.reference.to_string())).collect();
        assert_eq!(images, [("app", "app".to_owned()), ("app (shop/b)", "app".to_owned())]);
        assert!(project.images.values().all(|image| matches!(image.build, ImageBuild::Compose(_))));
    }

    #[test]
    fn what_is_mounted_is_not_watched() {
        let mut devfile = Devfile::new();
        devfile.compose("shop", "services: {a: {build: /p/a, volumes: ['/p/a/src:/src', 'data:/d']}}");
        let project = devfile.project();
        let tree = &project.images[0].watched[0];
        assert!(tree.filter.ignores(std::path::Path::new("/p/a/src/x.py")));
        assert!(!tree.filter.ignores(std::path::Path::new("/p/a/requirements.txt")));
    }

    #[test]
    fn images_of_other_services_are_built_first() {
        let mut devfile = Devfile::new();
        devfile.compose(
            "shop",
            "services: {app: {build: {context: /p/a, additional_contexts: {base: 'service:base'}}}, base: {build: /p/b}}",
        );
        devfile.check(&["app: shop/app | images shop_base, shop_app", "base: shop/base | images shop_base"]);
    }
}
