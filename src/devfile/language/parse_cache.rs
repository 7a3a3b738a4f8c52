//! What was parsed in earlier runs of a session: a file whose text has not changed is not parsed again.
//!
//! Only parsing is remembered. Files are executed in every run, because what they do depends on more than their text.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
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
    /// Whether there is one run only, so that nothing needs to be kept.
    is_for_one_run: bool,
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
    /// One that keeps nothing, for who evaluates a configuration once.
    pub fn for_one_run() -> Self {
        Self(Arc::new(Mutex::new(Files { is_for_one_run: true, ..Files::default() })))
    }

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
        let mut files = self.lock();
        if files.is_for_one_run {
            return Self::for_one_run();
        }
        files.units.entry(name.to_owned()).or_default().cache.clone()
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
        self.parsed_by(|files| &mut files.modules, path, text, || source::parse(path, text))
    }

    /// The Kubernetes objects of a file.
    pub(crate) fn objects(&self, path: &Arc<Path>, text: &str) -> ParsedObjects {
        let Ok(objects) =
            self.parsed_by(|files| &mut files.objects, path, text, || Ok::<_, Infallible>(parse_objects(text, path)));
        objects
    }

    /// The YAML documents of a file.
    pub(crate) fn documents(&self, path: &Arc<Path>, text: &str) -> Parsed {
        let Ok(documents) = self.parsed_by(
            |files| &mut files.documents,
            path,
            text,
            || Ok::<_, Infallible>(parse_documents(text, path)),
        );
        documents
    }

    /// What `parse` makes of a text, or made of it in an earlier run. What does not parse is not remembered.
    fn parsed_by<T: Clone, E>(
        &self,
        entries: impl Fn(&mut Files) -> &mut HashMap<PathBuf, Entry<T>>,
        path: &Path,
        text: &str,
        parse: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut files = self.lock();
        let run = files.run;
        if let Some(value) = known(entries(&mut files), run, path, text) {
            return Ok(value);
        }
        files.parsed += 1;
        let value = parse()?;
        if !files.is_for_one_run {
            let entry = Entry { text: text.to_owned(), value: value.clone(), run };
            entries(&mut files).insert(path.to_path_buf(), entry);
        }
        Ok(value)
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
