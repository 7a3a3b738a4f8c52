//! The files that a kustomization is made of, so that they can be watched.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;

use crate::devfile::language::failure::{Failure, Outcome};
use crate::devfile::language::paths;
use crate::devfile::language::session::read_text;
use crate::yaml;

const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Fields whose entries are files or folders with further kustomizations.
const REFERENCES: [&str; 8] = [
    "bases",
    "resources",
    "components",
    "crds",
    "patchesStrategicMerge",
    "generators",
    "transformers",
    "configurations",
];

/// Fields whose entries are objects with a `path`.
const PATH_OBJECTS: [&str; 4] = ["patches", "patchesJson6902", "replacements", "openapi"];

/// The files of the kustomization in `folder` and of all that it refers to, as far as they are on this machine.
pub(crate) fn files(folder: &Path) -> Outcome<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    collect(folder, &mut found)?;
    Ok(found)
}

fn collect(folder: &Path, found: &mut BTreeSet<PathBuf>) -> Outcome<()> {
    let mut present = FILE_NAMES.iter().map(|name| folder.join(name)).filter(|file| file.is_file());
    let Some(file) = present.next() else {
        return Err(Failure::new(format!("no kustomization in `{}`", folder.display()))
            .help(format!("expected one of {}", FILE_NAMES.map(|name| format!("`{name}`")).join(", "))));
    };
    if let Some(other) = present.next() {
        return Err(Failure::new(format!(
            "two kustomizations in one folder: `{}` and `{}`",
            file.display(),
            other.display()
        )));
    }
    if !found.insert(file.clone()) {
        return Ok(());
    }
    let text = read_text(&file)?;
    for document in yaml::parse_documents(&text, &Arc::from(file.as_path())).documents {
        for reference in references(&document.value) {
            let path = paths::resolve(folder, &reference);
            if path.is_dir() {
                collect(&path, found)?;
            } else if !reference.contains("://") && !reference.contains('\n') {
                // A missing file is watched too: its appearance mends the build. Remote ones have a host in front.
                if path.exists() || !looks_remote(&reference) {
                    found.insert(path);
                }
            }
        }
    }
    Ok(())
}

fn looks_remote(reference: &str) -> bool {
    reference.split('/').next().is_some_and(|first| first.contains('.') && first.contains("git") && first != ".git")
        || reference.contains("?ref=")
}

fn references(kustomization: &Json) -> Vec<String> {
    let mut paths = Vec::new();
    let texts = |value: &Json| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|entry| entry.as_str().map(str::to_owned)).collect()
    };
    let empty = Json::Null;
    let field = |name: &str| kustomization.get(name).unwrap_or(&empty);
    for name in REFERENCES {
        paths.extend(texts(field(name)));
    }
    for name in PATH_OBJECTS {
        let value = field(name);
        let single = std::slice::from_ref(value);
        let entries = value.as_array().map_or(single, Vec::as_slice);
        paths.extend(entries.iter().filter_map(|entry| entry.get("path")?.as_str().map(str::to_owned)));
    }
    for name in ["configMapGenerator", "secretGenerator"] {
        for generator in field(name).as_array().into_iter().flatten() {
            // `KEY=PATH` names the key of the entry.
            let keyed = texts(generator.get("files").unwrap_or(&empty));
            paths.extend(
                keyed.iter().map(|entry| entry.split_once('=').map_or(entry.as_str(), |(_, path)| path).to_owned()),
            );
            paths.extend(texts(generator.get("envs").unwrap_or(&empty)));
            paths.extend(generator.get("env").and_then(Json::as_str).map(str::to_owned));
        }
    }
    for chart in field("helmCharts").as_array().into_iter().flatten() {
        paths.extend(chart.get("valuesFile").and_then(Json::as_str).map(str::to_owned));
        paths.extend(texts(chart.get("additionalValuesFiles").unwrap_or(&empty)));
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_patches_and_generator_inputs_are_found_transitively() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let write = |path: &str, text: &str| {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), text).unwrap();
        };
        write(
            "overlay/kustomization.yaml",
            "resources: [../base, https://example.com/x.yaml, github.com/a/b?ref=v1]\npatches:\n- path: patch.yaml\n\
             configMapGenerator:\n- name: c\n  files: [key=conf/a.txt]\n  envs: [.env]\n",
        );
        write("base/Kustomization", "resources: [web.yaml]\n");
        let found = files(&root.join("overlay")).unwrap();
        let names: Vec<String> =
            found.iter().map(|path| path.strip_prefix(root).unwrap().display().to_string()).collect();
        assert_eq!(
            names,
            [
                "base/Kustomization",
                "base/web.yaml",
                "overlay/.env",
                "overlay/conf/a.txt",
                "overlay/kustomization.yaml",
                "overlay/patch.yaml"
            ]
        );
    }

    #[test]
    fn a_folder_needs_exactly_one_kustomization() {
        let folder = tempfile::tempdir().unwrap();
        assert!(files(folder.path()).unwrap_err().to_string().starts_with("no kustomization in"));
        std::fs::write(folder.path().join("kustomization.yaml"), "").unwrap();
        std::fs::write(folder.path().join("kustomization.yml"), "").unwrap();
        assert!(files(folder.path()).unwrap_err().to_string().starts_with("two kustomizations"));
    }
}
