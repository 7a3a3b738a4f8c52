//! The connection to one cluster, and the one way that requests of ours take.
//!
//! Every request has a limit. What may pass by itself (a restarting API server, an overloaded one) is tried again with
//! growing pauses as long as the caller's [`Patience`] lasts, and said once.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{ClientBuilder, ConfigExt as _};
use kube::config::KubeConfigOptions;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::{BoxError, ServiceExt as _};

use super::discovery::Discovery;
use super::failure::Failure;
use super::kubeconfig::ContextInfo;
use crate::logs::LogSink;

/// For a TCP connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// What each try gets at least, be it the last.
const SHORTEST_TRY: Duration = Duration::from_secs(2);
/// For the answer to one request; the API server's own limit is 60 s, admission webhooks may take 30.
const ANSWER_LIMIT: Duration = Duration::from_secs(35);
/// Reference §4.
const HEALTH_LIMIT: Duration = Duration::from_secs(5);
/// Idle connections are probed, so that a sleeping laptop or a vanished network shows.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// What many applies at once needed is closed when nothing has needed it for so long: connections that stay are those of
/// watches and streams, however many resources there are.
const IDLE_LIMIT: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A connection to one cluster. Cheap to clone; all clones share connections, discovery and what was said.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    client: kube::Client,
    context: ContextInfo,
    discovery: Discovery,
    /// Warnings of the API server that have been logged.
    warned: Mutex<HashSet<String>>,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("context", &self.inner.context.context).finish_non_exhaustive()
    }
}

impl Cluster {
    /// Prepares the connection: reads certificates and runs a login command where the context has one. Sends nothing.
    pub async fn connect(context: &ContextInfo) -> Result<Self, Failure> {
        let context = context.clone();
        let server = context.server.clone();
        // Certificates are read from files and login commands are waited for.
        let handle = tokio::runtime::Handle::current();
        let prepared = tokio::task::spawn_blocking(move || handle.block_on(prepare(context))).await;
        match prepared {
            Ok(result) => result,
            Err(error) => Err(Failure::Credentials { server, reason: error.to_string() }),
        }
    }

    /// The kube client, for watches and streams.
    pub fn client(&self) -> &kube::Client {
        &self.inner.client
    }

    /// The context that this is a connection to.
    pub fn context(&self) -> &ContextInfo {
        &self.inner.context
    }

    /// Where objects go that do not say.
    pub fn namespace(&self) -> &str {
        &self.inner.context.namespace
    }

    /// Which kinds the cluster serves.
    pub fn discovery(&self) -> &Discovery {
        &self.inner.discovery
    }

    /// Whether the API server answers and is ready; takes at most 5 s.
    pub async fn health(&self) -> Result<(), Failure> {
        match self.try_once(&ApiRequest::get("/readyz"), HEALTH_LIMIT, None).await {
            // Not served or not allowed: the server answers, which is all that can be known.
            Err(Failure::Refused(status)) if matches!(status.code, 403 | 404) => Ok(()),
            Err(failure) => Err(failure),
            Ok(_) => Ok(()),
        }
    }

    /// Sends a request until it is answered or `patience` ends.
    pub(super) async fn send(&self, request: &ApiRequest, patience: &Patience) -> Result<Value, Failure> {
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            // Also the last try gets the time to be answered.
            let left = patience.deadline.saturating_duration_since(Instant::now());
            let limit = left.clamp(SHORTEST_TRY, ANSWER_LIMIT);
            let result = tokio::select! {
                () = patience.cancel.cancelled() => return Err(Failure::Cancelled),
                result = self.try_once(request, limit, patience.log.as_ref()) => result,
            };
            let failure = match result {
                Ok(value) => {
                    patience.say_healed();
                    return Ok(value);
                }
                Err(failure) if failure.is_transient() => failure,
                Err(failure) => {
                    if matches!(failure, Failure::Refused(_)) {
                        patience.say_healed();
                    }
                    return Err(failure);
                }
            };
            let wait = failure.retry_after().unwrap_or(pause);
            if Instant::now() + wait >= patience.deadline {
                return Err(Failure::OutOfTime { after: rounded(started.elapsed()), last: Box::new(failure) });
            }
            patience.say_waiting(&failure);
            patience.pause(wait).await?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn try_once(&self, request: &ApiRequest, limit: Duration, log: Option<&LogSink>) -> Result<Value, Failure> {
        let server = || self.inner.context.server.clone();
        let body = request.body.clone().unwrap_or_default();
        let mut builder = http::Request::builder().method(request.method.clone()).uri(&request.path);
        builder = builder.header(http::header::ACCEPT, "application/json");
        if request.body.is_some() {
            builder = builder.header(http::header::CONTENT_TYPE, request.content_type);
        }
        let malformed = |reason: String| Failure::Malformed { server: server(), reason };
        let request = builder.body(kube::client::Body::from(body)).map_err(|error| malformed(error.to_string()))?;
        let answer = async {
            let response = self.inner.client.send(request).await.map_err(|error| self.classify(&error))?;
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| self.classify(&error))?.to_bytes();
            Ok::<_, Failure>((head, body))
        };
        let (head, body) = tokio::time::timeout(limit, answer)
            .await
            .unwrap_or_else(|_| Err(Failure::Silent { server: server(), limit: rounded(limit) }))?;
        if let Some(log) = log {
            self.log_warnings(&head.headers, log);
        }
        if head.status.is_success() {
            if body.is_empty() || !is_json(&head.headers) {
                return Ok(Value::Null);
            }
            return serde_json::from_slice(&body).map_err(|error| malformed(error.to_string()));
        }
        let mut status: kube::core::Status = serde_json::from_slice(&body).unwrap_or_else(|_| kube::core::Status {
            message: String::from_utf8_lossy(&body).trim().chars().take(500).collect(),
            ..kube::core::Status::default()
        });
        status.code = head.status.as_u16();
        Err(Failure::Refused(Box::new(status)))
    }

    fn classify(&self, error: &kube::Error) -> Failure {
        let server = self.inner.context.server.clone();
        let reason = innermost(error);
        if matches!(error, kube::Error::Auth(_)) {
            return Failure::Credentials { server, reason };
        }
        if reason.contains("certificate") || reason.contains("UnknownIssuer") {
            return Failure::Untrusted { server, reason };
        }
        Failure::Unreachable { server, reason }
    }

    /// Logs what the API server warns of (RFC 7234 `Warning: 299 - "text"`), each text once.
    fn log_warnings(&self, headers: &http::HeaderMap, log: &LogSink) {
        for value in headers.get_all(http::header::WARNING) {
            let Some(text) = value.to_str().ok().and_then(warning_text) else { continue };
            let is_new = self.inner.warned.lock().unwrap_or_else(PoisonError::into_inner).insert(text.clone());
            if is_new {
                log.warn(format!("the cluster warns: {text}"));
            }
        }
    }
}

async fn prepare(context: ContextInfo) -> Result<Cluster, Failure> {
    let unusable = |reason: String| Failure::Credentials { server: context.server.clone(), reason };
    let options = KubeConfigOptions { context: Some(context.context.clone()), ..KubeConfigOptions::default() };
    let config = kube::Config::from_custom_kubeconfig(context.kubeconfig().clone(), &options)
        .await
        .map_err(|error| unusable(innermost(&error)))?;
    let client = build_client(config).map_err(|error| unusable(innermost(&error)))?;
    let inner = Inner { client, context, discovery: Discovery::default(), warned: Mutex::default() };
    Ok(Cluster { inner: Arc::new(inner) })
}

/// As kube's default client, but without delayed packets and with probes on idle connections. Retries are ours.
fn build_client(config: kube::Config) -> kube::Result<kube::Client> {
    if config.proxy_url.is_some() {
        // Rare: leave the tunnel to kube.
        return Ok(ClientBuilder::try_from(config)?.build());
    }
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_LIMIT));
    connector.set_keepalive(Some(KEEPALIVE));
    connector.set_keepalive_interval(Some(KEEPALIVE));
    connector.set_keepalive_retries(Some(3));
    #[cfg(target_os = "linux")]
    connector.set_tcp_user_timeout(Some(KEEPALIVE * 3));
    let connector = config.rustls_https_connector_with_connector(connector)?;
    let http: hyper_util::client::legacy::Client<_, kube::client::Body> =
        hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            // Without a timer they would stay until the next request looks at them.
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_LIMIT)
            .build(connector);
    let headers = config.extra_headers_layer()?;
    let base_uri = config.base_uri_layer();
    let http = http.map_err(BoxError::from);
    let builder = ClientBuilder::new(http, config.default_namespace.clone()).with_layer(&headers);
    Ok(match config.auth_layer()? {
        Some(auth) => builder.with_layer(&auth).with_layer(&base_uri).build(),
        None => builder.with_layer(&base_uri).build(),
    })
}

/// How long an operation may be tried, who may end it, and where it says that it waits.
#[derive(Clone, Debug)]
pub struct Patience {
    /// When to give up.
    pub(super) deadline: Instant,
    /// Ends it at once.
    pub(super) cancel: CancellationToken,
    /// Told once that the cluster does not answer.
    pub(super) log: Option<LogSink>,
    said: Arc<AtomicBool>,
}

impl Patience {
    /// Patience for `limit` from now on.
    pub fn new(limit: Duration, cancel: &CancellationToken, log: Option<&LogSink>) -> Self {
        let deadline = Instant::now() + limit;
        Self { deadline, cancel: cancel.clone(), log: log.cloned(), said: Arc::default() }
    }

    /// The same with another limit, from now on.
    #[must_use]
    pub fn restarted(&self, limit: Duration) -> Self {
        Self { deadline: Instant::now() + limit, ..self.clone() }
    }

    /// Waits; fails when cancelled.
    pub(super) async fn pause(&self, duration: Duration) -> Result<(), Failure> {
        tokio::select! {
            () = self.cancel.cancelled() => Err(Failure::Cancelled),
            () = tokio::time::sleep(duration) => Ok(()),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    fn say_waiting(&self, failure: &Failure) {
        if let Some(log) = &self.log
            && !self.said.swap(true, Ordering::Relaxed)
        {
            log.warn(format!("{failure}; trying again"));
        }
    }

    fn say_healed(&self) {
        if let Some(log) = &self.log
            && self.said.swap(false, Ordering::Relaxed)
        {
            log.info("the API server answers again");
        }
    }
}

/// A request to the API server.
#[derive(Clone, Debug)]
pub(super) struct ApiRequest {
    method: http::Method,
    path: String,
    content_type: &'static str,
    body: Option<Vec<u8>>,
}

impl ApiRequest {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: http::Method::GET, path: path.into(), content_type: "", body: None }
    }

    pub(super) fn post(path: impl Into<String>, body: &Value) -> Self {
        Self::with_body(http::Method::POST, path.into(), "application/json", body)
    }

    pub(super) fn delete(path: impl Into<String>, body: &Value) -> Self {
        Self::with_body(http::Method::DELETE, path.into(), "application/json", body)
    }

    /// A server-side apply.
    pub(super) fn apply(path: impl Into<String>, body: &Value) -> Self {
        // JSON is YAML.
        Self::with_body(http::Method::PATCH, path.into(), "application/apply-patch+yaml", body)
    }

    pub(super) fn merge_patch(path: impl Into<String>, body: &Value) -> Self {
        Self::with_body(http::Method::PATCH, path.into(), "application/merge-patch+json", body)
    }

    fn with_body(method: http::Method, path: String, content_type: &'static str, body: &Value) -> Self {
        Self { method, path, content_type, body: Some(body.to_string().into_bytes()) }
    }
}

fn is_json(headers: &http::HeaderMap) -> bool {
    headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json"))
}

/// The text of a `Warning` header: `299 - "text"`, with `\"` and `\\` in the text.
fn warning_text(header: &str) -> Option<String> {
    let quoted = header.strip_prefix("299 ")?.split_once(' ')?.1.strip_prefix('"')?;
    let mut text = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return Some(text),
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    None
}

/// The innermost cause of an error: the outer ones only say that a request failed.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let reason = innermost.to_string();
    // rustls explains this at length.
    if reason.contains("close_notify") { "the connection was closed".to_owned() } else { reason }
}

/// For people: whole seconds, or milliseconds below one.
fn rounded(duration: Duration) -> Duration {
    if duration < Duration::from_secs(1) {
        Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or_default())
    } else {
        Duration::from_secs(duration.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_of_the_server_are_read() {
        assert_eq!(warning_text(r#"299 - "policy/v1beta1 is \"old\"""#).as_deref(), Some(r#"policy/v1beta1 is "old""#));
        assert_eq!(warning_text(r#"299 - "cut off"#), None);
        assert_eq!(warning_text("199 x"), None);
    }
}
