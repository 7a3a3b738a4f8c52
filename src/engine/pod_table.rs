//! The pods that are known, and who owns them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::k8s::{Pod, Uid};

/// Pods by their uid and by those of their owners.
#[derive(Debug, Default)]
pub(super) struct PodTable {
    pods: HashMap<Uid, Arc<Pod>>,
    by_owner: HashMap<Uid, BTreeSet<Uid>>,
}

impl PodTable {
    pub(super) fn get(&self, uid: &Uid) -> Option<&Arc<Pod>> {
        self.pods.get(uid)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.pods.values()
    }

    /// The pods that `owner` owns, or is.
    pub(super) fn owned_by<'a>(&'a self, owner: &'a Uid) -> impl Iterator<Item = &'a Arc<Pod>> {
        let owned = self.by_owner.get(owner).into_iter().flatten();
        owned.chain([owner]).filter_map(|uid| self.pods.get(uid))
    }

    /// Adds a pod, or what it has become.
    pub(super) fn insert(&mut self, pod: Arc<Pod>) {
        if self.pods.get(&pod.uid).is_none_or(|before| before.owners != pod.owners) {
            self.remove(&pod.uid);
            for owner in &pod.owners {
                self.by_owner.entry(owner.clone()).or_default().insert(pod.uid.clone());
            }
        }
        self.pods.insert(pod.uid.clone(), pod);
    }

    pub(super) fn remove(&mut self, uid: &Uid) -> Option<Arc<Pod>> {
        let pod = self.pods.remove(uid)?;
        for owner in &pod.owners {
            if let Some(owned) = self.by_owner.get_mut(owner) {
                owned.remove(uid);
                if owned.is_empty() {
                    self.by_owner.remove(owner);
                }
            }
        }
        Some(pod)
    }

    /// All pods of a namespace; others of it are gone.
    pub(super) fn list(&mut self, namespace: &str, pods: Vec<Pod>) {
        let former: Vec<Uid> =
            self.pods.values().filter(|pod| &*pod.namespace == namespace).map(|pod| pod.uid.clone()).collect();
        for uid in former {
            self.remove(&uid);
        }
        for pod in pods {
            self.insert(Arc::new(pod));
        }
    }
}
