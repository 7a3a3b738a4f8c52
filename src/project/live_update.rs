//! Live update steps (reference §2.4).

use std::path::PathBuf;

use super::ignore::WatchedTree;
use super::restart_process::RestartProcess;
use crate::diagnostic::Span;

/// Copies files below `local` to `remote` in the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sync {
    /// File or folder on this machine, absolute.
    pub local: PathBuf,
    /// Absolute path in the container; a file goes into it as a folder when it ends in `/`.
    pub remote: String,
    /// The step in the Devfile.
    pub origin: Span,
}

/// Runs a command in the container after the files have arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The command, as an argument vector.
    pub argv: Vec<String>,
    /// Files or folders, absolute; empty means: after every sync.
    pub triggers: Vec<PathBuf>,
    /// Whether the command line is kept out of the log.
    pub echo_off: bool,
    /// The step in the Devfile.
    pub origin: Span,
}

/// How changed files get into running containers.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LiveUpdate {
    /// Where `initial_sync()` stands, when it does.
    pub initial_sync: Option<Span>,
    /// A change of one of these ends in a rebuild.
    pub fall_back_on: Vec<(PathBuf, Span)>,
    /// In order; the first that matches a file maps it.
    pub syncs: Vec<Sync>,
    /// In order.
    pub runs: Vec<Run>,
    /// Where `restart_container()` stands, when it does.
    pub restart_container: Option<Span>,
    /// `restart_process()`, which comes after all `run` steps.
    pub restart_process: Option<RestartProcess>,
    /// The container that the files go into, by its name in the pod (`container_selector` of `k8s_custom_deploy`);
    /// `None` to find it by its image.
    pub container_name: Option<String>,
    /// The files of the images that this one is built from: their changes are handled here too.
    pub base_image_files: Vec<WatchedTree>,
}
