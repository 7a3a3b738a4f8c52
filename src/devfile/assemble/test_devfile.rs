//! Declarations as the builtins would record them, and what the assembly makes of them as text: for the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{AssembleOptions, Assembled, assemble};
use crate::compose::{ComposeService, parse_config};
use crate::devfile::KubeInfo;
use crate::devfile::declarations::{
    CallSite, ComposeDeclaration, ComposeServiceDeclaration, CustomBuildDeclaration, Declarations,
    DockerBuildDeclaration, ImageBuildDeclaration, ImageDeclaration, KubernetesResourceCall, LocalResourceDeclaration,
    ObjectDeclaration, ObjectFragment, ObjectMatcher, WatchedPath, WorkloadRegistration,
};
use crate::diagnostic::{Diagnostic, Position, Span, Spanned};
use crate::k8s::{ImageLocator, parse_objects};
use crate::project::{
    CommandLine, ComposeProject, Dockerfile, ImageReference, PodReadiness, Project, Push, ResourceName, Target,
};

/// Records calls as the builtins do; the n-th call stands on line n.
pub(super) struct Devfile {
    pub(super) declarations: Declarations,
    line: u32,
    pub(super) options: AssembleOptions,
}

impl Devfile {
    pub(super) fn new() -> Self {
        Self {
            declarations: Declarations::new("/p/Devfile"),
            line: 0,
            options: AssembleOptions { kube: KubeInfo::default(), subcommand: "up".to_owned(), may_be_empty: false },
        }
    }

    pub(super) fn call(&mut self) -> CallSite {
        self.line += 1;
        let position = Position { line: self.line, column: 1 };
        let devfile: Arc<Path> = Arc::from(Path::new("/p/Devfile"));
        CallSite { span: Span::new(Arc::clone(&devfile), position, position), devfile, dir: PathBuf::from("/p") }
    }

    pub(super) fn image(&mut self, name: &str, dockerfile: &str) -> &mut ImageDeclaration {
        let build = DockerBuildDeclaration {
            context: folder("/p/src"),
            dockerfile: Dockerfile { path: Some("/p/src/Dockerfile".into()), contents: dockerfile.to_owned() },
            only: Vec::new(),
            build_args: BTreeMap::new(),
            target: String::new(),
            ssh: Vec::new(),
            secrets: Vec::new(),
            network: String::new(),
            extra_tags: Vec::new(),
            cache_from: Vec::new(),
            pull: false,
            platform: String::new(),
            extra_hosts: Vec::new(),
        };
        self.push_image(name, ImageBuildDeclaration::Docker(Box::new(build)))
    }

    pub(super) fn custom_image(&mut self, name: &str, image_deps: &[&str]) -> &mut ImageDeclaration {
        let build = CustomBuildDeclaration {
            command: CommandLine { argv: vec!["make".into()], dir: "/p".into(), env: Vec::new() },
            deps: vec![folder("/p/lib")],
            tag: String::new(),
            push: Push::Devloop,
            outputs_image_ref_to: Some("/p/ref.txt".into()),
            image_deps: image_deps
                .iter()
                .map(|dep| ((*dep).to_owned(), ImageReference::parse(dep).expect("a reference")))
                .collect(),
        };
        self.push_image(name, ImageBuildDeclaration::Custom(Box::new(build)))
    }

    pub(super) fn push_image(&mut self, name: &str, build: ImageBuildDeclaration) -> &mut ImageDeclaration {
        let call = self.call();
        self.declarations.images.push(ImageDeclaration {
            name: name.to_owned(),
            reference: ImageReference::parse(name).expect("a reference"),
            call,
            build,
            live_update: None,
            match_in_env_vars: false,
            entrypoint: None,
            container_args: None,
            ignore: Vec::new(),
        });
        self.declarations.images.last_mut().expect("just pushed")
    }

    pub(super) fn yaml(&mut self, text: &str) {
        self.yaml_with(text, false);
    }

    pub(super) fn yaml_with(&mut self, text: &str, allow_duplicates: bool) {
        let call = self.call();
        let parsed = parse_objects(text, &Arc::from(Path::new("/p/k8s.yaml")));
        assert_eq!(parsed.diagnostics, []);
        self.declarations.objects.extend(parsed.objects.into_iter().map(|object| ObjectDeclaration {
            object,
            call: call.clone(),
            allow_duplicates,
        }));
    }

    pub(super) fn refine(&mut self, workload: &str, new_name: &str, objects: &[&str]) -> &mut KubernetesResourceCall {
        let call = self.call();
        let fragment = |text: &&str| {
            let mut parts = text.split(':').map(str::to_owned);
            ObjectFragment {
                text: (*text).to_owned(),
                name: parts.next().unwrap_or_default(),
                kind: parts.next(),
                namespace: parts.next(),
            }
        };
        self.declarations.kubernetes_resources.push(KubernetesResourceCall {
            call,
            workload: workload.to_owned(),
            new_name: new_name.to_owned(),
            objects: objects.iter().map(fragment).collect(),
            port_forwards: Vec::new(),
            extra_pod_selectors: Vec::new(),
            resource_deps: Vec::new(),
            links: Vec::new(),
            labels: BTreeSet::new(),
            trigger_mode: None,
            auto_init: None,
            pod_readiness: None,
            discovery_strategy: None,
        });
        self.declarations.kubernetes_resources.last_mut().expect("just pushed")
    }

    pub(super) fn local(&mut self, name: &str, deps: &[&str]) -> &mut LocalResourceDeclaration {
        let call = self.call();
        let resource_deps =
            deps.iter().map(|dep| Spanned { value: ResourceName::new(*dep), span: call.span.clone() }).collect();
        self.declarations.local_resources.push(LocalResourceDeclaration {
            name: name.to_owned(),
            call,
            cmd: Some(CommandLine { argv: vec!["true".into()], dir: "/p".into(), env: Vec::new() }),
            serve_cmd: None,
            deps: vec![folder("/p/web")],
            ignore: Vec::new(),
            dir_is_repository_root: false,
            trigger_mode: None,
            resource_deps,
            auto_init: true,
            allow_parallel: false,
            links: Vec::new(),
            labels: BTreeSet::new(),
            readiness_probe: None,
        });
        self.declarations.local_resources.last_mut().expect("just pushed")
    }

    /// A Compose project of what its `config` prints.
    pub(super) fn compose(&mut self, name: &str, config: &str) -> &mut Vec<ComposeServiceDeclaration> {
        let call = self.call();
        let (config, services) = parse_config(config, &[]).expect("a project");
        let project = ComposeProject {
            name: name.to_owned(),
            directory: "/p".into(),
            command: vec!["docker-compose".to_owned()],
            version: (2, 24, 6),
            profiles: Vec::new(),
            wait: false,
            config,
        };
        let service = |service: ComposeService| {
            let build_paths = service.build.iter().map(|build| folder(&build.context)).collect();
            ComposeServiceDeclaration::new(call.clone(), service, build_paths)
        };
        self.declarations.compose_projects.push(ComposeDeclaration {
            call: call.clone(),
            project: Arc::new(project),
            sources: Vec::new(),
            env_file: None,
            services: services.into_iter().map(service).collect(),
        });
        &mut self.declarations.compose_projects.last_mut().expect("just pushed").services
    }

    pub(super) fn kind(&mut self, kind: &str, locator: Option<&str>, pod_readiness: Option<PodReadiness>) {
        let call = self.call();
        self.declarations.workload_registrations.push(WorkloadRegistration {
            call,
            matcher: ObjectMatcher::new("", kind, "", "").expect("an expression"),
            locator: locator.map(|path| ImageLocator::Paths(vec![path.to_owned()])),
            pod_readiness,
        });
    }

    pub(super) fn assemble(self) -> Assembled {
        assemble(self.declarations, &self.options, None)
    }

    pub(super) fn project(self) -> Project {
        let assembled = self.assemble();
        assembled.project.unwrap_or_else(|| panic!("{:#?}", assembled.diagnostics))
    }

    /// Resources and diagnostics, a line each.
    pub(super) fn check(self, expected: &[&str]) {
        let assembled = self.assemble();
        let mut lines: Vec<String> = assembled.project.iter().flat_map(describe_project).collect();
        lines.extend(assembled.diagnostics.iter().map(describe_diagnostic));
        let expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(lines, expected);
    }
}

fn folder(path: &str) -> WatchedPath {
    WatchedPath { path: path.into(), is_folder: true, is_repository_root: false, dockerignore: None }
}

fn describe_project(project: &Project) -> Vec<String> {
    let describe = |resource: &crate::project::Resource| {
        let mut line = resource.name.to_string();
        if let Target::Kubernetes(target) = &resource.target {
            let objects: Vec<String> = target.objects.iter().map(|object| object.id.to_string()).collect();
            let _ = write!(line, ": {} | {:?}", objects.join(", "), target.pod_readiness);
            if !target.images.is_empty() {
                let images: Vec<&str> = target.images.iter().map(crate::project::ImageName::as_str).collect();
                let _ = write!(line, " | images {}", images.join(", "));
            }
        }
        if let Target::Compose(target) = &resource.target {
            let _ = write!(line, ": {}/{}", target.project.name, target.service);
            if !target.images.is_empty() {
                let images: Vec<&str> = target.images.iter().map(crate::project::ImageName::as_str).collect();
                let _ = write!(line, " | images {}", images.join(", "));
            }
            let links: Vec<&str> = resource.links.iter().map(|link| link.url.as_str()).collect();
            if !links.is_empty() {
                let _ = write!(line, " | links {}", links.join(", "));
            }
        }
        if !resource.resource_deps.is_empty() {
            let deps: Vec<&str> = resource.resource_deps.iter().map(|dep| dep.value.as_str()).collect();
            let _ = write!(line, " | after {}", deps.join(", "));
        }
        if !resource.enabled {
            line.push_str(" | disabled");
        }
        line
    };
    project.resources.values().map(|resource| describe(resource)).collect()
}

pub(super) fn describe_diagnostic(diagnostic: &Diagnostic) -> String {
    let place = |span: &Span| {
        let file = span.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        format!("{file}:{}", span.start.line)
    };
    let severity = if diagnostic.is_error() { "error" } else { "warning" };
    let at = diagnostic.primary.as_ref().map(place).unwrap_or_default();
    let mut line = format!("{severity} {at}: {}", diagnostic.message);
    for related in &diagnostic.related {
        let _ = write!(line, " [{} {}]", place(&related.span), related.message);
    }
    for help in &diagnostic.help {
        let _ = write!(line, " ({help})");
    }
    line
}
