//! Effects on Compose projects: build, start, restart and remove services (reference §3.17).

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::containers::{list, pod};
use super::edges::{Edges, SharedEdges, engine_failure};
use super::effects::housekeeping;
use super::event_loop::EventSender;
use crate::cluster::ContainerRef;
use crate::compose::{Action, arguments, explain, project_file};
use crate::docker;
use crate::engine::{
    BuiltImage, DeployedObject, Deployment, Event, LiveError, Step, WorkError, WorkResult, compose_namespace,
    compose_owner,
};
use crate::k8s::ObjectId;
use crate::logs::{LogSink, LogSource, LogStore};
use crate::process::{CommandEnvironment, ProcessError, Supervisor};
use crate::project::{
    CommandLine, ComposeBuild, ComposeProject, ComposeTarget, ImageName, Project, Resource, ResourceName, Target,
};

/// Output of the compose command is indented under its heading (reference §3.5).
const OUTPUT_INDENT: &str = "     ";

/// What is to be started.
pub(super) struct Request {
    pub(super) resource: Arc<Resource>,
    pub(super) project: Arc<Project>,
    pub(super) images: BTreeMap<ImageName, BuiltImage>,
    pub(super) force: bool,
    pub(super) step: Step,
}

/// Starts a service, or makes its containers anew if its definition or image has changed.
pub(super) async fn up(
    edges: SharedEdges,
    events: EventSender,
    request: Request,
    cancel: CancellationToken,
) -> WorkResult {
    WorkResult::Compose(start(&edges, &events, &request, &cancel).await)
}

async fn start(
    edges: &Edges,
    events: &EventSender,
    request: &Request,
    cancel: &CancellationToken,
) -> Result<Deployment, WorkError> {
    let Target::Compose(target) = &request.resource.target else { return Ok(Deployment::default()) };
    let log = edges.build_log(&request.resource.name);
    log.info(format!("{} — Deploying", request.step));
    let engine = edges.docker().await?;
    let images = injected(&request.project, target, &request.images);
    let service = target.service.as_str();
    {
        let _turn = edges.compose.lock().await;
        if request.force {
            run(edges, &engine, &target.project, &images, Action::Remove { service }, &request.resource.name, cancel)
                .await?;
        }
        run(edges, &engine, &target.project, &images, Action::Up { service }, &request.resource.name, cancel).await?;
    }
    if target.project.wait {
        wait_until_healthy(&engine, target, cancel).await?;
    }
    // Told before the deploy counts as done, so that nobody judges by the containers that were replaced.
    let containers = list(&engine, &target.project.name).await.map_err(engine_failure)?;
    let owner = compose_owner(&target.project.name, service);
    let current: BTreeSet<String> =
        containers.iter().filter(|pod| pod.owners.contains(&owner)).map(|pod| pod.uid.0.to_string()).collect();
    // The loop is gone only when the session is over.
    let _ = events.send(Event::PodsListed { namespace: compose_namespace(&target.project.name), pods: containers });
    let id = ObjectId {
        api_version: "compose".to_owned(),
        kind: "Service".to_owned(),
        namespace: Some(compose_namespace(&target.project.name)),
        name: target.service.clone(),
    };
    let object = DeployedObject { id, uid: owner, job_complete: false };
    Ok(Deployment { objects: vec![object], template_hashes: current })
}

/// The images that were built here, by service.
fn injected(
    project: &Project,
    target: &ComposeTarget,
    built: &BTreeMap<ImageName, BuiltImage>,
) -> BTreeMap<String, String> {
    let images = target.deployed_images.iter().filter(|name| project.images.contains_key(*name));
    images
        .filter_map(|name| built.get(name))
        .filter(|built| built.inject && !built.local_ref.is_empty())
        .map(|built| (target.service.clone(), built.local_ref.clone()))
        .collect()
}

/// What `--wait` does, for commands that do not know it and for all others once more: it costs one question.
async fn wait_until_healthy(
    engine: &docker::Engine,
    target: &ComposeTarget,
    cancel: &CancellationToken,
) -> Result<(), WorkError> {
    loop {
        let containers = engine.project_containers(&target.project.name).await.map_err(engine_failure)?;
        let own = || containers.iter().filter(|container| container.service == target.service);
        if own().any(|container| container.health.as_deref() == Some("unhealthy")) {
            return Err(WorkError::Failed(format!("service `{}` is unhealthy", target.service)));
        }
        if own().all(|container| container.health.as_deref() != Some("starting")) {
            return Ok(());
        }
        let pause = tokio::time::sleep(std::time::Duration::from_millis(250));
        if cancel.run_until_cancelled(pause).await.is_none() {
            return Err(WorkError::Cancelled);
        }
    }
}

/// Has Compose build the image of a service.
pub(super) async fn build(
    edges: &Edges,
    build: &ComposeBuild,
    resource: &ResourceName,
    cancel: &CancellationToken,
) -> Result<BuiltImage, WorkError> {
    let engine = edges.docker().await?;
    let (project, service) = (&build.project, build.service.as_str());
    {
        let _turn = edges.compose.lock().await;
        run(edges, &engine, project, &BTreeMap::new(), Action::Build { service }, resource, cancel).await?;
    }
    // By its id others see whether it is another one now. The first series of Compose joins names by `_`, the second by `-`.
    let declared =
        project.config.pointer("/services").and_then(|services| services.get(service)?.get("image")?.as_str());
    let names = match declared {
        Some(image) => vec![image.replace("$$", "$")],
        None => ["-", "_"].map(|between| format!("{}{between}{service}", project.name)).to_vec(),
    };
    let id = engine.image_id(&names).await.map_err(engine_failure)?;
    let Some(id) = id else {
        return Err(WorkError::Failed(format!("Compose has built no image `{}`", names.join("` or `"))));
    };
    Ok(BuiltImage { local_ref: id, cluster_ref: String::new(), inject: false })
}

/// Stops and removes the containers of a service.
pub(super) async fn remove(edges: SharedEdges, resource: Arc<Resource>, cancel: CancellationToken) -> WorkResult {
    let Target::Compose(target) = &resource.target else { return housekeeping(Ok(())) };
    let result = async {
        let engine = edges.docker().await?;
        let _turn = edges.compose.lock().await;
        let action = Action::Remove { service: &target.service };
        run(&edges, &engine, &target.project, &BTreeMap::new(), action, &resource.name, &cancel).await
    };
    housekeeping(engine_only(result.await))
}

/// Restarts the containers of a service.
pub(super) async fn restart(edges: SharedEdges, resource: Arc<Resource>, cancel: CancellationToken) -> WorkResult {
    let Target::Compose(target) = &resource.target else { return housekeeping(Ok(())) };
    let log = edges.build_log(&resource.name);
    let result = async {
        let engine = edges.docker().await?;
        let containers = engine.project_containers(&target.project.name).await.map_err(engine_failure)?;
        for container in containers.iter().filter(|container| container.service == target.service) {
            log.info(format!("restarting {}", container.name));
            let restarted = cancel.run_until_cancelled(engine.restart_container(&container.id)).await;
            restarted.unwrap_or(Err(docker::EngineError::Cancelled)).map_err(engine_failure)?;
        }
        Ok(())
    };
    housekeeping(engine_only(result.await))
}

/// Housekeeping that lost something is taken for a sign that the cluster is away; here it is the engine.
fn engine_only(result: Result<(), WorkError>) -> Result<(), WorkError> {
    result.map_err(|error| match error {
        WorkError::Lost(message) => WorkError::Failed(message),
        other => other,
    })
}

/// The last step of a live update with `restart_container()`. What became of the container is told before this ends: until
/// the engine's own event comes it would count as one that has ended by itself.
pub(super) async fn restart_container(
    edges: &Edges,
    container: &ContainerRef,
    log: &LogSink,
    events: &EventSender,
) -> Result<(), LiveError> {
    log.info(format!("Restarting container {}", container.pod));
    let interrupted = |error: WorkError| match error {
        WorkError::Failed(message) | WorkError::Lost(message) => LiveError::Interrupted(message),
        WorkError::Cancelled => LiveError::Cancelled,
    };
    let engine = edges.docker().await.map_err(interrupted)?;
    engine.restart_container(&container.id).await.map_err(|error| interrupted(engine_failure(error)))?;
    if let Ok(Some(now)) = engine.service_container(&container.id).await {
        // The session may be over.
        let _ = events.send(Event::PodChanged(Box::new(pod(now))));
    }
    Ok(())
}

/// Runs the compose command over the project as it was understood, with some images exchanged.
async fn run(
    edges: &Edges,
    engine: &docker::Engine,
    project: &ComposeProject,
    images: &BTreeMap<String, String>,
    action: Action<'_>,
    resource: &ResourceName,
    cancel: &CancellationToken,
) -> Result<(), WorkError> {
    let log = edges.build_log(resource).with_prefix(OUTPUT_INDENT);
    let environment = edges.command_environment();
    let said = Said { logs: &edges.logs, resource: Some(resource), about: action.service().unwrap_or(&project.name) };
    let surroundings = Surroundings { supervisor: &edges.supervisor, environment: &environment, engine };
    run_command(&surroundings, project, images, action, &log, &said, cancel).await
}

/// Where the output of a command can be read again.
struct Said<'a> {
    logs: &'a LogStore,
    resource: Option<&'a ResourceName>,
    about: &'a str,
}

impl Said<'_> {
    /// What was written from `start` on.
    fn since(&self, start: u64) -> String {
        let lines = self.logs.reader().since(start);
        let own =
            lines.iter().filter(|line| line.resource.as_ref() == self.resource && line.source == LogSource::Build);
        own.map(|line| line.text.trim()).collect::<Vec<_>>().join("\n")
    }
}

/// What the compose command runs in.
struct Surroundings<'a> {
    supervisor: &'a Supervisor,
    environment: &'a CommandEnvironment,
    engine: &'a docker::Engine,
}

async fn run_command(
    surroundings: &Surroundings<'_>,
    project: &ComposeProject,
    images: &BTreeMap<String, String>,
    action: Action<'_>,
    log: &LogSink,
    said: &Said<'_>,
    cancel: &CancellationToken,
) -> Result<(), WorkError> {
    let text = project_file(project, images);
    let file = write(text).await.map_err(|error| {
        WorkError::Failed(format!("cannot write the project file for the compose command: {error}"))
    })?;
    // The engine that devloop itself looks at, also where it was found by other means than the variable.
    let mut env = surroundings.engine.endpoint().client_environment();
    env.push(("COMPOSE_PROFILES".to_owned(), project.profiles.join(",")));
    let command = CommandLine { argv: arguments(project, file.path(), action), dir: project.directory.clone(), env };
    let start = said.logs.reader().next_sequence();
    let run = surroundings.supervisor.run_to_end(&command, surroundings.environment, log, cancel);
    match run.await {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            let why = explain(&said.since(start), said.about).unwrap_or_else(|| status.to_string());
            Err(WorkError::Failed(format!("`{}` failed: {why}", short(project, action))))
        }
        Err(ProcessError::Cancelled { .. }) => Err(WorkError::Cancelled),
        Err(error) => Err(WorkError::Failed(error.to_string())),
    }
}

/// The command line without what nobody asked about.
fn short(project: &ComposeProject, action: Action<'_>) -> String {
    let verb = match action {
        Action::Up { .. } => "up",
        Action::Build { .. } => "build",
        Action::Remove { .. } => "rm",
        Action::Down { .. } => "down",
    };
    let service = action.service().map(|service| format!(" {service}")).unwrap_or_default();
    format!("{} {verb}{service}", project.command.join(" "))
}

/// A file that is gone with its handle, and that nobody else can read.
async fn write(text: String) -> std::io::Result<tempfile::NamedTempFile> {
    let writing = tokio::task::spawn_blocking(move || {
        let mut file = tempfile::Builder::new().prefix("devloop-compose-").suffix(".yml").tempfile()?;
        file.write_all(text.as_bytes())?;
        file.flush()?;
        Ok(file)
    });
    writing.await.map_err(std::io::Error::other)?
}

/// Removes the containers and networks of whole Compose projects (reference §3.16), with their volumes if asked.
///
/// Fails with the first project that cannot be removed, after the others have been tried.
pub async fn compose_down(
    projects: &[Arc<ComposeProject>],
    volumes: bool,
    logs: &LogStore,
    cancel: &CancellationToken,
) -> Result<(), String> {
    let log = logs.sink(None, LogSource::Build);
    let engine = docker::Engine::connect().await.map_err(|error| error.to_string())?;
    let (supervisor, environment) = (Supervisor::default(), CommandEnvironment::default());
    let surroundings = Surroundings { supervisor: &supervisor, environment: &environment, engine: &engine };
    let mut failed = None;
    for project in projects {
        let said = Said { logs, resource: None, about: &project.name };
        let action = Action::Down { volumes };
        let result = run_command(&surroundings, project, &BTreeMap::new(), action, &log, &said, cancel).await;
        match result {
            Ok(()) => {}
            Err(WorkError::Failed(message) | WorkError::Lost(message)) => failed = failed.or(Some(message)),
            Err(WorkError::Cancelled) => return Err("cancelled".to_owned()),
        }
    }
    failed.map_or(Ok(()), Err)
}
