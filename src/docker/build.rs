//! A build by BuildKit through the engine's API, from the request to the image id.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bollard::models::{BuildInfo, BuildInfoAux};
use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;

use super::build_error::BuildError;
use super::build_request::{BuildRequest, Builder, BuiltImage};
use super::context::ContextTree;
use super::engine::Engine;
use super::engine_error::chain;
use super::json_lines::JsonLines;
use super::progress::Progress;
use super::prune::BUILT_LABEL;
use super::session::{AgentSource, ContextFiles, SecretSource, Services, Session, parse_secret, parse_ssh, random_id};
use super::ssh_agent::KeyAgent;
use super::wire;
use crate::logs::LogSink;

/// How long the engine may take to stop a cancelled build before the connection is closed anyway.
const CANCEL_DEADLINE: Duration = Duration::from_secs(3);
/// How long the engine may take to open a session; it does nothing for it.
const OPEN_DEADLINE: Duration = Duration::from_secs(30);
/// How often a build is begun again after others that it shares steps with were cancelled.
const MAX_AGAIN: usize = 3;
/// How long the engine may go on after the session broke, to say why.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Engine {
    /// Builds an image. The lines of progress go to `log`; cancelling stops the build in the engine too.
    ///
    /// [`BuildError::EngineLost`] is worth another try once [`Engine::wait_until_back`] returns.
    pub async fn build(
        &self,
        request: &BuildRequest,
        log: &LogSink,
        cancel: &CancellationToken,
    ) -> Result<BuiltImage, BuildError> {
        if request.builder == Builder::Classic {
            return Box::pin(self.build_classic(request, log, cancel)).await;
        }
        let mut again = 0;
        loop {
            match Box::pin(self.build_with_buildkit(request, log, cancel)).await {
                // BuildKit does a step that two builds share once, and when the build that began it is cancelled, the other
                // may be told that it was.
                Err(BuildError::EngineLost(message))
                    if message.contains("context canceled")
                        && again < MAX_AGAIN
                        && !cancel.is_cancelled()
                        && self.health().await.is_ok() =>
                {
                    again += 1;
                    log.info("a step was given up together with a build that was cancelled: built again");
                }
                ended => return ended,
            }
        }
    }

    async fn build_with_buildkit(
        &self,
        request: &BuildRequest,
        log: &LogSink,
        cancel: &CancellationToken,
    ) -> Result<BuiltImage, BuildError> {
        if self.info().is_podman {
            return Err(BuildError::NoBuildKit(format!("it is Podman {}", self.info().version)));
        }
        let cache_from = cache_sources(&request.cache_from)?;
        let secrets = secrets(request).await?;
        let (agents, _key_agents) = agents(request).await?;
        let tree = ContextTree { root: request.context.clone(), filter: request.filter.clone() };
        let files = ContextFiles::new(tree, &request.dockerfile);
        let services = Services { files: files.clone(), secrets, agents };
        let opened = tokio::time::timeout(OPEN_DEADLINE, Session::open(self, services));
        let opened = cancel.run_until_cancelled(opened).await.ok_or(BuildError::Cancelled)?;
        let session = opened
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|error| BuildError::EngineLost(chain(&error)))?;
        let build_id = random_id();
        let of_buildkit = [
            ("version", "2"),
            ("session", &session.id),
            ("buildid", &build_id),
            ("remote", "client-session"),
            ("dockerfile", "Dockerfile"),
        ];
        let path = self.versioned(&format!("/build?{}", query(request, &cache_from, &of_buildkit)));

        let mut progress = Progress::default();
        let build = self.follow_build(path, log, &mut progress);
        let outcome = tokio::select! {
            outcome = build_beside_session(build, session.serve()) => outcome,
            () = self.when_cancelled(cancel, &build_id) => return Err(BuildError::Cancelled),
        };
        match outcome {
            Ok(image) => Ok(image),
            Err(_) if cancel.is_cancelled() => Err(BuildError::Cancelled),
            Err(Ended::Io(error)) => Err(BuildError::EngineLost(chain(&error))),
            Err(Ended::Failed(message)) => Err(self.explain(&message, &files, &progress).await),
        }
    }

    /// Starts the build and reads its progress to the end.
    async fn follow_build(&self, path: String, log: &LogSink, progress: &mut Progress) -> Result<BuiltImage, Ended> {
        let request = http::Request::post(path).body(Empty::<Bytes>::new()).map_err(io::Error::other)?;
        let response = wire::send(self.endpoint(), request).await?;
        let response = success(response).await?;
        let mut messages = JsonLines::<BuildInfo>::new(response.into_body());
        let mut image = None;
        while let Some(message) = messages.next().await? {
            match message.aux {
                Some(BuildInfoAux::BuildKit(status)) => {
                    for (level, line) in progress.lines(&status) {
                        log.write(level, line);
                    }
                }
                Some(BuildInfoAux::Default(id)) => image = id.id,
                None => {}
            }
            if let Some(message) = message.error_detail.and_then(|detail| detail.message) {
                return Err(Ended::Failed(message));
            }
        }
        // A finished build names its image; an engine that is killed just stops talking.
        image.map(|id| BuiltImage { id }).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof).into())
    }

    /// Returns when the build is cancelled and the engine has been told.
    async fn when_cancelled(&self, cancel: &CancellationToken, build_id: &str) {
        cancel.cancelled().await;
        let path = self.versioned(&format!("/build/cancel?id={build_id}"));
        let told = async {
            let request = http::Request::post(path).body(Empty::<Bytes>::new()).map_err(io::Error::other)?;
            wire::send(self.endpoint(), request).await
        };
        match tokio::time::timeout(CANCEL_DEADLINE, told).await {
            Ok(Ok(_)) => {}
            // Closing the connection, which happens next, cancels the build just as well.
            failed => tracing::debug!(?failed, "the engine was not told that a build is cancelled"),
        }
    }

    async fn explain(&self, message: &str, files: &ContextFiles, progress: &Progress) -> BuildError {
        if let Some(error) = files.take_failure() {
            return BuildError::Context(error);
        }
        let error = BuildError::classify(message, progress.failed_step());
        // An engine that is being stopped kills its builds; that is not the build's fault.
        let is_suspicious = BuildError::sounds_like_shutdown(message)
            || matches!(error, BuildError::Step { exit_code: Some(137) | None, .. });
        if is_suspicious && (BuildError::sounds_like_shutdown(message) || self.health().await.is_err()) {
            return BuildError::EngineLost(message.to_owned());
        }
        error
    }
}

/// How a build ended other than well.
pub(super) enum Ended {
    /// The connection broke.
    Io(io::Error),
    /// In the builder's words.
    Failed(String),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Runs both; the build decides when it is over, but does not outlive a broken session for long.
async fn build_beside_session(
    build: impl Future<Output = Result<BuiltImage, Ended>>,
    session: impl Future<Output = ()>,
) -> Result<BuiltImage, Ended> {
    tokio::pin!(build);
    tokio::select! {
        outcome = &mut build => outcome,
        () = session => tokio::time::timeout(LAST_WORDS, build)
            .await
            .unwrap_or_else(|_| Err(io::Error::other("the build session broke").into())),
    }
}

/// The response, or the error that its body tells.
pub(super) async fn success(response: Response<Incoming>) -> Result<Response<Incoming>, Ended> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let body = response.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let message = serde_json::from_slice::<serde_json::Value>(&body)
        .ok()
        .and_then(|value| value.get("message")?.as_str().map(str::to_owned))
        .unwrap_or_else(|| format!("the engine answered {status}"));
    Err(Ended::Failed(message))
}

/// The parameters of the engine's build endpoint: those of one of its builders, and those that both have.
pub(super) fn query(request: &BuildRequest, cache_from: &[String], of_builder: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("rm", "1").extend_pairs(of_builder);
    let (label, value) = BUILT_LABEL;
    query.append_pair("labels", &serde_json::json!({ label: value }).to_string());
    let build_args: HashMap<&str, Option<String>> = request
        .build_args
        .iter()
        .map(|(key, value)| {
            let value = if value.is_empty() { std::env::var(key).ok() } else { Some(value.clone()) };
            (key.as_str(), value)
        })
        .collect();
    if let Ok(json) = serde_json::to_string(&build_args) {
        query.append_pair("buildargs", &json);
    }
    if let Ok(json) = serde_json::to_string(cache_from)
        && !cache_from.is_empty()
    {
        query.append_pair("cachefrom", &json);
    }
    for (key, value) in
        [("target", &request.target), ("networkmode", &request.network), ("platform", &request.platform)]
    {
        if !value.is_empty() {
            query.append_pair(key, value);
        }
    }
    if request.pull {
        query.append_pair("pull", "1");
    }
    for host in &request.extra_hosts {
        // `docker build --add-host` takes both `=` and `:`, the engine only the latter.
        let host = if host.contains(':') { host.clone() } else { host.replacen('=', ":", 1) };
        query.append_pair("extrahosts", &host);
    }
    for tag in &request.extra_tags {
        query.append_pair("t", &tag.to_string());
    }
    query.finish()
}

/// The images of `cache_from`, which may be written as `docker buildx build` takes them.
pub(super) fn cache_sources(texts: &[String]) -> Result<Vec<String>, BuildError> {
    let source = |text: &String| {
        let options = text.split(',').filter_map(|option| option.split_once('='));
        let option = |wanted: &str| options.clone().find(|(name, _)| *name == wanted).map(|(_, value)| value);
        match (option("type"), option("ref")) {
            (None | Some("registry"), Some(reference)) => Ok(reference.to_owned()),
            (None, None) => Ok(text.clone()),
            _ => Err(BuildError::Parameter {
                parameter: "cache_from",
                value: text.clone(),
                message: "the engine takes its cache from images in a registry only: write an image reference"
                    .to_owned(),
            }),
        }
    };
    texts.iter().map(source).collect()
}

async fn secrets(request: &BuildRequest) -> Result<HashMap<String, SecretSource>, BuildError> {
    let mut secrets = HashMap::new();
    for text in &request.secrets {
        let wrong = |message: String| BuildError::Parameter { parameter: "secret", value: text.clone(), message };
        let (id, source) = parse_secret(text).map_err(wrong)?;
        // Asked for later, and perhaps never; but what is missing is better said at once.
        source.read().await.map_err(wrong)?;
        secrets.insert(id, source);
    }
    Ok(secrets)
}

/// The sockets of the ssh agents, and the agents that were started for key files.
async fn agents(request: &BuildRequest) -> Result<(HashMap<String, PathBuf>, Vec<KeyAgent>), BuildError> {
    let mut sockets = HashMap::new();
    let mut started = Vec::new();
    for text in &request.ssh {
        let wrong = |message: String| BuildError::Parameter { parameter: "ssh", value: text.clone(), message };
        let (id, source) = parse_ssh(text);
        let socket = match source {
            AgentSource::Environment => std::env::var_os("SSH_AUTH_SOCK")
                .map(PathBuf::from)
                .ok_or_else(|| wrong("SSH_AUTH_SOCK is not set: start an ssh agent, or name a key file".to_owned()))?,
            AgentSource::Paths(paths) => match paths.as_slice() {
                [path] if is_socket(path).await => path.clone(),
                keys => {
                    let agent = KeyAgent::start(keys).await.map_err(wrong)?;
                    let socket = agent.socket().to_owned();
                    started.push(agent);
                    socket
                }
            },
        };
        sockets.insert(id, socket);
    }
    Ok((sockets, started))
}

async fn is_socket(path: &PathBuf) -> bool {
    use std::os::unix::fs::FileTypeExt;
    tokio::fs::metadata(path).await.is_ok_and(|metadata| metadata.file_type().is_socket())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_are_images() {
        let sources = |text: &str| cache_sources(&[text.to_owned()]);
        assert_eq!(sources("r.io/a:cache").expect("an image"), ["r.io/a:cache"]);
        assert_eq!(sources("type=registry,ref=r.io/a:cache").expect("an image"), ["r.io/a:cache"]);
        for text in ["type=local,src=/tmp", "type=gha", "type=registry"] {
            let error = sources(text).expect_err(text).to_string();
            assert!(error.starts_with(&format!("cache_from `{text}`: the engine takes")), "{error}");
        }
    }
}
