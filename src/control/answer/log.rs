//! One line of the log.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::logs::{Level, LogLine, LogSource};

/// A line of `devloop logs --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LogAnswer {
    /// Counts over the whole session; what is no longer kept leaves gaps.
    pub sequence: u64,
    /// When it came.
    pub time: DateTime<Utc>,
    /// Whose it is; `null` for devloop's own and the configuration's.
    pub resource: Option<String>,
    /// What wrote it.
    #[schemars(extend("enum" = ["build", "runtime"]))]
    pub source: String,
    /// How much it matters.
    #[schemars(extend("enum" = ["debug", "info", "warn", "error"]))]
    pub level: String,
    /// The text; may hold colours (SGR sequences) and tabs, and no other control characters.
    pub message: String,
}

impl LogAnswer {
    /// The answer about one line.
    pub fn new(line: &LogLine) -> Self {
        Self {
            sequence: line.sequence,
            time: line.time,
            resource: line.resource.as_ref().map(ToString::to_string),
            source: match line.source {
                LogSource::Build => "build",
                LogSource::Runtime => "runtime",
            }
            .to_owned(),
            level: match line.level {
                Level::Debug => "debug",
                Level::Info => "info",
                Level::Warn => "warn",
                Level::Error => "error",
            }
            .to_owned(),
            message: line.text.to_string(),
        }
    }
}
