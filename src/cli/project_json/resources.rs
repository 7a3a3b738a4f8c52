//! Resources of `devloop config --json`.

use serde_json::{Map, Value, json};

use super::images::{familiar, image};
use super::path;
use crate::k8s::{Object, kind_order};
use crate::project::{
    CommandLine, ComposeTarget, CustomDeploy, DiscoveryStrategy, IgnorePattern, KubernetesTarget, LocalTarget,
    PodReadiness, PortForward, Probe, ProbeAction, Project, Resource, Target, TriggerMode, WatchedTree,
};
use crate::yaml::{KeyOrder, to_yaml_with};

/// A resource. What its kind does not have is `null` or empty.
pub(super) fn resource(project: &Project, resource: &Resource) -> Value {
    let links: Vec<Value> = resource.links.iter().map(|link| json!({ "url": link.url, "name": link.name })).collect();
    let resource_deps: Vec<&str> = resource.resource_deps.iter().map(|dep| dep.value.as_str()).collect();
    let common = json!({
        "name": resource.name,
        "kind": kind(&resource.target),
        "enabled": resource.enabled,
        "trigger_mode": match resource.trigger_mode {
            TriggerMode::Auto => "auto",
            TriggerMode::Manual => "manual",
        },
        "auto_init": resource.auto_init,
        "labels": resource.labels,
        "links": links,
        "resource_deps": resource_deps,
    });
    let target = target_fields(project, &resource.target);
    let mut value = Map::new();
    for fields in [common, no_fields(), target] {
        if let Value::Object(fields) = fields {
            value.extend(fields);
        }
    }
    Value::Object(value)
}

fn kind(target: &Target) -> &'static str {
    match target {
        Target::Kubernetes(target) if target.custom_deploy.is_some() => "custom_deploy",
        Target::Kubernetes(_) => "k8s",
        Target::Local(_) => "local",
        Target::Compose(_) => "compose",
    }
}

fn target_fields(project: &Project, target: &Target) -> Value {
    match target {
        Target::Kubernetes(target) => kubernetes(project, target),
        Target::Local(target) => local(target),
        Target::Compose(target) => compose(project, target),
    }
}

/// The keys that depend on the kind, with nothing in them.
fn no_fields() -> Value {
    json!({
        "images": [],
        "objects": [],
        "yaml": "",
        "port_forwards": [],
        "pod_readiness": null,
        "extra_pod_selectors": [],
        "discovery_strategy": null,
        "cmd": null,
        "dir": null,
        "env": {},
        "serve_cmd": null,
        "serve_dir": null,
        "serve_env": {},
        "delete_cmd": null,
        "delete_dir": null,
        "delete_env": {},
        "image_deps": [],
        "deps": [],
        "ignore": [],
        "allow_parallel": null,
        "readiness_probe": null,
    })
}

fn kubernetes(project: &Project, target: &KubernetesTarget) -> Value {
    let images: Vec<Value> =
        target.images.iter().filter_map(|name| project.images.get(name)).map(|it| image(it)).collect();
    // In the order in which they are applied.
    let mut objects: Vec<&Object> = target.objects.iter().map(AsRef::as_ref).collect();
    objects.sort_by_key(|object| kind_order::phase(&object.id.kind, object.id.group()));
    let yaml: Vec<String> = objects.iter().map(|object| yaml(object)).collect();
    let mut value = json!({
        "images": images,
        "objects": objects.iter().map(|it| object(it)).collect::<Vec<_>>(),
        "yaml": yaml.join("---\n"),
        "port_forwards": target.port_forwards.iter().map(port_forward).collect::<Vec<_>>(),
        "pod_readiness": match target.pod_readiness {
            PodReadiness::Wait => "wait",
            PodReadiness::Ignore => "ignore",
            PodReadiness::Succeeded => "succeeded",
        },
        "extra_pod_selectors": target.extra_pod_selectors.iter().map(|it| &it.labels).collect::<Vec<_>>(),
        "discovery_strategy": match target.discovery {
            DiscoveryStrategy::Default => "default",
            DiscoveryStrategy::SelectorsOnly => "selectors-only",
        },
    });
    if let (Some(deploy), Value::Object(value)) = (&target.custom_deploy, &mut value) {
        value.extend(custom_deploy(deploy));
    }
    value
}

/// Beside the keys of all kinds, a service says which one it is.
fn compose(project: &Project, target: &ComposeTarget) -> Value {
    let images: Vec<Value> =
        target.images.iter().filter_map(|name| project.images.get(name)).map(|it| image(it)).collect();
    json!({
        "images": images,
        "dir": path(&target.project.directory),
        "compose_project": target.project.name,
        "service": target.service,
        "profiles": target.project.profiles,
        "wait": target.project.wait,
        "definition": target.definition,
    })
}

fn custom_deploy(deploy: &CustomDeploy) -> Map<String, Value> {
    let fields = json!({
        "cmd": deploy.apply.argv,
        "dir": path(&deploy.apply.dir),
        "env": environment(&deploy.apply),
        "delete_cmd": deploy.delete.as_ref().map(|delete| &delete.argv),
        "delete_dir": deploy.delete.as_ref().map(|delete| path(&delete.dir)),
        "delete_env": deploy.delete.as_ref().map_or_else(|| json!({}), environment),
        "image_deps": deploy.image_deps.iter().map(familiar).collect::<Vec<_>>(),
        "deps": roots(&deploy.watched),
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// An object as it is applied, before images are put in. Its status is the server's.
fn yaml(object: &Object) -> String {
    let mut value = object.value.clone();
    if let Some(map) = value.as_object_mut() {
        map.shift_remove("status");
    }
    let text = to_yaml_with(&value, KeyOrder::Sorted);
    if text.ends_with('\n') { text } else { text + "\n" }
}

fn object(object: &Object) -> Value {
    json!({
        "api_version": object.id.api_version,
        "kind": object.id.kind,
        "namespace": object.id.namespace,
        "name": object.id.name,
    })
}

fn port_forward(forward: &PortForward) -> Value {
    json!({
        "local": forward.local,
        "container": forward.container,
        "host": forward.host,
        "name": forward.name,
        "path": forward.path,
    })
}

fn local(target: &LocalTarget) -> Value {
    let (cmd, serve_cmd) = (target.cmd.as_ref(), target.serve_cmd.as_ref());
    json!({
        "cmd": cmd.map(|command| &command.argv),
        "dir": cmd.or(serve_cmd).map(|command| path(&command.dir)),
        "env": cmd.or(serve_cmd).map_or_else(|| json!({}), environment),
        "serve_cmd": serve_cmd.map(|command| &command.argv),
        "serve_dir": serve_cmd.map(|command| path(&command.dir)),
        "serve_env": serve_cmd.map_or_else(|| json!({}), environment),
        "deps": roots(&target.watched),
        "ignore": patterns(&target.ignore),
        "allow_parallel": target.allow_parallel,
        "readiness_probe": target.readiness_probe.as_ref().map(probe),
    })
}

fn roots(trees: &[WatchedTree]) -> Vec<String> {
    trees.iter().map(|tree| path(&tree.root)).collect()
}

fn patterns(patterns: &[IgnorePattern]) -> Vec<String> {
    patterns.iter().map(ToString::to_string).collect()
}

/// What a command adds to the inherited environment.
pub(super) fn environment(command: &CommandLine) -> Value {
    let env: Map<String, Value> = command.env.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    Value::Object(env)
}

fn probe(probe: &Probe) -> Value {
    let (mut exec, mut http_get, mut tcp_socket) = (Value::Null, Value::Null, Value::Null);
    match &probe.action {
        ProbeAction::Exec { command } => exec = json!({ "command": command }),
        ProbeAction::HttpGet { host, port, scheme, path } => {
            http_get = json!({ "host": host, "port": port, "scheme": scheme, "path": path });
        }
        ProbeAction::TcpSocket { host, port } => tcp_socket = json!({ "host": host, "port": port }),
    }
    json!({
        "initial_delay_secs": probe.initial_delay.as_secs(),
        "timeout_secs": probe.timeout.as_secs(),
        "period_secs": probe.period.as_secs(),
        "success_threshold": probe.success_threshold,
        "failure_threshold": probe.failure_threshold,
        "exec": exec,
        "http_get": http_get,
        "tcp_socket": tcp_socket,
    })
}
