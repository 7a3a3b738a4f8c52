//! What keeps the watcher from watching.

use std::path::PathBuf;

/// What keeps the watcher from watching something; none of them loses an edit, but they make it slower.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchProblem {
    /// `fs.inotify.max_user_watches` is reached.
    #[error(
        "the limit of watched folders{} is reached; {folders} folders are compared every few seconds instead: raise it \
         with `sudo sysctl fs.inotify.max_user_watches=1048576`, or ignore folders that need no watching",
        limit.map(|limit| format!(" ({limit})")).unwrap_or_default()
    )]
    TooManyFolders {
        /// How many folders are not watched.
        folders: usize,
        /// The limit, when it is known.
        limit: Option<u64>,
    },
    /// `fs.inotify.max_user_instances` (or the limit of open files) is reached.
    #[error(
        "the limit of programs that watch files is reached ({reason}); all folders are compared every few seconds \
         instead: raise it with `sudo sysctl fs.inotify.max_user_instances=1024`"
    )]
    TooManyWatchers {
        /// What the system says.
        reason: String,
    },
    /// A folder cannot be looked into.
    #[error("cannot watch `{}`: {reason}; correct its permissions, or ignore it", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}
