//! What a check has found, and what to do about it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it should be.
    Ok,
    /// Nothing to look at: it is not needed, or something before it has failed.
    Skipped,
    /// devloop works, and something may go wrong.
    Warning,
    /// devloop cannot work like this.
    Failed,
}

/// What a check has found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What was looked at, for example `engine`.
    pub check: String,
    /// How bad it is.
    pub health: Health,
    /// What was seen.
    pub text: String,
    /// What to do; `null` when nothing is to be done.
    pub remedy: Option<String>,
}

/// `devloop doctor --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DoctorAnswer {
    /// The version of this interface.
    pub schema: u32,
    /// The worst of the findings.
    pub health: Health,
    /// In the order of the checks.
    pub findings: Vec<Finding>,
}

impl Finding {
    pub(super) fn ok(check: &str, text: impl Into<String>) -> Self {
        Self { check: check.to_owned(), health: Health::Ok, text: text.into(), remedy: None }
    }

    pub(super) fn skipped(check: &str, text: impl Into<String>) -> Self {
        Self { check: check.to_owned(), health: Health::Skipped, text: text.into(), remedy: None }
    }

    pub(super) fn warning(check: &str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check: check.to_owned(), health: Health::Warning, text: text.into(), remedy: Some(remedy.into()) }
    }

    pub(super) fn failed(check: &str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check: check.to_owned(), health: Health::Failed, text: text.into(), remedy: Some(remedy.into()) }
    }
}
