//! From findings to a Devfile that says why it is as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::dockerfile;
use super::scan::{Chart, DockerfileFound, Findings, Kustomization, Manifest, Workload};
use crate::project::ImageReference;

/// The Devfile and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The text.
    pub text: String,
    /// What it builds and deploys, one line each.
    pub summary: Vec<String>,
}

/// Names of overlays that are meant for a developer's machine.
const DEVELOPMENT: [&str; 4] = ["dev", "development", "local", "minikube"];

/// Proposes a Devfile; `None` when there is nothing that could be deployed.
pub fn write(findings: &Findings) -> Option<Proposal> {
    let mut draft = Draft { findings, text: String::new(), summary: Vec::new() };
    let kustomization = choose(&findings.kustomizations);
    let manifests: Vec<&Manifest> =
        findings.manifests.iter().filter(|manifest| !belongs_to_kustomization(findings, &manifest.path)).collect();
    let deploys_to_kubernetes = kustomization.is_some() || !manifests.is_empty() || !findings.charts.is_empty();
    if !deploys_to_kubernetes && findings.compose.is_empty() {
        return None;
    }
    draft.line("# Written by `devloop init`. Next: `devloop config` shows what it means, `devloop up` starts it.");
    draft.line("# What can be said in a Devfile: docs/devfile.md of devloop, or `devloop lsp` in your editor.");
    if deploys_to_kubernetes {
        let workloads: Vec<&Workload> = match kustomization {
            Some(chosen) => {
                let folders = reachable(&findings.kustomizations, chosen);
                let inside = |path: &Path| {
                    folders.iter().any(|folder| path.parent() == Some(folder.as_path()))
                        || findings.kustomizations.iter().any(|kustomization| {
                            folders.contains(&kustomization.folder)
                                && kustomization.references.iter().any(|file| file == path)
                        })
                };
                findings
                    .manifests
                    .iter()
                    .filter(|manifest| inside(&manifest.path))
                    .flat_map(|manifest| &manifest.workloads)
                    .collect()
            }
            None => Vec::new(),
        };
        let mut workloads = workloads;
        workloads.extend(manifests.iter().flat_map(|manifest| &manifest.workloads));
        let renamed = kustomization.map(|chosen| renamed(&findings.kustomizations, chosen)).unwrap_or_default();
        let built = draft.images(&workloads, &renamed);
        draft.kustomization(kustomization);
        draft.manifests(&manifests);
        findings.charts.iter().for_each(|chart| draft.chart(chart));
        draft.resources(&workloads, &renamed, &built);
        if let [first, ..] = findings.compose.as_slice() {
            draft.line("");
            draft.line("# There is a Compose file as well. Kubernetes was preferred; to run its services too:");
            draft.line(&format!("# docker_compose({})", quoted(first)));
        }
    } else {
        draft.line("");
        draft.line(
            "# Every service of the Compose file becomes a resource; Compose builds those that have a `build` section.",
        );
        let files: Vec<String> = findings.compose.iter().take(1).map(|path| quoted(path)).collect();
        draft.line(&format!("docker_compose({})", files.join(", ")));
        draft.summary.push(format!("the services of {}", findings.compose[0].display()));
        for other in findings.compose.iter().skip(1) {
            draft.line(&format!("# docker_compose({})", quoted(other)));
        }
    }
    Some(Proposal { text: draft.text, summary: draft.summary })
}

struct Draft<'f> {
    findings: &'f Findings,
    text: String,
    summary: Vec<String>,
}

impl Draft<'_> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Writes a build for each Dockerfile that an image in the manifests belongs to; the names of these images.
    fn images(&mut self, workloads: &[&Workload], renamed: &BTreeMap<String, String>) -> BTreeSet<String> {
        let mut wanted: BTreeSet<String> = BTreeSet::new();
        for image in workloads.iter().flat_map(|workload| &workload.images) {
            wanted.extend(repository(renamed.get(&bare(image)).unwrap_or(image)));
        }
        for image in self.findings.charts.iter().flat_map(|chart| &chart.images) {
            wanted.extend(repository(image));
        }
        let mut free: Vec<&DockerfileFound> = self.findings.dockerfiles.iter().collect();
        let mut built: BTreeMap<String, (&DockerfileFound, String)> = BTreeMap::new();
        for strictness in [3, 2, 1] {
            for image in &wanted {
                if built.contains_key(image) {
                    continue;
                }
                let place = free.iter().position(|file| likeness(image, &file.name) == strictness);
                if let Some(place) = place {
                    let file = free.remove(place);
                    built.insert(image.clone(), (file, format!("its name is like that of {}", file.path.display())));
                }
            }
        }
        let left: Vec<&String> =
            wanted.iter().filter(|image| !built.contains_key(*image) && !is_public(image)).collect();
        if let ([image], [file]) = (left.as_slice(), free.as_slice()) {
            let reason = format!("{} is the only Dockerfile that is left for it", file.path.display());
            built.insert((*image).clone(), (*file, reason));
            free.clear();
        }
        for (image, (file, reason)) in &built {
            self.line("");
            self.line(&format!("# `{image}`: {reason}."));
            self.build(image, file);
            self.summary.push(format!("image {image} from {}", file.path.display()));
        }
        if !free.is_empty() {
            self.line("");
            self.line("# No manifest uses an image of a name like these; give the name that yours has:");
            for file in free {
                let context = context(self.findings, file);
                self.line(&format!(
                    "# docker_build('{}', {}, dockerfile={})",
                    file.name,
                    quoted(&context),
                    quoted(&file.path)
                ));
            }
        }
        built.into_keys().collect()
    }

    fn build(&mut self, image: &str, file: &DockerfileFound) {
        let context = context(self.findings, file);
        let copies = dockerfile::copies(&file.text, &self.findings.root.join(&context));
        let mut arguments = vec![format!("'{image}'"), quoted(&context)];
        if file.path != context.join("Dockerfile") {
            arguments.push(format!("dockerfile={}", quoted(&file.path)));
        }
        if copies.synced.is_empty() {
            self.line(&format!("docker_build({})", arguments.join(", ")));
            return;
        }
        self.line("# Edits are copied into the running container, where the program must notice them (nodemon, flask --debug, …).");
        self.line("docker_build(");
        for argument in arguments {
            self.line(&format!("    {argument},"));
        }
        self.line("    live_update=[");
        if !copies.packages.is_empty() {
            let paths: Vec<String> = copies.packages.iter().map(|path| quoted(&joined(&context, path))).collect();
            self.line(&format!("        fall_back_on([{}]),   # packages need a build", paths.join(", ")));
        }
        for (source, target) in &copies.synced {
            self.line(&format!("        sync({}, '{target}'),", quoted(&joined(&context, source))));
        }
        self.line("    ],");
        self.line(")");
    }

    fn kustomization(&mut self, chosen: Option<&Kustomization>) {
        let Some(chosen) = chosen else { return };
        let others: Vec<String> = roots(&self.findings.kustomizations)
            .into_iter()
            .filter(|other| other.folder != chosen.folder)
            .map(|other| shown(&other.folder))
            .collect();
        self.line("");
        if !others.is_empty() {
            self.line(&format!("# There are other kustomizations as well: {}.", others.join(", ")));
        }
        self.line(&format!("k8s_yaml(kustomize({}))", quoted(&chosen.folder)));
        self.summary.push(format!("the kustomization {}", shown(&chosen.folder)));
    }

    fn manifests(&mut self, manifests: &[&Manifest]) {
        match manifests {
            [] => return,
            [one] => {
                self.line("");
                self.line(&format!("k8s_yaml({})", quoted(&one.path)));
            }
            several => {
                self.line("");
                self.line("k8s_yaml([");
                for manifest in several {
                    self.line(&format!("    {},", quoted(&manifest.path)));
                }
                self.line("])");
            }
        }
        let count = manifests.len();
        self.summary.push(format!("{count} {} with Kubernetes objects", if count == 1 { "file" } else { "files" }));
    }

    fn chart(&mut self, chart: &Chart) {
        let mut arguments = vec![quoted(&chart.folder), format!("name='{}'", chart.name)];
        match chart.values.as_slice() {
            [] => {}
            [one] => arguments.push(format!("values={}", quoted(one))),
            several => {
                let paths: Vec<String> = several.iter().map(|path| quoted(path)).collect();
                arguments.push(format!("values=[{}]", paths.join(", ")));
            }
        }
        self.line("");
        self.line(&format!("k8s_yaml(helm({}))", arguments.join(", ")));
        self.summary.push(format!("the chart {}", shown(&chart.folder)));
    }

    /// Port-forwards to what is built here.
    fn resources(&mut self, workloads: &[&Workload], renamed: &BTreeMap<String, String>, built: &BTreeSet<String>) {
        let mut taken: BTreeSet<u16> = BTreeSet::new();
        let mut lines = Vec::new();
        for workload in workloads {
            let is_unique = workloads.iter().filter(|other| other.name == workload.name).count() == 1;
            let own = workload.ports.iter().find(|(image, _)| {
                repository(renamed.get(&bare(image)).unwrap_or(image)).is_some_and(|name| built.contains(&name))
            });
            let Some((_, port)) = own.filter(|_| is_unique) else { continue };
            // Ports below 1024 may need rights that a user does not have.
            let mut local = if *port < 1024 { 8000_u16.saturating_add(*port) } else { *port };
            while !taken.insert(local) {
                local = local.saturating_add(1);
            }
            let forward = if local == *port { local.to_string() } else { format!("'{local}:{port}'") };
            lines.push(format!("k8s_resource('{}', port_forwards={forward})", workload.name));
        }
        if lines.is_empty() {
            return;
        }
        self.line("");
        self.line("# http://localhost:PORT leads to the container's port.");
        for line in lines {
            self.line(&line);
        }
    }
}

/// The kustomization to deploy: one for development, else one that no other refers to.
fn choose(all: &[Kustomization]) -> Option<&Kustomization> {
    let roots = roots(all);
    let is_for_development = |kustomization: &&&Kustomization| {
        kustomization.folder.file_name().is_some_and(|name| DEVELOPMENT.iter().any(|known| name == *known))
    };
    roots.iter().find(is_for_development).or(roots.first()).copied()
}

fn roots(all: &[Kustomization]) -> Vec<&Kustomization> {
    let is_used = |folder: &PathBuf| all.iter().any(|other| other.references.contains(folder));
    all.iter().filter(|kustomization| !is_used(&kustomization.folder)).collect()
}

/// The folders of a kustomization and of all that it refers to.
fn reachable(all: &[Kustomization], from: &Kustomization) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut next = vec![from.folder.clone()];
    while let Some(folder) = next.pop() {
        if found.insert(folder.clone()) {
            let own = all.iter().filter(|kustomization| kustomization.folder == folder);
            next.extend(own.flat_map(|kustomization| kustomization.references.iter().cloned()));
        }
    }
    found
}

fn renamed(all: &[Kustomization], chosen: &Kustomization) -> BTreeMap<String, String> {
    let folders = reachable(all, chosen);
    let parts = all.iter().filter(|kustomization| folders.contains(&kustomization.folder));
    parts.flat_map(|kustomization| kustomization.renamed_images.iter().cloned()).collect()
}

fn belongs_to_kustomization(findings: &Findings, path: &Path) -> bool {
    findings.kustomizations.iter().any(|kustomization| {
        kustomization.references.iter().any(|reference| reference == path)
            || (!kustomization.folder.as_os_str().is_empty() && path.starts_with(&kustomization.folder))
    })
}

/// What the Dockerfile's `COPY` lines are relative to: its folder, or the whole project when only that has the files.
fn context(findings: &Findings, file: &DockerfileFound) -> PathBuf {
    let folder = file.path.parent().map(Path::to_path_buf).unwrap_or_default();
    let sources = dockerfile::sources(&file.text);
    let has_all = |context: &Path| {
        let plain = sources.iter().filter(|source| !source.contains(['*', '?', '$', '[']));
        plain.into_iter().all(|source| findings.root.join(context).join(source).exists())
    };
    if has_all(&folder) || !has_all(Path::new("")) { folder } else { PathBuf::new() }
}

/// How much an image's name is like that of a Dockerfile: 3 the same, 2 with something before or behind it.
fn likeness(image: &str, name: &str) -> u8 {
    let last = image.rsplit('/').next().unwrap_or(image).to_lowercase().replace('_', "-");
    let name = name.to_lowercase().replace('_', "-");
    if name.is_empty() {
        0
    } else if last == name {
        3
    } else if last.ends_with(&format!("-{name}")) || last.starts_with(&format!("{name}-")) {
        2
    } else {
        u8::from(name.ends_with(&format!("-{last}")) || name.starts_with(&format!("{last}-")))
    }
}

/// The name of an image without tag and digest; `None` for what is no image.
fn repository(image: &str) -> Option<String> {
    ImageReference::parse(image).ok().map(|reference| reference.familiar_name())
}

fn bare(image: &str) -> String {
    repository(image).unwrap_or_default()
}

/// Whether an image comes from Docker's own collection, such as `postgres`, under a name that is well known.
fn is_public(image: &str) -> bool {
    const KNOWN: [&str; 12] = [
        "postgres",
        "redis",
        "mysql",
        "mariadb",
        "mongo",
        "nginx",
        "busybox",
        "alpine",
        "rabbitmq",
        "memcached",
        "node",
        "python",
    ];
    KNOWN.contains(&image)
}

fn joined(context: &Path, path: &str) -> PathBuf {
    if path == "." { context.to_path_buf() } else { context.join(path) }
}

fn shown(path: &Path) -> String {
    if path.as_os_str().is_empty() { ".".to_owned() } else { path.display().to_string() }
}

fn quoted(path: &Path) -> String {
    let mut text = String::from("'");
    for character in shown(path).chars() {
        if matches!(character, '\'' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    let _ = write!(text, "'");
    text
}
