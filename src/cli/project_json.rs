//! The evaluated project as JSON: stable, and documented in `docs/commands.md`.

use serde_json::{Map, Value, json};

use crate::devfile::LoadOutcome;
use crate::diagnostic::Diagnostic;
use crate::k8s::Object;
use crate::project::{
    ApiObject, CommandLine, DockerBuild, Image, ImageBuild, KubernetesTarget, LiveUpdate, LocalTarget, PodReadiness,
    PortForward, Probe, ProbeAction, Project, PruneFrequency, PruneSettings, Resource, Settings, Target, TriggerMode,
};

/// The outcome of an evaluation. `error` is `null` when there is a project.
pub(super) fn project_json(outcome: &LoadOutcome) -> Value {
    let errors: Vec<Value> = outcome.diagnostics.iter().filter(|it| it.is_error()).map(diagnostic).collect();
    let warnings: Vec<Value> = outcome.diagnostics.iter().filter(|it| !it.is_error()).map(diagnostic).collect();
    let mut files: Vec<String> = outcome.config_files.iter().map(|tree| tree.root.display().to_string()).collect();
    files.sort();
    files.dedup();
    let project = outcome.project.as_ref();
    json!({
        "schema": 1,
        "project": project.map(|project| project.name.as_str()),
        "resources": project.map(|project| project.resources.values().map(|it| resource(project, it)).collect::<Vec<_>>()).unwrap_or_default(),
        "api_objects": project.map(|project| project.api_objects.iter().map(|it| api_object(it)).collect::<Vec<_>>()).unwrap_or_default(),
        "settings": project.map(|project| settings(&project.settings)),
        "config_files": files,
        "warnings": warnings,
        "error": errors.first().map(|error| error["message"].clone()),
        "errors": errors,
    })
}

fn api_object(object: &ApiObject) -> Value {
    json!({
        "kind": object.kind.to_string(),
        "name": object.name,
        "labels": object.labels,
        "annotations": object.annotations,
        "spec": object.spec,
    })
}

fn diagnostic(diagnostic: &Diagnostic) -> Value {
    json!({
        "message": diagnostic.message,
        "file": diagnostic.primary.as_ref().map(|span| span.file.display().to_string()),
        "line": diagnostic.primary.as_ref().map(|span| span.start.line),
        "column": diagnostic.primary.as_ref().map(|span| span.start.column),
        "help": diagnostic.help,
    })
}

fn settings(settings: &Settings) -> Value {
    json!({
        "max_parallel_updates": settings.max_parallel_updates,
        "k8s_upsert_timeout_secs": settings.k8s_upsert_timeout.as_secs_f64(),
        "default_registry": settings.default_registry.as_ref().map(|registry| json!({
            "host": registry.host,
            "host_from_cluster": registry.host_from_cluster,
            "single_name": registry.single_name,
        })),
        "ci": {
            "k8s_grace_period_secs": settings.ci.k8s_grace_period.map(|it| it.as_secs_f64()),
            "timeout_secs": settings.ci.timeout.flatten().map(|it| it.as_secs_f64()),
            "readiness_timeout_secs": settings.ci.readiness_timeout.map(|it| it.as_secs_f64()),
        },
        "mask_secrets": settings.mask_secrets,
        "docker_prune": prune(&settings.prune),
        "features": {
            "snapshots": settings.features.snapshots,
            "cluster_refresh": settings.features.cluster_refresh,
        },
        "analytics": settings.analytics,
        "check_updates": settings.check_updates,
        "team": settings.team,
    })
}

fn prune(prune: &PruneSettings) -> Value {
    let (builds, interval) = match prune.frequency {
        PruneFrequency::Builds(builds) => (Some(builds), None),
        PruneFrequency::Interval(interval) => (None, Some(interval.as_secs())),
    };
    json!({
        "disabled": prune.disabled,
        "max_age_secs": prune.max_age.as_secs(),
        "num_builds": builds,
        "interval_secs": interval,
        "keep_recent": prune.keep_recent,
    })
}

fn resource(project: &Project, resource: &Resource) -> Value {
    let mut value = Map::new();
    value.insert("name".to_owned(), json!(resource.name));
    value.insert("enabled".to_owned(), json!(resource.enabled));
    let trigger_mode = match resource.trigger_mode {
        TriggerMode::Auto => "auto",
        TriggerMode::Manual => "manual",
    };
    value.insert("trigger_mode".to_owned(), json!(trigger_mode));
    value.insert("auto_init".to_owned(), json!(resource.auto_init));
    value.insert("labels".to_owned(), json!(resource.labels));
    let links: Vec<Value> = resource.links.iter().map(|link| json!({ "url": link.url, "name": link.name })).collect();
    value.insert("links".to_owned(), json!(links));
    let deps: Vec<&str> = resource.resource_deps.iter().map(|dep| dep.value.as_str()).collect();
    value.insert("resource_deps".to_owned(), json!(deps));
    let (kind, rest) = match &resource.target {
        Target::Kubernetes(target) => ("k8s", kubernetes(project, target)),
        Target::Local(target) => ("local", local(target)),
    };
    value.insert("kind".to_owned(), json!(kind));
    if let Value::Object(rest) = rest {
        value.extend(rest);
    }
    Value::Object(value)
}

fn kubernetes(project: &Project, target: &KubernetesTarget) -> Value {
    let images: Vec<Value> =
        target.images.iter().filter_map(|name| project.images.get(name)).map(|it| image(it)).collect();
    let values: Vec<String> = target.objects.iter().map(|object| crate::yaml::to_yaml(&object.value)).collect();
    json!({
        "images": images,
        "objects": target.objects.iter().map(|it| object(it)).collect::<Vec<_>>(),
        "yaml": values.join("---\n"),
        "port_forwards": target.port_forwards.iter().map(port_forward).collect::<Vec<_>>(),
        "pod_readiness": match target.pod_readiness {
            PodReadiness::Wait => "wait",
            PodReadiness::Ignore => "ignore",
            PodReadiness::Succeeded => "succeeded",
        },
        "extra_pod_selectors": target.extra_pod_selectors,
    })
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

fn image(image: &Image) -> Value {
    let mut value = Map::new();
    value.insert("ref".to_owned(), json!(image.name));
    let deps: Vec<String> = image.watched.iter().map(|tree| tree.root.display().to_string()).collect();
    value.insert("deps".to_owned(), json!(deps));
    value.insert("entrypoint".to_owned(), json!(image.entrypoint));
    value.insert("container_args".to_owned(), json!(image.container_args));
    value.insert("match_in_env_vars".to_owned(), json!(image.match_in_env_vars));
    value.insert("base_images".to_owned(), json!(image.base_images));
    value.insert("live_update".to_owned(), image.live_update.as_ref().map_or(json!([]), live_update));
    match &image.build {
        ImageBuild::Docker(build) => {
            value.insert("build".to_owned(), json!("docker"));
            docker_build(build, &mut value);
        }
        ImageBuild::Custom(build) => {
            value.insert("build".to_owned(), json!("custom"));
            value.insert("command".to_owned(), command(&build.command));
            value.insert("tag".to_owned(), json!(build.tag));
        }
    }
    Value::Object(value)
}

fn docker_build(build: &DockerBuild, value: &mut Map<String, Value>) {
    let fields = json!({
        "context": build.context.display().to_string(),
        "dockerfile": build.dockerfile.path.as_ref().map(|path| path.display().to_string()),
        "dockerfile_contents": build.dockerfile.contents,
        "target": build.target,
        "build_args": build.build_args,
        "platform": build.platform,
        "ssh": build.ssh,
        "secret": build.secrets,
        "network": build.network,
        "extra_tag": build.extra_tags.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "cache_from": build.cache_from,
        "pull": build.pull,
        "extra_hosts": build.extra_hosts,
    });
    if let Value::Object(fields) = fields {
        value.extend(fields);
    }
}

fn live_update(live_update: &LiveUpdate) -> Value {
    let mut steps = Vec::new();
    if live_update.initial_sync.is_some() {
        steps.push(json!("initial_sync"));
    }
    if !live_update.fall_back_on.is_empty() {
        let paths: Vec<String> = live_update.fall_back_on.iter().map(|(path, _)| path.display().to_string()).collect();
        steps.push(json!({ "fall_back_on": paths }));
    }
    for sync in &live_update.syncs {
        steps.push(json!({ "sync": { "local": sync.local.display().to_string(), "remote": sync.remote } }));
    }
    for run in &live_update.runs {
        let triggers: Vec<String> = run.triggers.iter().map(|path| path.display().to_string()).collect();
        steps.push(json!({ "run": { "args": run.argv, "triggers": triggers } }));
    }
    if live_update.restart_container.is_some() {
        steps.push(json!("restart_container"));
    }
    json!(steps)
}

fn local(target: &LocalTarget) -> Value {
    let deps: Vec<String> = target.watched.iter().map(|tree| tree.root.display().to_string()).collect();
    let dir = target.cmd.as_ref().or(target.serve_cmd.as_ref()).map(|it| it.dir.display().to_string());
    json!({
        "cmd": target.cmd.as_ref().map(command),
        "serve_cmd": target.serve_cmd.as_ref().map(command),
        "dir": dir,
        "deps": deps,
        "allow_parallel": target.allow_parallel,
        "readiness_probe": target.readiness_probe.as_ref().map(probe),
    })
}

fn command(command: &CommandLine) -> Value {
    let env: Map<String, Value> = command.env.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    json!({ "argv": command.argv, "dir": command.dir.display().to_string(), "env": env })
}

fn probe(probe: &Probe) -> Value {
    let action = match &probe.action {
        ProbeAction::Exec { command } => json!({ "exec": { "command": command } }),
        ProbeAction::HttpGet { host, port, scheme, path } => {
            json!({ "http_get": { "host": host, "port": port, "scheme": scheme, "path": path } })
        }
        ProbeAction::TcpSocket { host, port } => json!({ "tcp_socket": { "host": host, "port": port } }),
    };
    json!({
        "action": action,
        "initial_delay_secs": probe.initial_delay.as_secs(),
        "timeout_secs": probe.timeout.as_secs(),
        "period_secs": probe.period.as_secs(),
        "success_threshold": probe.success_threshold,
        "failure_threshold": probe.failure_threshold,
    })
}
