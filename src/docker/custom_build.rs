//! Builds by the user's own command (reference §2.3): what the command is told, and what is made of its result.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio_util::sync::CancellationToken;

use super::build_request::BuiltImage;
use super::engine::Engine;
use super::engine_error::EngineError;
use super::registry_names::{ImageNames, image_names, in_cluster};
use crate::project::{CommandLine, CustomBuild, ImageReference, ParseReferenceError, Push, Registry};

/// One run of a custom build.
#[derive(Clone, Debug)]
pub struct CustomBuildRequest {
    /// The image as declared.
    pub image: ImageReference,
    /// How it is built.
    pub build: CustomBuild,
    /// Where images go, if anywhere.
    pub registry: Option<Registry>,
    /// The local reference and the declared name of each image that this one is built from.
    pub base_images: Vec<(ImageReference, String)>,
    /// Whether the cluster runs what the engine has ([`super::shares_images`]).
    pub engine_is_shared: bool,
}

/// What a custom build came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomBuilt {
    /// What the image is called.
    pub names: ImageNames,
    /// The image, unless it is not in the engine (`skips_local_docker`).
    pub image: Option<BuiltImage>,
    /// Whether devloop has to bring it to the cluster.
    pub to_be_pushed: bool,
}

/// Why a custom build failed.
#[derive(Debug, thiserror::Error)]
pub enum CustomBuildError {
    /// The command ended with a failure.
    #[error("`{command}` failed: {status}")]
    Command {
        /// The command.
        command: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// The command could not be run.
    #[error("cannot run `{command}`: {message}")]
    NotRun {
        /// The command.
        command: String,
        /// Why.
        message: String,
    },
    /// The command has not left the image where it was told to.
    #[error(
        "`{command}` has left no image `{reference}` in the container engine: it must build what $EXPECTED_REF says"
    )]
    NoImage {
        /// The command.
        command: String,
        /// The reference that was looked for.
        reference: String,
    },
    /// The command has not written its reference.
    #[error("`{}` (outputs_image_ref_to) {message}", path.display())]
    OutputFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The name and the registry do not make a reference.
    #[error(transparent)]
    Name(#[from] ParseReferenceError),
    /// The engine's side of it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Cancelled by devloop.
    #[error("cancelled")]
    Cancelled,
}

impl Engine {
    /// Runs a custom build. `run` runs the command to its end and stops it when `cancel` says so; what it writes to the
    /// log is its own affair.
    pub async fn custom_build<F, R, E>(
        &self,
        request: &CustomBuildRequest,
        cancel: &CancellationToken,
        run: F,
    ) -> Result<CustomBuilt, CustomBuildError>
    where
        F: FnOnce(CommandLine) -> R,
        R: Future<Output = Result<ExitStatus, E>>,
        E: std::fmt::Display,
    {
        let expected = expected_reference(request, unix_seconds())?;
        if let Some(path) = &request.build.outputs_image_ref_to {
            remove_file(path).await?;
        }
        let mut command = request.build.command.clone();
        // After the user's own, so that these win.
        command.env.extend(self.endpoint().client_environment());
        command.env.extend(environment(request, expected.as_ref()));
        let shown = command.to_string();
        let ended = run(command).await;
        if cancel.is_cancelled() {
            return Err(CustomBuildError::Cancelled);
        }
        match ended {
            Ok(status) if status.success() => {}
            Ok(status) => return Err(CustomBuildError::Command { command: shown, status }),
            Err(error) => return Err(CustomBuildError::NotRun { command: shown, message: error.to_string() }),
        }
        self.result(request, expected, &shown).await
    }

    async fn result(
        &self,
        request: &CustomBuildRequest,
        expected: Option<ImageReference>,
        command: &str,
    ) -> Result<CustomBuilt, CustomBuildError> {
        let registry = request.registry.as_ref();
        let is_file_mode = expected.is_none();
        let reference = match (expected, &request.build.outputs_image_ref_to) {
            (Some(reference), _) => reference,
            (None, Some(path)) => written_reference(path).await?,
            // `expected_reference` is `None` in file mode only.
            (None, None) => return Err(EngineError::NoSuchImage(request.image.to_string()).into()),
        };
        let as_given = |image| -> Result<CustomBuilt, CustomBuildError> {
            let names = ImageNames { in_cluster: in_cluster(&reference, registry)?, local: reference.clone() };
            Ok(CustomBuilt { names, image, to_be_pushed: is_file_mode && request.build.push == Push::Devloop })
        };
        if request.build.push == Push::Remote {
            return as_given(None);
        }
        let image = self.image(&reference).await.map_err(|error| match error {
            EngineError::NoSuchImage(reference) => CustomBuildError::NoImage { command: command.to_owned(), reference },
            error => CustomBuildError::Engine(error),
        })?;
        // What the command has pushed itself is in the registry under the name that it was told, and under no other.
        if is_file_mode || (request.build.push == Push::Never && !request.engine_is_shared) {
            return as_given(Some(image));
        }
        let names = image_names(&request.image, &image.content_tag(), registry)?;
        self.tag(&image, &names.local).await?;
        if request.build.tag.is_empty() {
            // The name was made up for this run; a later command that builds nothing must not find it.
            self.remove(&reference).await?;
        }
        Ok(CustomBuilt { names, image: Some(image), to_be_pushed: request.build.push == Push::Devloop })
    }
}

/// The reference that the command is told to build; none when it tells us.
fn expected_reference(
    request: &CustomBuildRequest,
    unix_seconds: u64,
) -> Result<Option<ImageReference>, ParseReferenceError> {
    if request.build.outputs_image_ref_to.is_some() {
        return Ok(None);
    }
    if !request.build.tag.is_empty() {
        // A command with a tag of its own is taken to know no registry.
        return Ok(Some(request.image.with_tag(&request.build.tag)));
    }
    let tag = format!("devloop-build-{unix_seconds}");
    Ok(Some(image_names(&request.image, &tag, request.registry.as_ref())?.local))
}

fn environment(request: &CustomBuildRequest, expected: Option<&ImageReference>) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    let mut set = |name: &str, value: String| variables.push((name.to_owned(), value));
    if let Some(expected) = expected {
        set("EXPECTED_REF", expected.to_string());
        set("EXPECTED_IMAGE", expected.path.clone());
        set("EXPECTED_TAG", expected.tag.clone().unwrap_or_default());
    }
    if let Some(registry) = &request.registry {
        set("REGISTRY_HOST", registry.host.clone());
        set("EXPECTED_REGISTRY", registry.host.clone());
    }
    for (index, (reference, name)) in request.base_images.iter().enumerate() {
        for prefix in ["TILT", "DEVLOOP"] {
            set(&format!("{prefix}_IMAGE_{index}"), reference.to_string());
            set(&format!("{prefix}_IMAGE_MAP_{index}"), name.clone());
        }
    }
    variables
}

async fn remove_file(path: &Path) -> Result<(), CustomBuildError> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(CustomBuildError::OutputFile {
            path: path.to_owned(),
            message: format!("cannot be deleted before the build ({error})"),
        }),
        _ => Ok(()),
    }
}

async fn written_reference(path: &Path) -> Result<ImageReference, CustomBuildError> {
    let wrong = |message: String| CustomBuildError::OutputFile { path: path.to_owned(), message };
    let text = tokio::fs::read_to_string(path)
        .await
        .map_err(|error| wrong(format!("was not written by the command ({error})")))?;
    let reference = ImageReference::parse(text.trim()).map_err(|error| wrong(format!("is wrong: {error}")))?;
    if reference.tag.is_none() {
        return Err(wrong(format!("is wrong: `{reference}` has no tag")));
    }
    Ok(reference)
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(tag: &str) -> CustomBuildRequest {
        let command = CommandLine { argv: vec!["make".to_owned()], dir: "/".into(), env: Vec::new() };
        CustomBuildRequest {
            image: ImageReference::parse("gcr.io/team/app").expect("reference"),
            build: CustomBuild {
                command,
                deps: vec![],
                tag: tag.to_owned(),
                push: Push::Devloop,
                outputs_image_ref_to: None,
            },
            registry: Some(Registry {
                host: "localhost:5000".to_owned(),
                host_from_cluster: String::new(),
                single_name: String::new(),
            }),
            base_images: vec![(ImageReference::parse("base:1").expect("reference"), "base".to_owned())],
            engine_is_shared: false,
        }
    }

    fn told(request: &CustomBuildRequest) -> Vec<String> {
        let expected = expected_reference(request, 7).expect("reference");
        environment(request, expected.as_ref()).into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn the_command_is_told_what_to_build() {
        let rest = [
            "REGISTRY_HOST=localhost:5000",
            "EXPECTED_REGISTRY=localhost:5000",
            "TILT_IMAGE_0=base:1",
            "TILT_IMAGE_MAP_0=base",
            "DEVLOOP_IMAGE_0=base:1",
            "DEVLOOP_IMAGE_MAP_0=base",
        ];
        let fresh = [
            "EXPECTED_REF=localhost:5000/gcr.io_team_app:devloop-build-7",
            "EXPECTED_IMAGE=gcr.io_team_app",
            "EXPECTED_TAG=devloop-build-7",
        ];
        assert_eq!(told(&request("")), [&fresh[..], &rest[..]].concat());
        let own = ["EXPECTED_REF=gcr.io/team/app:dev", "EXPECTED_IMAGE=team/app", "EXPECTED_TAG=dev"];
        assert_eq!(told(&request("dev")), [&own[..], &rest[..]].concat());
        let mut in_file = request("");
        in_file.build.outputs_image_ref_to = Some("/tmp/ref".into());
        assert_eq!(told(&in_file), rest);
    }
}
