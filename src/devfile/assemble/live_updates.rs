//! Checks of live updates that need the whole project (reference §2.4).

use std::path::Path;

use indexmap::IndexSet;

use super::images::Images;
use crate::devfile::extensions::built_in::is_built_in;
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
        if let Some(Refused { step, reason, help }) = refused_restart(image, places) {
            let message = format!("`restart_process()` does not work for image `{}`: {reason}", image.name);
            problems.push(Diagnostic::error(message).at(step.clone()).help(help));
        }
        let syncs = live_update.syncs.iter().map(|sync| ("sync", sync.local.as_path(), &sync.origin));
        let fall_backs = live_update.fall_back_on.iter().map(|(path, span)| ("fall_back_on", path.as_path(), span));
        for (step, path, span) in fall_backs.chain(syncs) {
            check_watched(image, step, path, span, problems);
        }
    }
}

/// Takes the live updates away that would have to end with a restart that is not possible where the image is deployed, when
/// it was the built-in `ext://restart_process` that added the step: the configuration loads with the public one, whose image
/// restarts itself. Its images are built and deployed again instead, which is slower, and said.
pub(super) fn withdraw_live_updates(
    deployed: &IndexSet<ImageName>,
    places: &Places<'_>,
    images: &mut Images,
    problems: &mut Vec<Diagnostic>,
) {
    for name in deployed {
        let Some(image) = images.get(name) else { continue };
        let refused = refused_restart(image, places).filter(|refused| is_built_in(&refused.step.file));
        let Some(Refused { reason, .. }) = refused else { continue };
        problems.push(
            Diagnostic::warning(format!(
                "image `{name}` is not live-updated but built anew: its process cannot be started again, for {reason}"
            ))
            .at(image.origin.clone())
            .help("the extension of the public repository restarts it: `v1alpha1.extension_repo(…)`, or a `run` step that does"),
        );
        images.withdraw_live_update(name);
    }
}

/// A restart that is not possible.
struct Refused<'i> {
    step: &'i Span,
    reason: &'static str,
    help: &'static str,
}

/// A container's process can be started again only if devloop decides what its first process is.
fn refused_restart<'i>(image: &'i Image, places: &Places<'_>) -> Option<Refused<'i>> {
    let step = &image.live_update.as_ref()?.restart_process.as_ref()?.origin;
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
    Some(Refused { step, reason, help })
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
