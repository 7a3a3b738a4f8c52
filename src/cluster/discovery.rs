//! Which kinds a cluster serves, asked group by group and only for the groups that are needed.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::connect::{ApiRequest, Cluster, Patience};
use super::failure::Failure;
use crate::diagnostic::did_you_mean;
use crate::k8s::ObjectId;

/// A kind that the cluster serves, and the path that it is served under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServedKind {
    /// `GROUP/VERSION` or `v1`.
    pub api_version: String,
    /// For example `Deployment`.
    pub kind: String,
    /// For example `deployments`.
    pub plural: String,
    /// Whether its objects are in namespaces.
    pub namespaced: bool,
}

impl ServedKind {
    /// The path of all objects: of a namespace, or of the whole cluster.
    pub(super) fn path(&self, namespace: Option<&str>) -> String {
        let root = group_path(&self.api_version);
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{root}/namespaces/{}/{}", escaped(namespace), self.plural),
            None => format!("{root}/{}", self.plural),
        }
    }

    /// The path of one object.
    pub(super) fn object_path(&self, id: &ObjectId) -> String {
        format!("{}/{}", self.path(id.namespace.as_deref()), escaped(&id.name))
    }

    /// `id` as the cluster sees it: with the namespace when the kind has one, without when not.
    pub fn resolve(&self, id: &ObjectId, default_namespace: &str) -> ObjectId {
        let namespace = self.namespaced.then(|| {
            let own = id.namespace.as_deref().filter(|namespace| !namespace.is_empty());
            own.unwrap_or(default_namespace).to_owned()
        });
        ObjectId { namespace, ..id.clone() }
    }
}

/// A kind that is asked for and not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cluster does not serve `{api_version}` `{kind}`{}", self.alternatives())]
pub struct Unserved {
    /// As asked for.
    pub api_version: String,
    /// As asked for.
    pub kind: String,
    /// The `apiVersion`s that serve a kind of this name, the same group first.
    pub served: Vec<String>,
    /// A kind of the same version that is probably meant.
    pub did_you_mean: Option<String>,
}

impl Unserved {
    fn alternatives(&self) -> String {
        match (&self.did_you_mean, self.served.is_empty()) {
            (_, false) => format!("; it serves it as {}", quoted(&self.served)),
            (Some(kind), true) => format!("; did you mean `{kind}`?"),
            (None, true) => String::new(),
        }
    }

    /// What the user can do.
    pub fn help(&self) -> String {
        match (self.served.first(), &self.did_you_mean) {
            (Some(served), _) => {
                format!("write `apiVersion: {served}`, or use a cluster that serves `{}`", self.api_version)
            }
            (None, Some(kind)) => format!("write `kind: {kind}`"),
            (None, None) => {
                "install what defines this kind (its CustomResourceDefinition) first, or declare it in the Devfile"
                    .to_owned()
            }
        }
    }
}

/// Why a kind cannot be looked up.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// It is not served.
    #[error(transparent)]
    Unserved(#[from] Unserved),
    /// The cluster did not answer the question.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// The cache of what a cluster serves.
#[derive(Debug, Default)]
pub struct Discovery {
    /// By `apiVersion`.
    groups: Mutex<HashMap<String, Arc<Vec<ServedKind>>>>,
}

impl Discovery {
    fn cached(&self, api_version: &str) -> Option<Arc<Vec<ServedKind>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).get(api_version).cloned()
    }

    fn remember(&self, api_version: &str, kinds: &Arc<Vec<ServedKind>>) {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.insert(api_version.to_owned(), Arc::clone(kinds));
    }
}

impl Cluster {
    /// How the cluster serves a kind. Asks the cluster when it has not been asked for this group yet, and again when the
    /// kind is missing: definitions come and go.
    pub async fn served(
        &self,
        api_version: &str,
        kind: &str,
        patience: &Patience,
    ) -> Result<ServedKind, DiscoveryError> {
        let find = |kinds: &[ServedKind]| kinds.iter().find(|served| served.kind == kind).cloned();
        if let Some(found) = self.discovery().cached(api_version).and_then(|kinds| find(&kinds)) {
            return Ok(found);
        }
        if let Some(found) = self.ask_for_group(api_version, patience).await?.and_then(|kinds| find(&kinds)) {
            return Ok(found);
        }
        Err(self.explain_unserved(api_version, kind, patience).await?.into())
    }

    /// `None` when the group or version is not served.
    async fn ask_for_group(
        &self,
        api_version: &str,
        patience: &Patience,
    ) -> Result<Option<Arc<Vec<ServedKind>>>, Failure> {
        match self.send(&ApiRequest::get(group_path(api_version)), patience).await {
            Ok(list) => {
                let kinds = Arc::new(read_kinds(api_version, &list));
                self.discovery().remember(api_version, &kinds);
                Ok(Some(kinds))
            }
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn explain_unserved(&self, api_version: &str, kind: &str, patience: &Patience) -> Result<Unserved, Failure> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let list = self.send(&ApiRequest::get("/apis"), patience).await?;
        let mut versions: Vec<(bool, String)> = vec![(group.is_empty(), "v1".to_owned())];
        for served in list["groups"].as_array().into_iter().flatten() {
            let same_group = served["name"].as_str() == Some(group);
            for version in served["versions"].as_array().into_iter().flatten() {
                if let Some(version) = version["groupVersion"].as_str() {
                    versions.push((same_group, version.to_owned()));
                }
            }
        }
        versions.sort_by_key(|(same_group, _)| !same_group);
        let mut served = Vec::new();
        let mut neighbours = Vec::new();
        for (_, version) in versions {
            let kinds = match self.discovery().cached(&version) {
                Some(kinds) => Some(kinds),
                None => self.ask_for_group(&version, patience).await.unwrap_or_default(),
            };
            for candidate in kinds.iter().flat_map(|kinds| kinds.iter()) {
                if candidate.kind == kind && version != api_version {
                    served.push(version.clone());
                }
                if version == api_version {
                    neighbours.push(candidate.kind.clone());
                }
            }
        }
        let did_you_mean = did_you_mean(kind, neighbours.iter().map(String::as_str));
        Ok(Unserved { api_version: api_version.to_owned(), kind: kind.to_owned(), served, did_you_mean })
    }
}

fn read_kinds(api_version: &str, list: &Value) -> Vec<ServedKind> {
    let resources = list["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    resources
        .iter()
        .filter_map(|resource| {
            let plural = resource["name"].as_str().filter(|name| !name.contains('/'))?;
            Some(ServedKind {
                api_version: api_version.to_owned(),
                kind: resource["kind"].as_str()?.to_owned(),
                plural: plural.to_owned(),
                namespaced: resource["namespaced"].as_bool()?,
            })
        })
        .collect()
}

fn group_path(api_version: &str) -> String {
    let root = if api_version.contains('/') { "/apis" } else { "/api" };
    let segments: Vec<String> = api_version.split('/').map(escaped).collect();
    format!("{root}/{}", segments.join("/"))
}

/// A path segment. Names are checked by the server; here they must only not become another path.
fn escaped(segment: &str) -> String {
    let mut escaped = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

fn quoted(versions: &[String]) -> String {
    let quoted: Vec<String> = versions.iter().map(|version| format!("`{version}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_group_and_scope() {
        let list = serde_json::json!({"resources": [
            {"name": "deployments", "kind": "Deployment", "namespaced": true},
            {"name": "deployments/scale", "kind": "Scale", "namespaced": true},
        ]});
        let kinds = read_kinds("apps/v1", &list);
        assert_eq!(kinds.len(), 1, "subresources are not kinds");
        let id =
            ObjectId { api_version: "apps/v1".into(), kind: "Deployment".into(), namespace: None, name: "a/b".into() };
        let id = kinds[0].resolve(&id, "dev");
        assert_eq!(kinds[0].object_path(&id), "/apis/apps/v1/namespaces/dev/deployments/a%2Fb");
        let namespaces = ServedKind {
            api_version: "v1".into(),
            kind: "Namespace".into(),
            plural: "namespaces".into(),
            namespaced: false,
        };
        let id = ObjectId {
            api_version: "v1".into(),
            kind: "Namespace".into(),
            namespace: Some("x".into()),
            name: "y".into(),
        };
        assert_eq!(namespaces.object_path(&namespaces.resolve(&id, "dev")), "/api/v1/namespaces/y");
    }

    #[test]
    fn what_is_not_served_says_what_is() {
        let unserved = Unserved {
            api_version: "autoscaling/v2".into(),
            kind: "HorizontalPodAutoscaler".into(),
            served: vec!["autoscaling/v1".into(), "autoscaling/v2beta2".into()],
            did_you_mean: None,
        };
        assert_eq!(
            unserved.to_string(),
            "the cluster does not serve `autoscaling/v2` `HorizontalPodAutoscaler`; it serves it as `autoscaling/v1`, \
             `autoscaling/v2beta2`"
        );
    }
}
