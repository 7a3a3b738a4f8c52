//! `k8s_custom_deploy`: resources that the user's own commands deploy (reference §2.5).

use std::sync::Arc;

use super::assemble::name_taken;
use super::filters::single_file;
use super::grouping::{Group, UNCATEGORIZED};
use super::images::Images;
use crate::devfile::declarations::{CustomDeployDeclaration, WatchedPath};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::project::{CustomDeploy, ImageName, LiveUpdate, PathFilter, PatternSet, WatchedTree};

/// A group for each declaration that has a name of its own, in the order of the calls.
pub(super) fn custom_groups(declarations: Vec<CustomDeployDeclaration>, problems: &mut Vec<Diagnostic>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for declaration in declarations {
        let (name, call) = (&declaration.name, &declaration.call.span);
        if name == UNCATEGORIZED {
            problems.push(
                Diagnostic::error(format!("the name `{name}` is kept for objects that belong to no resource"))
                    .at(call.clone()),
            );
        } else if let Some(first) = groups.iter().find(|group| group.name == *name) {
            problems.push(name_taken(name, "a Kubernetes resource", call, &first.origin));
        } else {
            let mut group = Group::new(name.as_str(), call.clone(), Vec::new(), false);
            group.custom_deploy = Some(declaration);
            groups.push(group);
        }
    }
    groups
}

/// What is deployed, and the images that it needs: those that the commands are told of, then the one of live update.
pub(super) fn custom_deploy(
    declaration: CustomDeployDeclaration,
    group: &mut Group,
    images: &Images,
    problems: &mut Vec<Diagnostic>,
) -> (CustomDeploy, Vec<ImageName>) {
    if !group.objects.is_empty() {
        problems.push(
            Diagnostic::warning(format!(
                "resource `{}` is deployed by its own commands: the objects that were added to it are not applied",
                group.name
            ))
            .at(declaration.call.span.clone())
            .help("make another resource of them: `k8s_resource(new_name=…, objects=…)`"),
        );
        group.objects.clear();
    }
    let mut image_deps: Vec<ImageName> = Vec::new();
    for (text, reference) in &declaration.image_deps {
        match images.find(reference) {
            Some(image) => image_deps.push(image.name.clone()),
            None => problems.push(unknown_image(&declaration, text, images)),
        }
    }
    let mut names: Vec<ImageName> = Vec::new();
    let of_live_update = declaration.live_update_image.as_deref().map(ImageName::from);
    for name in image_deps.iter().chain(of_live_update.iter().filter(|name| images.get(name).is_some())) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let watched = watched(&declaration.deps, declaration.live_update.as_ref());
    (CustomDeploy { apply: declaration.apply, delete: Some(declaration.delete), watched, image_deps }, names)
}

fn unknown_image(declaration: &CustomDeployDeclaration, text: &str, images: &Images) -> Diagnostic {
    let diagnostic = Diagnostic::error(format!(
        "resource `{}` depends on image `{text}`, which no `docker_build` or `custom_build` declares",
        declaration.name
    ))
    .at(declaration.call.span.clone());
    match did_you_mean(text, images.iter().map(|image| image.name.as_str())) {
        Some(name) => diagnostic.help(format!("did you mean `{name}`?")),
        None => diagnostic,
    }
}

/// What re-runs the apply command: `deps`, but for what live update deals with.
fn watched(deps: &[WatchedPath], live_update: Option<&LiveUpdate>) -> Vec<WatchedTree> {
    let tree = |dep: &WatchedPath| {
        let mut sets: Vec<PatternSet> = Vec::new();
        if dep.is_repository_root {
            sets.push(single_file(&dep.path, ".git", &dep.path.join(".git")));
        }
        if let Some(live_update) = live_update {
            let synced = live_update.syncs.iter().map(|sync| &sync.local);
            let paths = synced.chain(live_update.fall_back_on.iter().map(|(path, _)| path));
            sets.extend(paths.map(|path| single_file(&dep.path, "live_update=", path)));
        }
        WatchedTree { root: dep.path.clone(), filter: Arc::new(PathFilter { sets }) }
    };
    deps.iter().map(tree).collect()
}
