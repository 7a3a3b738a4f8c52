//! Images: unique, matched by the right rule, built after those that they are built from.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use indexmap::IndexMap;

use super::filters::{custom_watched, docker_filters};
use crate::devfile::declarations::{ImageBuildDeclaration, ImageDeclaration};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::k8s::ImageMatcher;
use crate::project::{
    CustomBuild, DockerBuild, Image, ImageBuild, ImageName, ImageReference, WatchedTree, image_references,
};

/// All declared images, resolved.
#[derive(Debug, Default)]
pub(super) struct Images {
    by_name: IndexMap<ImageName, Image>,
    matchers: Matchers,
}

/// Which references mean which image.
#[derive(Debug, Default)]
struct Matchers {
    /// By domain and path of the repository; in the order of their declaration.
    by_repository: HashMap<(String, String), Vec<(ImageName, ImageMatcher)>>,
}

impl Matchers {
    fn add(&mut self, name: ImageName, matcher: ImageMatcher) {
        self.by_repository.entry(repository(&matcher.reference)).or_default().push((name, matcher));
    }

    /// The first image that `reference` means.
    fn find(&self, reference: &ImageReference) -> Option<&ImageName> {
        let of_repository = self.by_repository.get(&repository(reference))?;
        of_repository.iter().find(|(_, matcher)| matcher.matches(reference)).map(|(name, _)| name)
    }
}

fn repository(reference: &ImageReference) -> (String, String) {
    (reference.domain.clone(), reference.path.clone())
}

impl Images {
    /// Resolves the declarations.
    pub(super) fn collect(declarations: Vec<ImageDeclaration>, problems: &mut Vec<Diagnostic>) -> Self {
        let declarations = unique(declarations, problems);
        let mut repositories: HashMap<(String, String), usize> = HashMap::new();
        for declaration in &declarations {
            let reference = &declaration.reference;
            *repositories.entry(repository(reference)).or_default() += 1;
        }
        let is_exact = |reference: &ImageReference| {
            reference.tag.is_some()
                || reference.digest.is_some()
                || repositories.get(&repository(reference)).is_some_and(|count| *count > 1)
        };
        let names: Vec<ImageName> =
            declarations.iter().map(|declaration| ImageName::new(declaration.name.as_str())).collect();
        let exact: Vec<bool> = declarations.iter().map(|declaration| is_exact(&declaration.reference)).collect();
        let mut matchers = Matchers::default();
        for ((declaration, name), exact) in declarations.iter().zip(&names).zip(&exact) {
            matchers.add(name.clone(), ImageMatcher { reference: declaration.reference.clone(), exact: *exact });
        }
        let mut by_name = IndexMap::new();
        for ((declaration, name), exact) in declarations.into_iter().zip(&names).zip(exact) {
            let base_images = base_images(&declaration, name, &matchers, &names, problems);
            by_name.insert(name.clone(), resolve(declaration, name, exact, base_images, problems));
        }
        let mut images = Self { by_name, matchers };
        if images.report_cycles(problems) {
            // What follows walks the graph.
            images.by_name.values_mut().for_each(|image| image.base_images.clear());
        }
        images.hand_files_to_live_updates();
        images
    }

    /// The image that `reference` means.
    pub(super) fn find(&self, reference: &ImageReference) -> Option<&Image> {
        self.get(self.matchers.find(reference)?)
    }

    /// An image by its name.
    pub(super) fn get(&self, name: &ImageName) -> Option<&Image> {
        self.by_name.get(name)
    }

    /// Has an image built anew at each change.
    pub(super) fn withdraw_live_update(&mut self, name: &ImageName) {
        if let Some(image) = self.by_name.get_mut(name) {
            image.live_update = None;
        }
    }

    /// All, in the order of their declaration.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Image> {
        self.by_name.values()
    }

    /// `names` and everything that they are built from, bases first.
    pub(super) fn with_bases(&self, names: &[ImageName]) -> Vec<ImageName> {
        let mut ordered = Vec::new();
        for name in names {
            self.visit(name, &mut ordered);
        }
        ordered
    }

    fn visit(&self, name: &ImageName, ordered: &mut Vec<ImageName>) {
        if ordered.contains(name) {
            return;
        }
        for base in self.get(name).into_iter().flat_map(|image| &image.base_images) {
            self.visit(base, ordered);
        }
        ordered.push(name.clone());
    }

    /// Those that `keep` accepts, for the project.
    pub(super) fn into_shared(self, keep: impl Fn(&ImageName) -> bool) -> IndexMap<ImageName, Arc<Image>> {
        self.by_name.into_iter().filter(|(name, _)| keep(name)).map(|(name, image)| (name, Arc::new(image))).collect()
    }

    fn report_cycles(&self, problems: &mut Vec<Diagnostic>) -> bool {
        let edges: BTreeMap<&ImageName, Vec<&ImageName>> =
            self.by_name.iter().map(|(name, image)| (name, image.base_images.iter().collect())).collect();
        let cycles =
            super::dependencies::cycles(self.by_name.keys(), |name| edges.get(name).cloned().unwrap_or_default());
        for cycle in &cycles {
            let path: Vec<&str> = cycle.iter().chain(cycle.first()).map(|name| name.as_str()).collect();
            let mut diagnostic = Diagnostic::error(format!("images are built from each other: {}", path.join(" -> ")));
            let mut images = cycle.iter().filter_map(|name| self.get(name));
            if let Some(first) = images.next() {
                diagnostic = diagnostic.at(first.origin.clone());
            }
            for image in images {
                diagnostic = diagnostic.related(image.origin.clone(), format!("`{}` is declared here", image.name));
            }
            problems.push(diagnostic);
        }
        !cycles.is_empty()
    }

    /// The steps of an image handle the files of its base images too (reference §2.4).
    fn hand_files_to_live_updates(&mut self) {
        let files: Vec<(ImageName, Vec<WatchedTree>)> = self
            .by_name
            .iter()
            .filter(|(_, image)| image.live_update.is_some())
            .map(|(name, _)| {
                let all = self.with_bases(std::slice::from_ref(name));
                let bases = all.iter().filter(|base| *base != name).filter_map(|base| self.get(base));
                (name.clone(), bases.flat_map(|base| base.watched.clone()).collect())
            })
            .collect();
        for (name, trees) in files {
            if let Some(live_update) = self.by_name.get_mut(&name).and_then(|image| image.live_update.as_mut()) {
                live_update.base_image_files = trees;
            }
        }
    }
}

fn unique(declarations: Vec<ImageDeclaration>, problems: &mut Vec<Diagnostic>) -> Vec<ImageDeclaration> {
    let mut kept: IndexMap<ImageReference, ImageDeclaration> = IndexMap::new();
    for declaration in declarations {
        match kept.get(&declaration.reference) {
            Some(first) => problems.push(
                Diagnostic::error(format!("image `{}` has already been defined", declaration.name))
                    .at(declaration.call.span.clone())
                    .related(first.call.span.clone(), "first defined here")
                    .help("give one of them another name or a tag of its own"),
            ),
            None => {
                kept.insert(declaration.reference.clone(), declaration);
            }
        }
    }
    kept.into_values().collect()
}

/// Images of ours that this one is built from, each once, in the order of their mention.
fn base_images(
    declaration: &ImageDeclaration,
    own_name: &ImageName,
    matchers: &Matchers,
    names: &[ImageName],
    problems: &mut Vec<Diagnostic>,
) -> Vec<ImageName> {
    let mut bases: Vec<ImageName> = Vec::new();
    match &declaration.build {
        ImageBuildDeclaration::Docker(build) => {
            for reference in image_references(&build.dockerfile.contents, &build.build_args) {
                // `FROM nginx` in our own `nginx` means the public one.
                if let Some(base) = matchers.find(&reference.parsed).filter(|base| *base != own_name)
                    && !bases.contains(base)
                {
                    bases.push(base.clone());
                }
            }
        }
        ImageBuildDeclaration::Custom(build) => {
            for (text, reference) in &build.image_deps {
                match matchers.find(reference) {
                    Some(base) if !bases.contains(base) => bases.push(base.clone()),
                    Some(_) => {}
                    None => problems.push(unknown_image(declaration, text, names)),
                }
            }
        }
    }
    bases
}

fn unknown_image(declaration: &ImageDeclaration, text: &str, names: &[ImageName]) -> Diagnostic {
    let names = names.iter().map(ImageName::as_str).filter(|name| *name != declaration.name);
    let diagnostic = Diagnostic::error(format!(
        "image `{}` depends on `{text}`, which no `docker_build` or `custom_build` declares",
        declaration.name
    ))
    .at(declaration.call.span.clone());
    match did_you_mean(text, names) {
        Some(name) => diagnostic.help(format!("did you mean `{name}`?")),
        None => diagnostic,
    }
}

fn resolve(
    declaration: ImageDeclaration,
    name: &ImageName,
    exact: bool,
    base_images: Vec<ImageName>,
    problems: &mut Vec<Diagnostic>,
) -> Image {
    let (build, watched) = match &declaration.build {
        ImageBuildDeclaration::Docker(build) => {
            let (context_filter, watched) = docker_filters(&declaration, build, problems);
            let build = DockerBuild {
                context: build.context.path.clone(),
                context_filter,
                only: build.only.clone(),
                dockerfile: build.dockerfile.clone(),
                build_args: build.build_args.clone(),
                target: build.target.clone(),
                ssh: build.ssh.clone(),
                secrets: build.secrets.clone(),
                network: build.network.clone(),
                extra_tags: build.extra_tags.clone(),
                cache_from: build.cache_from.clone(),
                pull: build.pull,
                platform: build.platform.clone(),
                extra_hosts: build.extra_hosts.clone(),
            };
            (ImageBuild::Docker(Box::new(build)), watched)
        }
        ImageBuildDeclaration::Custom(build) => {
            let watched = custom_watched(&declaration, build, problems);
            let build = CustomBuild {
                command: build.command.clone(),
                deps: build.deps.iter().map(|dep| dep.path.clone()).collect(),
                tag: build.tag.clone(),
                push: build.push,
                outputs_image_ref_to: build.outputs_image_ref_to.clone(),
            };
            (ImageBuild::Custom(Box::new(build)), watched)
        }
    };
    Image {
        name: name.clone(),
        reference: declaration.reference,
        exact,
        origin: declaration.call.span,
        build,
        base_images,
        live_update: declaration.live_update,
        match_in_env_vars: declaration.match_in_env_vars,
        entrypoint: declaration.entrypoint,
        container_args: declaration.container_args,
        watched,
        ignore: declaration.ignore,
    }
}
