//! What `devloop doctor` asks a cluster: its version, its clock, and what the user may do.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::connect::{ApiRequest, Cluster, Patience};
use super::failure::Failure;

/// For one answer without a body worth mentioning.
const CLOCK_LIMIT: Duration = Duration::from_secs(5);

/// Something that a user may be allowed to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// For example `create`.
    pub verb: String,
    /// The API group; empty for the core group.
    pub group: String,
    /// For example `pods`.
    pub resource: String,
    /// For example `exec`; may be empty.
    pub subresource: String,
    /// `None` for what has no namespace.
    pub namespace: Option<String>,
}

impl std::fmt::Display for Permission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.subresource.is_empty() {
            write!(f, "/{}", self.subresource)?;
        }
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in {namespace}"),
            None => Ok(()),
        }
    }
}

impl Cluster {
    /// The version of the API server, for example `v1.30.2`.
    pub async fn version(&self, patience: &Patience) -> Result<String, Failure> {
        let version = self.send(&ApiRequest::get("/version"), patience).await?;
        Ok(version["gitVersion"].as_str().unwrap_or_default().to_owned())
    }

    /// The time of the API server, to the second, from the header that every answer has (RFC 9110, `Date`).
    pub async fn clock(&self) -> Option<DateTime<Utc>> {
        let request = http::Request::get("/version").body(kube::client::Body::empty()).ok()?;
        let response = tokio::time::timeout(CLOCK_LIMIT, self.client().send(request)).await.ok()?.ok()?;
        let date = response.headers().get(http::header::DATE)?.to_str().ok()?;
        DateTime::parse_from_rfc2822(date).ok().map(|date| date.to_utc())
    }

    /// Whether the user may do something (`SelfSubjectAccessReview`).
    pub async fn may(&self, permission: &Permission, patience: &Patience) -> Result<bool, Failure> {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "verb": permission.verb,
                "group": permission.group,
                "resource": permission.resource,
                "subresource": permission.subresource,
                "namespace": permission.namespace.as_deref().unwrap_or_default(),
            }},
        });
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let answer = self.send(&ApiRequest::post(path, &review), patience).await?;
        Ok(answer["status"]["allowed"].as_bool().unwrap_or(false))
    }
}
