//! House rules that a program can check: layering, module headers, no stray notes, no file that nobody can read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each folder of `src` may use, beside itself. `docs/architecture.md` draws it.
const LAYERS: [(&str, &[&str]); 19] = [
    ("diagnostic", &[]),
    ("yaml", &["diagnostic"]),
    ("k8s", &["diagnostic", "project", "yaml"]),
    ("project", &["diagnostic", "k8s"]),
    ("logs", &["project"]),
    ("compose", &["project", "yaml"]),
    ("devfile", &["diagnostic", "yaml", "k8s", "project", "logs", "compose"]),
    ("engine", &["diagnostic", "k8s", "project", "logs"]),
    ("journal", &["engine", "project"]),
    ("docker", &["project", "logs"]),
    ("cluster", &["diagnostic", "k8s", "project", "logs", "yaml"]),
    ("process", &["project", "logs"]),
    ("watch", &["project"]),
    ("control", &["diagnostic", "engine", "journal", "k8s", "logs", "process", "project", "run"]),
    (
        "run",
        &[
            "diagnostic",
            "k8s",
            "project",
            "logs",
            "compose",
            "devfile",
            "engine",
            "docker",
            "cluster",
            "process",
            "watch",
            "journal",
        ],
    ),
    ("ui", &["diagnostic", "engine", "journal", "logs", "project"]),
    ("init", &["project", "yaml"]),
    ("lsp", &["devfile", "diagnostic"]),
    (
        "cli",
        &[
            "diagnostic",
            "yaml",
            "k8s",
            "project",
            "logs",
            "devfile",
            "engine",
            "docker",
            "cluster",
            "process",
            "run",
            "ui",
            "init",
            "lsp",
            "control",
            "journal",
        ],
    ),
];

/// Crates that stand for an outside system, and the only folders that may use them.
const SOLE_USERS: [(&str, &[&str]); 7] = [
    ("bollard", &["docker"]),
    ("kube", &["cluster", "run"]),
    ("k8s_openapi", &["cluster"]),
    ("notify", &["watch"]),
    ("starlark", &["devfile"]),
    ("ratatui", &["ui"]),
    ("crossterm", &["ui"]),
];

/// Crates that do I/O or keep time, and have no place in the pure folders.
const IMPURE: [&str; 7] = ["tokio::", "std::fs", "std::net", "std::process", "std::env", "std::thread", "Instant::now"];
const PURE: [&str; 6] = ["diagnostic", "yaml", "k8s", "project", "compose", "engine"];

fn sources() -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeMap::new();
    let mut folders = vec![root.join("src"), root.join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the project").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                found.insert(path.strip_prefix(root).expect("it is below the root").to_path_buf(), text);
            }
        }
    }
    found
}

/// The folder of `src` that a file belongs to.
fn layer(path: &Path) -> Option<&str> {
    path.strip_prefix("src").ok()?.iter().next()?.to_str().filter(|name| !name.contains('.'))
}

/// The part of a file that ships: tests may look anywhere.
fn shipped<'t>(path: &Path, text: &'t str) -> &'t str {
    let is_test = path.iter().any(|part| part == "tests.rs" || part == "tests");
    if is_test { "" } else { text.split("#[cfg(test)]").next().unwrap_or(text) }
}

fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn dependencies_point_one_way() {
    let mut problems = Vec::new();
    for (path, text) in sources() {
        let Some(layer) = layer(&path) else { continue };
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
            problems
                .push(format!("{}: folder `{layer}` is not in the picture of docs/architecture.md", path.display()));
            continue;
        };
        for (line, code) in code_lines(shipped(&path, &text)) {
            for used in code.match_indices("crate::").map(|(at, _)| &code[at + "crate::".len()..]) {
                let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let known = LAYERS.iter().any(|(name, _)| *name == used);
                if known && used != layer && !allowed.contains(&used.as_str()) {
                    problems.push(format!("{}:{line}: `{layer}` must not use `{used}`", path.display()));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn each_outside_system_has_one_user() {
    let mut problems = Vec::new();
    for (path, text) in sources() {
        let Some(layer) = layer(&path) else { continue };
        for (line, code) in code_lines(shipped(&path, &text)) {
            for (name, users) in SOLE_USERS {
                let uses = code.contains(&format!("{name}::")) && !code.contains(&format!("_{name}::"));
                if uses && !users.contains(&layer) {
                    problems.push(format!("{}:{line}: only {users:?} may use `{name}`", path.display()));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_core_is_pure() {
    let mut problems = Vec::new();
    for (path, text) in sources() {
        let Some(layer) = layer(&path) else { continue };
        // Excerpts of the user's files are read when they are shown.
        if !PURE.contains(&layer) || path.ends_with("diagnostic/render.rs") {
            continue;
        }
        for (line, code) in code_lines(shipped(&path, &text)) {
            for word in IMPURE {
                if code.contains(word) {
                    problems.push(format!("{}:{line}: `{word}` in the pure folder `{layer}`", path.display()));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "no `//!` header: {}", silent.join(", "));
}

#[test]
fn nothing_is_left_to_be_done_in_a_comment() {
    let marks = ["TO\u{44}O", "FIX\u{4d}E", "X\u{58}X"];
    let mut problems = Vec::new();
    for (path, text) in sources() {
        for (index, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                problems.push(format!("{}:{}: {}", path.display(), index + 1, line.trim()));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn files_stay_readable() {
    const LIMIT: usize = 700;
    let long: Vec<String> = sources()
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(path, lines)| *lines > LIMIT && !path.ends_with("tests.rs"))
        .map(|(path, lines)| format!("{} ({lines} lines)", path.display()))
        .collect();
    assert!(long.is_empty(), "look for the second subject in: {}", long.join(", "));
}
