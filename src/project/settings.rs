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

/// When and what of the container engine's leftovers is removed (`docker_prune_settings`, reference §3.12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PruneSettings {
    /// Nothing is ever removed.
    pub disabled: bool,
    /// What is younger stays.
    pub max_age: Duration,
    /// How often.
    pub frequency: PruneFrequency,
    /// How many of the newest images of each reference stay.
    pub keep_recent: usize,
}

/// How often leftovers are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PruneFrequency {
    /// After so many builds; at least 1.
    Builds(usize),
    /// After so much time.
    Interval(Duration),
}

/// The switches of `enable_feature` and `disable_feature`. devloop keeps what the file says and shows it; none of them
/// changes what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// `snapshots`.
    pub snapshots: bool,
    /// `cluster_refresh`.
    pub cluster_refresh: bool,
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
    /// `docker_prune_settings`.
    pub prune: PruneSettings,
    /// `enable_feature`, `disable_feature`, `disable_snapshots`.
    pub features: Features,
    /// `analytics_settings(enable=)`; without effect, because devloop sends nothing to anybody.
    pub analytics: Option<bool>,
    /// `version_settings(check_updates=)`; without effect, because devloop never looks for updates.
    pub check_updates: bool,
    /// `set_team`; without effect.
    pub team: Option<String>,
}

impl Default for PruneSettings {
    fn default() -> Self {
        Self {
            disabled: false,
            max_age: Duration::from_hours(6),
            frequency: PruneFrequency::Interval(Duration::from_hours(1)),
            keep_recent: 2,
        }
    }
}

impl Default for Features {
    fn default() -> Self {
        Self { snapshots: true, cluster_refresh: false }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_parallel_updates: 3,
            k8s_upsert_timeout: Duration::from_secs(30),
            default_registry: None,
            ci: CiSettings { k8s_grace_period: None, timeout: None, readiness_timeout: Some(Duration::from_mins(5)) },
            mask_secrets: true,
            prune: PruneSettings::default(),
            features: Features::default(),
            analytics: None,
            check_updates: true,
            team: None,
        }
    }
}
