//! What is in the folder: Dockerfiles, manifests, kustomizations, charts, Compose files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;

use crate::yaml::parse_documents;

/// How deep folders are looked through.
const MAX_DEPTH: usize = 6;

/// Folders that hold what others have written, or what is made anew.
const SKIPPED: [&str; 11] = [
    "node_modules",
    "vendor",
    "target",
    "dist",
    "build",
    "out",
    "venv",
    "__pycache__",
    "bower_components",
    "charts",
    "tests",
];

const COMPOSE_NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
const KUSTOMIZATION_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// A Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerfileFound {
    /// Relative to the folder.
    pub path: PathBuf,
    /// What it seems to build: the part of its name beside `Dockerfile`, else the name of its folder.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A workload in a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// The images of its containers, as written, in order.
    pub images: Vec<String>,
    /// The ports of its containers with the image of each.
    pub ports: Vec<(String, u16)>,
}

/// A file with Kubernetes objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Relative to the folder.
    pub path: PathBuf,
    /// Those of its objects that run containers.
    pub workloads: Vec<Workload>,
}

/// A kustomization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kustomization {
    /// Its folder, relative.
    pub folder: PathBuf,
    /// The folders and files that it refers to, relative to the same.
    pub references: Vec<PathBuf>,
    /// `images`: names that it exchanges.
    pub renamed_images: Vec<(String, String)>,
}

/// A Helm chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// Its folder, relative.
    pub folder: PathBuf,
    /// Its name.
    pub name: String,
    /// The images that its default values name.
    pub images: Vec<String>,
    /// Files with values for development.
    pub values: Vec<PathBuf>,
}

/// Everything of interest in a folder, sorted by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The folder, absolute.
    pub root: PathBuf,
    /// Dockerfiles.
    pub dockerfiles: Vec<DockerfileFound>,
    /// Plain manifests, those of kustomizations too.
    pub manifests: Vec<Manifest>,
    /// Kustomizations.
    pub kustomizations: Vec<Kustomization>,
    /// Charts.
    pub charts: Vec<Chart>,
    /// Compose files, relative.
    pub compose: Vec<PathBuf>,
}

/// Looks through a folder. What cannot be read is left out.
pub fn scan(root: &Path) -> Findings {
    let mut findings = Findings { root: root.to_path_buf(), ..Findings::default() };
    folder(root, Path::new(""), 0, &mut findings);
    findings.dockerfiles.sort_by(|a, b| a.path.cmp(&b.path));
    findings.manifests.sort_by(|a, b| a.path.cmp(&b.path));
    findings.kustomizations.sort_by(|a, b| a.folder.cmp(&b.folder));
    findings.charts.sort_by(|a, b| a.folder.cmp(&b.folder));
    findings.compose.sort();
    findings
}

fn folder(root: &Path, relative: &Path, depth: usize, findings: &mut Findings) {
    let Ok(entries) = std::fs::read_dir(root.join(relative)) else { return };
    let mut names: Vec<(String, bool)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            // A link may lead out of the project, or around in it.
            let kind = entry.file_type().ok().filter(|kind| !kind.is_symlink())?;
            Some((entry.file_name().into_string().ok()?, kind.is_dir()))
        })
        .collect();
    names.sort();
    if names.iter().any(|(name, is_folder)| !is_folder && name == "Chart.yaml") {
        findings.charts.extend(chart(root, relative, &names));
        // The templates of a chart are no manifests.
        return;
    }
    for (name, is_folder) in &names {
        let path = relative.join(name);
        if *is_folder {
            if depth < MAX_DEPTH && !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
                folder(root, &path, depth + 1, findings);
            }
            continue;
        }
        if let Some(build) = dockerfile_name(name) {
            if let Ok(text) = std::fs::read_to_string(root.join(&path)) {
                let from_folder = || {
                    let parent = root.join(relative);
                    parent.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
                };
                let name = if build.is_empty() { from_folder() } else { build };
                findings.dockerfiles.push(DockerfileFound { path, name, text });
            }
        } else if COMPOSE_NAMES.contains(&name.as_str()) {
            findings.compose.push(path);
        } else if KUSTOMIZATION_NAMES.contains(&name.as_str()) {
            findings.kustomizations.extend(kustomization(root, relative, &path));
        } else if Path::new(name).extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            findings.manifests.extend(manifest(root, &path));
        }
    }
}

/// What a file name says about the build; `None` for a file that is no Dockerfile.
fn dockerfile_name(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    if lower == "dockerfile" || lower == "containerfile" {
        return Some(String::new());
    }
    if lower.ends_with(".dockerignore") {
        return None;
    }
    lower.strip_prefix("dockerfile.").or_else(|| lower.strip_suffix(".dockerfile")).map(str::to_owned)
}

fn documents(path: &Path) -> Option<Vec<Json>> {
    let text = std::fs::read_to_string(path).ok()?;
    let parsed = parse_documents(&text, &Arc::from(path));
    (!parsed.has_errors()).then(|| parsed.documents.into_iter().map(|document| document.value).collect())
}

/// A file counts as a manifest when every document in it is an object.
fn manifest(root: &Path, path: &Path) -> Option<Manifest> {
    let documents = documents(&root.join(path))?;
    let is_object = |value: &Json| value["apiVersion"].is_string() && value["kind"].is_string();
    let objects: Vec<Json> = documents.into_iter().filter(|value| !value.is_null()).collect();
    if objects.is_empty() || !objects.iter().all(is_object) {
        return None;
    }
    let mut workloads = Vec::new();
    for object in &objects {
        let items = object["items"].as_array().filter(|_| object["kind"] == "List");
        for object in items.map_or(std::slice::from_ref(object), Vec::as_slice) {
            workloads.extend(workload(object));
        }
    }
    Some(Manifest { path: path.to_path_buf(), workloads })
}

fn workload(object: &Json) -> Option<Workload> {
    let mut found =
        Workload { name: object["metadata"]["name"].as_str()?.to_owned(), images: Vec::new(), ports: Vec::new() };
    containers(object, &mut found);
    (!found.images.is_empty()).then_some(found)
}

fn containers(value: &Json, found: &mut Workload) {
    match value {
        Json::Object(fields) => {
            for (name, field) in fields {
                if name == "containers" || name == "initContainers" {
                    for container in field.as_array().into_iter().flatten() {
                        let Some(image) = container["image"].as_str() else { continue };
                        found.images.push(image.to_owned());
                        for port in container["ports"].as_array().into_iter().flatten() {
                            let number = port["containerPort"].as_u64().and_then(|number| u16::try_from(number).ok());
                            found.ports.extend(number.map(|number| (image.to_owned(), number)));
                        }
                    }
                } else {
                    containers(field, found);
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| containers(item, found)),
        _ => {}
    }
}

fn kustomization(root: &Path, relative: &Path, path: &Path) -> Option<Kustomization> {
    let value = documents(&root.join(path))?.into_iter().next()?;
    let mut references: BTreeSet<PathBuf> = BTreeSet::new();
    for name in ["resources", "bases", "components"] {
        for reference in value[name].as_array().into_iter().flatten().filter_map(Json::as_str) {
            references.insert(cleaned(&relative.join(reference)));
        }
    }
    for patch in value["patches"].as_array().into_iter().flatten() {
        references.extend(patch["path"].as_str().map(|path| cleaned(&relative.join(path))));
    }
    for patch in value["patchesStrategicMerge"].as_array().into_iter().flatten().filter_map(Json::as_str) {
        references.insert(cleaned(&relative.join(patch)));
    }
    let images = value["images"].as_array().into_iter().flatten();
    let renamed = images.filter_map(|image| Some((image["name"].as_str()?, image["newName"].as_str()?)));
    Some(Kustomization {
        folder: relative.to_path_buf(),
        references: references.into_iter().collect(),
        renamed_images: renamed.map(|(from, to)| (from.to_owned(), to.to_owned())).collect(),
    })
}

fn cleaned(path: &Path) -> PathBuf {
    let mut result = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                result.pop();
            }
            other => result.push(other),
        }
    }
    result
}

fn chart(root: &Path, relative: &Path, names: &[(String, bool)]) -> Option<Chart> {
    let about = documents(&root.join(relative).join("Chart.yaml"))?.into_iter().next()?;
    let mut images = Vec::new();
    if let Some(values) = documents(&root.join(relative).join("values.yaml")) {
        for value in &values {
            repositories(value, &mut images);
        }
    }
    let is_for_development = |name: &&(String, bool)| {
        let stem = name.0.strip_suffix(".yaml").or_else(|| name.0.strip_suffix(".yml")).unwrap_or_default();
        !name.1 && ["values-dev", "values-local", "values.dev", "values.local", "values-development"].contains(&stem)
    };
    Some(Chart {
        folder: relative.to_path_buf(),
        name: about["name"].as_str()?.to_owned(),
        images,
        values: names.iter().filter(is_for_development).map(|(name, _)| relative.join(name)).collect(),
    })
}

/// Image references in values: `image: NAME` or `image: {registry, repository}`.
fn repositories(value: &Json, images: &mut Vec<String>) {
    let Some(fields) = value.as_object() else { return };
    for (name, field) in fields {
        if name.to_lowercase().ends_with("image") {
            let repository = field.as_str().or_else(|| field["repository"].as_str());
            let registry = field["registry"].as_str().filter(|registry| !registry.is_empty());
            images.extend(repository.map(|repository| match registry {
                Some(registry) => format!("{registry}/{repository}"),
                None => repository.to_owned(),
            }));
        } else {
            repositories(field, images);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::dockerfile_name;

    #[test]
    fn dockerfiles_are_known_by_their_names() {
        for (name, expected) in [
            ("Dockerfile", Some("")),
            ("Containerfile", Some("")),
            ("Dockerfile.web", Some("web")),
            ("web.Dockerfile", Some("web")),
            ("Dockerfile.dockerignore", None),
            ("docker.txt", None),
        ] {
            assert_eq!(dockerfile_name(name).as_deref(), expected, "{name}");
        }
    }
}
