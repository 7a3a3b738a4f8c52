//! One line of log.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::project::ResourceName;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Level {
    /// For those who look into devloop itself.
    Debug,
    /// The normal output of programs and of devloop.
    Info,
    /// Probably not what the user wants.
    Warn,
    /// Something failed.
    Error,
}

/// Where a line comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum LogSource {
    /// Builds, deploys, live updates, update commands: what devloop does.
    Build,
    /// Pods, serve processes: what the user's programs say.
    Runtime,
}

/// One line of log, without its line end.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LogLine {
    /// Counts from 0 over the whole session. Numbers are given out without gaps; what the store has cut leaves gaps
    /// in what is read later.
    pub sequence: u64,
    /// When it arrived.
    pub time: DateTime<Utc>,
    /// Whose it is; `None` for devloop's own and the configuration's lines.
    pub resource: Option<ResourceName>,
    /// Build or runtime.
    pub source: LogSource,
    /// How much it matters.
    pub level: Level,
    /// Whether it belongs to the same record as the line before it of this resource: only the first line of a
    /// record is marked with its level.
    pub continuation: bool,
    /// The text, masked; may hold the ANSI colours (SGR sequences) of the program that wrote it and tabs, but no
    /// other control character.
    pub text: Arc<str>,
}

impl LogLine {
    /// What is shown before the text so that its level is seen without colours. Nothing when the text says it itself.
    pub fn mark(&self) -> &'static str {
        let says = |word: &str| {
            let text = self.text.trim_start();
            text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
        };
        match self.level {
            _ if self.continuation => "",
            Level::Warn if !says("warning") => "WARNING: ",
            Level::Error if !says("error") => "ERROR: ",
            Level::Debug | Level::Info | Level::Warn | Level::Error => "",
        }
    }
}
