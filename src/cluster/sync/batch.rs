//! What a live update brings into a container, and what came of it.

use std::path::PathBuf;
use std::time::Duration;

use crate::project::MappedPath;

/// What a live update brings into a container: first deletions, then copies, then commands.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SyncBatch {
    /// Absolute paths in the container to delete, folders with all that is in them.
    pub deletes: Vec<PathBuf>,
    /// What to copy. Files, links and (empty) folders; one that is not there any more is deleted in the container.
    pub files: Vec<MappedPath>,
    /// Commands to run afterwards, in order.
    pub runs: Vec<SyncRun>,
}

/// A command to run in the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRun {
    /// The command, as an argument vector.
    pub argv: Vec<String>,
    /// Whether the command line itself is logged.
    pub echo: bool,
}

/// What a live update did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncReport {
    /// Files, links and folders copied.
    pub copied: usize,
    /// Paths deleted.
    pub deleted: usize,
    /// Bytes sent.
    pub bytes: u64,
    /// From the call until everything was confirmed.
    pub duration: Duration,
    /// Of it, until the files were in place.
    pub files_after: Duration,
    /// Whether a connection opened beforehand was used.
    pub warm: bool,
    /// Whether devloop's own receiver took the files, not the container's tools.
    pub own_receiver: bool,
    /// Whether the receiver was started by a shell of the container.
    pub by_shell: bool,
}

/// Why a live update failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// A command failed. The files are in place; later commands were not run.
    #[error("`{}` ended with exit status {exit_code} in the container", .argv.join(" "))]
    RunFailed {
        /// The command.
        argv: Vec<String>,
        /// Its exit status.
        exit_code: i32,
        /// The end of what it wrote; the log has had all of it.
        output: String,
    },
    /// The container has ended or its pod is gone: the one that comes next needs the files.
    #[error("the container is gone ({0})")]
    ContainerGone(String),
    /// The container has no shell.
    #[error("the container has no `sh`, which live updates need; use a base image with a shell, or rebuild on changes")]
    NoShell,
    /// The container has no tar (or `head`).
    #[error("the container has no `{0}`, which live updates need; install it in the image, or rebuild on changes")]
    NoTar(String),
    /// The place is not writable for the container's user.
    #[error(
        "the container's user may not write `{path}`; let it own the folder (`COPY --chown`, `chown -R`) in the image"
    )]
    PermissionDenied {
        /// The path in the container, as far as it is known.
        path: String,
    },
    /// The file system is read-only.
    #[error(
        "`{path}` is on a read-only file system in the container; remove `readOnlyRootFilesystem` or mount a volume"
    )]
    ReadOnly {
        /// The path in the container, as far as it is known.
        path: String,
    },
    /// The file system is full.
    #[error("no space left in the container for `{path}`")]
    DiskFull {
        /// The path in the container, as far as it is known.
        path: String,
    },
    /// The container's tools failed in another way.
    #[error("the files could not be put in place: {0}")]
    Refused(String),
    /// A local file cannot be read.
    #[error("cannot read `{}`: {reason}", .path.display())]
    Local {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Not allowed by the cluster.
    #[error("the cluster refuses to run commands in containers: {0}; ask for the right to `create pods/exec`")]
    Forbidden(String),
    /// The connection broke, also on the second try. `half_applied` when some of the files may be in place.
    #[error("the connection to the container failed: {reason}")]
    Transport {
        /// Why.
        reason: String,
        /// Whether something may have been changed in the container.
        half_applied: bool,
    },
    /// The caller cancelled it; some of the files may be in place.
    #[error("cancelled")]
    Cancelled,
}

/// Finds out what the container's `rm`, `mkdir` or `tar` complained of.
pub(super) fn classify_output(output: &str) -> SyncError {
    let complaint =
        |words: &[&str]| output.lines().find(|line| words.iter().any(|word| line.contains(word))).map(complained_path);
    if let Some(path) = complaint(&["No space left on device", "Disk quota exceeded"]) {
        SyncError::DiskFull { path }
    } else if let Some(path) = complaint(&["Read-only file system"]) {
        SyncError::ReadOnly { path }
    } else if let Some(path) = complaint(&["Permission denied", "Operation not permitted", "Cannot open: File exists"])
    {
        // GNU tar says "File exists" when it may not remove the old file.
        SyncError::PermissionDenied { path }
    } else {
        SyncError::Refused(last_lines(output, 3))
    }
}

/// `tar: PATH: Cannot …`, `rm: cannot remove 'PATH': …`, `tar: can't remove old file PATH: …`.
fn complained_path(line: &str) -> String {
    let quoted = line.split(['\'', '‘', '’']).collect::<Vec<_>>();
    let path = if line.contains("can't open '")
        || line.contains("can't create directory '")
        || line.contains("can't remove '")
    {
        line.rsplit('\'').nth(1)
    } else if quoted.len() >= 3 {
        Some(quoted[1])
    } else {
        let rest = line.split_once(": ").map_or(line, |(_, rest)| rest);
        let rest = rest.strip_prefix("can't remove old file ").unwrap_or(rest);
        rest.rsplit_once(": ").map(|(path, _)| path.split(": Cannot").next().unwrap_or(path))
    };
    let path = path.unwrap_or(line).trim();
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

/// The last lines that say something.
pub(super) fn last_lines(output: &str, count: usize) -> String {
    let lines: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(path: &str) -> SyncError {
        SyncError::PermissionDenied { path: path.into() }
    }

    #[test]
    fn complaints_of_gnu_and_busybox_are_understood() {
        assert_eq!(classify_output("tar: app/x: Cannot open: Permission denied\ntar: Exiting"), denied("/app/x"));
        assert_eq!(classify_output("tar: app/x: Cannot open: File exists"), denied("/app/x"));
        assert_eq!(classify_output("tar: can't remove old file app/x: Permission denied"), denied("/app/x"));
        assert_eq!(classify_output("tar: can't open 'app/x': Permission denied"), denied("/app/x"));
        assert_eq!(classify_output("rm: can't remove '/app/x': Permission denied"), denied("/app/x"));
        assert_eq!(classify_output("rm: cannot remove '/app/x': Permission denied"), denied("/app/x"));
        assert_eq!(classify_output("mkdir: can't create directory '/app/x': Permission denied"), denied("/app/x"));
        assert_eq!(
            classify_output("tar: app/x: Cannot write: No space left on device"),
            SyncError::DiskFull { path: "/app/x".into() }
        );
        assert_eq!(
            classify_output("tar: app/x: Cannot open: Read-only file system"),
            SyncError::ReadOnly { path: "/app/x".into() }
        );
        assert_eq!(classify_output("\nsomething\n"), SyncError::Refused("something".into()));
    }
}
