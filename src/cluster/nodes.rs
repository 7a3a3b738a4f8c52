//! What devloop needs to know of the machines of a cluster: what runs on them, and who runs it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::connect::{ApiRequest, Cluster, Patience};
use super::failure::Failure;

/// A machine of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// For example `linux`.
    pub operating_system: String,
    /// For example `amd64`.
    pub architecture: String,
    /// For example `containerd://1.7.2`.
    pub container_runtime: String,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

impl Node {
    /// Whether its containers are run by a Docker engine, whose images it can use without a pull.
    pub fn uses_docker(&self) -> bool {
        self.container_runtime.starts_with("docker://")
    }
}

impl Cluster {
    /// The machines of the cluster, as far as the user may see them: an empty list when not.
    pub async fn nodes(&self, patience: &Patience) -> Result<Vec<Node>, Failure> {
        match self.send(&ApiRequest::get("/api/v1/nodes"), patience).await {
            Ok(list) => Ok(list["items"].as_array().into_iter().flatten().map(read_node).collect()),
            Err(Failure::Refused(status)) if matches!(status.code, 403 | 404) => Ok(Vec::new()),
            Err(failure) => Err(failure),
        }
    }
}

/// The platform to build images for (`linux/arm64`): the one that most machines have. `None` without machines.
pub fn platform(nodes: &[Node]) -> Option<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for node in nodes {
        *counts.entry(format!("{}/{}", node.operating_system, node.architecture)).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(platform, _)| platform)
}

/// Whether one of the machines runs images of a platform (`linux/arm64`, `linux/arm/v7`); without machines it is not known.
pub fn runs_platform(nodes: &[Node], platform: &str) -> bool {
    let mut parts = platform.split('/');
    let wanted = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let is_such = |node: &Node| (node.operating_system.as_str(), node.architecture.as_str()) == wanted;
    nodes.is_empty() || wanted.1.is_empty() || nodes.iter().any(is_such)
}

fn read_node(node: &Value) -> Node {
    let info = &node["status"]["nodeInfo"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let annotations = node["metadata"]["annotations"].as_object();
    Node {
        name: text(&node["metadata"]["name"]),
        operating_system: text(&info["operatingSystem"]),
        architecture: text(&info["architecture"]),
        container_runtime: text(&info["containerRuntimeVersion"]),
        annotations: annotations.into_iter().flatten().map(|(key, value)| (key.clone(), text(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platform_is_the_one_that_most_machines_have() {
        let node = |architecture: &str| Node {
            name: "n".into(),
            operating_system: "linux".into(),
            architecture: architecture.into(),
            container_runtime: "docker://20.10".into(),
            annotations: BTreeMap::new(),
        };
        assert_eq!(platform(&[node("arm64"), node("amd64"), node("arm64")]).as_deref(), Some("linux/arm64"));
        assert_eq!(platform(&[]), None);
        assert!(node("arm64").uses_docker());
        let nodes = [node("arm64"), node("amd64")];
        assert!(runs_platform(&nodes, "linux/amd64") && runs_platform(&nodes, "linux/arm64/v8"));
        assert!(!runs_platform(&nodes, "linux/s390x") && !runs_platform(&nodes, "windows/amd64"));
        assert!(runs_platform(&[], "linux/s390x") && runs_platform(&nodes, "local"));
    }
}
