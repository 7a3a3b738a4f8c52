//! The environment that configurations see and change, as an overlay: devloop's own is never touched, because changing
//! it while threads run is undefined behaviour on most systems.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::devfile::entry::EnvironmentOverlay;

/// The inherited environment and what configurations have changed of it. Cheap to clone; clones share the changes.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    inherited: Arc<BTreeMap<String, String>>,
    overlay: Arc<Mutex<EnvironmentOverlay>>,
}

impl Environment {
    /// The environment of this process with the changes of earlier runs.
    pub fn inherit(overlay: EnvironmentOverlay) -> Self {
        // Variables that are no text cannot be shown to a configuration; commands still inherit them.
        let inherited =
            std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
        Self { inherited: Arc::new(inherited.collect()), overlay: Arc::new(Mutex::new(overlay)) }
    }

    /// The value of a variable.
    pub fn get(&self, key: &str) -> Option<String> {
        match self.lock().get(key) {
            Some(changed) => changed.clone(),
            None => self.inherited.get(key).cloned(),
        }
    }

    /// Sets a variable.
    pub fn set(&self, key: impl Into<String>, value: impl Into<String>) {
        self.lock().insert(key.into(), Some(value.into()));
    }

    /// Removes a variable.
    pub fn remove(&self, key: impl Into<String>) {
        self.lock().insert(key.into(), None);
    }

    /// All variables, sorted.
    pub fn all(&self) -> BTreeMap<String, String> {
        let mut all = (*self.inherited).clone();
        for (key, change) in &*self.lock() {
            match change {
                Some(value) => all.insert(key.clone(), value.clone()),
                None => all.remove(key),
            };
        }
        all
    }

    /// The changes.
    pub fn overlay(&self) -> EnvironmentOverlay {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, EnvironmentOverlay> {
        self.overlay.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_hide_what_is_inherited_and_leave_the_process_alone() {
        let environment = Environment::inherit(EnvironmentOverlay::new());
        let path = std::env::var("PATH").unwrap();
        assert_eq!(environment.get("PATH"), Some(path.clone()));
        environment.remove("PATH");
        environment.set("DEVLOOP_TEST_ONLY", "1");
        assert_eq!(environment.get("PATH"), None);
        assert_eq!(environment.all().get("DEVLOOP_TEST_ONLY").map(String::as_str), Some("1"));
        assert!(!environment.all().contains_key("PATH"));
        assert_eq!(std::env::var("PATH").unwrap(), path);
        assert!(std::env::var("DEVLOOP_TEST_ONLY").is_err());
    }

    #[test]
    fn the_overlay_survives_into_the_next_run() {
        let first = Environment::inherit(EnvironmentOverlay::new());
        first.set("A", "1");
        first.remove("HOME");
        let second = Environment::inherit(first.overlay());
        assert_eq!(second.get("A").as_deref(), Some("1"));
        assert_eq!(second.get("HOME"), None);
    }
}
