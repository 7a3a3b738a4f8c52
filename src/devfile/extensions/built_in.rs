//! Extensions that come with devloop: what nearly everyone uses must work without a network. They are written from the
//! documented behaviour of the public ones, in the language that configurations are written in.

use std::path::{Path, PathBuf};

/// Name and text.
const SOURCES: &[(&str, &str)] = &[
    ("configmap", include_str!("configmap/Devfile")),
    ("dotenv", include_str!("dotenv/Devfile")),
    ("helm_resource", include_str!("helm_resource/Devfile")),
    ("namespace", include_str!("namespace/Devfile")),
    ("restart_process", include_str!("restart_process/Devfile")),
    ("secret", include_str!("secret/Devfile")),
];

/// What paths of these files begin with; no path on disk does.
const PREFIX: &str = "ext://";

/// The names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    SOURCES.iter().map(|(name, _)| *name)
}

/// The path that stands for an extension, if there is one of this name.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    names().any(|known| known == name).then(|| PathBuf::from(format!("{PREFIX}{name}")))
}

/// Whether a path stands for one of these extensions.
pub(crate) fn is_built_in(path: &Path) -> bool {
    source(path).is_some()
}

/// The text of such a path.
pub(crate) fn source(path: &Path) -> Option<&'static str> {
    let name = path.to_str()?.strip_prefix(PREFIX)?;
    SOURCES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
