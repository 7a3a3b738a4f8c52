//! One Kubernetes object as the user declared it.

use serde_json::Value;

use crate::diagnostic::Span;

/// What tells one object from another in a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct ObjectId {
    /// `GROUP/VERSION` or `v1`.
    pub api_version: String,
    /// As written, for example `Deployment`.
    pub kind: String,
    /// As written; `None` when the object does not say.
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
}

impl ObjectId {
    /// The API group; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }
}

impl std::fmt::Display for ObjectId {
    /// `kind/name`, and the namespace when it is known.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind.to_lowercase(), self.name)?;
        if let Some(namespace) = &self.namespace {
            write!(f, " in namespace {namespace}")?;
        }
        Ok(())
    }
}

/// Where image references of an object are, beside the containers of known kinds (reference §2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageLocator {
    /// JSONPath expressions that lead to whole references.
    Paths(Vec<String>),
    /// A JSONPath expression that leads to an object with the repository and the tag in two fields.
    Object {
        /// Leads to the object.
        path: String,
        /// Field with the repository.
        repo_field: String,
        /// Field with the tag.
        tag_field: String,
    },
}

/// One Kubernetes object as the user declared it, before image injection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What tells it from others.
    pub id: ObjectId,
    /// The whole object.
    pub value: Value,
    /// The document in the user's file, or the call that made the text.
    pub origin: Span,
    /// Registered locators that match it.
    pub locators: Vec<ImageLocator>,
}

/// Whether an object as the server returned it is a Job that has ended with success.
pub fn is_complete_job(value: &Value) -> bool {
    let is_job = value["kind"].as_str() == Some("Job")
        && value["apiVersion"].as_str().is_some_and(|version| version.starts_with("batch/"));
    let conditions = value.pointer("/status/conditions").and_then(Value::as_array);
    is_job
        && conditions.into_iter().flatten().any(|condition| {
            condition["type"].as_str() == Some("Complete") && condition["status"].as_str() == Some("True")
        })
}
