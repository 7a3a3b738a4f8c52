//! Checks of live updates that need the whole project (reference §2.4).

use std::path::Path;

use super::images::Images;
use crate::diagnostic::{Diagnostic, Span};
use crate::project::{Image, ImageName};

/// Checks the steps of the images that are deployed; those `on_cluster` can do less.
pub(super) fn check_live_updates<'n>(
    deployed: impl IntoIterator<Item = &'n ImageName>,
    on_cluster: &[ImageName],
    images: &Images,
    problems: &mut Vec<Diagnostic>,
) {
    for image in deployed.into_iter().filter_map(|name| images.get(name)) {
        let Some(live_update) = &image.live_update else { continue };
        if let Some(step) = live_update.restart_container.as_ref().filter(|_| on_cluster.contains(&image.name)) {
            problems.push(
                Diagnostic::error(format!(
                    "`restart_container()` does not work on Kubernetes, where image `{}` is deployed",
                    image.name
                ))
                .at(step.clone())
                .help("let the process restart itself on changes, or restart it by a `run` step"),
            );
        }
        let syncs = live_update.syncs.iter().map(|sync| ("sync", sync.local.as_path(), &sync.origin));
        let fall_backs = live_update.fall_back_on.iter().map(|(path, span)| ("fall_back_on", path.as_path(), span));
        for (step, path, span) in fall_backs.chain(syncs) {
            check_watched(image, step, path, span, problems);
        }
    }
}

fn check_watched(image: &Image, step: &str, path: &Path, span: &Span, problems: &mut Vec<Diagnostic>) {
    let bases = image.live_update.iter().flat_map(|live_update| &live_update.base_image_files);
    let roots: Vec<&Path> = image.watched.iter().chain(bases).map(|tree| tree.root.as_path()).collect();
    if roots.iter().any(|root| path.starts_with(root)) {
        return;
    }
    let watched: Vec<String> = roots.iter().map(|root| format!("`{}`", root.display())).collect();
    let diagnostic = Diagnostic::error(format!(
        "`{step}` of image `{}` names `{}`, which is not among the files of the image",
        image.name,
        path.display()
    ))
    .at(span.clone())
    .related(image.origin.clone(), "the image is declared here");
    problems.push(if watched.is_empty() {
        diagnostic.help("the image has no files: name them by `deps`")
    } else {
        diagnostic.help(format!("files of the image: {}", watched.join(", ")))
    });
}
