//! What `devloop doctor` asks a container engine beside what every session asks.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http_body_util::Empty;

use super::engine::Engine;
use super::engine_error::{EngineError, chain};
use super::wire;

/// For one answer.
const LIMIT: Duration = Duration::from_secs(10);

/// How an engine is.
#[derive(Clone, Debug)]
pub struct EngineCheckup {
    /// Its clock.
    pub clock: Option<DateTime<Utc>>,
    /// Where it keeps its data, on its machine.
    pub data_folder: Option<PathBuf>,
    /// How it stores images, for example `overlay2`.
    pub storage: String,
    /// Whether builds are BuildKit's unless somebody asks for others; `None` when it does not say.
    pub buildkit: Option<bool>,
    /// What the engine itself warns of.
    pub warnings: Vec<String>,
}

impl Engine {
    /// Asks how it is.
    pub async fn checkup(&self) -> Result<EngineCheckup, EngineError> {
        let lost = |reason: String| EngineError::Lost(reason);
        let info = tokio::time::timeout(LIMIT, self.bollard().info())
            .await
            .map_err(|_| lost(format!("no answer within {} s", LIMIT.as_secs())))?
            .map_err(|error| lost(chain(&error)))?;
        let request = http::Request::get("/_ping").body(Empty::<Bytes>::new());
        let builder = match request {
            Ok(request) => wire::send(self.endpoint(), request)
                .await
                .ok()
                .and_then(|response| Some(response.headers().get("builder-version")?.to_str().ok()?.trim() == "2")),
            Err(_) => None,
        };
        Ok(EngineCheckup {
            clock: info.system_time.and_then(|time| DateTime::parse_from_rfc3339(&time).ok()).map(|time| time.to_utc()),
            data_folder: info.docker_root_dir.map(PathBuf::from),
            storage: info.driver.unwrap_or_default(),
            buildkit: builder,
            warnings: info.warnings.unwrap_or_default(),
        })
    }
}
