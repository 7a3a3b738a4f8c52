//! Which registry images go through on their way to the cluster (reference §3.5).

use serde::Deserialize;
use serde_json::Value;

use super::connect::{ApiRequest, Cluster, Patience};
use super::failure::Failure;
use super::nodes::Node;
use super::product::Product;
use crate::project::Registry;

/// Where a choice of registry comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrySource {
    /// The ConfigMap `local-registry-hosting` (KEP-1755).
    LocalRegistryHosting,
    /// The registry service of MicroK8s.
    MicroK8s,
    /// Annotations of the first node.
    NodeAnnotation,
    /// `default_registry` of the Devfile.
    DefaultRegistry,
    /// There is none: images are not pushed.
    NoRegistry,
}

impl std::fmt::Display for RegistrySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::LocalRegistryHosting => "the cluster's `local-registry-hosting` ConfigMap",
            Self::MicroK8s => "the registry service of MicroK8s",
            Self::NodeAnnotation => "the annotations of the first node",
            Self::DefaultRegistry => "`default_registry` in the Devfile",
            Self::NoRegistry => "no registry",
        })
    }
}

/// The registry that images go through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryChoice {
    /// The registry; its `host_from_cluster` is empty when the cluster uses the same name.
    pub registry: Option<Registry>,
    /// Where it comes from.
    pub source: RegistrySource,
    /// To be shown as a warning: how the cluster could be given a registry.
    pub warning: Option<String>,
}

impl RegistryChoice {
    /// Where devloop pushes.
    pub fn push_host(&self) -> Option<&str> {
        self.registry.as_ref().map(|registry| registry.host.as_str())
    }

    /// Where the cluster's machines pull.
    pub fn pull_host(&self) -> Option<&str> {
        let registry = self.registry.as_ref()?;
        let from_cluster = registry.host_from_cluster.as_str();
        Some(if from_cluster.is_empty() { &registry.host } else { from_cluster })
    }

    fn found(host: &str, host_from_cluster: &str, source: RegistrySource) -> Self {
        let registry = Registry {
            host: host.to_owned(),
            host_from_cluster: host_from_cluster.to_owned(),
            single_name: String::new(),
        };
        Self { registry: Some(registry), source, warning: None }
    }
}

/// What tools publish in `local-registry-hosting` (KEP-1755).
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LocalRegistryHosting {
    host: String,
    host_from_container_runtime: String,
    help: String,
}

/// Finds the registry: the first of what the cluster advertises and the Devfile's `default_registry`. `nodes` may be
/// empty when the user may not see them. To be asked once per session.
pub async fn discover_registry(
    cluster: &Cluster,
    nodes: &[Node],
    default_registry: Option<&Registry>,
    patience: &Patience,
) -> Result<RegistryChoice, Failure> {
    let hosting = local_registry_hosting(cluster, patience).await?;
    if !hosting.host.is_empty() {
        let source = RegistrySource::LocalRegistryHosting;
        return Ok(RegistryChoice::found(&hosting.host, &hosting.host_from_container_runtime, source));
    }
    if cluster.context().product == Product::MicroK8s
        && !nodes.iter().any(Node::uses_docker)
        && let Some(port) = microk8s_port(cluster, patience).await?
    {
        return Ok(RegistryChoice::found(&format!("localhost:{port}"), "", RegistrySource::MicroK8s));
    }
    if let Some((host, from_cluster)) = nodes.first().and_then(annotated) {
        return Ok(RegistryChoice::found(host, from_cluster, RegistrySource::NodeAnnotation));
    }
    if let Some(registry) = default_registry {
        let source = RegistrySource::DefaultRegistry;
        return Ok(RegistryChoice { registry: Some(registry.clone()), source, warning: None });
    }
    let warning = missing_registry(cluster.context().product, &hosting.help);
    Ok(RegistryChoice { registry: None, source: RegistrySource::NoRegistry, warning })
}

async fn local_registry_hosting(cluster: &Cluster, patience: &Patience) -> Result<LocalRegistryHosting, Failure> {
    let path = "/api/v1/namespaces/kube-public/configmaps/local-registry-hosting";
    match cluster.send(&ApiRequest::get(path), patience).await {
        Ok(config_map) => Ok(read_hosting(&config_map)),
        Err(Failure::Refused(status)) if matches!(status.code, 403 | 404) => Ok(LocalRegistryHosting::default()),
        Err(failure) => Err(failure),
    }
}

/// Anything that is not understood counts as not there.
fn read_hosting(config_map: &Value) -> LocalRegistryHosting {
    let text = config_map["data"]["localRegistryHosting.v1"].as_str().unwrap_or_default();
    serde_yaml::from_str(text).unwrap_or_default()
}

async fn microk8s_port(cluster: &Cluster, patience: &Patience) -> Result<Option<u64>, Failure> {
    let path = "/api/v1/namespaces/container-registry/services/registry";
    match cluster.send(&ApiRequest::get(path), patience).await {
        Ok(service) => Ok(service["spec"]["ports"][0]["nodePort"].as_u64()),
        Err(Failure::Refused(status)) if matches!(status.code, 403 | 404) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn annotated(node: &Node) -> Option<(&str, &str)> {
    let annotation = |key: &str| node.annotations.get(key).map(String::as_str).filter(|value| !value.is_empty());
    if let Some(host) = annotation("tilt.dev/registry") {
        return Some((host, annotation("tilt.dev/registry-from-cluster").unwrap_or_default()));
    }
    annotation("kind.x-k8s.io/registry").map(|host| (host, ""))
}

fn missing_registry(product: Product, help: &str) -> Option<String> {
    if !help.is_empty() {
        return Some(format!("the cluster has no local registry; its own advice: {help}"));
    }
    match product {
        Product::Kind => Some(
            "this kind cluster has no local registry, so images are loaded with `kind load`, which is slower; see \
             https://kind.sigs.k8s.io/docs/user/local-registry/"
                .to_owned(),
        ),
        Product::MicroK8s => Some("MicroK8s has no registry; enable it with `microk8s enable registry`".to_owned()),
        Product::Minikube
        | Product::DockerDesktop
        | Product::K3d
        | Product::Crc
        | Product::Krucible
        | Product::RancherDesktop
        | Product::Colima
        | Product::OrbStack
        | Product::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_advertised_registry_is_read() {
        let text = "host: \"localhost:5000\"\nhostFromContainerRuntime: \"registry:5000\"\nhelp: \"x\"\n";
        let hosting = read_hosting(&json!({"data": {"localRegistryHosting.v1": text}}));
        let choice = RegistryChoice::found(
            &hosting.host,
            &hosting.host_from_container_runtime,
            RegistrySource::LocalRegistryHosting,
        );
        assert_eq!((choice.push_host(), choice.pull_host()), (Some("localhost:5000"), Some("registry:5000")));
        assert_eq!(read_hosting(&json!({"data": {"localRegistryHosting.v1": ": ["}})), LocalRegistryHosting::default());
    }

    #[test]
    fn annotations_of_a_node_are_read() {
        let node = |annotations: &[(&str, &str)]| Node {
            name: "n".into(),
            operating_system: "linux".into(),
            architecture: "amd64".into(),
            container_runtime: "containerd://1".into(),
            annotations: annotations.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        };
        let both = node(&[("tilt.dev/registry", "a:1"), ("tilt.dev/registry-from-cluster", "b:1")]);
        assert_eq!(annotated(&both), Some(("a:1", "b:1")));
        assert_eq!(annotated(&node(&[("kind.x-k8s.io/registry", "c:1")])), Some(("c:1", "")));
        assert_eq!(annotated(&node(&[])), None);
    }

    #[test]
    fn a_cluster_without_registry_says_what_to_do() {
        assert!(missing_registry(Product::Kind, "").unwrap().contains("kind load"));
        assert!(missing_registry(Product::Other, "https://help").unwrap().contains("https://help"));
        assert_eq!(missing_registry(Product::DockerDesktop, ""), None);
    }
}
