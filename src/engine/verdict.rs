//! Whether a CI run is over, and why.

use crate::project::ResourceName;

/// How a CI run ended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Verdict {
    /// Everything is built, deployed, ready and finished.
    Success,
    /// It failed.
    Failure {
        /// The resource that failed, when it is one.
        resource: Option<ResourceName>,
        /// Why.
        reason: String,
    },
}
