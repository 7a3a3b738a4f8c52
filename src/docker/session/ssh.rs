//! Ssh agents for `RUN --mount=type=ssh`: bytes between the build and an agent's socket.

use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::Pin;

use bollard::moby::sshforward::v1::ssh_server::Ssh;
use bollard::moby::sshforward::v1::{BytesMessage, CheckAgentRequest, CheckAgentResponse};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::UnixStream;
use tonic::{Request, Response, Status, Streaming};

/// How buildkit names the agent of a request: in this header, `default` without it.
const ID_HEADER: &str = "buildkit.ssh.id";

/// What `docker build --ssh` names: an agent's socket or private keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::docker) enum AgentSource {
    /// The agent of `SSH_AUTH_SOCK`.
    Environment,
    /// A socket, or files with private keys.
    Paths(Vec<PathBuf>),
}

/// Parses `default` or `ID[=SOCKET|KEY[,KEY]]`.
pub(in crate::docker) fn parse_ssh(text: &str) -> (String, AgentSource) {
    match text.split_once('=') {
        Some((id, paths)) => (id.to_owned(), AgentSource::Paths(paths.split(',').map(PathBuf::from).collect())),
        None => (text.to_owned(), AgentSource::Environment),
    }
}

pub(super) struct Agents {
    sockets: HashMap<String, PathBuf>,
}

impl Agents {
    pub fn new(sockets: HashMap<String, PathBuf>) -> Self {
        Self { sockets }
    }

    fn socket(&self, id: &str) -> Result<&PathBuf, Status> {
        let id = if id.is_empty() { "default" } else { id };
        self.sockets.get(id).ok_or_else(|| Status::not_found(format!("ssh agent {id} is not given")))
    }
}

#[tonic::async_trait]
impl Ssh for Agents {
    async fn check_agent(&self, request: Request<CheckAgentRequest>) -> Result<Response<CheckAgentResponse>, Status> {
        self.socket(&request.into_inner().id)?;
        Ok(Response::new(CheckAgentResponse {}))
    }

    type ForwardAgentStream = BoxStream<'static, Result<BytesMessage, Status>>;

    async fn forward_agent(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::ForwardAgentStream>, Status> {
        let id = request.metadata().get(ID_HEADER).and_then(|value| value.to_str().ok()).unwrap_or("default");
        let (mut from_agent, mut to_agent) = UnixStream::connect(self.socket(id)?).await?.into_split();
        let mut incoming = request.into_inner();
        // Both directions are polled by the answer, so they end with it.
        // Both directions are polled by the answer, so they end with it.
        let requests = stream::once(async move {
            while let Some(Ok(message)) = incoming.next().await {
                if to_agent.write_all(&message.data).await.is_err() {
                    break;
                }
            }
            let _ = to_agent.shutdown().await;
        })
        .filter_map(|()| async { None });
        let answers = stream::poll_fn({
            let mut buffer = vec![0; 16 * 1024];
            move |cx| {
                let mut read = ReadBuf::new(&mut buffer);
                let polled = AsyncRead::poll_read(Pin::new(&mut from_agent), cx, &mut read);
                polled.map(|result| match result {
                    Ok(()) if read.filled().is_empty() => None,
                    Ok(()) => Some(Ok(BytesMessage { data: read.filled().to_vec() })),
                    Err(error) => Some(Err(Status::from(error))),
                })
            }
        });
        Ok(Response::new(Box::pin(stream::select(answers, requests))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_parsed_as_docker_does() {
        assert_eq!(parse_ssh("default"), ("default".to_owned(), AgentSource::Environment));
        assert_eq!(parse_ssh("k=/a,/b"), ("k".to_owned(), AgentSource::Paths(vec!["/a".into(), "/b".into()])));
    }
}
