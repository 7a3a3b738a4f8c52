//! Effect `BuildImage`: builds an image and brings it to where the cluster finds it (reference §3.5).

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::compose;
use super::edges::{Edges, SharedEdges, engine_failure};
use super::once::{self, Once};
use crate::cluster::{ReceiverProgram, platform, runs_platform};
use crate::docker::{
    self, BuildError, BuildRequest, CustomBuildError, CustomBuildRequest, Engine, ImageNames, LoadError, PullError,
    PushError, image_names, shares_images,
};
use crate::engine::{BuiltImage, Step, WorkError, WorkResult};
use crate::logs::LogSink;
use crate::project::{
    CommandLine, CustomBuild, DockerBuild, Image, ImageBuild, ImageName, ImageReference, Registry, ResourceName,
    image_map_name, image_references as dockerfile_image_references, rewrite_dockerfile,
};

/// Output of a step is indented under its heading (reference §3.5).
const OUTPUT_INDENT: &str = "     ";

/// What is to be built.
pub(super) struct Request {
    pub(super) resource: ResourceName,
    pub(super) image: Arc<Image>,
    pub(super) bases: BTreeMap<ImageName, BuiltImage>,
    pub(super) deployed: bool,
    /// Whether the engine is asked although there is a result of the same input.
    pub(super) forced: bool,
    pub(super) step: Step,
}

pub(super) async fn build(edges: SharedEdges, request: Request, cancel: CancellationToken) -> WorkResult {
    WorkResult::Image(build_image(&edges, &request, &cancel).await)
}

async fn build_image(
    edges: &SharedEdges,
    request: &Request,
    cancel: &CancellationToken,
) -> Result<BuiltImage, WorkError> {
    let log = edges.build_log(&request.resource);
    match &request.image.build {
        ImageBuild::Docker(build) => {
            log.info(format!("{} — Building Dockerfile: [{}]", request.step, request.image.name));
            Box::pin(docker_build(edges, request, build, &log, cancel)).await
        }
        ImageBuild::Compose(build) => {
            log.info(format!("{} — Building & deploying: [{}]", request.step, request.image.reference));
            compose::build(edges, build, &request.resource, cancel).await
        }
        ImageBuild::Custom(build) if build.is_live_update_only() && request.image.live_update.is_some() => {
            Ok(BuiltImage { local_ref: String::new(), cluster_ref: String::new(), inject: false })
        }
        ImageBuild::Custom(build) => {
            log.info(format!("{} — Building Custom Build: [{}]", request.step, request.image.name));
            Box::pin(custom_build(edges, request, build, &log, cancel)).await
        }
    }
}

async fn docker_build(
    edges: &SharedEdges,
    request: &Request,
    build: &DockerBuild,
    log: &LogSink,
    cancel: &CancellationToken,
) -> Result<BuiltImage, WorkError> {
    let engine = edges.docker().await?;
    let platform = match build.platform.as_str() {
        "" => platform(edges.nodes(log, cancel).await).unwrap_or_default(),
        platform => platform.to_owned(),
    };
    if request.deployed && !runs_platform(edges.nodes(log, cancel).await, &platform) {
        log.warn(format!(
            "the image is for {platform}, and no node of the cluster is: its containers will not start there; leave out \
             `platform` and DOCKER_DEFAULT_PLATFORM to build for the cluster"
        ));
    }
    let text = with_built_bases(build, &request.bases);
    let output = log.with_prefix(OUTPUT_INDENT);
    let wanted = BuildRequest::new(build, engine.info().builder, text, platform);
    let once = Box::pin(once::image(edges, &engine, request, &wanted, &output, cancel)).await?;
    let registry = registry(edges, request.deployed, log, cancel).await?;
    let receiver = receiver_for(edges, request, &wanted.platform);
    let (mut names, mut input) = match once {
        Once::InEngine { image, input } => {
            let names = names(&request.image.reference, &image.content_tag(), registry.as_ref())?;
            engine.tag(&image, &names.local).await.map_err(engine_failure)?;
            (names, input)
        }
        Once::InRegistry(image) => {
            let names = names(&request.image.reference, &image.content_tag(), registry.as_ref())?;
            if receiver.is_some() || needs_engine(&request.image, build) {
                output.info(format!("pulling {}", names.local));
                engine.pull(&names.local, cancel).await.map_err(pull_failure)?;
                for tag in &build.extra_tags {
                    engine.tag(&image, tag).await.map_err(engine_failure)?;
                }
            }
            if receiver.is_none() {
                return Ok(built_image(&names, request.deployed));
            }
            (names, None)
        }
    };
    if let Some(program) = receiver
        && let Some(carrier) =
            Box::pin(with_receiver(edges, &engine, &program, &wanted, request, &names, log, cancel)).await?
    {
        names = image_names(&request.image.reference, &carrier.content_tag(), registry.as_ref())
            .map_err(|error| WorkError::Failed(error.to_string()))?;
        engine.tag(&carrier, &names.local).await.map_err(engine_failure)?;
        // What others find under the key of the input is what was asked for.
        input = None;
    }
    if request.deployed {
        hand_over(edges, &engine, &names, registry.as_ref(), request.step.next(), log, cancel).await?;
        if let Some(input) = input {
            once::tell_others(edges, &engine, request, &names, input, registry.as_ref());
        }
    }
    Ok(built_image(&names, request.deployed))
}

/// The receiver of live updates, when the image's containers have been found to need it in their image.
fn receiver_for(edges: &Edges, request: &Request, platform: &str) -> Option<ReceiverProgram> {
    (request.deployed && request.image.live_update.is_some())
        .then(|| edges.carriers.program_for(&request.image.name, platform))
        .flatten()
}

/// The image with the receiver of live updates on top of it; `None` when that cannot be built.
#[expect(clippy::too_many_arguments, reason = "all of it is about one build")]
async fn with_receiver(
    edges: &Edges,
    engine: &Engine,
    program: &ReceiverProgram,
    wanted: &BuildRequest,
    request: &Request,
    base: &ImageNames,
    log: &LogSink,
    cancel: &CancellationToken,
) -> Result<Option<docker::BuiltImage>, WorkError> {
    let image = &request.image.name;
    let output = log.with_prefix(OUTPUT_INDENT);
    let base = base.local.to_string();
    log.info(format!(
        "Adding `{}` to [{image}] as its last layer: its containers lack what live updates need, this takes them",
        program.path
    ));
    let built = match edges.carriers.layer(program, &base, &wanted.platform, wanted.builder) {
        Ok(layer) => Box::pin(once::here(edges, engine, &layer, &output, cancel)).await,
        Err(error) => Err(WorkError::Failed(error.to_string())),
    };
    match built {
        Ok(built) => Ok(Some(built)),
        // Without it the image is what the user has asked for, only that each edit builds it anew.
        Err(WorkError::Failed(message)) => {
            log.warn(format!("it cannot be added, so each edit will build the image: {message}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Whether more is done with the image here than to have it run in the cluster.
fn needs_engine(image: &Image, build: &DockerBuild) -> bool {
    let restarts = image.live_update.as_ref().is_some_and(|live_update| live_update.restart_process.is_some());
    !build.extra_tags.is_empty() || (restarts && image.entrypoint.is_none())
}

/// The Dockerfile's text with the images of ours that it builds upon in their built form.
fn with_built_bases(build: &DockerBuild, bases: &BTreeMap<ImageName, BuiltImage>) -> String {
    let text = &build.dockerfile.contents;
    let bases: Vec<(ImageReference, &str)> = bases
        .iter()
        .filter(|(_, built)| built.inject)
        .filter_map(|(name, built)| Some((ImageReference::parse(name.as_str()).ok()?, built.local_ref.as_str())))
        .collect();
    let references = dockerfile_image_references(text, &build.build_args);
    let replacements = references.iter().filter_map(|reference| {
        let meant = |base: &ImageReference| {
            base.same_repository(&reference.parsed) && (base.tag.is_none() || base.tag == reference.parsed.tag)
        };
        bases.iter().find(|(base, _)| meant(base)).map(|(_, built)| (reference, *built))
    });
    rewrite_dockerfile(text, replacements)
}

async fn custom_build(
    edges: &Edges,
    request: &Request,
    build: &CustomBuild,
    log: &LogSink,
    cancel: &CancellationToken,
) -> Result<BuiltImage, WorkError> {
    let registry = registry(edges, request.deployed, log, cancel).await?;
    let engine = edges.docker().await?;
    let custom = CustomBuildRequest {
        image: request.image.reference.clone(),
        build: build.clone(),
        registry: registry.clone(),
        // In the order of `image_deps`, which numbers the variables.
        base_images: request
            .image
            .base_images
            .iter()
            .filter_map(|name| Some((name, request.bases.get(name)?)))
            .filter_map(|(name, built)| Some((ImageReference::parse(&built.local_ref).ok()?, image_map_name(name))))
            .collect(),
        engine_is_shared: shares_images(engine.info(), nodes(edges, log, cancel).await),
    };
    fetch_bases(&engine, &custom.base_images, log, cancel).await?;
    let environment = edges.command_environment();
    let run = |command: CommandLine| async move {
        log.info(format!("Running cmd: {command}"));
        edges.supervisor.run_to_end(&command, &environment, log, cancel).await
    };
    let built = engine.custom_build(&custom, cancel, run).await.map_err(custom_failure)?;
    if request.deployed && built.to_be_pushed {
        hand_over(edges, &engine, &built.names, registry.as_ref(), request.step.next(), log, cancel).await?;
    }
    Ok(built_image(&built.names, request.deployed))
}

/// Brings images of ours that only the registry has to where a command expects them.
async fn fetch_bases(
    engine: &Engine,
    bases: &[(ImageReference, String)],
    log: &LogSink,
    cancel: &CancellationToken,
) -> Result<(), WorkError> {
    for (reference, _) in bases {
        if docker::names_its_content(reference) && !engine.exists(reference).await.map_err(engine_failure)? {
            log.info(format!("pulling {reference}"));
            engine.pull(reference, cancel).await.map_err(pull_failure)?;
        }
    }
    Ok(())
}

/// Name and container runtime of each node.
pub(super) async fn nodes<'e>(
    edges: &'e Edges,
    log: &LogSink,
    cancel: &CancellationToken,
) -> impl Iterator<Item = (&'e str, &'e str)> {
    let nodes = edges.nodes(log, cancel).await;
    nodes.iter().map(|node| (node.name.as_str(), node.container_runtime.as_str()))
}

/// Brings an image from the engine to where the cluster finds it.
async fn hand_over(
    edges: &Edges,
    engine: &Engine,
    names: &ImageNames,
    registry: Option<&Registry>,
    step: Step,
    log: &LogSink,
    cancel: &CancellationToken,
) -> Result<(), WorkError> {
    let cluster = edges.cluster().await?;
    let context = cluster.context();
    log.info(format!("{step} — Pushing {}", names.local));
    let indented = log.with_prefix(OUTPUT_INDENT);
    if shares_images(engine.info(), nodes(edges, log, cancel).await) {
        indented.info("skipped: the cluster uses this engine");
        return Ok(());
    }
    // Without a registry, kind's nodes take images over the engine; elsewhere the image's own registry has to do.
    if let (None, Some(name)) = (registry, context.cluster_name.strip_prefix("kind-")) {
        let references = [names.local.clone()];
        return engine.load_into_kind(name, &references, &indented, cancel).await.map_err(load_failure);
    }
    match engine.push(&names.local, &indented, cancel).await {
        Ok(_) => Ok(()),
        Err(PushError::Engine(error)) => Err(engine_failure(error)),
        Err(error) => Err(WorkError::Failed(error.to_string())),
    }
}

async fn registry(
    edges: &Edges,
    deployed: bool,
    log: &LogSink,
    cancel: &CancellationToken,
) -> Result<Option<Registry>, WorkError> {
    if !deployed {
        return Ok(None);
    }
    edges.registry(log, cancel).await
}

fn names(reference: &ImageReference, tag: &str, registry: Option<&Registry>) -> Result<ImageNames, WorkError> {
    image_names(reference, tag, registry).map_err(|error| WorkError::Failed(error.to_string()))
}

fn built_image(names: &ImageNames, deployed: bool) -> BuiltImage {
    BuiltImage {
        local_ref: names.local.to_string(),
        cluster_ref: if deployed { names.in_cluster.to_string() } else { String::new() },
        inject: true,
    }
}

pub(super) fn build_failure(error: BuildError) -> WorkError {
    match error {
        BuildError::Cancelled => WorkError::Cancelled,
        error @ BuildError::EngineLost(_) => WorkError::Lost(error.to_string()),
        error => WorkError::Failed(error.to_string()),
    }
}

fn pull_failure(error: PullError) -> WorkError {
    match error {
        PullError::Engine(error) => engine_failure(error),
        error @ PullError::Refused { .. } => WorkError::Failed(error.to_string()),
    }
}

fn custom_failure(error: CustomBuildError) -> WorkError {
    match error {
        CustomBuildError::Cancelled => WorkError::Cancelled,
        CustomBuildError::Engine(error) => engine_failure(error),
        error => WorkError::Failed(error.to_string()),
    }
}

fn load_failure(error: LoadError) -> WorkError {
    match error {
        LoadError::Engine(error) => engine_failure(error),
        error => WorkError::Failed(error.to_string()),
    }
}
