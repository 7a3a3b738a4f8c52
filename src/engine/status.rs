//! The small vocabularies of states.

use std::time::Duration;

/// A moment, as the time since the session's start. The engine is told it and never asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct SessionTime(pub Duration);

impl SessionTime {
    /// The time from `earlier` until this one; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl std::ops::Add<Duration> for SessionTime {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }
}

/// What a resource consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum ResourceKind {
    /// Kubernetes objects.
    Kubernetes,
    /// Commands on this machine.
    Local,
    /// A service of a Compose project.
    Compose,
}

/// How the newest update of a resource stands (reference §3.18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum UpdateStatus {
    /// Nothing was asked for.
    None,
    /// Will be updated.
    Pending,
    /// Is being updated.
    InProgress,
    /// Up to date.
    Ok,
    /// The newest update failed.
    Error,
    /// It has nothing to update (only a serve command).
    NotApplicable,
}

impl UpdateStatus {
    /// The word of the machine interfaces.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Ok => "ok",
            Self::Error => "error",
            Self::NotApplicable => "not_applicable",
        }
    }
}

/// How what a resource deployed or started stands (reference §3.18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum RuntimeStatus {
    /// Not known.
    Unknown,
    /// Nothing was asked for.
    None,
    /// Not ready yet.
    Pending,
    /// Ready.
    Ok,
    /// Failed.
    Error,
    /// It has nothing that keeps running.
    NotApplicable,
}

impl RuntimeStatus {
    /// The word of the machine interfaces.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::None => "none",
            Self::Pending => "pending",
            Self::Ok => "ok",
            Self::Error => "error",
            Self::NotApplicable => "not_applicable",
        }
    }
}

/// Why an update is or was done (reference §3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum UpdateReason {
    /// The first one.
    InitialBuild,
    /// Files changed.
    ChangedFiles,
    /// Its definition changed.
    ConfigChanged,
    /// An image that it is built from was built anew.
    DependencyUpdated,
    /// The user asked for it.
    Triggered,
    /// A container could not be updated in place.
    LiveUpdateFailed,
}

impl std::fmt::Display for UpdateReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::InitialBuild => "Initial Build",
            Self::ChangedFiles => "Changed Files",
            Self::ConfigChanged => "Config Changed",
            Self::DependencyUpdated => "Dependency Updated",
            Self::Triggered => "Triggered",
            Self::LiveUpdateFailed => "Live Update Failed",
        })
    }
}

/// What an update did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum UpdateKind {
    /// Images were built as needed, and everything was deployed; or a local command ran.
    Full,
    /// Files were copied into running containers.
    Live,
}

impl UpdateKind {
    /// The word of the machine interfaces.
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Live => "live",
        }
    }
}
