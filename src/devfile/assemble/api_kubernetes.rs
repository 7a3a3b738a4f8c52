//! `kubernetes_apply` and `kubernetes_discovery` to resources (reference §2.15).

use std::collections::BTreeSet;
use std::sync::Arc;

use regex::Regex;
use serde_json::Value as Json;

use super::api_runtime::{check_names, command_line, disabled, resource_of, text, texts};
use super::images::Images;
use crate::devfile::language::go_duration::parse_duration;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::k8s::{
    ImageLocator, LabelOperator, LabelRequirement, LabelSelector, Object, ObjectId, image_uses, parse_objects,
};
use crate::project::{
    ApiKind, ApiObject, ApiRuntime, ApiTarget, CustomDeploy, DiscoveryStrategy, ImageName, KubernetesTarget,
    PodLogSelection, PodReadiness, PortForward, Resource, ResourceName, Target, TriggerMode, WatchReference,
    WatchedTree, image_map_name,
};

/// The only cluster that there is.
const CLUSTER: &str = "default";

/// A resource for each object that can be applied or looked for. Its name has the kind before it, so that it is no name
/// that a resource of the configuration has.
pub(super) fn api_resources(
    objects: &[ApiObject],
    runtime: &ApiRuntime,
    images: &Images,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Resource> {
    let mut resources = Vec::new();
    for object in objects.iter().filter(|it| matches!(it.kind, ApiKind::KubernetesApply | ApiKind::KubernetesDiscovery))
    {
        let reader = Reader { object, runtime, images };
        let target = match object.kind {
            ApiKind::KubernetesApply => reader.apply(problems),
            _ => Some(reader.discovery(problems)),
        };
        let cluster = text(&object.spec, "cluster");
        if !cluster.is_empty() && cluster != CLUSTER {
            problems.push(
                reader
                    .warning(format_args!("it is for the cluster `{cluster}`, which is not there: it waits for it"))
                    .help(format!("the session has one cluster: leave `cluster` out, or name it `{CLUSTER}`")),
            );
            continue;
        }
        let Some(target) = target else { continue };
        let reason = disabled(object, objects);
        resources.push(Resource {
            name: ResourceName::new(format!("{}:{}", object.kind.to_string().to_lowercase(), object.name)),
            origin: object.origin.clone(),
            target: Target::Kubernetes(Box::new(target)),
            resource_deps: Vec::new(),
            trigger_mode: TriggerMode::Auto,
            auto_init: true,
            labels: BTreeSet::new(),
            links: Vec::new(),
            enabled: reason.is_none(),
        });
    }
    resources
}

/// Reads one object.
struct Reader<'a> {
    object: &'a ApiObject,
    runtime: &'a ApiRuntime,
    images: &'a Images,
}

impl Reader<'_> {
    fn warning(&self, problem: impl std::fmt::Display) -> Diagnostic {
        let text = format!("the {} `{}`: {problem}", self.object.kind, self.object.name);
        Diagnostic::warning(text).at(self.object.origin.clone())
    }

    /// `None` when there is nothing that could be applied; it has been said why.
    fn apply(&self, problems: &mut Vec<Diagnostic>) -> Option<KubernetesTarget> {
        let spec = &self.object.spec;
        let restart_on = &spec["restartOn"];
        let file_watches = texts(&restart_on["fileWatches"]);
        let restart_buttons = texts(&restart_on["uiButtons"]);
        check_names(self.object, "fileWatches", "file watch", &file_watches, &self.runtime.file_watches, problems);
        check_names(self.object, "uiButtons", "button", &restart_buttons, &self.runtime.buttons, problems);
        let watched: Vec<WatchedTree> =
            file_watches.iter().filter_map(|name| self.runtime.file_watches.get(name)).flatten().cloned().collect();
        let image_deps = self.image_deps(problems);
        let objects = self.objects(problems)?;
        let command = |field: &str| spec.get(field).map(command_line);
        let custom_deploy = command("applyCmd").map(|apply| {
            Box::new(CustomDeploy {
                apply,
                delete: command("deleteCmd"),
                watched: Vec::new(),
                image_deps: image_deps.clone(),
            })
        });
        let is_job = |object: &Arc<Object>| object.id.kind == "Job" && object.id.group() == "batch";
        let selectors = &spec["kubernetesDiscoveryTemplateSpec"]["extraSelectors"];
        Some(KubernetesTarget {
            pod_readiness: if objects.iter().any(is_job) { PodReadiness::Succeeded } else { PodReadiness::Wait },
            objects,
            images: self.images.with_bases(&image_deps),
            deployed_images: image_deps,
            port_forwards: self.port_forwards(problems),
            extra_pod_selectors: self.selectors(selectors, problems),
            discovery: match text(spec, "discoveryStrategy").as_str() {
                "selectors-only" => DiscoveryStrategy::SelectorsOnly,
                _ => DiscoveryStrategy::Default,
            },
            custom_deploy,
            api: Some(Box::new(ApiTarget { watched, restart_buttons, ..self.api() })),
        })
    }

    fn discovery(&self, problems: &mut Vec<Diagnostic>) -> KubernetesTarget {
        let spec = &self.object.spec;
        let watches: Vec<WatchReference> = spec["watches"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|watch| WatchReference {
                uid: watch["uid"].as_str().map(str::to_owned),
                namespace: text(watch, "namespace"),
                name: text(watch, "name"),
            })
            .collect();
        if watches.is_empty() {
            problems.push(self.warning("it has no `watches`, so it looks for pods nowhere").help(
                "`watches=[v1alpha1.kubernetes_watch_ref(namespace='default')]` says in which namespaces to look",
            ));
        }
        for (index, _) in watches.iter().enumerate().filter(|(_, watch)| watch.namespace.is_empty()) {
            problems.push(self.warning(format_args!("`watches[{index}]` has no `namespace`, so it finds nothing")));
        }
        KubernetesTarget {
            objects: Vec::new(),
            images: Vec::new(),
            deployed_images: Vec::new(),
            pod_readiness: PodReadiness::Wait,
            port_forwards: self.port_forwards(problems),
            extra_pod_selectors: self.selectors(&spec["extraSelectors"], problems),
            discovery: DiscoveryStrategy::Default,
            custom_deploy: None,
            api: Some(Box::new(ApiTarget { watches, ..self.api() })),
        }
    }

    fn api(&self) -> ApiTarget {
        let spec = &self.object.spec;
        let logs = &spec["podLogStreamTemplateSpec"];
        ApiTarget {
            kind: self.object.kind,
            name: self.object.name.clone(),
            timeout: parse_duration(&text(spec, "timeout")).filter(|timeout| !timeout.is_zero()),
            watched: Vec::new(),
            restart_buttons: Vec::new(),
            watches: Vec::new(),
            logs: PodLogSelection {
                since: logs["sinceTime"].as_str().and_then(|moment| moment.parse().ok()),
                only: texts(&logs["onlyContainers"]),
                ignored: texts(&logs["ignoreContainers"]),
            },
            log_resource: resource_of(self.object),
        }
    }

    /// The images that the image maps stand for.
    fn image_deps(&self, problems: &mut Vec<Diagnostic>) -> Vec<ImageName> {
        let mut found: Vec<ImageName> = Vec::new();
        for wanted in texts(&self.object.spec["imageMaps"]) {
            let image = self.images.iter().find(|image| image_map_name(&image.name) == wanted);
            match image {
                Some(image) if found.contains(&image.name) => {}
                Some(image) => found.push(image.name.clone()),
                None => {
                    let names: Vec<String> = self.images.iter().map(|image| image_map_name(&image.name)).collect();
                    let mut problem =
                        self.warning(format_args!("there is no image map `{wanted}`: no image of that name is built"));
                    let suggestion = did_you_mean(&wanted, names.iter().map(String::as_str));
                    problem.help.extend(suggestion.map(|name| format!("did you mean `{name}`?")));
                    problems.push(problem);
                }
            }
        }
        found
    }

    /// The objects in `yaml`, with the locators that match them.
    fn objects(&self, problems: &mut Vec<Diagnostic>) -> Option<Vec<Arc<Object>>> {
        let parsed = parse_objects(&text(&self.object.spec, "yaml"), &self.object.origin.file);
        if let Some(problem) = parsed.diagnostics.iter().find(|diagnostic| diagnostic.is_error()) {
            let line = problem.primary.as_ref().map_or(0, |span| span.start.line);
            problems.push(
                self.warning(format_args!("it is not applied: in line {line} of its `yaml`: {}", problem.message)),
            );
            return None;
        }
        let locators = self.locators(problems);
        let known = |mut object: Object| {
            object.origin = self.object.origin.clone();
            let matching = locators.iter().filter(|(selector, _)| selector.matches(&object.id));
            object.locators = matching.map(|(_, locator)| locator.clone()).collect();
            Arc::new(object)
        };
        let objects: Vec<Arc<Object>> = parsed.objects.into_iter().map(known).collect();
        for object in &objects {
            if let Err(error) = image_uses(object) {
                problems.push(self.warning(format_args!("it is not applied: {}: {error}", object.id)));
                return None;
            }
        }
        Some(objects)
    }

    fn locators(&self, problems: &mut Vec<Diagnostic>) -> Vec<(ObjectSelector, ImageLocator)> {
        let mut locators = Vec::new();
        for locator in self.object.spec["imageLocators"].as_array().into_iter().flatten() {
            let selector = match ObjectSelector::new(&locator["objectSelector"]) {
                Ok(selector) => selector,
                Err(error) => {
                    problems.push(self.warning(format_args!("an `object_selector` is no regular expression: {error}")));
                    continue;
                }
            };
            let path = text(locator, "path");
            let object = &locator["object"];
            let locator = if object.is_object() {
                let (repo_field, tag_field) = (text(object, "repoField"), text(object, "tagField"));
                ImageLocator::Object { path, repo_field, tag_field }
            } else {
                ImageLocator::Paths(vec![path])
            };
            locators.push((selector, locator));
        }
        locators
    }

    fn port_forwards(&self, problems: &mut Vec<Diagnostic>) -> Vec<PortForward> {
        let mut forwards = Vec::new();
        let declared = self.object.spec["portForwardTemplateSpec"]["forwards"].as_array();
        for forward in declared.into_iter().flatten() {
            let port = |field: &str| u16::try_from(forward[field].as_i64().unwrap_or_default());
            let (Ok(local), Ok(container)) = (port("localPort"), port("containerPort")) else {
                problems.push(self.warning("a port of its port-forwards is not between 0 and 65535: it is left out"));
                continue;
            };
            let host = text(forward, "host");
            forwards.push(PortForward {
                local,
                container,
                host: (!host.is_empty()).then_some(host),
                name: text(forward, "name"),
                path: text(forward, "path"),
            });
        }
        forwards
    }

    fn selectors(&self, value: &Json, problems: &mut Vec<Diagnostic>) -> Vec<LabelSelector> {
        let mut selectors = Vec::new();
        'next: for selector in value.as_array().into_iter().flatten() {
            let labels = selector["matchLabels"].as_object().into_iter().flatten();
            let labels = labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
            let mut requirements = Vec::new();
            for requirement in selector["matchExpressions"].as_array().into_iter().flatten() {
                let operator = text(requirement, "operator");
                let Some(operator) = LabelOperator::parse(&operator) else {
                    problems.push(
                        self.warning(format_args!("`{operator}` is no operator: the selector finds nothing"))
                            .help("the operators are `In`, `NotIn`, `Exists` and `DoesNotExist`"),
                    );
                    continue 'next;
                };
                requirements.push(LabelRequirement {
                    key: text(requirement, "key"),
                    operator,
                    values: texts(&requirement["values"]),
                });
            }
            selectors.push(LabelSelector { labels, requirements });
        }
        selectors
    }
}

/// Unanchored expressions that heed case, unlike those of `k8s_kind` and its like.
struct ObjectSelector([Option<Regex>; 4]);

impl ObjectSelector {
    fn new(value: &Json) -> Result<Self, regex::Error> {
        let compile = |field: &str| match text(value, field) {
            expression if expression.is_empty() => Ok(None),
            expression => Regex::new(&expression).map(Some),
        };
        Ok(Self([
            compile("apiVersionRegexp")?,
            compile("kindRegexp")?,
            compile("nameRegexp")?,
            compile("namespaceRegexp")?,
        ]))
    }

    fn matches(&self, id: &ObjectId) -> bool {
        let namespace = id.namespace.as_deref().filter(|text| !text.is_empty()).unwrap_or("default");
        let texts = [id.api_version.as_str(), &id.kind, &id.name, namespace];
        self.0.iter().zip(texts).all(|(expression, text)| expression.as_ref().is_none_or(|it| it.is_match(text)))
    }
}
