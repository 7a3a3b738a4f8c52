//! What a Dockerfile says about a live update: which files of the context end up where.

use std::path::Path;

/// Programs that read their source when they run: an edit that is copied has an effect.
const INTERPRETERS: [&str; 8] = ["python", "node", "ruby", "php", "perl", "deno", "bun", "flask"];

/// Files that say what is installed: a change of one needs a build.
const PACKAGE_FILES: [&str; 16] = [
    "package.json",
    "package-lock.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "requirements.txt",
    "requirements-dev.txt",
    "pyproject.toml",
    "poetry.lock",
    "Pipfile",
    "Pipfile.lock",
    "uv.lock",
    "setup.py",
    "Gemfile",
    "Gemfile.lock",
    "composer.json",
    "composer.lock",
];

/// What could be copied into a running container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Copies {
    /// Files and folders of the context with their places in the image.
    pub synced: Vec<(String, String)>,
    /// Files of the context whose change needs a build.
    pub packages: Vec<String>,
}

/// The files that each build copies from the context, as written; for finding out what the context is.
pub(super) fn sources(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for words in instructions(text) {
        if let Some((sources, _)) = copy(&words) {
            found.extend(sources.iter().map(|source| trimmed(source)));
        }
    }
    found
}

/// What a live update could copy; nothing for a compiled language. `context` is the folder on the disk.
pub(super) fn copies(text: &str, context: &Path) -> Copies {
    let mut copies = Copies::default();
    let mut base = String::new();
    let mut folder = "/".to_owned();
    for words in instructions(text) {
        match words[0].to_uppercase().as_str() {
            "FROM" => {
                // Only the last stage is what runs.
                copies = Copies::default();
                base = words.iter().skip(1).find(|word| !word.starts_with("--")).cloned().unwrap_or_default();
                "/".clone_into(&mut folder);
            }
            "WORKDIR" if words.len() > 1 => folder = absolute(&folder, &words[1]),
            _ => {
                let Some((sources, target)) = copy(&words) else { continue };
                for source in sources {
                    add(&mut copies, &trimmed(source), target, &folder, context);
                }
            }
        }
    }
    let image = base.rsplit('/').next().unwrap_or_default().to_lowercase();
    if INTERPRETERS.iter().any(|name| image.starts_with(name)) { copies } else { Copies::default() }
}

fn add(copies: &mut Copies, source: &str, target: &str, folder: &str, context: &Path) {
    if source.contains(['*', '?', '$']) || target.contains('$') {
        return;
    }
    let name = source.rsplit('/').next().unwrap_or(source);
    let path = context.join(source);
    if PACKAGE_FILES.contains(&name) {
        copies.packages.push(source.to_owned());
    } else if path.is_dir() {
        copies.synced.push((source.to_owned(), absolute(folder, target)));
        for name in PACKAGE_FILES.iter().filter(|name| path.join(name).is_file()) {
            let inner = if source == "." { (*name).to_owned() } else { format!("{source}/{name}") };
            if !copies.packages.contains(&inner) {
                copies.packages.push(inner);
            }
        }
    } else if path.is_file() {
        let into = absolute(folder, target);
        let is_folder = target.ends_with('/') || target == "." || target == "./";
        copies.synced.push((source.to_owned(), if is_folder { absolute(&into, name) } else { into }));
    }
}

/// The sources and the target of a `COPY` or `ADD` from the context.
fn copy(words: &[String]) -> Option<(Vec<&str>, &str)> {
    if !["COPY", "ADD"].contains(&words[0].to_uppercase().as_str()) {
        return None;
    }
    if words.iter().any(|word| word.starts_with("--from=") || word.starts_with("<<") || word.starts_with('[')) {
        return None;
    }
    let places: Vec<&str> = words[1..].iter().map(String::as_str).filter(|word| !word.starts_with("--")).collect();
    let (target, sources) = places.split_last()?;
    let local = sources.iter().copied().filter(|source| !source.contains("://"));
    Some((local.collect(), target))
}

fn instructions(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut line = String::new();
    for part in text.lines().map(str::trim).filter(|part| !part.starts_with('#')) {
        if let Some(begin) = part.strip_suffix('\\') {
            line.push_str(begin);
            line.push(' ');
            continue;
        }
        line.push_str(part);
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        if !words.is_empty() {
            found.push(words);
        }
        line.clear();
    }
    found
}

/// `./app/` as `app`.
fn trimmed(source: &str) -> String {
    let path = source.trim_start_matches("./").trim_matches('/');
    if path.is_empty() { ".".to_owned() } else { path.to_owned() }
}

fn absolute(folder: &str, path: &str) -> String {
    let joined = if path.starts_with('/') { path.to_owned() } else { format!("{folder}/{path}") };
    let parts: Vec<&str> = joined.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, synced: &[(&str, &str)], packages: &[&str]) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join("src/app")).expect("a folder");
        for name in ["package.json", "server.py", "src/requirements.txt"] {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        let copies = copies(text, folder.path());
        let found: Vec<(&str, &str)> = copies.synced.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(
            (found.as_slice(), copies.packages.iter().map(String::as_str).collect::<Vec<_>>().as_slice()),
            (synced, packages),
            "{text}"
        );
    }

    #[test]
    fn what_the_last_stage_copies_can_be_synced() {
        check("FROM python:3\nWORKDIR /app\nCOPY . .\n", &[(".", "/app")], &["package.json"]);
        check(
            "FROM node AS build\nCOPY src /x\nFROM node:22\nCOPY package.json ./\nCOPY ./src/ \\\n  /app/src\n",
            &[("src", "/app/src")],
            &["package.json", "src/requirements.txt"],
        );
        check(
            "FROM docker.io/library/python\nWORKDIR app\nCOPY --chown=a server.py run/\n",
            &[("server.py", "/app/run/server.py")],
            &[],
        );
        check("FROM python\nCOPY --from=x /a /b\nCOPY missing /x\nCOPY *.py /y\n", &[], &[]);
    }

    #[test]
    fn a_compiled_language_gets_no_live_update() {
        check("FROM golang\nCOPY . /src\nRUN go build\n", &[], &[]);
        check("FROM node AS build\nCOPY . .\nFROM nginx\nCOPY --from=build /dist /html\n", &[], &[]);
    }
}
