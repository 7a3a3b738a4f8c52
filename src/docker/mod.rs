//! Images: built, tagged, pushed and loaded by a container engine. The sole user of bollard.
//!
//! Everything goes through [`Engine`]. No connection outlives a request, so an engine that is
//! stopped and started again needs no attention; callers retry what ended in `Lost`.

mod build;
mod build_cache;
mod build_error;
mod build_request;
mod classic_build;
mod cluster_images;
mod checkup;
mod connect_error;
mod container_exec;
mod containers;
mod context;
mod custom_build;
mod docker_config;
mod endpoint;
mod engine;
mod engine_error;
mod file_hashes;
mod image;
mod json_lines;
mod progress;
mod prune;
mod push;
mod push_error;
mod pull;
mod registry_client;
mod registry_names;
mod session;
mod shared_images;
mod ssh_agent;
mod survey;
mod upload;
mod wire;

pub use build_cache::{BuildCache, cache_folder};
pub use build_error::BuildError;
pub use build_request::{BuildRequest, Builder, BuiltImage};
pub use checkup::EngineCheckup;
pub use cluster_images::{LoadError, shares_images};
pub use connect_error::ConnectError;
pub use container_exec::{AttachError, Attached};
pub use containers::{ContainerEvent, ContainerStatus, ServiceContainer};
pub use context::ContextError;
pub use custom_build::{CustomBuildError, CustomBuildRequest, CustomBuilt};
pub use endpoint::{Endpoint, ParseEndpointError};
pub use engine::{ApiVersion, Engine, EngineInfo};
pub use engine_error::EngineError;
pub use prune::{PruneReport, PruneRequest};
pub use pull::PullError;
pub use push::Pushed;
pub use push_error::PushError;
pub use registry_names::{ImageNames, image_names, in_cluster};
pub use shared_images::SharedImages;
pub use survey::{Bases, BuildKey, ContentKey, Survey, Unread, names_its_content};

/// The start of every tag that says what is in an image.
pub const CONTENT_TAG_PREFIX: &str = "devloop-";
