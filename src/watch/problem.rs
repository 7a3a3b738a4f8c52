//! What keeps the watcher from watching.

use std::path::PathBuf;
use std::time::Duration;

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
    /// Changes wait for git longer than anybody would expect.
    #[error(
        "{files} changed {} because git is at work in `{}` (it holds `index.lock`)",
        if *files == 1 { "file waits" } else { "files wait" }, repository.display()
    )]
    GitWorks {
        /// The root of the work tree.
        repository: PathBuf,
        /// How many files wait.
        files: usize,
    },
    /// Changes have waited for a git that does not go on.
    #[error(
        "`{}` is still there after {} s, so the {files} changed {} for it are taken as they are and later edits do not \
         wait: if no git command is running, one has crashed, and `rm {}` removes what it left",
        lock.display(), after.as_secs(), if *files == 1 { "file that waited" } else { "files that waited" }, lock.display()
    )]
    GitLockLeft {
        /// The lock.
        lock: PathBuf,
        /// How long nothing had happened under it, or how long changes wait at most.
        after: Duration,
        /// How many files waited.
        files: usize,
    },
}
