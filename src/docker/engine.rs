//! The connection to a container engine: found, checked, and healing by itself.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Empty;
use tokio_util::sync::CancellationToken;

use super::build_request::Builder;
use super::connect_error::ConnectError;
use super::endpoint::{Candidate, Endpoint, ParseEndpointError, Surroundings};
use super::engine_error::{EngineError, chain};
use super::wire;
use crate::project::ImageReference;

/// For the first contact; a sleeping Docker Desktop takes a while.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// For asking an engine that has answered before.
const HEALTH_DEADLINE: Duration = Duration::from_secs(3);
/// BuildKit with sessions came with Docker 18.09.
const OLDEST_API: ApiVersion = (1, 39);
/// That of Docker 23, which builds with BuildKit unless it is told otherwise.
const BUILDKIT_BY_DEFAULT: ApiVersion = (1, 42);

/// Major and minor version of the engine's API.
pub type ApiVersion = (usize, usize);

/// What the engine says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// Its version: `20.10.24`.
    pub version: String,
    /// The API version that is spoken with it.
    pub api: ApiVersion,
    /// The system that it runs on: `Docker Desktop`, `Debian GNU/Linux 12 (bookworm)` …
    pub operating_system: String,
    /// The name of its machine: `minikube`, `docker-desktop` …
    pub host_name: String,
    /// `x86_64`, `aarch64` …
    pub architecture: String,
    /// Whether it is Podman behind Docker's API.
    pub is_podman: bool,
    /// Which of its builders is to be used.
    pub builder: Builder,
    /// The registries (`HOST[:PORT]`) that it is told to speak plain HTTP with.
    pub insecure_registries: Vec<String>,
}

/// A container engine. Cheap to clone; no connection is kept, so a restarted engine is simply there again.
#[derive(Clone, Debug)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    endpoint: Endpoint,
    info: EngineInfo,
    bollard: bollard::Docker,
    /// One lock per reference that is being pushed.
    pushes: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// The digests of base images that only a registry has, and when it said so.
    bases: Mutex<HashMap<ImageReference, (Instant, String)>>,
}

impl Engine {
    /// Finds the engine as docker's own client does, then at well-known places.
    pub async fn connect() -> Result<Self, ConnectError> {
        let candidates = tokio::task::spawn_blocking(|| Surroundings::of_process().candidates())
            .await
            .map_err(|_| ParseEndpointError { address: "of docker's configuration".to_owned() })??;
        let mut first_error = None;
        for candidate in &candidates {
            match Self::at(candidate.endpoint.clone()).await {
                Ok(engine) => return Ok(engine),
                Err(failure) => {
                    tracing::debug!(endpoint = %candidate.endpoint, ?failure, "no engine here");
                    // A place where nothing is says less than one where something is wrong.
                    let is_absent = matches!(&failure, Failure::Io(error) if error.kind() == io::ErrorKind::NotFound);
                    if !is_absent || candidate.named_by.is_some() {
                        first_error.get_or_insert((candidate, failure));
                    }
                }
            }
        }
        Err(match first_error {
            Some((candidate, failure)) => failure.explain(candidate),
            None => nothing_found(&candidates).await,
        })
    }

    /// Connects to the engine at `endpoint` and nowhere else.
    pub async fn connect_at(endpoint: Endpoint) -> Result<Self, ConnectError> {
        let candidate = Candidate { endpoint: endpoint.clone(), named_by: None };
        Self::at(endpoint).await.map_err(|failure| failure.explain(&candidate))
    }

    async fn at(endpoint: Endpoint) -> Result<Self, Failure> {
        let ping = tokio::time::timeout(CONNECT_DEADLINE, ping(&endpoint)).await.map_err(|_| Failure::Silent)??;
        if ping.api < OLDEST_API {
            return Err(Failure::TooOld(ping.api));
        }
        let newest = bollard::API_DEFAULT_VERSION;
        let api = ping.api.min((newest.major_version, newest.minor_version));
        let bollard = bollard::Docker::connect_with_custom_transport(
            wire::transport(endpoint.clone()),
            Some("http://docker"),
            60,
            &bollard::ClientVersion { major_version: api.0, minor_version: api.1 },
        )
        .map_err(|error| Failure::NoEngine(chain(&error)))?;
        let info = tokio::time::timeout(CONNECT_DEADLINE, bollard.info())
            .await
            .map_err(|_| Failure::Silent)?
            .map_err(|error| Failure::NoEngine(chain(&error)))?;
        let registries = info.registry_config.and_then(|config| config.index_configs).unwrap_or_default();
        let insecure = registries.into_iter().filter(|(_, registry)| registry.secure == Some(false));
        let wish = std::env::var("DOCKER_BUILDKIT").unwrap_or_default();
        let info = EngineInfo {
            version: info.server_version.unwrap_or_default(),
            api,
            operating_system: info.operating_system.unwrap_or_default(),
            host_name: info.name.unwrap_or_default(),
            architecture: info.architecture.unwrap_or_default(),
            is_podman: ping.is_podman,
            builder: builder(&wish, ping.api, ping.prefers_classic),
            insecure_registries: insecure.map(|(name, _)| name).collect(),
        };
        Ok(Self {
            inner: Arc::new(Inner { endpoint, info, bollard, pushes: Mutex::default(), bases: Mutex::default() }),
        })
    }

    /// Where it is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.inner.endpoint
    }

    /// What it said of itself when it was connected to.
    pub fn info(&self) -> &EngineInfo {
        &self.inner.info
    }

    /// Asks whether it is there; answers within seconds in any case.
    pub async fn health(&self) -> Result<(), EngineError> {
        match tokio::time::timeout(HEALTH_DEADLINE, ping(self.endpoint())).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(failure)) => Err(EngineError::Lost(failure.reason())),
            Err(_) => Err(EngineError::Lost(format!("no answer within {} s", HEALTH_DEADLINE.as_secs()))),
        }
    }

    /// Waits until it answers again; `false` when cancelled.
    pub async fn wait_until_back(&self, cancel: &CancellationToken) -> bool {
        let mut pause = Duration::from_millis(250);
        loop {
            let tried = cancel.run_until_cancelled(self.health()).await;
            match tried {
                None => return false,
                Some(Ok(())) => return true,
                Some(Err(_)) => {}
            }
            if cancel.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return false;
            }
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    pub(super) fn bollard(&self) -> &bollard::Docker {
        &self.inner.bollard
    }

    /// `/v1.41` and the path, for requests that bollard has no words for.
    pub(super) fn versioned(&self, path: &str) -> String {
        let (major, minor) = self.inner.info.api;
        format!("/v{major}.{minor}{path}")
    }

    /// The digest that a registry had for a base image at most this long ago.
    pub(super) fn known_base(&self, reference: &ImageReference, at_most: Duration) -> Option<String> {
        let bases = self.inner.bases.lock().unwrap_or_else(PoisonError::into_inner);
        bases.get(reference).filter(|(asked, _)| asked.elapsed() < at_most).map(|(_, digest)| digest.clone())
    }

    /// Remembers what a registry has said just now.
    pub(super) fn set_known_base(&self, reference: &ImageReference, digest: &str) {
        let mut bases = self.inner.bases.lock().unwrap_or_else(PoisonError::into_inner);
        bases.insert(reference.clone(), (Instant::now(), digest.to_owned()));
    }

    /// The lock that keeps a reference from being pushed twice at a time.
    pub(super) fn push_lock(&self, reference: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut pushes = self.inner.pushes.lock().unwrap_or_else(PoisonError::into_inner);
        pushes.retain(|_, lock| Arc::strong_count(lock) > 1);
        pushes.entry(reference.to_owned()).or_default().clone()
    }
}

/// Why an address did not lead to a usable engine.
#[derive(Debug)]
enum Failure {
    Io(io::Error),
    Silent,
    TooOld(ApiVersion),
    NoEngine(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Failure {
    fn reason(&self) -> String {
        match self {
            Self::Io(error) => chain(error),
            Self::Silent => "no answer".to_owned(),
            Self::TooOld((major, minor)) => format!("API {major}.{minor} is too old"),
            Self::NoEngine(reason) => reason.clone(),
        }
    }

    fn explain(self, candidate: &Candidate) -> ConnectError {
        let endpoint = candidate.endpoint.to_string();
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                ConnectError::PermissionDenied { endpoint }
            }
            Self::Io(error) => ConnectError::NotRunning {
                endpoint,
                named_by: candidate.named_by.as_ref().map_or_else(String::new, |name| format!(" (from {name})")),
                reason: chain(&error),
                advice: START_ADVICE,
            },
            Self::Silent => ConnectError::Silent { endpoint, seconds: CONNECT_DEADLINE.as_secs() },
            Self::TooOld((major, minor)) => ConnectError::TooOld { endpoint, api: format!("{major}.{minor}") },
            Self::NoEngine(reason) => ConnectError::NoEngine { endpoint, reason },
        }
    }
}

const START_ADVICE: &str = if cfg!(target_os = "macos") {
    "start Docker Desktop (or `colima start`)"
} else {
    "start it with `sudo systemctl start docker`, or Docker Desktop"
};

/// Tells an engine that is not started from one that is not there.
async fn nothing_found(candidates: &[Candidate]) -> ConnectError {
    let has_tools = tokio::task::spawn_blocking(|| {
        ["dockerd", "docker", "podman", "colima"].iter().any(|program| which::which(program).is_ok())
    })
    .await
    .unwrap_or(false);
    let first = candidates.first().map_or_else(String::new, |candidate| candidate.endpoint.to_string());
    if has_tools {
        return ConnectError::NotRunning {
            endpoint: first,
            named_by: String::new(),
            reason: "the socket does not exist".to_owned(),
            advice: START_ADVICE,
        };
    }
    let tried: Vec<String> = candidates.iter().map(|candidate| candidate.endpoint.to_string()).collect();
    ConnectError::NotInstalled { tried: tried.join(", ") }
}

/// The answer to a ping.
struct Ping {
    api: ApiVersion,
    is_podman: bool,
    /// Whether it names the classic builder as the one to use.
    prefers_classic: bool,
}

/// As docker's client chooses: `DOCKER_BUILDKIT` has the last word. Engines before 23 name the classic builder unless they
/// are told otherwise, but have BuildKit all the same; later ones name it when BuildKit is switched off.
fn builder(wish: &str, api: ApiVersion, prefers_classic: bool) -> Builder {
    match wish {
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Builder::Classic,
        "" if prefers_classic && api >= BUILDKIT_BY_DEFAULT => Builder::Classic,
        _ => Builder::BuildKit,
    }
}

async fn ping(endpoint: &Endpoint) -> Result<Ping, Failure> {
    let request = http::Request::get("/_ping").body(Empty::<Bytes>::new()).map_err(io::Error::other)?;
    let response = wire::send(endpoint, request).await?;
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    if !response.status().is_success() {
        return Err(Failure::NoEngine(format!("it answered {}", response.status())));
    }
    let api = header("api-version")
        .and_then(|version| version.split_once('.'))
        .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)))
        .ok_or_else(|| Failure::NoEngine("it does not say which API it speaks".to_owned()))?;
    let prefers_classic = header("builder-version") == Some("1");
    Ok(Ping { api, is_podman: header("libpod-api-version").is_some(), prefers_classic })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_say_what_to_do() {
        let check = |failure: Failure, named_by: Option<&str>, expected: &[&str]| {
            let endpoint = Endpoint::Unix("/var/run/docker.sock".into());
            let text = failure.explain(&Candidate { endpoint, named_by: named_by.map(str::to_owned) }).to_string();
            for part in expected {
                assert!(text.contains(part), "{text}");
            }
        };
        let io = |kind: io::ErrorKind| Failure::Io(io::Error::from(kind));
        check(
            io(io::ErrorKind::PermissionDenied),
            None,
            &["no permission", "unix:///var/run/docker.sock", "usermod -aG docker"],
        );
        check(
            io(io::ErrorKind::ConnectionRefused),
            Some("DOCKER_HOST"),
            &["(from DOCKER_HOST) is not running", "start"],
        );
        check(Failure::TooOld((1, 38)), None, &["too old (API 1.38", "upgrade"]);
        check(Failure::NoEngine("it answered 404".to_owned()), None, &["no container engine", "404"]);
        check(Failure::Silent, None, &["did not answer within 10 s"]);
    }

    #[test]
    fn the_builder_is_the_one_that_the_user_or_the_engine_wants() {
        for (wish, api, prefers_classic, expected) in [
            ("", (1, 41), true, Builder::BuildKit),
            ("", (1, 42), true, Builder::Classic),
            ("", (1, 42), false, Builder::BuildKit),
            ("0", (1, 41), false, Builder::Classic),
            ("false", (1, 50), false, Builder::Classic),
            ("1", (1, 42), true, Builder::BuildKit),
        ] {
            assert_eq!(builder(wish, api, prefers_classic), expected, "{wish:?} {api:?} {prefers_classic}");
        }
    }

    #[tokio::test]
    async fn nothing_at_an_address_is_an_engine_that_does_not_run() {
        let error =
            Engine::connect_at(Endpoint::Unix("/devloop/no/such.sock".into())).await.expect_err("nothing there");
        assert!(matches!(error, ConnectError::NotRunning { .. }), "{error:?}");
    }
}
