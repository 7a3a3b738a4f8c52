//! Which changed file goes where in a container, and whether a live update can handle the change at all (reference §3.7).
//!
//! Pure: whether a file still exists is looked at when it is sent, not here.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use super::live_update::{LiveUpdate, Run, Sync};
use super::restart_process::RestartProcess;
use crate::diagnostic::Span;

/// One local path and where it belongs in the container.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MappedPath {
    /// Absolute path on this machine; copied if it is there, deleted in the container if it is not.
    pub local: PathBuf,
    /// Absolute path in the container, without a trailing slash.
    pub remote: PathBuf,
}

/// Why a change needs a rebuild instead of a live update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveUpdateStop {
    /// No `sync` step covers this file.
    NoSyncMatches(PathBuf),
    /// A `fall_back_on` step names this file.
    FallBackOn {
        /// The changed file.
        path: PathBuf,
        /// The step.
        step: Span,
    },
}

impl std::fmt::Display for LiveUpdateStop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoSyncMatches(path) => write!(f, "`{}` is matched by no `sync` step", path.display()),
            Self::FallBackOn { path, .. } => write!(f, "`{}` is matched by a `fall_back_on` step", path.display()),
        }
    }
}

/// What the steps of a live update make of a set of changed files.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct MappedChanges {
    /// In the order of the changed files; of equal `remote`s only the last is kept.
    pub paths: Vec<MappedPath>,
    /// Changed files that no `sync` step covers.
    pub unmatched: Vec<PathBuf>,
    /// Changed files that a `fall_back_on` step names, with the first such step.
    pub fall_backs: Vec<(PathBuf, Span)>,
    /// The `run` steps whose turn it is, in order.
    pub runs: Vec<Run>,
}

impl MappedChanges {
    /// The first reason to rebuild instead, in the order that the reference asks for.
    pub fn stop(&self) -> Option<LiveUpdateStop> {
        if let Some(path) = self.unmatched.first() {
            return Some(LiveUpdateStop::NoSyncMatches(path.clone()));
        }
        let (path, step) = self.fall_backs.first()?;
        Some(LiveUpdateStop::FallBackOn { path: path.clone(), step: step.clone() })
    }
}

/// Maps changed files (absolute) by the steps of `live_update`.
///
/// `is_folder` is asked only for the source of a `sync` whose destination ends in `/`, when that source itself is what
/// changed: a folder is mapped to the destination, anything else (also what is gone) to a file in it. So the deletion of a
/// synced *file* can never delete the folder that it was copied into.
pub fn map_paths(live_update: &LiveUpdate, changed: &[PathBuf], is_folder: impl Fn(&Path) -> bool) -> MappedChanges {
    let mut mapped = MappedChanges::default();
    // Of equal remotes the last counts, in its own place: found by a map, because a branch switch changes thousands of files.
    let mut places: HashMap<PathBuf, usize> = HashMap::new();
    let mut paths: Vec<Option<MappedPath>> = Vec::new();
    for path in changed {
        match live_update.syncs.iter().find(|sync| path.starts_with(&sync.local)) {
            Some(sync) => {
                let remote = remote_path(sync, path, &is_folder);
                if let Some(earlier) = places.insert(remote.clone(), paths.len()) {
                    paths[earlier] = None;
                }
                paths.push(Some(MappedPath { local: path.clone(), remote }));
            }
            None => mapped.unmatched.push(path.clone()),
        }
        if let Some((_, step)) = live_update.fall_back_on.iter().find(|(stop, _)| path.starts_with(stop)) {
            mapped.fall_backs.push((path.clone(), step.clone()));
        }
    }
    mapped.paths = paths.into_iter().flatten().collect();
    if !mapped.paths.is_empty() {
        let restart = live_update.restart_process.as_ref().map(RestartProcess::run);
        let runs = live_update.runs.iter().cloned().chain(restart);
        mapped.runs = runs.filter(|run| is_due(run, &mapped.paths)).collect();
    }
    mapped
}

/// A step without triggers runs after every sync, others only when a synced file matches.
fn is_due(run: &Run, synced: &[MappedPath]) -> bool {
    run.triggers.is_empty()
        || synced.iter().any(|path| run.triggers.iter().any(|trigger| path.local.starts_with(trigger)))
}

fn remote_path(sync: &Sync, path: &Path, is_folder: &impl Fn(&Path) -> bool) -> PathBuf {
    let destination = normalized(Path::new(&sync.remote));
    let below = path.strip_prefix(&sync.local).unwrap_or(Path::new(""));
    if !below.as_os_str().is_empty() {
        return destination.join(below);
    }
    if sync.remote.ends_with('/') && !is_folder(path) {
        return destination.join(path.file_name().unwrap_or(OsStr::new("")));
    }
    destination
}

/// The path with `.` and `..` resolved by name alone, as `path.Join` does it for container paths.
fn normalized(path: &Path) -> PathBuf {
    let mut result = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => result.push(name),
            Component::ParentDir => {
                result.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span() -> Span {
        Span::file("/p/Devfile")
    }

    fn sync(local: &str, remote: &str) -> Sync {
        Sync { local: local.into(), remote: remote.into(), origin: span() }
    }

    fn run(name: &str, triggers: &[&str]) -> Run {
        Run {
            argv: vec![name.into()],
            triggers: triggers.iter().map(PathBuf::from).collect(),
            echo_off: false,
            origin: span(),
        }
    }

    fn map(live_update: &LiveUpdate, changed: &[&str]) -> MappedChanges {
        let changed: Vec<PathBuf> = changed.iter().map(PathBuf::from).collect();
        map_paths(live_update, &changed, |path| path == Path::new("/p/folder"))
    }

    fn remotes(mapped: &MappedChanges) -> Vec<&str> {
        mapped.paths.iter().map(|path| path.remote.to_str().expect("the tests use UTF-8")).collect()
    }

    #[test]
    fn a_folder_sync_keeps_the_path_below_it() {
        let steps = LiveUpdate { syncs: vec![sync("/p/src", "/app/")], ..LiveUpdate::default() };
        assert_eq!(remotes(&map(&steps, &["/p/src/a/b.py", "/p/src/c"])), ["/app/a/b.py", "/app/c"]);
    }

    #[test]
    fn a_neighbour_with_the_same_prefix_does_not_match() {
        let steps = LiveUpdate { syncs: vec![sync("/p/src", "/app")], ..LiveUpdate::default() };
        let mapped = map(&steps, &["/p/src2/a"]);
        assert_eq!(mapped.stop(), Some(LiveUpdateStop::NoSyncMatches("/p/src2/a".into())));
    }

    #[test]
    fn a_file_sync_goes_to_its_destination_or_into_the_folder() {
        let steps = LiveUpdate {
            syncs: vec![sync("/p/a.txt", "/app/b.txt"), sync("/p/c.txt", "/etc/x/")],
            ..LiveUpdate::default()
        };
        assert_eq!(remotes(&map(&steps, &["/p/a.txt", "/p/c.txt"])), ["/app/b.txt", "/etc/x/c.txt"]);
    }

    #[test]
    fn a_folder_that_is_itself_the_source_maps_to_the_destination() {
        let steps = LiveUpdate { syncs: vec![sync("/p/folder", "/app/x/")], ..LiveUpdate::default() };
        assert_eq!(remotes(&map(&steps, &["/p/folder"])), ["/app/x"]);
    }

    #[test]
    fn the_first_matching_sync_maps_the_file() {
        let steps =
            LiveUpdate { syncs: vec![sync("/p/src/web", "/web"), sync("/p/src", "/app")], ..LiveUpdate::default() };
        assert_eq!(remotes(&map(&steps, &["/p/src/web/i.js", "/p/src/m.py"])), ["/web/i.js", "/app/m.py"]);
    }

    #[test]
    fn an_unmatched_file_comes_before_fall_back_on() {
        let steps = LiveUpdate {
            fall_back_on: vec![("/p/src/lock".into(), span())],
            syncs: vec![sync("/p/src", "/app")],
            ..LiveUpdate::default()
        };
        assert!(matches!(map(&steps, &["/p/src/lock", "/p/x"]).stop(), Some(LiveUpdateStop::NoSyncMatches(_))));
        assert!(matches!(map(&steps, &["/p/src/lock"]).stop(), Some(LiveUpdateStop::FallBackOn { .. })));
        assert_eq!(map(&steps, &["/p/src/a"]).stop(), None);
    }

    #[test]
    fn a_run_with_triggers_needs_a_synced_file_that_matches() {
        let steps = LiveUpdate {
            syncs: vec![sync("/p/src", "/app")],
            runs: vec![run("always", &[]), run("deps", &["/p/src/requirements.txt"]), run("db", &["/p/src/sql"])],
            ..LiveUpdate::default()
        };
        let names = |changed: &[&str]| -> Vec<String> {
            map(&steps, changed).runs.into_iter().map(|run| run.argv[0].clone()).collect()
        };
        assert_eq!(names(&["/p/src/a.py"]), ["always"]);
        assert_eq!(names(&["/p/src/requirements.txt"]), ["always", "deps"]);
        assert_eq!(names(&["/p/src/sql/1.sql"]), ["always", "db"]);
        assert!(names(&["/p/other"]).is_empty());
    }

    #[test]
    fn dots_in_the_destination_are_resolved_and_the_last_of_equal_targets_wins() {
        let steps =
            LiveUpdate { syncs: vec![sync("/p/a", "/app/./x/../y"), sync("/p/b", "/app/y")], ..LiveUpdate::default() };
        let mapped = map(&steps, &["/p/a", "/p/b"]);
        assert_eq!(mapped.paths, [MappedPath { local: "/p/b".into(), remote: "/app/y".into() }]);
    }
}
