//! What a configuration run knows of the cluster.

use std::path::PathBuf;

/// What a configuration run knows of the cluster: plain data, filled in by the cluster edge.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct KubeInfo {
    /// The active context; `None` without a kubeconfig.
    pub context: Option<String>,
    /// Where objects without a namespace go; empty counts as `default`.
    pub namespace: String,
    /// The cluster name of the context.
    pub cluster_name: String,
    /// Whether the cluster is a local product (reference §2.5), which is always allowed.
    pub is_local_product: bool,
    /// The frozen copy of the kubeconfig, for `KUBECONFIG` of local commands.
    pub kubeconfig_path: Option<PathBuf>,
}
