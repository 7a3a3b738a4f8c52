//! The record of what a project created, kept in the cluster itself: a ConfigMap per project in the run's namespace.
//!
//! Written before objects are created, so that nothing is forgotten when devloop is killed; read by pruning and `down`.
//! Each object has a key of its own and writes are merge patches of single keys: resources that deploy in parallel, and
//! other devloop processes, cannot overwrite each other's entries.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::connect::{ApiRequest, Cluster, Patience};
use super::discovery::ServedKind;
use super::failure::{Failure, Refusal};
use crate::k8s::{MANAGED_BY, MANAGED_BY_LABEL, ObjectId, PROJECT_LABEL};
use crate::project::{ProjectName, ResourceName};

/// One object in the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What tells it from others, with the namespace as the cluster sees it.
    #[serde(flatten)]
    pub id: ObjectId,
    /// Its `metadata.uid`; `None` until it has been created.
    pub uid: Option<String>,
    /// The resource that it belongs to.
    pub resource: String,
    /// It existed before, without our label: it is applied, and never deleted.
    #[serde(default)]
    pub adopted: bool,
}

/// The record of what one project created. Cheap to clone; all clones share one state.
#[derive(Clone, Debug)]
pub struct Inventory {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    cluster: Cluster,
    project: ProjectName,
    namespace: String,
    name: String,
    state: Mutex<State>,
    /// One writer at a time, so that what waits is written together.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<String, Entry>,
    /// Keys that differ from what the cluster has.
    dirty: BTreeSet<String>,
}

impl Inventory {
    /// Reads the record of `project` in the namespace of the connection; a missing one is empty.
    pub async fn open(cluster: &Cluster, project: &ProjectName, patience: &Patience) -> Result<Self, Failure> {
        Self::open_in(cluster, project, cluster.namespace(), patience).await
    }

    /// Reads the record of `project` in another namespace, as an earlier run with `--namespace` left it.
    pub(super) async fn open_in(
        cluster: &Cluster,
        project: &ProjectName,
        namespace: &str,
        patience: &Patience,
    ) -> Result<Self, Failure> {
        let inner = Inner {
            cluster: cluster.clone(),
            project: project.clone(),
            namespace: namespace.to_owned(),
            name: config_map_name(project),
            state: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        };
        let inventory = Self { inner: Arc::new(inner) };
        match cluster.send(&ApiRequest::get(inventory.path()), patience).await {
            Ok(config_map) => inventory.state().entries = read_entries(&config_map),
            Err(failure) if failure.is_not_found() => {}
            Err(failure) => return Err(failure),
        }
        Ok(inventory)
    }

    /// The namespaces that hold a record of `project`, as far as the user may list them.
    pub(super) async fn namespaces(
        cluster: &Cluster,
        project: &ProjectName,
        patience: &Patience,
    ) -> Result<Vec<String>, Failure> {
        let selector = format!("{PROJECT_LABEL}%3D{project},{MANAGED_BY_LABEL}%3D{MANAGED_BY}");
        let mut namespaces = vec![cluster.namespace().to_owned()];
        match cluster.send(&ApiRequest::get(format!("/api/v1/configmaps?labelSelector={selector}")), patience).await {
            Ok(list) => {
                let name = config_map_name(project);
                let found = list["items"].as_array().into_iter().flatten();
                let found = found.filter(|item| item["metadata"]["name"].as_str() == Some(&name));
                namespaces.extend(found.filter_map(|item| item["metadata"]["namespace"].as_str()).map(str::to_owned));
                namespaces.sort();
                namespaces.dedup();
            }
            Err(failure) if matches!(failure.refusal(), Some(Refusal::NotAllowed { .. })) => {}
            Err(failure) => return Err(failure),
        }
        Ok(namespaces)
    }

    /// The cluster that the record is in.
    pub fn cluster(&self) -> &Cluster {
        &self.inner.cluster
    }

    /// Whose record it is.
    pub fn project(&self) -> &ProjectName {
        &self.inner.project
    }

    /// All entries.
    pub fn entries(&self) -> Vec<Entry> {
        self.state().entries.values().cloned().collect()
    }

    /// The entries of one resource.
    pub fn entries_of(&self, resource: &ResourceName) -> Vec<Entry> {
        self.state().entries.values().filter(|entry| entry.resource == resource.as_str()).cloned().collect()
    }

    /// The entry of an object.
    pub fn entry(&self, id: &ObjectId) -> Option<Entry> {
        self.state().entries.get(&key(id)).cloned()
    }

    /// Adds or replaces entries. A missing namespace is no failure: the entries are written as soon as it is there.
    pub async fn record(&self, entries: Vec<Entry>, patience: &Patience) -> Result<(), Failure> {
        {
            let mut state = self.state();
            for mut entry in entries {
                let key = key(&entry.id);
                let known = state.entries.get(&key);
                if entry.uid.is_none() {
                    entry.uid = known.and_then(|known| known.uid.clone());
                }
                if known != Some(&entry) {
                    state.entries.insert(key.clone(), entry);
                    state.dirty.insert(key);
                }
            }
        }
        self.flush(patience).await
    }

    /// Removes entries.
    pub async fn forget(&self, ids: &[ObjectId], patience: &Patience) -> Result<(), Failure> {
        {
            let mut state = self.state();
            for id in ids {
                let key = key(id);
                if state.entries.remove(&key).is_some() {
                    state.dirty.insert(key);
                }
            }
        }
        self.flush(patience).await
    }

    /// Removes the record itself.
    pub(super) async fn remove(&self, patience: &Patience) -> Result<(), Failure> {
        let _one_writer = self.inner.writing.lock().await;
        match self.inner.cluster.send(&ApiRequest::delete(self.path(), &json!({})), patience).await {
            Ok(_) => {}
            Err(failure) if failure.is_not_found() => {}
            Err(failure) => return Err(failure),
        }
        *self.state() = State::default();
        Ok(())
    }

    async fn flush(&self, patience: &Patience) -> Result<(), Failure> {
        let _one_writer = self.inner.writing.lock().await;
        let (changes, all) = {
            let state = self.state();
            if state.dirty.is_empty() {
                return Ok(());
            }
            let text =
                |key: &String| state.entries.get(key).map_or(Value::Null, |entry| json!(json!(entry).to_string()));
            let changes: serde_json::Map<String, Value> =
                state.dirty.iter().map(|key| (key.clone(), text(key))).collect();
            let all: serde_json::Map<String, Value> =
                state.entries.keys().map(|key| (key.clone(), text(key))).collect();
            (changes, all)
        };
        if self.write(&changes, all, patience).await? {
            let mut state = self.state();
            // What was changed again while it was being written stays to be written.
            let written = |key: &String| {
                let now = state.entries.get(key).map_or(Value::Null, |entry| json!(json!(entry).to_string()));
                changes.get(key) == Some(&now)
            };
            let rest = state.dirty.iter().filter(|key| !written(key)).cloned().collect();
            state.dirty = rest;
        }
        Ok(())
    }

    /// `false` when the namespace does not exist.
    async fn write(
        &self,
        changes: &serde_json::Map<String, Value>,
        all: serde_json::Map<String, Value>,
        patience: &Patience,
    ) -> Result<bool, Failure> {
        let cluster = &self.inner.cluster;
        let patch =
            ApiRequest::merge_patch(format!("{}?fieldManager={MANAGED_BY}", self.path()), &json!({ "data": changes }));
        let whole = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": self.inner.name,
                "namespace": self.inner.namespace,
                "labels": { MANAGED_BY_LABEL: MANAGED_BY, PROJECT_LABEL: self.inner.project },
            },
            "data": all,
        });
        let create = ApiRequest::post(format!("{}?fieldManager={MANAGED_BY}", self.collection_path()), &whole);
        loop {
            match cluster.send(&patch, patience).await {
                Ok(_) => return Ok(true),
                Err(failure) if failure.is_not_found() => {}
                Err(failure) => return Err(failure),
            }
            match cluster.send(&create, patience).await {
                Ok(_) => return Ok(true),
                Err(failure) => match failure.refusal() {
                    Some(Refusal::NamespaceMissing { .. } | Refusal::NamespaceTerminating) => return Ok(false),
                    // Somebody else created it meanwhile: patch that.
                    Some(Refusal::AlreadyExists) => patience.pause(std::time::Duration::from_millis(50)).await?,
                    _ => return Err(failure),
                },
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn collection_path(&self) -> String {
        let config_maps = ServedKind {
            api_version: "v1".to_owned(),
            kind: "ConfigMap".to_owned(),
            plural: "configmaps".to_owned(),
            namespaced: true,
        };
        config_maps.path(Some(&self.inner.namespace))
    }

    fn path(&self) -> String {
        format!("{}/{}", self.collection_path(), self.inner.name)
    }
}

/// `devloop-PROJECT`, made valid for an object name: project names are label values, which may hold more.
fn config_map_name(project: &ProjectName) -> String {
    let plain: String = project
        .as_str()
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '-' })
        .collect();
    if plain == project.as_str() {
        format!("devloop-{plain}")
    } else {
        format!("devloop-{plain}-{}", digest(project.as_str()))
    }
}

/// The key of an object: readable, and as unique as its digest. The version is not part of it: an object is the same
/// under all versions of its group.
fn key(id: &ObjectId) -> String {
    let namespace = id.namespace.as_deref().unwrap_or_default();
    let whole = format!("{}\0{}\0{namespace}\0{}", id.group(), id.kind, id.name);
    let readable: String = format!("{}.{}", id.kind, id.name)
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() || character == '.' { character } else { '-' })
        .take(200)
        .collect();
    format!("{readable}.{}", digest(&whole))
}

fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(6).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Entries that this version cannot read are left alone.
fn read_entries(config_map: &Value) -> BTreeMap<String, Entry> {
    let data = config_map["data"].as_object();
    data.into_iter()
        .flatten()
        .filter_map(|(key, text)| Some((key.clone(), serde_json::from_str(text.as_str()?).ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(api_version: &str, name: &str) -> ObjectId {
        ObjectId {
            api_version: api_version.into(),
            kind: "Role".into(),
            namespace: Some("dev".into()),
            name: name.into(),
        }
    }

    #[test]
    fn keys_are_valid_and_tell_objects_apart_but_not_versions() {
        let key_of = |version: &str, name: &str| key(&id(version, name));
        assert_eq!(key_of("rbac.authorization.k8s.io/v1", "a"), key_of("rbac.authorization.k8s.io/v1beta1", "a"));
        assert_ne!(key_of("rbac.authorization.k8s.io/v1", "a:b"), key_of("rbac.authorization.k8s.io/v1", "a-b"));
        let long = key_of("v1", &"x:".repeat(200));
        assert!(long.len() <= 253 && long.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)), "{long}");
    }

    #[test]
    fn the_name_is_valid_for_every_project() {
        assert_eq!(config_map_name(&ProjectName::new("shop")), "devloop-shop");
        let odd = config_map_name(&ProjectName::new("My_Shop.2"));
        assert!(odd.starts_with("devloop-my-shop-2-") && odd.len() > "devloop-my-shop-2-".len(), "{odd}");
        assert_ne!(odd, config_map_name(&ProjectName::new("my-Shop.2")));
    }

    #[test]
    fn entries_survive_being_written() {
        let entry = Entry { id: id("v1", "a"), uid: Some("u".into()), resource: "web".into(), adopted: true };
        let config_map = json!({"data": {"k": json!(entry).to_string(), "unknown": "not json"}});
        assert_eq!(read_entries(&config_map).into_values().collect::<Vec<_>>(), [entry]);
    }
}
