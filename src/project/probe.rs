//! Readiness probes of local processes (reference §2.8), with the semantics of Kubernetes' own.

use std::time::Duration;

/// How a probe finds out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeAction {
    /// Exit status 0 is success.
    Exec {
        /// Program and arguments.
        command: Vec<String>,
    },
    /// A status from 200 to 399 is success.
    HttpGet {
        /// Host name or address.
        host: String,
        /// Port; out of range is a failing probe, not a configuration error.
        port: i32,
        /// `http` or `https`, in letters of any case.
        scheme: String,
        /// Path with query.
        path: String,
    },
    /// A connection is success.
    TcpSocket {
        /// Host name or address.
        host: String,
        /// Port; out of range is a failing probe, not a configuration error.
        port: i32,
    },
}

/// A readiness probe; all defaults are resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Before the first try.
    pub initial_delay: Duration,
    /// For one try.
    pub timeout: Duration,
    /// Between tries.
    pub period: Duration,
    /// Successes in a row that make it ready.
    pub success_threshold: u32,
    /// Failures in a row that make it unready.
    pub failure_threshold: u32,
    /// What is tried.
    pub action: ProbeAction,
}
