//! Why there is no engine to work with, and what to do about it.

use super::endpoint::ParseEndpointError;

/// Why there is no engine to work with.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Neither an engine nor its tools are on this machine.
    #[error(
        "no container engine found on this machine (looked for {tried}): install Docker or Podman, or set DOCKER_HOST"
    )]
    NotInstalled {
        /// Where it was looked for.
        tried: String,
    },
    /// Its tools are there, or its address is known, but nothing answers.
    #[error("the container engine at {endpoint}{named_by} is not running ({reason}): {advice}")]
    NotRunning {
        /// The address.
        endpoint: String,
        /// Who named it, in blanks and brackets; may be empty.
        named_by: String,
        /// What the system said.
        reason: String,
        /// How it is started.
        advice: &'static str,
    },
    /// The socket is there and may not be used.
    #[error(
        "no permission to use the container engine at {endpoint}: run `sudo usermod -aG docker $USER` and log in again"
    )]
    PermissionDenied {
        /// The address.
        endpoint: String,
    },
    /// It does not answer in time.
    #[error("the container engine at {endpoint} did not answer within {seconds} s: restart it")]
    Silent {
        /// The address.
        endpoint: String,
        /// The deadline.
        seconds: u64,
    },
    /// It cannot do what devloop needs.
    #[error(
        "the container engine at {endpoint} is too old (API {api}, Docker 18.09 with API 1.39 is the oldest that builds with BuildKit): upgrade it"
    )]
    TooOld {
        /// The address.
        endpoint: String,
        /// The API version that it speaks.
        api: String,
    },
    /// Something else answers there.
    #[error("what answers at {endpoint} is no container engine ({reason}): check DOCKER_HOST")]
    NoEngine {
        /// The address.
        endpoint: String,
        /// What it said.
        reason: String,
    },
    /// The configured address makes no sense.
    #[error(transparent)]
    Address(#[from] ParseEndpointError),
}
