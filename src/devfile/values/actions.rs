//! `probe(…)` and its actions; attributes are named like the parameters (reference §2.8).

use starlark::values::{Heap, Value};

use super::plain_value;
use crate::project::ProbeAction;

/// What `probe` was given; 0 stands for the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UncheckedProbe {
    /// Seconds before the first try.
    pub initial_delay_secs: i32,
    /// Seconds for one try.
    pub timeout_secs: i32,
    /// Seconds between tries.
    pub period_secs: i32,
    /// Successes in a row.
    pub success_threshold: i32,
    /// Failures in a row.
    pub failure_threshold: i32,
    /// What is tried.
    pub action: ProbeAction,
}

plain_value! {
    /// A probe.
    ProbeValue(UncheckedProbe), "Probe", {
        fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
            let probe = &self.0;
            let action = |wanted: &str| {
                if action_name(&probe.action) == wanted {
                    heap.alloc(ActionValue(probe.action.clone()))
                } else {
                    Value::new_none()
                }
            };
            Some(match attribute {
                "initial_delay_secs" => heap.alloc(probe.initial_delay_secs),
                "timeout_secs" => heap.alloc(probe.timeout_secs),
                "period_secs" => heap.alloc(probe.period_secs),
                "success_threshold" => heap.alloc(probe.success_threshold),
                "failure_threshold" => heap.alloc(probe.failure_threshold),
                "exec" | "http_get" | "tcp_socket" => action(attribute),
                _ => return None,
            })
        }
    }
}

plain_value! {
    /// An action of a probe.
    ActionValue(ProbeAction), "ProbeAction", {
        fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
            match (&self.0, attribute) {
                (ProbeAction::Exec { command }, "command") => Some(heap.alloc(command.clone())),
                (ProbeAction::HttpGet { host, .. } | ProbeAction::TcpSocket { host, .. }, "host") => {
                    Some(heap.alloc(host.as_str()))
                }
                (ProbeAction::HttpGet { port, .. } | ProbeAction::TcpSocket { port, .. }, "port") => {
                    Some(heap.alloc(*port))
                }
                (ProbeAction::HttpGet { scheme, .. }, "scheme") => Some(heap.alloc(scheme.as_str())),
                (ProbeAction::HttpGet { path, .. }, "path") => Some(heap.alloc(path.as_str())),
                _ => None,
            }
        }
    }
}

/// The parameter of `probe` that takes an action.
pub(crate) fn action_name(action: &ProbeAction) -> &'static str {
    match action {
        ProbeAction::Exec { .. } => "exec",
        ProbeAction::HttpGet { .. } => "http_get",
        ProbeAction::TcpSocket { .. } => "tcp_socket",
    }
}

impl std::fmt::Display for ProbeValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "probe({} = {})", action_name(&self.0.action), ActionValue(self.0.action.clone()))
    }
}

impl std::fmt::Display for ActionValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            ProbeAction::Exec { command } => write!(f, "exec_action({command:?})"),
            ProbeAction::HttpGet { host, port, scheme, path } => {
                write!(f, "http_get_action({port}, host = {host:?}, scheme = {scheme:?}, path = {path:?})")
            }
            ProbeAction::TcpSocket { host, port } => write!(f, "tcp_socket_action({port}, host = {host:?})"),
        }
    }
}
