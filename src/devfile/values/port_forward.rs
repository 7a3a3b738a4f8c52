//! `port_forward(…)`.

use super::plain_value;
use crate::project::PortForward;

plain_value! {
    /// A port-forward that has not been checked yet: the ports may be out of range.
    PortForwardValue(UncheckedPortForward), "port_forward"
}

/// What `port_forward` was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UncheckedPortForward {
    /// Local port.
    pub local: i64,
    /// Container port.
    pub container: i64,
    /// Name and path are final.
    pub rest: PortForward,
}

impl std::fmt::Display for PortForwardValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let UncheckedPortForward { local, container, rest } = &self.0;
        write!(f, "port_forward({local}, {container}, name = {:?})", rest.name)
    }
}
