//! Settings of a project.

use std::time::Duration;

/// A registry that images are pushed to when the cluster advertises none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// Where devloop pushes.
    pub host: String,
    /// Where the cluster pulls; empty for the same.
    pub host_from_cluster: String,
    /// All images share this name and differ by tag; empty for a name each.
    pub single_name: String,
}

/// Limits of `devloop ci` (reference §3.15); `None` = no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CiSettings {
    /// Kubernetes runtime errors within this time after a deploy are tolerated.
    pub k8s_grace_period: Option<Duration>,
    /// For the whole run; `None` when the Devfile does not say (then the flag or its default counts).
    pub timeout: Option<Option<Duration>>,
    /// For a server that is active and not ready.
    pub readiness_timeout: Option<Duration>,
}

/// Settings of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Updates that may run at the same time; at least 1.
    pub max_parallel_updates: usize,
    /// For each object's apply.
    pub k8s_upsert_timeout: Duration,
    /// From `default_registry`.
    pub default_registry: Option<Registry>,
    /// Limits of `devloop ci`.
    pub ci: CiSettings,
    /// Whether values of Secrets are masked.
    pub mask_secrets: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_parallel_updates: 3,
            k8s_upsert_timeout: Duration::from_secs(30),
            default_registry: None,
            ci: CiSettings { k8s_grace_period: None, timeout: None, readiness_timeout: Some(Duration::from_mins(5)) },
            mask_secrets: true,
        }
    }
}
