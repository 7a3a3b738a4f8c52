//! What the user declared: plain data, no I/O.

mod api_object;
mod api_runtime;
mod api_target;
mod command_line;
mod compose;
mod dockerfile;
mod ignore;
mod image;
mod image_reference;
mod live_update;
mod live_update_map;
mod name;
mod port;
mod probe;
mod project;
mod resource;
mod restart_process;
mod settings;
mod tilt_version;

pub use api_object::{ApiKind, ApiObject};
pub use api_runtime::{ApiCommand, ApiRuntime, Button, ButtonInput, ButtonInputKind, StartOn};
pub use api_target::{ApiTarget, PodLogSelection, WatchReference};
pub use command_line::CommandLine;
pub use compose::{ComposeBuild, ComposeProject, ComposeTarget};
pub use dockerfile::{DockerfileReference, image_references, rewrite as rewrite_dockerfile};
pub use ignore::{IgnorePattern, PathFilter, PatternError, PatternProblem, PatternSet, WatchedTree, parse_ignore_file};
pub use image::{CustomBuild, DockerBuild, Dockerfile, Image, ImageBuild, ImageCommand, Push, image_map_name};
pub use image_reference::{ImageReference, ParseReferenceError};
pub use live_update::{LiveUpdate, Run, Sync};
pub use live_update_map::{LiveUpdateStop, MappedChanges, MappedPath, map_paths};
pub use name::{ImageName, ProjectName, ResourceName};
pub use port::{Link, PortForward};
pub use probe::{Probe, ProbeAction};
pub use project::{Project, SecretValue};
pub use resource::{
    CustomDeploy, DiscoveryStrategy, KubernetesTarget, LocalTarget, PodReadiness, Resource, Target, TriggerMode,
};
pub use restart_process::{ExitPolicy, RestartProcess};
pub use settings::{CiSettings, Features, PruneFrequency, PruneSettings, Registry, Settings};
pub use tilt_version::TILT_VERSION;
