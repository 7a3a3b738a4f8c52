//! Images that nothing deploys (reference §3.1): one warning, about the first.

use indexmap::IndexSet;

use super::images::Images;
use super::refinements::quoted;
use crate::diagnostic::Diagnostic;
use crate::project::{ImageName, ImageReference};

/// What there is to deploy, for the wording.
pub(super) struct Deployables<'a> {
    /// Any resource at all.
    pub(super) has_resources: bool,
    /// Any Kubernetes object.
    pub(super) has_objects: bool,
    /// Any image reference in an object.
    pub(super) has_workloads: bool,
    /// All references to images in objects, whoever builds them.
    pub(super) references: Vec<&'a str>,
}

/// The warning about the first image that is not among `used`, unless its reference is suppressed.
pub(super) fn unused_image_warning(
    images: &Images,
    used: &IndexSet<ImageName>,
    suppressed: &[String],
    deployables: &Deployables<'_>,
) -> Option<Diagnostic> {
    let is_suppressed = |image: &crate::project::Image| {
        suppressed.iter().any(|text| {
            text == "*"
                || text == image.name.as_str()
                || ImageReference::parse(text).is_ok_and(|reference| reference == image.reference)
        })
    };
    let image = images.iter().find(|image| !used.contains(&image.name) && !is_suppressed(image))?;
    let name = &image.name;
    let suppress = format!("to silence this: `update_settings(suppress_unused_image_warnings=[\"{name}\"])`");
    let warning = |message: String| Diagnostic::warning(message).at(image.origin.clone());
    if !deployables.has_objects {
        let why =
            if deployables.has_resources { "no Kubernetes object is declared" } else { "nothing is deployed at all" };
        return Some(
            warning(format!("image `{name}` is not built: {why}"))
                .help("pass the YAML that deploys it to `k8s_yaml`")
                .help(suppress),
        );
    }
    if !deployables.has_workloads {
        return Some(
            warning(format!("image `{name}` is not built: no declared Kubernetes object has an image"))
                .help("if a custom resource deploys it, say where: `k8s_kind(KIND, image_json_path=…)`")
                .help(suppress),
        );
    }
    let mut similar: Vec<(usize, &str)> = deployables
        .references
        .iter()
        .copied()
        .chain(used.iter().map(ImageName::as_str))
        .map(|used| (strsim::osa_distance(used, name.as_str()), used))
        .filter(|(distance, used)| *distance <= used.len().max(name.as_str().len()) / 2)
        .collect();
    similar.sort_unstable();
    similar.dedup();
    let mut diagnostic = warning(format!("image `{name}` is not built: no deployed object refers to it"));
    if !similar.is_empty() {
        diagnostic =
            diagnostic.help(format!("did you mean one of {}?", quoted(similar.iter().take(3).map(|(_, name)| *name))));
    }
    Some(diagnostic.help(suppress))
}
