//! What devloop itself asks a registry (the distribution project's HTTP API): which manifest a tag has, and another tag for
//! one. Everything that moves layers is the engine's.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use super::docker_config::{DockerConfig, Login};

/// The kinds of manifest that an image can have.
const MANIFESTS: &str = "application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";
/// The largest answer that is read; registries take no manifest above 4 MiB.
const MAX_ANSWER: usize = 8 << 20;
const DIGEST: &str = "docker-content-digest";

/// A manifest as the registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub media_type: String,
    /// `sha256:…`
    pub digest: String,
    pub bytes: Bytes,
}

/// Why a registry gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum RegistryError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the registry answered {0}")]
    Refused(StatusCode),
}

/// A registry, and how to get in.
#[derive(Debug)]
pub(super) struct RegistryClient {
    host: String,
    is_plain: bool,
    login: OnceCell<Login>,
    tls: OnceCell<Arc<rustls::ClientConfig>>,
    /// The last `Authorization` that was good for a repository.
    authorizations: Mutex<HashMap<String, String>>,
}

impl RegistryClient {
    /// `host` as in references; `is_insecure`: the engine is told to speak plain HTTP with it.
    pub fn new(host: &str, is_insecure: bool) -> Self {
        let host = if host == "docker.io" { "registry-1.docker.io" } else { host };
        Self {
            host: host.to_owned(),
            is_plain: is_insecure || is_on_this_machine(host),
            login: OnceCell::new(),
            tls: OnceCell::new(),
            authorizations: Mutex::default(),
        }
    }

    /// The manifest of a tag or digest; `None` when the repository has none.
    pub async fn manifest(&self, repository: &str, tag: &str) -> Result<Option<Manifest>, RegistryError> {
        let Some(answer) = self.about_manifest(Method::GET, repository, tag, None).await? else { return Ok(None) };
        let media_type = text(answer.headers(), CONTENT_TYPE.as_str());
        let mut digest = text(answer.headers(), DIGEST);
        let bytes = answer.into_body();
        if digest.is_empty() {
            digest = format!("sha256:{:x}", <sha2::Sha256 as sha2::Digest>::digest(&bytes));
        }
        Ok(Some(Manifest { media_type, digest, bytes }))
    }

    /// The digest of the manifest of a tag; `None` when the repository has none.
    pub async fn digest(&self, repository: &str, tag: &str) -> Result<Option<String>, RegistryError> {
        let answer = self.about_manifest(Method::HEAD, repository, tag, None).await?;
        Ok(answer.map(|answer| text(answer.headers(), DIGEST)).filter(|digest| !digest.is_empty()))
    }

    /// Gives a manifest of the repository this tag as well.
    pub async fn tag(&self, repository: &str, manifest: &Manifest, tag: &str) -> Result<(), RegistryError> {
        match self.about_manifest(Method::PUT, repository, tag, Some(manifest)).await? {
            Some(_) => Ok(()),
            None => Err(RegistryError::Refused(StatusCode::NOT_FOUND)),
        }
    }

    async fn about_manifest(
        &self,
        method: Method,
        repository: &str,
        tag: &str,
        manifest: Option<&Manifest>,
    ) -> Result<Option<Response<Bytes>>, RegistryError> {
        let request = |authorization: Option<String>| {
            let mut request = Request::builder()
                .method(method.clone())
                .uri(format!("/v2/{repository}/manifests/{tag}"))
                .header(ACCEPT, MANIFESTS);
            if let Some(manifest) = manifest {
                request = request.header(CONTENT_TYPE, &manifest.media_type);
            }
            if let Some(authorization) = authorization {
                request = request.header(AUTHORIZATION, authorization);
            }
            let body = manifest.map(|manifest| manifest.bytes.clone()).unwrap_or_default();
            request.body(Full::new(body)).map_err(io::Error::other)
        };
        let known = self.authorizations.lock().unwrap_or_else(PoisonError::into_inner).get(repository).cloned();
        let mut answer = self.send(&self.host, self.is_plain, request(known)?).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            let challenge = text(answer.headers(), WWW_AUTHENTICATE.as_str());
            let authorization = self.authorize(&challenge).await?;
            answer = self.send(&self.host, self.is_plain, request(Some(authorization.clone()))?).await?;
            if answer.status().is_success() {
                let mut known = self.authorizations.lock().unwrap_or_else(PoisonError::into_inner);
                known.insert(repository.to_owned(), authorization);
            }
        }
        match answer.status() {
            status if status.is_success() => Ok(Some(answer)),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(RegistryError::Refused(status)),
        }
    }

    /// What to say to a challenge, with the login of docker's configuration.
    async fn authorize(&self, challenge: &str) -> Result<String, RegistryError> {
        let load = || async { DockerConfig::load().await.login(&self.host).await.unwrap_or_default() };
        let login = self.login.get_or_init(load).await;
        let basic = (!login.secret.is_empty() && !login.is_token).then(|| {
            let pair = format!("{}:{}", login.username, login.secret);
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
        });
        let refused = || RegistryError::Refused(StatusCode::UNAUTHORIZED);
        let Some(parameters) = parameters(challenge, "Bearer") else { return basic.ok_or_else(refused) };
        let realm = parameters.get("realm").and_then(|realm| url::Url::parse(realm).ok()).ok_or_else(refused)?;
        let host = realm.host_str().ok_or_else(refused)?;
        let is_plain = realm.scheme() == "http";
        if is_plain && !self.is_plain {
            // A login is not sent in the clear because somebody asks for it.
            return Err(refused());
        }
        let address = format!("{host}:{}", realm.port_or_known_default().unwrap_or(443));
        let request = token_request(&realm, &parameters, login, basic);
        let answer = self.send(&address, is_plain, request.map_err(io::Error::other)?).await?;
        if !answer.status().is_success() {
            return Err(RegistryError::Refused(answer.status()));
        }
        let answer: serde_json::Value = serde_json::from_slice(answer.body()).map_err(io::Error::other)?;
        let token = ["token", "access_token"].iter().find_map(|name| answer.get(name)?.as_str());
        token.map(|token| format!("Bearer {token}")).ok_or_else(refused)
    }

    /// One request over a connection of its own.
    async fn send(
        &self,
        address: &str,
        is_plain: bool,
        mut request: Request<Full<Bytes>>,
    ) -> io::Result<Response<Bytes>> {
        let url = url::Url::parse(&format!("{}://{address}", if is_plain { "http" } else { "https" }))
            .map_err(io::Error::other)?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        request.headers_mut().insert(HOST, http::HeaderValue::from_str(address).map_err(io::Error::other)?);
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        stream.set_nodelay(true)?;
        if is_plain {
            return Box::pin(exchange(stream, request)).await;
        }
        let config = self.tls.get_or_try_init(|| async { tls_config() }).await?;
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
        let stream = Box::pin(connector.connect(name, stream)).await?;
        Box::pin(exchange(stream, request)).await
    }
}

/// The request for a token: with a refresh token by POST, else by GET.
fn token_request(
    realm: &url::Url,
    parameters: &HashMap<String, String>,
    login: &Login,
    basic: Option<String>,
) -> http::Result<Request<Full<Bytes>>> {
    let mut query = url::form_urlencoded::Serializer::new(realm.query().unwrap_or_default().to_owned());
    for name in ["service", "scope"] {
        if let Some(value) = parameters.get(name) {
            query.append_pair(name, value);
        }
    }
    if login.is_token {
        query.extend_pairs([("grant_type", "refresh_token"), ("client_id", "devloop")]);
        query.append_pair("refresh_token", &login.secret);
        return Request::post(realm.path())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(query.finish())));
    }
    let request = Request::get(format!("{}?{}", realm.path(), query.finish()));
    match basic {
        Some(basic) => request.header(AUTHORIZATION, basic),
        None => request,
    }
    .body(Full::default())
}

/// Whether a registry is on this machine, where plain HTTP is what docker takes too.
pub(super) fn is_on_this_machine(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name.ends_with(".localhost") || name.starts_with("127.")
}

fn tls_config() -> io::Result<Arc<rustls::ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(io::Error::other)?;
    Ok(Arc::new(config.with_no_client_auth()))
}

async fn exchange(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> io::Result<Response<Bytes>> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let answer = async {
        let (head, body) = sender.send_request(request).await.map_err(io::Error::other)?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Response::from_parts(head, body))
    };
    tokio::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        // A server may close the connection before its answer has been taken out of the channel.
        _ = connection => answer.await,
    }
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// `realm="…",service="…"` of a challenge of this scheme.
fn parameters(challenge: &str, scheme: &str) -> Option<HashMap<String, String>> {
    let (found, mut rest) = challenge.split_once(' ')?;
    if !found.eq_ignore_ascii_case(scheme) {
        return None;
    }
    let mut parameters = HashMap::new();
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        parameters.insert(name.trim_matches([' ', ',']).to_ascii_lowercase(), value.to_owned());
        rest = after;
    }
    Some(parameters)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[test]
    fn challenges_are_read() {
        let challenge =
            r#"Bearer realm="https://auth.example/token",service="r.example",scope="repository:a/b:pull,push""#;
        let found = parameters(challenge, "Bearer").expect("parameters");
        assert_eq!(found["realm"], "https://auth.example/token");
        assert_eq!(found["service"], "r.example");
        assert_eq!(found["scope"], "repository:a/b:pull,push");
        assert_eq!(parameters("Basic realm=\"x\"", "Bearer"), None);
        assert!(
            is_on_this_machine("localhost:5000") && is_on_this_machine("127.0.0.1") && !is_on_this_machine("r.io:1")
        );
    }

    /// A registry that wants a token, and gives one to whoever asks.
    async fn registry() -> (String, tokio::task::JoinHandle<Vec<String>>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let own = address.clone();
        let serve = async move {
            let mut asked = Vec::new();
            while asked.len() < 5 {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let mut request = Vec::new();
                // What is put here is two bytes.
                let is_whole = |request: &[u8]| {
                    request.ends_with(b"\r\n\r\n") && !request.starts_with(b"PUT") || request.ends_with(b"{}")
                };
                while !is_whole(&request) {
                    assert_ne!(stream.read_buf(&mut request).await.expect("a request"), 0);
                }
                let request = String::from_utf8(request).expect("text");
                let first = request.lines().next().unwrap_or_default().to_owned();
                let answer = if first.contains("/token?") {
                    "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"token\":\"t0k3n\"}".replace("16", "17")
                } else if !request.to_lowercase().contains("authorization: bearer t0k3n") {
                    format!(
                        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\
                         WWW-Authenticate: Bearer realm=\"http://{own}/token\",service=\"s\",scope=\"repository:a:pull\"\r\n\r\n"
                    )
                } else if first.contains("/gone") {
                    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned()
                } else {
                    "HTTP/1.1 200 OK\r\nContent-Type: m\r\nDocker-Content-Digest: sha256:1\r\nContent-Length: 2\r\n\r\n{}"
                        .to_owned()
                };
                stream.write_all(answer.as_bytes()).await.expect("answered");
                asked.push(first);
            }
            asked
        };
        (address, tokio::spawn(serve))
    }

    #[tokio::test]
    async fn a_token_is_fetched_once_and_what_is_not_there_is_no_error() {
        let (address, served) = registry().await;
        let client = RegistryClient::new(&address, false);
        let manifest = client.manifest("a", "t").await.expect("an answer").expect("a manifest");
        assert_eq!((manifest.digest.as_str(), manifest.media_type.as_str()), ("sha256:1", "m"));
        assert_eq!(&manifest.bytes[..], b"{}");
        assert_eq!(client.digest("a", "gone").await.expect("an answer"), None);
        client.tag("a", &manifest, "other").await.expect("tagged");
        let asked = served.await.expect("no panic");
        let expected = [
            "GET /v2/a/manifests/t HTTP/1.1",
            "GET /token?service=s&scope=repository%3Aa%3Apull HTTP/1.1",
            "GET /v2/a/manifests/t HTTP/1.1",
            "HEAD /v2/a/manifests/gone HTTP/1.1",
            "PUT /v2/a/manifests/other HTTP/1.1",
        ];
        assert_eq!(asked, expected);
    }
}
