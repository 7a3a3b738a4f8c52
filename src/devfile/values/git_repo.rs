//! `local_git_repo(…)`: a git repository on this machine (reference §2.2).

#![expect(clippy::unnecessary_wraps, reason = "methods of the language return results")]

use std::path::{Path, PathBuf};

use starlark::environment::{Methods, MethodsBuilder, MethodsStatic};
use starlark::starlark_module;

use super::plain_value;
use crate::devfile::language::paths;

plain_value! {
    /// The root of a repository, absolute. It stands for that path wherever a path is expected.
    GitRepo(PathBuf), "git.Repo", {
        fn get_methods() -> Option<&'static Methods> {
            static METHODS: MethodsStatic = MethodsStatic::new("git.Repo", repo_methods);
            Some(METHODS.methods())
        }
    }
}

impl std::fmt::Display for GitRepo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[git.Repo] '{}'", self.0.display())
    }
}

/// A path below the root: a leading slash does not lead out of it.
fn below(root: &Path, path: &str) -> PathBuf {
    paths::clean(&root.join(path.trim_start_matches('/')))
}

#[starlark_module]
fn repo_methods(builder: &mut MethodsBuilder) {
    fn paths(this: &GitRepo, paths: &str) -> starlark::Result<String> {
        Ok(below(&this.0, paths).to_string_lossy().into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_below_the_root() {
        for (path, expected) in [("a/b", "/r/a/b"), ("/a", "/r/a"), (".", "/r"), ("a/../b/", "/r/b")] {
            assert_eq!(below(Path::new("/r"), path), Path::new(expected), "{path}");
        }
    }
}
