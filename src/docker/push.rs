//! Images to their registry: once, with what is there already left out.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use base64::Engine as _;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::CONTENT_TAG_PREFIX;
use super::docker_config::{DockerConfig, Login};
use super::endpoint::Endpoint;
use super::engine::Engine;
use super::engine_error::{EngineError, chain};
use super::json_lines::JsonLines;
use super::push_error::PushError;
use super::registry_client::{RegistryClient, is_on_this_machine};
use super::wire;
use crate::logs::LogSink;
use crate::project::ImageReference;

/// A registry that does not answer is tried for this long.
const REGISTRY_DEADLINE: Duration = Duration::from_mins(1);
/// A registry on this machine answers at once or is not asked.
const LOOK_DEADLINE: Duration = Duration::from_secs(2);
/// Between two lines about a push that goes on.
const REPORT_EVERY: Duration = Duration::from_secs(3);

/// What a push came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The registry had it already.
    Present,
    /// It was sent.
    Sent,
}

impl Engine {
    /// Pushes an image that has the name `reference`. Two pushes of one name never run at a time.
    ///
    /// A registry that does not answer is tried again for a minute.
    pub async fn push(
        &self,
        reference: &ImageReference,
        log: &LogSink,
        cancel: &CancellationToken,
    ) -> Result<Pushed, PushError> {
        let lock = self.push_lock(&reference.to_string());
        let push = async {
            let _only_one = lock.lock().await;
            self.push_patiently(reference, log).await
        };
        cancel.run_until_cancelled(push).await.unwrap_or(Err(PushError::Engine(EngineError::Cancelled)))
    }

    async fn push_patiently(&self, reference: &ImageReference, log: &LogSink) -> Result<Pushed, PushError> {
        if self.registry_has(reference).await {
            log.info("     the registry has it already");
            return Ok(Pushed::Present);
        }
        let login = DockerConfig::load().await.login(&reference.domain).await.unwrap_or_default();
        let start = Instant::now();
        let mut pause = Duration::from_millis(500);
        loop {
            let failed = match self.push_once(reference, &login, log).await {
                Ok(()) => return Ok(Pushed::Sent),
                Err(PushError::RegistryDown { registry, message, .. }) => {
                    PushError::RegistryDown { registry, message, seconds: start.elapsed().as_secs() }
                }
                Err(other) => return Err(other),
            };
            if start.elapsed() + pause > REGISTRY_DEADLINE {
                return Err(failed);
            }
            if pause < Duration::from_secs(1)
                && let PushError::RegistryDown { registry, message, .. } = &failed
            {
                let seconds = REGISTRY_DEADLINE.as_secs();
                log.warn(format!(
                    "     the registry `{registry}` does not answer ({message}); tried again for {seconds} s"
                ));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    async fn push_once(&self, reference: &ImageReference, login: &Login, log: &LogSink) -> Result<(), PushError> {
        let lost = |error: io::Error| PushError::Engine(EngineError::Lost(chain(&error)));
        let registry = &reference.domain;
        let name = reference.to_string();
        let tag = reference.tag.as_deref().unwrap_or("latest");
        let path = self.versioned(&format!("/images/{}/push?tag={tag}", reference.familiar_name()));
        let request = http::Request::post(path)
            .header("X-Registry-Auth", auth_header(login, registry))
            .body(Empty::<Bytes>::new())
            .map_err(|error| lost(io::Error::other(error)))?;
        let response = wire::send(self.endpoint(), request).await.map_err(lost)?;
        if !response.status().is_success() {
            let body = response.into_body().collect().await.map_err(|error| lost(io::Error::other(error)))?.to_bytes();
            return Err(PushError::classify(registry, &name, &String::from_utf8_lossy(&body)));
        }
        let mut messages = JsonLines::<PushMessage>::new(response.into_body());
        let mut layers = Layers::default();
        let mut reported = Instant::now();
        let mut digest = None;
        while let Some(message) = messages.next().await.map_err(lost)? {
            if let Some(error) = message.error_detail {
                return Err(PushError::classify(registry, &name, &error.message));
            }
            if let Some(aux) = &message.aux {
                digest.clone_from(&aux.digest);
            }
            layers.record(message);
            if reported.elapsed() > REPORT_EVERY {
                reported = Instant::now();
                log.info(format!("     {}", layers.so_far()));
            }
        }
        // The engine ends a push that went well with the digest; an engine that is killed just stops talking.
        if digest.is_none() && self.health().await.is_err() {
            return Err(PushError::Engine(EngineError::Lost("it stopped during the push".to_owned())));
        }
        log.info(format!("     {}", layers.summary()));
        Ok(())
    }

    /// Whether a registry on this machine has the image, so that the engine need not be bothered. A registry
    /// elsewhere is left to the engine, which has the logins and skips layers that are there.
    async fn registry_has(&self, reference: &ImageReference) -> bool {
        if !matches!(self.endpoint(), Endpoint::Unix(_)) || !is_on_this_machine(&reference.domain) {
            return false;
        }
        let registry = RegistryClient::new(&reference.domain, false);
        let look = registry.digest(&reference.path, reference.tag.as_deref().unwrap_or("latest"));
        let Ok(Ok(Some(digest))) = tokio::time::timeout(LOOK_DEADLINE, look).await else { return false };
        if reference.tag.as_ref().is_some_and(|tag| tag.contains(CONTENT_TAG_PREFIX)) {
            // Such a tag says what is in the image.
            return true;
        }
        let Ok(image) = self.bollard().inspect_image(&reference.to_string()).await else { return false };
        image.repo_digests.is_some_and(|digests| digests.iter().any(|known| known.ends_with(&digest)))
    }
}

/// The engine takes no push without this header, even when there is nothing to log in with.
fn auth_header(login: &Login, registry: &str) -> String {
    let auth = if login.is_token {
        serde_json::json!({ "identitytoken": login.secret, "serveraddress": registry })
    } else {
        serde_json::json!({ "username": login.username, "password": login.secret, "serveraddress": registry })
    };
    base64::engine::general_purpose::URL_SAFE.encode(auth.to_string())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PushMessage {
    id: Option<String>,
    status: Option<String>,
    #[serde(default)]
    progress_detail: Amount,
    error_detail: Option<PushFailure>,
    aux: Option<PushResult>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Amount {
    current: u64,
    total: u64,
}

#[derive(Deserialize)]
struct PushFailure {
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PushResult {
    digest: Option<String>,
}

/// The layers of a push and how far they are.
#[derive(Default)]
struct Layers {
    layers: BTreeMap<String, (String, Amount)>,
}

impl Layers {
    fn record(&mut self, message: PushMessage) {
        let (Some(id), Some(status)) = (message.id, message.status) else { return };
        let layer = self.layers.entry(id).or_default();
        if message.progress_detail.total > 0 || message.progress_detail.current > 0 {
            layer.1 = message.progress_detail;
        }
        layer.0 = status;
    }

    fn with_status(&self, status: &str) -> usize {
        self.layers.values().filter(|(now, _)| now.starts_with(status)).count()
    }

    fn megabytes(&self) -> (f64, f64) {
        let sum =
            |part: fn(&Amount) -> u64| self.layers.values().map(|(_, amount)| part(amount)).sum::<u64>() as f64 / 1e6;
        (sum(|amount| amount.current), sum(|amount| amount.total.max(amount.current)))
    }

    fn so_far(&self) -> String {
        let (current, total) = self.megabytes();
        format!("{current:.1} of {total:.1} MB")
    }

    fn summary(&self) -> String {
        let (sent, _) = self.megabytes();
        let present = self.with_status("Layer already exists") + self.with_status("Mounted");
        let pushed = self.with_status("Pushed");
        match pushed {
            0 => format!("layers: all {present} there already"),
            _ if sent < 0.1 => format!("layers: {pushed} new (less than 0.1 MB), {present} there already"),
            _ => format!("layers: {pushed} new ({sent:.1} MB), {present} there already"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushes_are_condensed_to_a_line() {
        let mut layers = Layers::default();
        for line in [
            r#"{"status":"Preparing","progressDetail":{},"id":"a"}"#,
            r#"{"status":"Pushing","progressDetail":{"current":500000,"total":1500000},"progress":"[=>","id":"a"}"#,
            r#"{"status":"Layer already exists","progressDetail":{},"id":"b"}"#,
        ] {
            layers.record(serde_json::from_str(line).expect(line));
        }
        assert_eq!(layers.so_far(), "0.5 of 1.5 MB");
        layers.record(
            serde_json::from_str(r#"{"status":"Pushing","progressDetail":{"current":1500000},"id":"a"}"#).expect("m"),
        );
        layers.record(serde_json::from_str(r#"{"status":"Pushed","progressDetail":{},"id":"a"}"#).expect("m"));
        assert_eq!(layers.summary(), "layers: 1 new (1.5 MB), 1 there already");
    }

    #[test]
    fn the_login_is_sent_in_the_url_safe_alphabet() {
        let login = Login { username: "u".to_owned(), secret: "??>>~~".to_owned(), is_token: false };
        let header = auth_header(&login, "r");
        assert!(!header.contains(['+', '/']), "{header}");
        let decoded = base64::engine::general_purpose::URL_SAFE.decode(header).expect("base64");
        assert!(String::from_utf8(decoded).expect("text").contains("??>>~~"));
    }
}
