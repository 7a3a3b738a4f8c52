//! Repositories of extensions on this machine: cloned with `git` below the per-user data folder, `file://` ones in place.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use super::lock::Lock;
use super::resolve::Repository;
use crate::devfile::builtins::local_process;
use crate::devfile::language::failure::{Failure, Outcome};
use crate::devfile::language::session::{Session, describe};
use crate::diagnostic::Diagnostic;
use crate::project::CommandLine;

/// How long a clone may take.
const CLONE_LIMIT: Duration = Duration::from_mins(5);

/// How long an update may take: there is a copy that works.
const UPDATE_LIMIT: Duration = Duration::from_secs(20);

/// How many of the last lines that git wrote are quoted.
const QUOTED_LINES: usize = 3;

/// What the names of unfinished clones begin with.
const UNFINISHED: &str = ".clone-";

/// Checkouts that this process has tried to update: once per session is enough.
static UPDATED: LazyLock<Mutex<HashSet<PathBuf>>> = LazyLock::new(Mutex::default);

/// The root of a repository on this machine.
pub(super) fn checkout(session: &Session, repository: &Repository) -> Outcome<PathBuf> {
    if let Some(path) = repository.url.strip_prefix("file://") {
        let path = PathBuf::from(path);
        return if path.is_dir() {
            Ok(path)
        } else {
            Err(Failure::new(format!(
                "the extension repository `{}` is not there: `{}` is no folder",
                repository.name,
                path.display()
            )))
        };
    }
    if repository.reference.starts_with('-') {
        return Err(Failure::new(format!("`{}` is no tag, branch or commit", repository.reference)));
    }
    let folder = place(session, repository)?;
    let parent = folder.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(parent).map_err(|error| {
        Failure::new(format!("cannot make the folder `{}`: {}", parent.display(), describe(&error)))
    })?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if folder.is_dir() && !wants_update(session, &folder) {
        return Ok(folder);
    }
    let _lock = Lock::take(session, &parent.join(format!(".{name}.lock")))?;
    if !folder.is_dir() {
        clone(session, repository, parent, &name)?;
    } else if let Err(failure) = update(session, repository, &folder) {
        if session.cancel.is_cancelled() {
            return Err(failure);
        }
        let failure = failure.into_diagnostic();
        let text = format!(
            "the extension repository `{}` could not be updated, its copy from before is used: {}",
            repository.name, failure.message
        );
        session.report(Diagnostic { help: failure.help, ..Diagnostic::warning(text) });
    }
    UPDATED.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.clone());
    Ok(folder)
}

/// Where a clone belongs: each revision has a folder of its own, so that two projects do not disturb each other.
fn place(session: &Session, repository: &Repository) -> Outcome<PathBuf> {
    let data = match session.environment.get("XDG_DATA_HOME").filter(|path| Path::new(path).is_absolute()) {
        Some(path) => PathBuf::from(path),
        None => directories::BaseDirs::new()
            .map(|dirs| dirs.data_dir().to_path_buf())
            .ok_or_else(|| Failure::new("there is no home folder to keep extension repositories in"))?,
    };
    let url = url::Url::parse(&repository.url).map_err(|error| {
        Failure::new(format!(
            "the URL `{}` of the repository `{}` is not valid: {error}",
            repository.url, repository.name
        ))
    })?;
    let mut path = data.join("devloop/tilt_modules").join(url.host_str().unwrap_or("unknown").replace('/', "_"));
    if let Some(port) = url.port() {
        path.as_mut_os_string().push(format!("_{port}"));
    }
    let segments = url.path().trim_matches('/').trim_end_matches(".git").split('/');
    path.extend(segments.filter(|segment| !matches!(*segment, "" | "." | "..")));
    if !repository.reference.is_empty() {
        path.as_mut_os_string().push(format!("@{}", repository.reference.replace(['/', '\\'], "_")));
    }
    Ok(path)
}

/// Whether a copy that is there is brought up to date: once per session, and only by what deploys.
fn wants_update(session: &Session, folder: &Path) -> bool {
    matches!(session.subcommand.as_str(), "up" | "ci")
        && !UPDATED.lock().unwrap_or_else(PoisonError::into_inner).contains(folder)
}

fn clone(session: &Session, repository: &Repository, parent: &Path, name: &str) -> Outcome<()> {
    // Whoever has the lock may clear what others left behind.
    let unfinished = format!("{UNFINISHED}{name}-");
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&unfinished) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let Repository { name: repository_name, url, reference, .. } = repository;
    session.log.info(format!("cloning the extension repository {url}"));
    let folder = tempfile::Builder::new()
        .prefix(&unfinished)
        .tempdir_in(parent)
        .map_err(|error| Failure::new(format!("cannot write to `{}`: {}", parent.display(), describe(&error))))?;
    let target = folder.path().join("repository");
    git(session, parent, &["clone", "--quiet", "--", url, &target.to_string_lossy()], CLONE_LIMIT).map_err(
        |failure| failure.context(&format!("the extension repository `{repository_name}` cannot be cloned from {url}")),
    )?;
    if !reference.is_empty() {
        git(session, &target, &["checkout", "--quiet", "--force", reference, "--"], CLONE_LIMIT).map_err(
            |failure| {
                failure.context(&format!("the extension repository `{repository_name}` ({url}) has no `{reference}`"))
            },
        )?;
    }
    std::fs::rename(&target, parent.join(name))
        .map_err(|error| Failure::new(format!("cannot move the clone of `{url}` into place: {}", describe(&error))))
}

/// Brings a copy up to date; tags and commits stay what they are.
fn update(session: &Session, repository: &Repository, folder: &Path) -> Outcome<()> {
    let reference = &repository.reference;
    let remote = if reference.is_empty() {
        "HEAD".to_owned()
    } else {
        let exists =
            |name: &str| git(session, folder, &["show-ref", "--verify", "--quiet", name], UPDATE_LIMIT).is_ok();
        if exists(&format!("refs/tags/{reference}")) || !exists(&format!("refs/remotes/origin/{reference}")) {
            return Ok(());
        }
        format!("refs/heads/{reference}")
    };
    git(session, folder, &["fetch", "--quiet", "--force", "origin", &remote], UPDATE_LIMIT)?;
    git(session, folder, &["reset", "--quiet", "--hard", "FETCH_HEAD"], UPDATE_LIMIT)
}

/// Runs git without ever asking anybody anything.
fn git(session: &Session, dir: &Path, arguments: &[&str], limit: Duration) -> Outcome<()> {
    // A devloop that a hook of git started must not work in that repository.
    let mut argv = vec!["env"];
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_ASKPASS", "SSH_ASKPASS"] {
        argv.extend(["-u", variable]);
    }
    argv.extend(["git", "-c", "core.hooksPath=/dev/null", "-c", "core.askPass=", "-c", "credential.interactive=never"]);
    argv.extend(["-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=15"]);
    argv.extend(arguments);
    let env = [("GIT_TERMINAL_PROMPT", "0"), ("GCM_INTERACTIVE", "never"), ("LC_ALL", "C")];
    let command = CommandLine {
        argv: argv.into_iter().map(str::to_owned).collect(),
        dir: dir.to_path_buf(),
        env: env.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
    };
    let what = format!("git {}", arguments.first().copied().unwrap_or_default());
    let finished = local_process::run_within(session, &command, limit)?;
    if finished.status.success() {
        return Ok(());
    }
    if finished.status.code() == Some(127) {
        return Err(
            Failure::new("the program `git` is not installed").help("install git; extensions are cloned with it")
        );
    }
    let lines: Vec<&str> = finished.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    let mut failure = Failure::new(format!("`{what}` failed: {}", finished.ending()));
    for line in &lines[lines.len().saturating_sub(QUOTED_LINES)..] {
        failure = failure.help(format!("git: {line}"));
    }
    Err(failure)
}
