//! What was parsed in earlier runs of a session: a file whose text has not changed is not parsed again.
//!
//! Only parsing is remembered. Files are executed in every run, because what they do depends on more than their text.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use starlark::syntax::AstModule;

use super::source;
use crate::k8s::{ParsedObjects, parse_objects};
use crate::project::Project;
use crate::yaml::{Parsed, parse_documents};

/// Parsed files, shared by the runs of a session. Cheap to clone; clones share what they hold.
#[derive(Clone, Default)]
pub struct ParseCache(Arc<Mutex<Files>>);

#[derive(Default)]
struct Files {
    run: u64,
    parsed: usize,
    modules: HashMap<PathBuf, Entry<AstModule>>,
    objects: HashMap<PathBuf, Entry<ParsedObjects>>,
    documents: HashMap<PathBuf, Entry<Parsed>>,
    /// What extensions that run on their own have parsed, and what they declared when they were last well.
    units: HashMap<String, Unit>,
}

#[derive(Default)]
struct Unit {
    cache: ParseCache,
    last: Option<Arc<Project>>,
}

struct Entry<T> {
    text: String,
    value: T,
    /// The last run that needed it.
    run: u64,
}

impl std::fmt::Debug for ParseCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ParseCache")
    }
}

impl ParseCache {
    /// How many files have been parsed so far, in all runs.
    pub fn parsed(&self) -> usize {
        self.lock().parsed
    }

    /// Begins a run.
    pub(crate) fn begin(&self) {
        self.lock().run += 1;
    }

    /// Ends a run: forgets what it did not need.
    pub(crate) fn end(&self) {
        let mut files = self.lock();
        let run = files.run;
        files.modules.retain(|_, entry| entry.run == run);
        files.objects.retain(|_, entry| entry.run == run);
        files.documents.retain(|_, entry| entry.run == run);
    }

    /// The cache of an extension that runs on its own.
    pub(crate) fn of_unit(&self, name: &str) -> Self {
        self.lock().units.entry(name.to_owned()).or_default().cache.clone()
    }

    /// Remembers what an extension that runs on its own has declared.
    pub(crate) fn remember_unit(&self, name: &str, project: Project) {
        self.lock().units.entry(name.to_owned()).or_default().last = Some(Arc::new(project));
    }

    /// What an extension that runs on its own declared when it was last well.
    pub(crate) fn last_unit(&self, name: &str) -> Option<Arc<Project>> {
        self.lock().units.get(name)?.last.clone()
    }

    /// Forgets all such extensions but these.
    pub(crate) fn forget_units(&self, kept: &BTreeSet<String>) {
        self.lock().units.retain(|name, _| kept.contains(name));
    }

    /// The syntax of a file of the configuration.
    pub(crate) fn module(&self, path: &Path, text: &str) -> starlark::Result<AstModule> {
        let mut files = self.lock();
        let run = files.run;
        if let Some(module) = known(&mut files.modules, run, path, text) {
            return Ok(module);
        }
        files.parsed += 1;
        let module = source::parse(path, text)?;
        files.modules.insert(path.to_path_buf(), Entry { text: text.to_owned(), value: module.clone(), run });
        Ok(module)
    }

    /// The Kubernetes objects of a file.
    pub(crate) fn objects(&self, path: &Arc<Path>, text: &str) -> ParsedObjects {
        let mut files = self.lock();
        let run = files.run;
        if let Some(objects) = known(&mut files.objects, run, path, text) {
            return objects;
        }
        files.parsed += 1;
        let objects = parse_objects(text, path);
        files.objects.insert(path.to_path_buf(), Entry { text: text.to_owned(), value: objects.clone(), run });
        objects
    }

    /// The YAML documents of a file.
    pub(crate) fn documents(&self, path: &Arc<Path>, text: &str) -> Parsed {
        let mut files = self.lock();
        let run = files.run;
        if let Some(documents) = known(&mut files.documents, run, path, text) {
            return documents;
        }
        files.parsed += 1;
        let documents = parse_documents(text, path);
        files.documents.insert(path.to_path_buf(), Entry { text: text.to_owned(), value: documents.clone(), run });
        documents
    }

    fn lock(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn known<T: Clone>(entries: &mut HashMap<PathBuf, Entry<T>>, run: u64, path: &Path, text: &str) -> Option<T> {
    let entry = entries.get_mut(path).filter(|entry| entry.text == text)?;
    entry.run = run;
    Some(entry.value.clone())
}
