//! Effects on Kubernetes objects: apply, delete, prune, restart.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::custom_deploy;
use super::edges::{SharedEdges, engine_failure};
use super::effects::housekeeping;
use crate::cluster::{
    ApplyError, ApplyMode, ApplyOptions, DeleteOptions, Failure, ObjectFailure, PreparedObject, apply, delete_resource,
    restart as restart_rollout,
};
use crate::diagnostic::{RenderStyle, render};
use crate::docker::EngineError;
use crate::engine::{BuiltImage, DeployedObject, Deployment, Step, WorkError, WorkResult};
use crate::k8s::{ImageMatcher, InjectedImage, Injection, ObjectId, Uid, Wrapper, inject_all};
use crate::project::{
    ApiKind, Image, ImageName, ImageReference, KubernetesTarget, Project, Resource, ResourceName, Target,
    WatchReference,
};

/// How long deletions of a vanished resource may take to be accepted.
pub(super) const DELETE_LIMIT: Duration = Duration::from_mins(1);

/// What is to be deployed.
pub(super) struct Request {
    pub(super) resource: Arc<Resource>,
    pub(super) project: Arc<Project>,
    pub(super) images: BTreeMap<ImageName, BuiltImage>,
    pub(super) force: bool,
    pub(super) step: Option<Step>,
}

pub(super) async fn deploy(edges: SharedEdges, request: Request, cancel: CancellationToken) -> WorkResult {
    WorkResult::Deploy(deploy_objects(&edges, &request, &cancel).await)
}

async fn deploy_objects(
    edges: &SharedEdges,
    request: &Request,
    cancel: &CancellationToken,
) -> Result<Deployment, WorkError> {
    let log = edges.build_log(&request.resource.name);
    if let Some(api) = request.resource.api()
        && api.kind == ApiKind::KubernetesDiscovery
    {
        return observe(edges, &api.watches).await;
    }
    if let Some(step) = request.step {
        log.info(format!("{step} — Deploying"));
    }
    if let Target::Kubernetes(target) = &request.resource.target
        && let Some(custom) = &target.custom_deploy
    {
        return custom_deploy::apply(edges, request, custom, cancel).await;
    }
    let (objects, template_hashes) = prepare(edges, request).await?;
    let inventory = edges.inventory(&request.project.name, &log, cancel).await?;
    let mode = if request.force { ApplyMode::Forced } else { ApplyMode::InPlace };
    let options = options(edges, request, mode, cancel);
    let applied =
        apply(&inventory, &objects, &options).await.map_err(|error| apply_failure(&error, &edges.options.dir))?;

    let objects = applied
        .into_iter()
        .map(|object| DeployedObject { id: object.id, uid: object.uid, job_complete: object.job_complete })
        .collect();
    Ok(Deployment { objects, template_hashes })
}

/// Nothing is applied: what is looked at counts as if it were.
async fn observe(edges: &SharedEdges, watches: &[WatchReference]) -> Result<Deployment, WorkError> {
    edges.cluster().await?;
    let known = |watch: &WatchReference| {
        let id = ObjectId {
            api_version: String::new(),
            kind: String::new(),
            namespace: Some(watch.namespace.clone()),
            name: watch.name.clone(),
        };
        Some(DeployedObject { id, uid: Uid(watch.uid.as_deref()?.into()), job_complete: false })
    };
    let objects = watches.iter().filter_map(known).collect();
    Ok(Deployment { objects, template_hashes: std::collections::BTreeSet::new() })
}

/// How long applying may take.
pub(super) fn limit(resource: &Resource, project: &Project) -> Duration {
    resource.api().and_then(|api| api.timeout).unwrap_or(project.settings.k8s_upsert_timeout)
}

fn options(edges: &SharedEdges, request: &Request, mode: ApplyMode, cancel: &CancellationToken) -> ApplyOptions {
    ApplyOptions {
        resource: request.resource.name.clone(),
        mode,
        object_limit: limit(&request.resource, &request.project),
        declared_elsewhere: declared_elsewhere(&request.project, &request.resource.name).into(),
        log: edges.build_log(&request.resource.name),
        cancel: cancel.clone(),
    }
}

/// The objects of a resource as they are applied, and the marks of their pod templates.
async fn prepare(
    edges: &SharedEdges,
    request: &Request,
) -> Result<(Vec<PreparedObject>, std::collections::BTreeSet<String>), WorkError> {
    let Target::Kubernetes(target) = &request.resource.target else { return Ok(Default::default()) };
    let injection = Injection {
        project: request.project.name.clone(),
        resource: request.resource.name.clone(),
        images: injected_images(edges, &request.project, target, &request.images).await?,
    };
    let objects: Vec<_> = target.objects.iter().map(AsRef::as_ref).collect();
    let injected =
        inject_all(objects.iter().copied(), &injection).map_err(|error| WorkError::Failed(error.to_string()))?;
    let hashes = injected.iter().flat_map(|object| object.pod_template_hashes.iter().cloned()).collect();
    let prepared = objects
        .into_iter()
        .zip(injected)
        .map(|(object, injected)| PreparedObject {
            id: object.id.clone(),
            value: injected.value,
            origin: object.origin.clone(),
        })
        .collect();
    Ok((prepared, hashes))
}

async fn injected_images(
    edges: &SharedEdges,
    project: &Project,
    target: &KubernetesTarget,
    built: &BTreeMap<ImageName, BuiltImage>,
) -> Result<Vec<InjectedImage>, WorkError> {
    let mut images = Vec::new();
    for name in &target.deployed_images {
        let (Some(image), Some(built)) = (project.images.get(name), built.get(name)) else { continue };
        if !built.inject {
            continue;
        }
        let deployed =
            ImageReference::parse(&built.cluster_ref).map_err(|error| WorkError::Failed(error.to_string()))?;
        images.push(InjectedImage {
            name: name.clone(),
            matcher: ImageMatcher { reference: image.reference.clone(), exact: image.exact },
            deployed,
            match_in_env_vars: image.match_in_env_vars,
            entrypoint: image.entrypoint.clone(),
            container_args: image.container_args.clone(),
            wrapper: wrapper(edges, image, built).await?,
        });
    }
    Ok(images)
}

/// What `restart_process()` puts before the command of the image's containers.
async fn wrapper(edges: &SharedEdges, image: &Image, built: &BuiltImage) -> Result<Option<Wrapper>, WorkError> {
    let Some(step) = image.live_update.as_ref().and_then(|live_update| live_update.restart_process.as_ref()) else {
        return Ok(None);
    };
    let image_command = match image.entrypoint {
        Some(_) => None,
        // One that is not in the engine may have its command in the object.
        None => edges.docker().await?.image_command(&built.local_ref).await.map(Some).or_else(|error| match error {
            EngineError::NoSuchImage(_) => Ok(None),
            error => Err(engine_failure(error)),
        })?,
    };
    Ok(Some(Wrapper { argv: step.wrapper(), image_command }))
}

/// The objects that other resources declare.
pub(super) fn declared_elsewhere(project: &Project, name: &ResourceName) -> Vec<ObjectId> {
    project
        .resources
        .values()
        .filter(|resource| resource.name != *name)
        .filter_map(|resource| match &resource.target {
            Target::Kubernetes(target) => Some(target),
            Target::Local(_) | Target::Compose(_) => None,
        })
        .flat_map(|target| target.objects.iter().map(|object| object.id.clone()))
        .collect()
}

/// The error with the line of the user's file, and what it means for the work.
fn apply_failure(error: &ApplyError, dir: &std::path::Path) -> WorkError {
    if error.is_cancelled() {
        return WorkError::Cancelled;
    }
    let lost = error.failures.iter().find_map(|failure| match &failure.cause {
        ObjectFailure::Cluster(lost @ Failure::Unreachable { .. }) => Some(lost.to_string()),
        _ => None,
    });
    if let Some(message) = lost {
        return WorkError::Lost(message);
    }
    let style = RenderStyle { color: false, base: Some(dir.to_owned()) };
    let text: Vec<String> = error.diagnostics().iter().map(|diagnostic| render(diagnostic, &style)).collect();
    let text = text.join("\n");
    // That it is an error is said by whoever shows it.
    WorkError::Failed(text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned())
}

/// Deletes the objects of a resource that vanished or was disabled.
pub(super) async fn delete(
    edges: SharedEdges,
    project: crate::project::ProjectName,
    resource: ResourceName,
    declared_elsewhere: Vec<ObjectId>,
    cancel: CancellationToken,
) -> WorkResult {
    let log = edges.build_log(&resource);
    let result = async {
        let inventory = edges.inventory(&project, &log, &cancel).await?;
        let options = DeleteOptions {
            declared_elsewhere: declared_elsewhere.into(),
            limit: DELETE_LIMIT,
            log: log.clone(),
            cancel: cancel.clone(),
        };
        delete_resource(&inventory, &resource, &options).await;
        Ok(())
    };
    housekeeping(result.await)
}

/// Deletes what earlier sessions created and the project no longer has.
pub(super) async fn prune_stale(edges: SharedEdges, project: Arc<Project>, cancel: CancellationToken) -> WorkResult {
    let log = edges.logs.sink(None, crate::logs::LogSource::Build);
    let result = async {
        let inventory = edges.inventory(&project.name, &log, &cancel).await?;
        let options = DeleteOptions {
            declared_elsewhere: declared_elsewhere(&project, &ResourceName::from("")).into(),
            limit: DELETE_LIMIT,
            log: log.clone(),
            cancel: cancel.clone(),
        };
        // What a command has printed is declared nowhere.
        let is_printed =
            |name: &str| project.resources.get(name).is_some_and(|resource| custom_deploy::records(resource));
        let gone: std::collections::BTreeSet<String> = inventory
            .entries()
            .into_iter()
            .map(|entry| entry.resource)
            .filter(|resource| !is_printed(resource))
            .collect();
        for resource in gone {
            delete_resource(&inventory, &ResourceName::new(resource), &options).await;
        }
        Ok(())
    };
    housekeeping(result.await)
}

/// Makes the workloads of a resource start new pods.
pub(super) async fn restart(edges: SharedEdges, request: Request, cancel: CancellationToken) -> WorkResult {
    let log = edges.build_log(&request.resource.name);
    let result = async {
        let (objects, _) = prepare(&edges, &request).await?;
        let inventory = edges.inventory(&request.project.name, &log, &cancel).await?;
        let options = options(&edges, &request, ApplyMode::InPlace, &cancel);
        let restarted = restart_rollout(&inventory, &objects, &options)
            .await
            .map_err(|error| apply_failure(&error, &edges.options.dir))?;
        for object in restarted {
            log.info(format!("restarting {object}"));
        }
        Ok(())
    };
    housekeeping(result.await)
}
