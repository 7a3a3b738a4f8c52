//! What one run knows and has recorded so far; builtins reach it through the evaluator.

use std::cell::{RefCell, RefMut};
use std::collections::{BTreeSet, HashMap};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use starlark::any::ProvidesStaticType;
use starlark::environment::FrozenModule;
use tokio_util::sync::CancellationToken;

use super::bounds::Bounds;
use super::environment::Environment;
use super::failure::{Failure, Outcome};
use super::nearby::nearby;
use super::parse_cache::ParseCache;
use super::paths;
use crate::devfile::builtins::config::UserConfig;
use crate::devfile::commands::CommandRunner;
use crate::devfile::declarations::{CallSite, Declarations, WatchedPath};
use crate::devfile::entry::{EnvironmentOverlay, LoadOptions};
use crate::devfile::extensions::built_in;
use crate::devfile::kube_info::KubeInfo;
use crate::devfile::seen_file::SeenFile;
use crate::devfile::usage::Usage;
use crate::diagnostic::{Diagnostic, Span};
use crate::logs::LogSink;
use crate::project::{PathFilter, PatternSet, WatchedTree};

/// How far a file has come.
#[derive(Clone, Debug)]
pub(crate) enum ModuleState {
    /// Its top level is executing.
    Executing,
    /// It has been executed.
    Done(FrozenModule),
    /// It could not be executed.
    Failed(Failure),
}

/// Whether a live update step has found its way into a `live_update=`.
#[derive(Clone, Debug)]
pub(crate) struct StepUse {
    /// The builtin that made it.
    pub builtin: String,
    /// Whether it is used.
    pub used: bool,
}

/// A call of `workload_to_resource_function`. The function is the extra value of the file's module.
#[derive(Clone, Debug)]
pub(crate) struct WorkloadFunctionCall {
    /// The file whose top level was executing.
    pub file: Arc<Path>,
    /// The call.
    pub span: Span,
}

/// What changes during a run.
#[derive(Debug)]
pub(crate) struct State {
    /// What the builtins recorded.
    pub declarations: Declarations,
    /// Problems that did not end the run.
    pub diagnostics: Vec<Diagnostic>,
    /// Files that re-run the configuration.
    pub config_files: IndexSet<PathBuf>,
    /// Those of them that are files, as they were when they were named.
    pub seen_files: Vec<SeenFile>,
    /// Live update steps by the place that made them (reference §2.4).
    pub steps: IndexMap<Span, StepUse>,
    /// `config.*`.
    pub config: UserConfig,
    /// Extensions that a file has loaded, by the names that objects would have.
    pub loaded_extensions: BTreeSet<String>,
    /// A repository of extensions could not be reached, and there is no copy of it.
    pub awaits_repository: bool,
    /// The last `workload_to_resource_function`.
    pub workload_function: Option<WorkloadFunctionCall>,
    /// Whether the configuration has ended its run early, which is no failure.
    pub exited: bool,
    /// What has been called.
    pub usage: Usage,
    /// The files whose top level is executing, innermost last.
    executing: Vec<Arc<Path>>,
    modules: HashMap<PathBuf, ModuleState>,
}

/// One run.
#[derive(Debug, ProvidesStaticType)]
pub(crate) struct Session {
    /// The entry file, absolute.
    pub entry_file: PathBuf,
    /// `up`, `ci` …
    pub subcommand: String,
    /// The command line.
    pub args: Vec<String>,
    /// The cluster.
    pub kube: KubeInfo,
    /// The environment.
    pub environment: Environment,
    /// Runs commands.
    pub commands: Arc<dyn CommandRunner>,
    /// What earlier runs have parsed.
    pub cache: ParseCache,
    /// Takes output.
    pub log: LogSink,
    /// Ends the run.
    pub cancel: CancellationToken,
    /// All files have been executed: there is no folder that paths could be relative to, and nothing is recorded.
    pub assembling: bool,
    /// Ends a run that takes everything.
    pub bounds: Bounds,
    state: RefCell<State>,
}

impl Session {
    /// A run of `entry_file` that has recorded nothing.
    pub fn new(entry_file: PathBuf, options: LoadOptions) -> Self {
        let LoadOptions { entry_file: _, dir: _, args, subcommand, kube, environment, commands, cache, log, cancel } =
            options;
        let environment = Environment::inherit(environment);
        crate::diagnostic::set_embedded(built_in::source);
        let state = State {
            declarations: Declarations::new(&entry_file),
            diagnostics: Vec::new(),
            config_files: IndexSet::new(),
            seen_files: Vec::new(),
            steps: IndexMap::new(),
            config: UserConfig::default(),
            loaded_extensions: BTreeSet::new(),
            awaits_repository: false,
            workload_function: None,
            exited: false,
            usage: Usage::default(),
            executing: Vec::new(),
            modules: HashMap::new(),
        };
        Self {
            entry_file,
            subcommand,
            args,
            kube,
            environment,
            commands,
            cache,
            log,
            cancel,
            assembling: false,
            bounds: Bounds::start(),
            state: RefCell::new(state),
        }
    }

    /// The same run after the execution of its files, for what is called during the assembly.
    pub fn for_assembly(&self) -> Self {
        let options = LoadOptions {
            entry_file: None,
            dir: PathBuf::new(),
            args: self.args.clone(),
            subcommand: self.subcommand.clone(),
            kube: self.kube.clone(),
            environment: EnvironmentOverlay::new(),
            commands: Arc::clone(&self.commands),
            cache: self.cache.clone(),
            log: self.log.clone(),
            cancel: self.cancel.clone(),
        };
        let session = Self::new(self.entry_file.clone(), options);
        Self { assembling: true, environment: self.environment.clone(), ..session }
    }

    /// What changes during a run. No borrow is held while Starlark code runs.
    pub fn state(&self) -> RefMut<'_, State> {
        self.state.borrow_mut()
    }

    /// The file whose top level is executing.
    pub fn devfile(&self) -> Arc<Path> {
        self.state().executing.last().cloned().unwrap_or_else(|| Arc::from(self.entry_file.as_path()))
    }

    /// What relative paths are resolved against.
    pub fn dir(&self) -> PathBuf {
        self.devfile().parent().map(Path::to_path_buf).unwrap_or_default()
    }

    /// The absolute form of a path.
    pub fn resolve(&self, path: &str) -> PathBuf {
        paths::resolve(&self.dir(), path)
    }

    /// The place of a call together with what it is relative to.
    pub fn call_site(&self, span: Span) -> CallSite {
        CallSite { span, devfile: self.devfile(), dir: self.dir() }
    }

    /// Notes that a change of `path` re-runs the configuration.
    pub fn watch(&self, path: impl Into<PathBuf>) {
        let path = path.into();
        let mut state = self.state();
        if !state.config_files.contains(&path) {
            state.seen_files.extend(SeenFile::look(&path));
            state.config_files.insert(path);
        }
    }

    /// Notes a problem that does not end the run.
    pub fn report(&self, diagnostic: Diagnostic) {
        self.state().diagnostics.push(diagnostic);
    }

    /// Reads a text file of the user and watches it.
    pub fn read(&self, path: &Path) -> Outcome<String> {
        self.watch(path);
        read_text(path)
    }

    /// What the disk says about one of an image's files or folders, with its ignore file, which is watched even if it is missing.
    pub fn image_path(&self, path: PathBuf, special_ignore_file: Option<PathBuf>) -> WatchedPath {
        let mut watched = watched_path(path);
        if watched.is_folder {
            let file =
                special_ignore_file.filter(|file| file.is_file()).unwrap_or_else(|| watched.path.join(".dockerignore"));
            self.watch(&file);
            watched.dockerignore = self.ignore_file(&file, &watched.path);
        }
        watched
    }

    /// The patterns of an ignore file, if there is one. A bad file is reported and does not end the run.
    pub fn ignore_file(&self, file: &Path, base: &Path) -> Option<PatternSet> {
        ignore_file(file, base).unwrap_or_else(|failure| {
            self.report(failure.into_diagnostic());
            None
        })
    }

    /// What has been recorded of a file.
    pub fn module(&self, path: &Path) -> Option<ModuleState> {
        self.state().modules.get(path).cloned()
    }

    /// How many files are executing.
    pub fn load_depth(&self) -> usize {
        self.state().executing.len()
    }

    /// Notes that the top level of a file begins.
    pub fn begin(&self, path: &Path) {
        let mut state = self.state();
        state.modules.insert(path.to_path_buf(), ModuleState::Executing);
        state.executing.push(Arc::from(path));
    }

    /// Notes how the top level of a file ended.
    pub fn end(&self, path: &Path, result: ModuleState) {
        let mut state = self.state();
        state.modules.insert(path.to_path_buf(), result);
        state.executing.pop();
    }

    /// The files that re-run the configuration.
    pub fn config_trees(&self) -> Vec<WatchedTree> {
        let filter = Arc::new(PathFilter::default());
        self.state()
            .config_files
            .iter()
            .map(|root| WatchedTree { root: root.clone(), filter: filter.clone() })
            .collect()
    }

    /// Takes what has been recorded.
    pub fn into_parts(self) -> (Declarations, Vec<Diagnostic>, Environment, Usage) {
        let trees = self.config_trees();
        let mut state = self.state.into_inner();
        state.declarations.config_files = trees;
        (state.declarations, state.diagnostics, self.environment, state.usage)
    }
}

/// Reads a text file; the failure names it.
pub(crate) fn read_text(path: &Path) -> Outcome<String> {
    if let Some(text) = built_in::source(path) {
        return Ok(text.to_owned());
    }
    let bytes = std::fs::read(path).map_err(|error| {
        let suggestion = if error.kind() == ErrorKind::NotFound { nearby(path) } else { None };
        Failure::new(format!("cannot read `{}`: {}", path.display(), describe(&error)))
            .maybe_help(suggestion.map(|suggestion| format!("did you mean `{suggestion}`?")))
    })?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::new(format!("cannot read `{}`: it is not text in UTF-8", path.display())))
}

/// What the disk says about a file or folder that an image or a resource depends on.
pub(crate) fn watched_path(path: PathBuf) -> WatchedPath {
    let is_folder = path.is_dir();
    let is_repository_root = is_folder && path.join(".git").exists();
    WatchedPath { path, is_folder, is_repository_root, dockerignore: None }
}

/// An error of the operating system without its number.
pub(crate) fn describe(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}

/// The patterns of an ignore file, anchored at `base`; `None` when there is no such file.
pub(crate) fn ignore_file(file: &Path, base: &Path) -> Outcome<Option<PatternSet>> {
    let Ok(text) = std::fs::read_to_string(file) else { return Ok(None) };
    let source = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    PatternSet::from_file(base, &source, &text)
        .map(Some)
        .map_err(|error| Diagnostic::error(error.to_string()).at(Span::file(file)).into())
}
