//! Images into clusters without a registry: clusters that use our engine, and kind, whose nodes are containers of it.

use std::collections::HashMap;

use bollard::container::LogOutput;
use bollard::exec::StartExecResults;
use bollard::models::ExecConfig;
use bollard::query_parameters::ListContainersOptionsBuilder;
use futures::{Stream, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

use super::engine::{Engine, EngineInfo};
use super::engine_error::EngineError;
use crate::logs::LogSink;
use crate::project::ImageReference;

/// The label that kind puts on its nodes.
const KIND_CLUSTER: &str = "io.x-k8s.kind.cluster";
const KIND_ROLE: &str = "io.x-k8s.kind.role";

/// Why images could not be loaded into a kind cluster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The engine has no such cluster.
    #[error(
        "no node of the kind cluster `{cluster}` runs in the container engine at {endpoint}: is that the engine that kind uses?"
    )]
    NoNodes {
        /// The cluster.
        cluster: String,
        /// The engine.
        endpoint: String,
    },
    /// A node did not take the images.
    #[error("the kind node `{node}` does not take the image: {message}")]
    Refused {
        /// The node.
        node: String,
        /// Its words.
        message: String,
    },
    /// The engine's side of it.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Whether a cluster runs the images of this engine as they are, without a push: its nodes (name and container
/// runtime, such as `docker://24.0.7`) are all the engine's own machine. So it is with Docker Desktop, minikube's
/// docker-env, Colima, Rancher Desktop and OrbStack.
pub fn shares_images<'a>(engine: &EngineInfo, nodes: impl IntoIterator<Item = (&'a str, &'a str)>) -> bool {
    let mut nodes = nodes.into_iter().peekable();
    nodes.peek().is_some()
        && nodes.all(|(name, runtime)| runtime.starts_with("docker://") && name.eq_ignore_ascii_case(&engine.host_name))
}

impl Engine {
    /// Copies images into all nodes of a kind cluster, as `kind load docker-image` does.
    pub async fn load_into_kind(
        &self,
        cluster: &str,
        references: &[ImageReference],
        log: &LogSink,
        cancel: &CancellationToken,
    ) -> Result<(), LoadError> {
        let load = async {
            let nodes = self.kind_nodes(cluster).await?;
            if nodes.is_empty() {
                let endpoint = self.endpoint().to_string();
                return Err(LoadError::NoNodes { cluster: cluster.to_owned(), endpoint });
            }
            for node in &nodes {
                self.import(node, references).await?;
                log.info(format!("     loaded into {node}"));
            }
            Ok(())
        };
        cancel.run_until_cancelled(load).await.unwrap_or(Err(EngineError::Cancelled.into()))
    }

    /// The containers that run pods of a kind cluster.
    async fn kind_nodes(&self, cluster: &str) -> Result<Vec<String>, EngineError> {
        let filters = HashMap::from([("label", vec![format!("{KIND_CLUSTER}={cluster}")])]);
        let options = ListContainersOptionsBuilder::default().filters(&filters).build();
        let containers = self.bollard().list_containers(Some(options)).await?;
        let is_node = |labels: &HashMap<String, String>| {
            labels.get(KIND_ROLE).is_none_or(|role| role != "external-load-balancer")
        };
        let mut names: Vec<String> = containers
            .into_iter()
            .filter(|container| container.labels.as_ref().is_some_and(is_node))
            .filter_map(|container| container.names?.first().map(|name| name.trim_start_matches('/').to_owned()))
            .collect();
        names.sort();
        Ok(names)
    }

    /// Streams the images out of the engine and into the node's containerd.
    async fn import(&self, node: &str, references: &[ImageReference]) -> Result<(), LoadError> {
        let command = ["ctr", "--namespace=k8s.io", "images", "import", "--digests", "-"];
        let config = ExecConfig {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.map(str::to_owned).to_vec()),
            ..ExecConfig::default()
        };
        let exec = self.bollard().create_exec(node, config).await.map_err(EngineError::from)?.id;
        let started = self.bollard().start_exec(&exec, None).await.map_err(EngineError::from)?;
        let StartExecResults::Attached { output, mut input } = started else {
            return Err(EngineError::Refused("it runs commands only detached".to_owned()).into());
        };
        let names: Vec<String> = references.iter().map(ToString::to_string).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut archive = self.bollard().export_images(&names).boxed();
        let send = async {
            while let Some(chunk) = archive.next().await {
                let chunk = chunk.map_err(EngineError::from)?;
                if input.write_all(&chunk).await.is_err() {
                    // The command has ended early; its exit code and words tell why.
                    break;
                }
            }
            let _ = input.shutdown().await;
            Ok::<(), EngineError>(())
        };
        let (sent, said) = tokio::join!(send, text_of(output));
        sent?;
        let exit_code = self.bollard().inspect_exec(&exec).await.map_err(EngineError::from)?.exit_code;
        if exit_code == Some(0) {
            return Ok(());
        }
        let message = said.lines().last().unwrap_or("it says nothing").trim().to_owned();
        Err(LoadError::Refused { node: node.to_owned(), message })
    }
}

/// All that a command has written.
async fn text_of(mut output: impl Stream<Item = Result<LogOutput, bollard::errors::Error>> + Unpin) -> String {
    let mut text = String::new();
    while let Some(Ok(piece)) = output.next().await {
        text.push_str(&String::from_utf8_lossy(&piece.into_bytes()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_shares_images_when_it_runs_on_the_engine_itself() {
        let engine = |host_name: &str| EngineInfo {
            version: String::new(),
            api: (1, 43),
            operating_system: String::new(),
            host_name: host_name.to_owned(),
            architecture: String::new(),
            is_podman: false,
            builder: crate::docker::Builder::BuildKit,
            insecure_registries: Vec::new(),
        };
        let check = |host_name: &str, nodes: &[(&str, &str)]| shares_images(&engine(host_name), nodes.iter().copied());
        assert!(check("docker-desktop", &[("docker-desktop", "docker://24.0.7")]));
        assert!(check("minikube", &[("minikube", "docker://20.10.1")]));
        assert!(!check("laptop", &[("minikube", "docker://20.10.1")]), "docker-env is not in use");
        assert!(!check("docker-desktop", &[("docker-desktop", "containerd://1.7")]), "images are stored twice");
        assert!(!check("one", &[("one", "docker://1"), ("two", "docker://1")]), "another machine");
        assert!(!check("one", &[]));
    }
}
