//! Images of `devloop config --json`.

use serde_json::{Map, Value, json};

use super::path;
use crate::project::{ComposeBuild, DockerBuild, Image, ImageBuild, ImageName, ImageReference, LiveUpdate, Push};

/// An image with the parameters of whatever builds it; those of others are `null`.
pub(super) fn image(image: &Image) -> Value {
    let deps: Vec<String> = image.watched.iter().map(|tree| path(&tree.root)).collect();
    let build = match &image.build {
        ImageBuild::Docker(_) => "docker",
        ImageBuild::Custom(_) => "custom",
        ImageBuild::Compose(_) => "compose",
    };
    let mut value = match json!({
        "ref": image.reference.to_string(),
        "build": build,
        "deps": deps,
        "ignore": image.ignore,
        "entrypoint": image.entrypoint,
        "container_args": image.container_args,
        "match_in_env_vars": image.match_in_env_vars,
        "base_images": image.base_images.iter().map(familiar).collect::<Vec<_>>(),
        "live_update": image.live_update.as_ref().map_or(json!([]), live_update),
        "container_selector": image.live_update.as_ref().and_then(|live_update| live_update.container_name.clone()),
    }) {
        Value::Object(value) => value,
        _ => Map::new(),
    };
    let docker = match &image.build {
        ImageBuild::Docker(build) => Some(build.as_ref()),
        ImageBuild::Custom(_) | ImageBuild::Compose(_) => None,
    };
    value.extend(docker_build(docker));
    value.extend(custom_build(image));
    if let ImageBuild::Compose(build) = &image.build {
        value.extend(compose_build(build));
    }
    Value::Object(value)
}

/// The familiar form of a declared reference.
pub(super) fn familiar(name: &ImageName) -> String {
    ImageReference::parse(name.as_str()).map_or_else(|_| name.to_string(), |reference| reference.to_string())
}

fn docker_build(build: Option<&DockerBuild>) -> Map<String, Value> {
    let fields = json!({
        "context": build.map(|build| path(&build.context)),
        "dockerfile": build.and_then(|build| build.dockerfile.path.as_deref()).map(path),
        "dockerfile_contents": build.map(|build| build.dockerfile.contents.as_str()),
        "only": build.map(|build| &build.only),
        "target": build.map(|build| build.target.as_str()),
        "build_args": build.map(|build| &build.build_args),
        "platform": build.map(|build| build.platform.as_str()),
        "ssh": build.map(|build| &build.ssh),
        "secret": build.map(|build| &build.secrets),
        "network": build.map(|build| build.network.as_str()),
        "extra_tag": build.map(|build| build.extra_tags.iter().map(ToString::to_string).collect::<Vec<_>>()),
        "cache_from": build.map(|build| &build.cache_from),
        "pull": build.map(|build| build.pull),
        "extra_hosts": build.map(|build| &build.extra_hosts),
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// What Compose is told of the build; a context that is no folder of this machine stands as it is.
fn compose_build(build: &ComposeBuild) -> Map<String, Value> {
    let context = std::path::Path::new(&build.context);
    let dockerfile = match &build.dockerfile_contents {
        None if context.is_absolute() => Some(path(&context.join(build.dockerfile.as_deref().unwrap_or("Dockerfile")))),
        None => build.dockerfile.clone(),
        Some(_) => None,
    };
    let fields = json!({
        "context": build.context,
        "dockerfile": dockerfile,
        "dockerfile_contents": build.dockerfile_contents,
        "target": build.target,
        "build_args": build.build_args,
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn custom_build(image: &Image) -> Map<String, Value> {
    let build = match &image.build {
        ImageBuild::Custom(build) => Some(build.as_ref()),
        ImageBuild::Docker(_) | ImageBuild::Compose(_) => None,
    };
    let fields = json!({
        "command": build.map(|build| &build.command.argv),
        "dir": build.map(|build| path(&build.command.dir)),
        "env": build.map(|build| super::resources::environment(&build.command)),
        "tag": build.map(|build| build.tag.as_str()),
        "disable_push": build.map(|build| build.push == Push::Never),
        "skips_local_docker": build.map(|build| build.push == Push::Remote),
        "outputs_image_ref_to": build.and_then(|build| build.outputs_image_ref_to.as_deref()).map(path),
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn live_update(live_update: &LiveUpdate) -> Value {
    let mut steps = Vec::new();
    if live_update.initial_sync.is_some() {
        steps.push(json!("initial_sync"));
    }
    if !live_update.fall_back_on.is_empty() {
        let paths: Vec<String> = live_update.fall_back_on.iter().map(|(it, _)| path(it)).collect();
        steps.push(json!({ "fall_back_on": paths }));
    }
    for sync in &live_update.syncs {
        steps.push(json!({ "sync": { "local": path(&sync.local), "remote": sync.remote } }));
    }
    for run in &live_update.runs {
        let triggers: Vec<String> = run.triggers.iter().map(|it| path(it)).collect();
        steps.push(json!({ "run": { "args": run.argv, "triggers": triggers } }));
    }
    if live_update.restart_container.is_some() {
        steps.push(json!("restart_container"));
    }
    if let Some(step) = &live_update.restart_process {
        let triggers: Vec<String> = step.triggers.iter().map(|it| path(it)).collect();
        let policy = step.exit_policy.as_str();
        steps.push(json!({ "restart_process": { "triggers": triggers, "exit_policy": policy, "file": step.file } }));
    }
    json!(steps)
}
