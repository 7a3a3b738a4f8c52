//! The cluster edge, the sole user of kube: the connection, what it serves, apply, delete, and what was created; pods,
//! their logs, ports and files.
//!
//! Knows nothing of the engine: plain functions in devloop's own words.

mod apply;
mod checkup;
mod connect;
mod delete;
mod discovery;
mod down;
mod events;
mod evidence;
mod exec;
mod failure;
mod forward_stream;
mod interactive;
mod inventory;
mod kubeconfig;
mod list_watch;
mod live;
mod nodes;
mod own_namespace;
mod owners;
mod ownership;
mod pod_convert;
mod pod_logs;
mod port_forward;
mod proc_net;
mod product;
mod registry;
mod restart;
mod sync;
mod watch_pods;

pub use apply::{Applied, ApplyError, ApplyMode, ApplyOptions, ObjectError, ObjectFailure, PreparedObject, apply};
pub use checkup::Permission;
pub use connect::{Cluster, Patience};
pub use delete::{DeleteOptions, KeepReason, Namespaces, Volumes, delete_resource};
pub use discovery::{Discovery, DiscoveryError, ServedKind, Unserved};
pub use down::{DownOptions, DownReport, down};
pub use events::{ClusterEvent, watch_events};
pub use evidence::pod_evidence;
pub use exec::{ContainerRef, ExecError, ExecOutput, exec};
pub use failure::{Failure, InvalidField, OwnedField, Refusal};
pub use interactive::{Size, Streams, exec_interactive};
pub use inventory::{Entry, Inventory};
pub use kubeconfig::{ContextInfo, ContextOverrides, FrozenKubeconfig, KubeconfigError};
pub use nodes::{Node, platform, runs_platform};
pub use own_namespace::own_namespace;
pub use ownership::Ownership;
pub use pod_logs::{FollowedPod, PodLogs};
pub use port_forward::{ForwardStatus, ForwardTarget, forward};
pub use product::{CredentialLocation, Product};
pub use registry::{RegistryChoice, RegistrySource, discover_registry};
pub use restart::restart;
pub use sync::{
    Archive, Connect, Connection, Ending, ReceiverKind, SyncBatch, SyncError, SyncReport, SyncRun, WarmChannels,
};
pub use watch_pods::{PodEvent, watch_namespace};

#[cfg(test)]
mod tests {
    use super::*;

    /// Effects run as tasks of their own: what they await has to be `Send`. This only has to compile.
    #[expect(dead_code, reason = "a check by the compiler")]
    fn what_effects_await_can_move_between_threads(inventory: &Inventory, cluster: &Cluster) {
        fn check<T: Send>(_: T) {}
        let (project, resource) = (inventory.project(), crate::project::ResourceName::new("web"));
        let patience = Patience::new(std::time::Duration::ZERO, &tokio_util::sync::CancellationToken::new(), None);
        check(|options: &ApplyOptions| check(apply(inventory, &[], options)));
        check(|options: &ApplyOptions| check(restart(inventory, &[], options)));
        check(|options: &DeleteOptions| check(delete_resource(inventory, &resource, options)));
        check(|options: &DownOptions| check(down(cluster, project, options)));
        check(discover_registry(cluster, &[], None, &patience));
        check(Inventory::open(cluster, project, &patience));
        check(cluster.nodes(&patience));
        check(cluster.health());
        check(Cluster::connect(cluster.context()));
    }
}
