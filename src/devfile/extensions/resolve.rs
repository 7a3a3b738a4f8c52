//! Which file an extension is: the objects that the configuration registered first, then the default repository.

use std::path::{Component, Path, PathBuf};

use super::built_in;
use super::checkout::checkout;
use crate::devfile::language::failure::{Failure, Outcome};
use crate::devfile::language::paths;
use crate::devfile::language::session::Session;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::project::{ApiKind, ApiObject};

/// The name of the repository that extensions come from when nothing else is said.
const DEFAULT: &str = "default";

/// Where it is.
const DEFAULT_URL: &str = "https://github.com/tilt-dev/tilt-extensions";

/// The names of the file that an extension is, the first that is there counts.
const FILES: [&str; 2] = ["Devfile", "Tiltfile"];

/// How deep folders of extensions are looked for, for suggestions.
const DEPTH: usize = 2;

/// Where extensions come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Repository {
    /// The name of the object.
    pub name: String,
    /// `http://`, `https://` or `file://`.
    pub url: String,
    /// A tag, branch or commit; empty for the newest.
    pub reference: String,
    /// The folder in it that extensions are in.
    pub subpath: String,
}

/// What `ext://NAME` means.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Meaning {
    repository: Repository,
    /// The folder in the repository.
    path: String,
    /// Whether the configuration says where it comes from.
    explicit: bool,
}

/// The file that `ext://NAME` means; the name of an object that it came by is noted as loaded.
pub(crate) fn locate(session: &Session, name: &str) -> Outcome<PathBuf> {
    let name = name.trim_matches('/');
    if name.is_empty() {
        return Err(Failure::new("`ext://`: the name of the extension is missing"));
    }
    let meaning = meaning(&session.state().declarations.api_objects, name);
    session.state().loaded_extensions.insert(sanitize(name));
    let built_in = built_in::path(name);
    if let Some(path) = built_in.clone().filter(|_| !meaning.explicit) {
        return Ok(path);
    }
    let root = match (checkout(session, &meaning.repository), built_in) {
        (Ok(root), _) => root,
        (Err(failure), Some(path)) if !session.cancel.is_cancelled() => {
            let text = format!("`ext://{name}`: the one that comes with devloop is used, because {failure}");
            session.report(Diagnostic::warning(text));
            return Ok(path);
        }
        (Err(failure), _) => {
            note_unavailable(session, &meaning.repository);
            return Err(unavailable(failure, name, &meaning.repository));
        }
    };
    file_in(&root, name, &meaning)
}

/// An extension that is run on its own.
#[derive(Debug)]
pub(crate) struct Unit {
    /// The object that registered it.
    pub object: ApiObject,
    /// Its file, or why there is none.
    pub file: Result<PathBuf, Diagnostic>,
}

/// The registered extensions that no file has loaded, in the order of their registration.
pub(crate) fn unloaded(session: &Session) -> Vec<Unit> {
    let state = session.state();
    let left = |object: &&ApiObject| {
        object.kind == ApiKind::Extension && !state.loaded_extensions.contains(&sanitize(&object.name))
    };
    let objects: Vec<ApiObject> = state.declarations.api_objects.iter().filter(left).cloned().collect();
    drop(state);
    let unit = |object: ApiObject| {
        let meaning = meaning(&session.state().declarations.api_objects, &object.name);
        let root = checkout(session, &meaning.repository);
        let root = root.inspect_err(|_| note_unavailable(session, &meaning.repository));
        let file = root.and_then(|root| file_in(&root, &object.name, &meaning));
        Unit { file: file.map_err(Failure::into_diagnostic), object }
    };
    objects.into_iter().map(unit).collect()
}

/// What is not there now may be there later, unlike a folder of this machine, which is watched by nobody.
fn note_unavailable(session: &Session, repository: &Repository) {
    let is_remote = !repository.url.starts_with("file://");
    session.state().awaits_repository |= is_remote && !session.cancel.is_cancelled();
}

/// `a/b` names the object `a_b`.
pub(super) fn sanitize(name: &str) -> String {
    name.replace(['/', '\\', ':', '%'], "_")
}

/// The rules of reference §2.14, in their order.
fn meaning(objects: &[ApiObject], name: &str) -> Meaning {
    let repositories = || objects.iter().filter(|object| object.kind == ApiKind::ExtensionRepo);
    let by_name = |wanted: &str| repositories().find(|object| object.name == wanted);
    let extension = objects.iter().find(|object| object.kind == ApiKind::Extension && object.name == sanitize(name));
    if let Some(extension) = extension {
        let repository = match by_name(extension.text("repoName")) {
            Some(object) => repository(object),
            None => default_repository(),
        };
        return Meaning { repository, path: extension.text("repoPath").to_owned(), explicit: true };
    }
    let (host, rest) = name.split_once('/').unwrap_or((name, ""));
    if let Some(object) = repositories().find(|object| object.text("loadHost") == host) {
        return Meaning { repository: repository(object), path: rest.to_owned(), explicit: true };
    }
    match by_name(DEFAULT).map(repository) {
        Some(repository) => {
            let explicit = repository != default_repository();
            Meaning { repository, path: name.to_owned(), explicit }
        }
        None => Meaning { repository: default_repository(), path: name.to_owned(), explicit: false },
    }
}

fn repository(object: &ApiObject) -> Repository {
    Repository {
        name: object.name.clone(),
        url: object.text("url").trim_end_matches('/').to_owned(),
        reference: object.text("ref").to_owned(),
        subpath: object.text("gitSubpath").to_owned(),
    }
}

fn default_repository() -> Repository {
    Repository {
        name: DEFAULT.to_owned(),
        url: DEFAULT_URL.to_owned(),
        reference: String::new(),
        subpath: String::new(),
    }
}

fn unavailable(failure: Failure, name: &str, repository: &Repository) -> Failure {
    let names: Vec<&str> = built_in::names().collect();
    let suggestion = did_you_mean(name, names.iter().copied());
    failure
        .context(&format!("cannot load `ext://{name}`"))
        .maybe_help(suggestion.map(|suggestion| format!("did you mean `ext://{suggestion}`?")))
        .help(format!("these come with devloop and need no repository: {}", names.join(", ")))
        .help(format!(
            "a checkout on this machine works without a network: `v1alpha1.extension_repo(name='{}', \
             url='file:///path/to/checkout')` before the load",
            repository.name
        ))
}

/// The extension's file in a checkout.
fn file_in(root: &Path, name: &str, meaning: &Meaning) -> Outcome<PathBuf> {
    let Repository { name: repository, url, subpath, .. } = &meaning.repository;
    let outside = |path: &str| {
        Failure::new(format!(
            "cannot load `ext://{name}`: the path `{path}` leads out of the repository `{repository}`"
        ))
    };
    let base = inside(root, subpath).ok_or_else(|| outside(subpath))?;
    let folder = inside(&base, &meaning.path).ok_or_else(|| outside(&meaning.path))?;
    let found = FILES.iter().map(|file| folder.join(file)).find(|file| file.is_file());
    if let Some(file) = found {
        // A link in the repository may lead anywhere.
        let stays = match (file.canonicalize(), root.canonicalize()) {
            (Ok(file), Ok(root)) => file.starts_with(root),
            _ => true,
        };
        return if stays { Ok(file) } else { Err(outside(&meaning.path)) };
    }
    let names = extensions_in(&base);
    let suggestion = did_you_mean(&meaning.path, names.iter().map(String::as_str));
    let failure = Failure::new(format!(
        "cannot load `ext://{name}`: the extension repository `{repository}` ({url}) has no `{}/Tiltfile`",
        meaning.path
    ));
    Err(match suggestion {
        Some(suggestion) => failure.help(format!("did you mean `{suggestion}`?")),
        None if names.is_empty() => failure.help(format!("`{}` has no extensions at all", base.display())),
        None => failure.help(format!("it was looked for in `{}`", base.display())),
    })
}

/// A path below `root`, unless it leads out of it.
fn inside(root: &Path, path: &str) -> Option<PathBuf> {
    let relative = Path::new(path);
    if !relative
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir | Component::ParentDir))
    {
        return None;
    }
    let joined = paths::clean(&root.join(relative));
    joined.starts_with(paths::clean(root)).then_some(joined)
}

/// The folders of a repository that have an extension in them, sorted.
fn extensions_in(base: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![(base.to_path_buf(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
            if FILES.iter().any(|file| path.join(file).is_file())
                && let Ok(name) = path.strip_prefix(base)
            {
                names.push(name.to_string_lossy().into_owned());
            }
            if depth + 1 < DEPTH && path.file_name().is_some_and(|name| name != ".git") {
                folders.push((path, depth + 1));
            }
        }
    }
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::diagnostic::Span;

    fn object(kind: ApiKind, name: &str, spec: serde_json::Value) -> ApiObject {
        ApiObject {
            kind,
            name: name.to_owned(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            spec,
            origin: Span::file(Path::new("/p/Devfile")),
        }
    }

    #[test]
    fn an_extension_object_comes_first_then_a_load_host_then_the_default_repository() {
        let repository = |name: &str, fields| object(ApiKind::ExtensionRepo, name, fields);
        let objects = [
            repository("corp", serde_json::json!({"url": "https://git.corp/x/", "loadHost": "corp", "ref": "v1"})),
            repository("other", serde_json::json!({"url": "file:///other"})),
            object(ApiKind::Extension, "a_b", serde_json::json!({"repoName": "other", "repoPath": "deep/er"})),
        ];
        let found = |name: &str| {
            let meaning = meaning(&objects, name);
            (meaning.repository.url, meaning.repository.reference, meaning.path, meaning.explicit)
        };
        let text = str::to_owned;
        assert_eq!(found("a/b"), (text("file:///other"), text(""), text("deep/er"), true));
        assert_eq!(found("corp/go/x"), (text("https://git.corp/x"), text("v1"), text("go/x"), true));
        assert_eq!(found("restart_process"), (text(DEFAULT_URL), text(""), text("restart_process"), false));
    }

    #[test]
    fn the_default_repository_can_be_replaced() {
        let objects = [object(ApiKind::ExtensionRepo, DEFAULT, serde_json::json!({"url": "file:///mine"}))];
        let found = meaning(&objects, "namespace");
        assert_eq!((found.repository.url.as_str(), found.explicit), ("file:///mine", true));
        let same = [object(ApiKind::ExtensionRepo, DEFAULT, serde_json::json!({"url": DEFAULT_URL}))];
        assert!(!meaning(&same, "namespace").explicit, "naming it changes nothing");
    }

    #[test]
    fn a_path_stays_inside_the_repository() {
        let root = Path::new("/repo");
        assert_eq!(inside(root, "a/../b"), Some(PathBuf::from("/repo/b")));
        assert_eq!(inside(root, ""), Some(PathBuf::from("/repo")));
        for path in ["..", "a/../../x", "/etc"] {
            assert_eq!(inside(root, path), None, "{path}");
        }
    }
}
