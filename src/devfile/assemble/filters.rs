//! Which files of an image or a local resource count (reference §3.13).

use std::path::Path;
use std::sync::Arc;

use crate::devfile::declarations::{
    CustomBuildDeclaration, DockerBuildDeclaration, ImageDeclaration, LocalResourceDeclaration, WatchedPath,
};
use crate::diagnostic::{Diagnostic, Span};
use crate::project::{PathFilter, PatternSet, WatchedTree};

/// What a `docker_build` sends to the builder, and what of it makes the image stale.
pub(super) fn docker_filters(
    image: &ImageDeclaration,
    build: &DockerBuildDeclaration,
    problems: &mut Vec<Diagnostic>,
) -> (Arc<PathFilter>, Vec<WatchedTree>) {
    let context = &build.context;
    let mut sets = folder_sets(image, context, problems);
    if !build.only.is_empty() {
        sets.push(PatternSet::only(&context.path, "only=", &build.only));
    }
    let context_filter = Arc::new(PathFilter { sets: sets.clone() });
    // The Dockerfile is watched as a configuration file: its change declares the image anew.
    if let Some(dockerfile) = &build.dockerfile.path {
        sets.push(single_file(&context.path, "Dockerfile", dockerfile));
    }
    let watched = WatchedTree { root: context.path.clone(), filter: Arc::new(PathFilter { sets }) };
    (context_filter, vec![watched])
}

/// What makes the image of a `custom_build` stale.
pub(super) fn custom_watched(
    image: &ImageDeclaration,
    build: &CustomBuildDeclaration,
    problems: &mut Vec<Diagnostic>,
) -> Vec<WatchedTree> {
    let tree = |dep: &WatchedPath| {
        // Patterns attach to folders: a file that is named is meant.
        let sets = if dep.is_folder { folder_sets(image, dep, problems) } else { Vec::new() };
        WatchedTree { root: dep.path.clone(), filter: Arc::new(PathFilter { sets }) }
    };
    build.deps.iter().map(tree).collect()
}

/// What causes an update of a local resource. Its patterns are relative to the folder of its Devfile.
pub(super) fn local_watched(local: &LocalResourceDeclaration, problems: &mut Vec<Diagnostic>) -> Vec<WatchedTree> {
    let dir = &local.call.dir;
    let mut common = Vec::new();
    if local.dir_is_repository_root {
        common.push(single_file(dir, ".git", &dir.join(".git")));
    }
    common.extend(parameter_set(dir, &local.ignore, &local.call.span, problems));
    let tree = |dep: &WatchedPath| {
        let mut sets = common.clone();
        if dep.is_repository_root {
            sets.push(single_file(&dep.path, ".git", &dep.path.join(".git")));
        }
        WatchedTree { root: dep.path.clone(), filter: Arc::new(PathFilter { sets }) }
    };
    local.deps.iter().map(tree).collect()
}

/// Ignores one file or folder and nothing else.
pub(super) fn single_file(base: &Path, source: &str, path: &Path) -> PatternSet {
    let mut pattern = String::new();
    for c in path.to_string_lossy().chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\' | '!') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    PatternSet::from_parameter(base, source, [pattern])
        .unwrap_or_else(|_| PatternSet::from_parameter(base, source, [] as [&str; 0]).expect("no pattern is valid"))
}

/// The sources for a folder of an image, but for `only=`.
fn folder_sets(image: &ImageDeclaration, folder: &WatchedPath, problems: &mut Vec<Diagnostic>) -> Vec<PatternSet> {
    let mut sets = vec![single_file(&folder.path, "Devfile", &image.call.devfile)];
    if folder.is_repository_root {
        sets.push(single_file(&folder.path, ".git", &folder.path.join(".git")));
    }
    sets.extend(folder.dockerignore.clone());
    sets.extend(parameter_set(&folder.path, &image.ignore, &image.call.span, problems));
    sets
}

fn parameter_set(base: &Path, patterns: &[String], call: &Span, problems: &mut Vec<Diagnostic>) -> Option<PatternSet> {
    if patterns.is_empty() {
        return None;
    }
    match PatternSet::from_parameter(base, "ignore=", patterns) {
        Ok(set) => Some(set),
        Err(error) => {
            problems.push(Diagnostic::error(error.to_string()).at(call.clone()));
            None
        }
    }
}
