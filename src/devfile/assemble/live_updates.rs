//! Checks of live updates that need the whole project (reference §2.4).

use std::path::Path;

use indexmap::IndexSet;

use super::images::Images;
use crate::diagnostic::{Diagnostic, Span};
use crate::project::{Image, ImageBuild, ImageName};

/// Where images are deployed.
pub(super) struct Places<'n> {
    /// To Kubernetes.
    pub on_cluster: &'n IndexSet<ImageName>,
    /// Of them, those that `k8s_custom_deploy` deploys.
    pub by_command: &'n IndexSet<ImageName>,
}

/// Checks the steps of the images that are deployed: what works depends on where they are.
pub(super) fn check_live_updates<'n>(
    deployed: impl IntoIterator<Item = &'n ImageName>,
    places: &Places<'_>,
    images: &Images,
    problems: &mut Vec<Diagnostic>,
) {
    for image in deployed.into_iter().filter_map(|name| images.get(name)) {
        let Some(live_update) = &image.live_update else { continue };
        if let Some(step) = live_update.restart_container.as_ref().filter(|_| places.on_cluster.contains(&image.name)) {
            problems.push(
                Diagnostic::error(format!(
                    "`restart_container()` does not work on Kubernetes, where image `{}` is deployed",
                    image.name
                ))
                .at(step.clone())
                .help("`restart_process()` starts the process again in the same container"),
            );
        }
        problems.extend(refused_restart(image, places));
        let syncs = live_update.syncs.iter().map(|sync| ("sync", sync.local.as_path(), &sync.origin));
        let fall_backs = live_update.fall_back_on.iter().map(|(path, span)| ("fall_back_on", path.as_path(), span));
        for (step, path, span) in fall_backs.chain(syncs) {
            check_watched(image, step, path, span, problems);
        }
    }
}

/// A container's process can be started again only if devloop decides what its first process is.
fn refused_restart(image: &Image, places: &Places<'_>) -> Option<Diagnostic> {
    let step = image.live_update.as_ref()?.restart_process.as_ref()?;
    let is_built = !matches!(&image.build, ImageBuild::Custom(build) if build.is_live_update_only());
    let (reason, help) = if !places.on_cluster.contains(&image.name) {
        ("a Compose service deploys it", "use `restart_container()` there")
    } else if places.by_command.contains(&image.name) {
        (
            "`k8s_custom_deploy` deploys it, whose objects are not devloop's to change",
            "restart the process by a `run` step",
        )
    } else if !is_built {
        ("it is not built, so that its containers are not devloop's to change", "restart the process by a `run` step")
    } else {
        return None;
    };
    let message = format!("`restart_process()` does not work for image `{}`: {reason}", image.name);
    Some(Diagnostic::error(message).at(step.origin.clone()).help(help))
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
