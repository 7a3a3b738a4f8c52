//! Why a resource waits.

use crate::project::{ImageName, ResourceName};

/// Why a resource that has something to do does not do it yet; reads aloud after "because" (reference §3.6).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Hold {
    /// The configuration is being loaded again.
    ReloadingConfig,
    /// git changes the files that it is made of.
    WaitingForGit,
    /// A local update that must run alone is running.
    WaitingForLocal(ResourceName),
    /// It is a local update that must run alone, and something else runs.
    MustRunAlone(Vec<ResourceName>),
    /// Objects that belong to no resource are deployed first.
    WaitingForUncategorized,
    /// It is being updated already, or an image that it shares is being built for another.
    BuildingComponent(Vec<ImageName>),
    /// Its dependencies have not been ready yet.
    WaitingForDependencies(Vec<ResourceName>),
    /// The cluster does not answer.
    WaitingForCluster,
    /// The Docker engine does not answer.
    WaitingForDocker,
    /// Its changes are being copied into running containers.
    LiveUpdating,
    /// Its changes will be copied into containers that do not run yet.
    WaitingForDeploy,
    /// As many updates run as may.
    ParallelLimit {
        /// The limit.
        limit: usize,
    },
    /// It is in manual mode and has not been triggered.
    Manual,
}

impl Hold {
    /// The resources that it waits for, when it is for resources.
    pub fn resources(&self) -> &[ResourceName] {
        match self {
            Self::WaitingForLocal(name) => std::slice::from_ref(name),
            Self::MustRunAlone(names) | Self::WaitingForDependencies(names) => names,
            Self::BuildingComponent(_)
            | Self::ReloadingConfig
            | Self::WaitingForGit
            | Self::WaitingForUncategorized
            | Self::WaitingForCluster
            | Self::WaitingForDocker
            | Self::LiveUpdating
            | Self::WaitingForDeploy
            | Self::ParallelLimit { .. }
            | Self::Manual => &[],
        }
    }

    /// The reason string of the compatible API (reference §3.6).
    pub fn code(&self) -> &'static str {
        match self {
            Self::ReloadingConfig => "tiltfile-reload",
            // Not one of theirs.
            Self::WaitingForGit => "waiting-for-git",
            Self::WaitingForLocal(_) => "waiting-for-local",
            Self::MustRunAlone(_) => "is-unparallelizable-local",
            Self::WaitingForUncategorized => "waiting-for-uncategorized",
            Self::BuildingComponent(_) => "building-component",
            Self::WaitingForDependencies(_) => "waiting-for-dep",
            Self::WaitingForCluster | Self::WaitingForDocker => "waiting-for-cluster",
            Self::LiveUpdating => "reconciling",
            Self::WaitingForDeploy => "waiting-for-deploy",
            Self::ParallelLimit { .. } => "parallel-limit",
            Self::Manual => "manual",
        }
    }
}

impl std::fmt::Display for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ReloadingConfig => f.write_str("the configuration is being reloaded"),
            Self::WaitingForGit => f.write_str("git is changing its files"),
            Self::WaitingForLocal(name) => write!(f, "{name} must run alone"),
            Self::MustRunAlone(names) => write!(f, "it must run alone, and {} run", list(names)),
            Self::WaitingForUncategorized => f.write_str("uncategorized objects are deployed first"),
            Self::BuildingComponent(images) if images.is_empty() => f.write_str("it is being updated"),
            Self::BuildingComponent(images) => write!(f, "{} is being built", list(images)),
            Self::WaitingForDependencies(names) => write!(f, "waiting for {}", list(names)),
            Self::WaitingForCluster => f.write_str("the cluster does not answer"),
            Self::WaitingForDocker => f.write_str("the Docker engine does not answer"),
            Self::LiveUpdating => f.write_str("its containers are being updated"),
            Self::WaitingForDeploy => f.write_str("its new container does not run yet"),
            Self::ParallelLimit { limit } => write!(f, "{limit} updates run, which is the limit"),
            Self::Manual => f.write_str("it waits for a trigger"),
        }
    }
}

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
