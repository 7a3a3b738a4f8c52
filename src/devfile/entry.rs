//! The way in: what a run needs and what comes of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::assemble::{AssembleOptions, Assembled, NameWorkloads, assemble};
use super::commands::{CommandRunner, NoCommands};
use super::declarations::Declarations;
use super::extensions::{Unit, unloaded};
use super::kube_info::KubeInfo;
use super::language::ParseCache;
use super::language::evaluate::execute;
use super::language::failure::Failure;
use super::language::paths;
use super::language::session::Session;
use super::language::workload_function::WorkloadFunction;
use super::seen_file::SeenFile;
use super::units::run_units;
use super::usage::Usage;
use crate::diagnostic::Diagnostic;
use crate::logs::{LogSink, LogSource, LogStore};
use crate::project::{ApiKind, ApiObject, Project, WatchedTree};

/// Enough for the deepest calls that [`super::language::evaluate`] allows; only what is used takes memory.
const STACK_BYTES: usize = 256 << 20;

/// The names of the entry file, the first that is there counts.
const ENTRY_FILES: [&str; 2] = ["Devfile", "Tiltfile"];

/// The names of the file with what every watch ignores.
const IGNORE_FILES: [&str; 2] = [".devloopignore", ".tiltignore"];

/// Changes that configurations made to the environment (`os.putenv`, `os.unsetenv`, `os.environ`): `None` = removed.
///
/// devloop's own environment is never touched. The overlay is handed from one run to the next, and to every command
/// that devloop starts on this machine.
pub type EnvironmentOverlay = BTreeMap<String, Option<String>>;

/// What a run needs.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// The entry file; `None` for `Devfile`, else `Tiltfile`, in `dir`.
    pub entry_file: Option<PathBuf>,
    /// The folder that devloop was started in, absolute.
    pub dir: PathBuf,
    /// Resource names, or what `config.parse()` takes.
    pub args: Vec<String>,
    /// `up`, `ci`, `down`, `config` …
    pub subcommand: String,
    /// What is known of the cluster.
    pub kube: KubeInfo,
    /// Left by the run before.
    pub environment: EnvironmentOverlay,
    /// Runs the commands of the configuration.
    pub commands: Arc<dyn CommandRunner>,
    /// What earlier runs of the session have parsed.
    pub cache: ParseCache,
    /// Takes what the configuration prints and what its commands write.
    pub log: LogSink,
    /// Ends the run early.
    pub cancel: CancellationToken,
}

impl LoadOptions {
    /// A first run of `up` in `dir` that knows no cluster, has no arguments, refuses to start programs, and keeps its output
    /// to itself.
    pub fn without_commands(dir: impl Into<PathBuf>) -> Self {
        Self {
            entry_file: None,
            dir: dir.into(),
            args: Vec::new(),
            subcommand: "up".to_owned(),
            kube: KubeInfo::default(),
            environment: EnvironmentOverlay::new(),
            commands: Arc::new(NoCommands),
            cache: ParseCache::default(),
            log: LogStore::new().sink(None, LogSource::Build),
            cancel: CancellationToken::new(),
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct LoadOutcome {
    /// `None` when there is an error among the diagnostics.
    pub project: Option<Project>,
    /// Where there is no project: the objects of the API that were registered before the error (reference §2.15).
    pub reached: Option<Project>,
    /// All problems, warnings included.
    pub diagnostics: Vec<Diagnostic>,
    /// A change of any of these is a reason to run again, after a failure too.
    pub config_files: Vec<WatchedTree>,
    /// The files among them, as they were when they were read.
    pub seen_files: Vec<SeenFile>,
    /// For the next run and for commands.
    pub environment: EnvironmentOverlay,
    /// A repository of extensions could not be reached: the same run may do better later.
    pub awaits_repository: bool,
    /// How long it took.
    pub duration: Duration,
}

/// What came of executing the files alone.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// What the builtins recorded until the end or the first error.
    pub declarations: Declarations,
    /// All problems so far.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that were read, as they were then.
    pub seen_files: Vec<SeenFile>,
    /// For the next run and for commands.
    pub environment: EnvironmentOverlay,
    /// What was called.
    pub usage: Usage,
    /// A repository of extensions could not be reached: the same run may do better later.
    pub awaits_repository: bool,
}

/// Runs a configuration: executes its files and assembles what they declare. Blocks; commands may take their time.
pub fn load(options: LoadOptions) -> LoadOutcome {
    let started = Instant::now();
    let log = options.log.clone();
    let entry_file = options.entry_file.clone();
    let environment = options.environment.clone();
    let (evaluation, project, reached) = match on_large_stack(|| execute_and_assemble(options)) {
        Ok(done) => done,
        Err(problem) => (failed(entry_file, environment, problem), None, None),
    };
    let Evaluation { declarations, diagnostics, seen_files, environment, awaits_repository, .. } = evaluation;
    let config_files = declarations.config_files;
    let mut project = project;
    if let Some(project) = &mut project {
        project.warnings = diagnostics.iter().filter(|diagnostic| !diagnostic.is_error()).cloned().collect();
    }
    let duration = started.elapsed();
    if let Some(project) = &project {
        let name = project.entry_file.file_name().unwrap_or_default().to_string_lossy();
        log.info(format!("Successfully loaded {name} in {:.3} s", duration.as_secs_f64()));
    }
    LoadOutcome { project, reached, diagnostics, config_files, seen_files, environment, awaits_repository, duration }
}

/// Executes the entry file and what it loads.
pub fn evaluate(options: LoadOptions) -> Evaluation {
    let entry_file = options.entry_file.clone();
    let environment = options.environment.clone();
    on_large_stack(|| execute_all(options, Leftovers::Leave).0)
        .unwrap_or_else(|problem| failed(entry_file, environment, problem))
}

fn failed(entry_file: Option<PathBuf>, environment: EnvironmentOverlay, problem: String) -> Evaluation {
    Evaluation {
        declarations: Declarations::new(entry_file.unwrap_or_else(|| PathBuf::from(ENTRY_FILES[0]))),
        diagnostics: vec![Diagnostic::error(problem)],
        seen_files: Vec::new(),
        environment,
        usage: Usage::default(),
        awaits_repository: false,
    }
}

/// Calls of the language nest calls of the evaluator, which take more than the usual stack before the limit.
fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("devfile".to_owned()).stack_size(STACK_BYTES);
        match thread.spawn_scoped(scope, work).map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(_)) => Err("the evaluation of the configuration has crashed: please report this".to_owned()),
            Err(error) => Err(format!("cannot start the evaluation: {error}")),
        }
    })
}

/// The declarations that are left behind have nothing but what the next run needs.
fn execute_and_assemble(options: LoadOptions) -> (Evaluation, Option<Project>, Option<Project>) {
    let template = options.clone();
    let (mut evaluation, namer, units) = execute_all(options, Leftovers::Find);
    let (kube, subcommand) = (template.kube.clone(), template.subcommand.clone());
    let assemble_options = AssembleOptions { kube, subcommand, may_be_empty: !units.is_empty() };
    let reached = reached_objects(&evaluation.declarations);
    if evaluation.diagnostics.iter().any(Diagnostic::is_error) {
        return (evaluation, None, reached.and_then(|reached| assembled_alone(reached, &assemble_options)));
    }
    let config_files = evaluation.declarations.config_files.clone();
    let allowed_contexts = evaluation.declarations.allowed_contexts.clone();
    let left = Declarations {
        allowed_contexts,
        config_files,
        ..Declarations::new(evaluation.declarations.entry_file.clone())
    };
    let declarations = std::mem::replace(&mut evaluation.declarations, left);
    let by_function = namer.as_ref().map(|namer| namer as &dyn NameWorkloads);
    let Assembled { project, diagnostics } = assemble(declarations, &assemble_options, by_function);
    evaluation.diagnostics.extend(namer.into_iter().flat_map(WorkloadFunction::into_diagnostics));
    evaluation.diagnostics.extend(diagnostics);
    let mut project = project.filter(|_| !evaluation.diagnostics.iter().any(Diagnostic::is_error));
    if let Some(project) = &mut project {
        run_units(&mut evaluation, project, &template, units);
        project.config_files.clone_from(&evaluation.declarations.config_files);
    }
    let reached = reached.filter(|_| project.is_none());
    let reached = reached.and_then(|reached| assembled_alone(reached, &assemble_options));
    (evaluation, project, reached)
}

/// The declarations of a run with nothing in them but objects of the API that need nothing else; `None` when there are none.
fn reached_objects(declarations: &Declarations) -> Option<Declarations> {
    // An image may not have been declared yet.
    let needs_images = |object: &ApiObject| object.spec.get("imageMaps").is_some();
    let api_objects: Vec<ApiObject> =
        declarations.api_objects.iter().filter(|object| !needs_images(object)).cloned().collect();
    let runs = |object: &ApiObject| !matches!(object.kind, ApiKind::Extension | ApiKind::ExtensionRepo);
    if !api_objects.iter().any(runs) {
        return None;
    }
    Some(Declarations {
        api_objects,
        allowed_contexts: declarations.allowed_contexts.clone(),
        settings: declarations.settings.clone(),
        global_ignores: declarations.global_ignores.clone(),
        ..Declarations::new(declarations.entry_file.clone())
    })
}

fn assembled_alone(objects: Declarations, options: &AssembleOptions) -> Option<Project> {
    // What is wrong with them has been said, or is said as soon as the run ends without an error.
    assemble(objects, &AssembleOptions { may_be_empty: true, ..options.clone() }, None).project
}

/// What becomes of extensions that nobody has loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leftovers {
    /// Their files are found, which may take a clone.
    Find,
    /// Nothing.
    Leave,
}

/// Executes the entry file and what it loads; what names workloads, and the extensions that are left over.
pub(super) fn execute_all(
    options: LoadOptions,
    leftovers: Leftovers,
) -> (Evaluation, Option<WorkloadFunction>, Vec<Unit>) {
    let (entry_file, tried) = entry(options.entry_file.as_deref(), &options.dir);
    let session = Session::new(entry_file.clone(), options);
    session.cache.begin();
    session.watch(&entry_file);
    if !entry_file.is_file() {
        // The appearance of any of them mends the run.
        for path in &tried {
            session.watch(path);
        }
    }
    // The ignore files are watched even if they are missing: their appearance changes the result.
    let folder = entry_file.parent().map(Path::to_path_buf).unwrap_or_default();
    for name in IGNORE_FILES {
        let file = folder.join(name);
        session.watch(&file);
        if let Some(set) = session.ignore_file(&file, &folder) {
            session.state().declarations.global_ignores.push(Arc::new(set));
        }
    }
    let failed: Option<Failure> = if entry_file.is_file() {
        session.log.info(format!("Loading {}", entry_file.display()));
        execute(&session, &entry_file).err()
    } else {
        Some(missing(&tried).into())
    };
    let exited = session.state().exited;
    match failed.filter(|_| !exited) {
        Some(failure) if session.cancel.is_cancelled() => {
            let message = "the configuration run was cancelled".to_owned();
            session.report(Diagnostic { message, help: Vec::new(), ..failure.into_diagnostic() });
        }
        Some(failure) => session.report(failure.into_diagnostic()),
        None => {
            // A run that fails has not come to all files, so nothing is forgotten then.
            session.cache.end();
            report_unused_steps(&session);
        }
    }
    let is_well = !session.state().diagnostics.iter().any(Diagnostic::is_error);
    let units = if is_well && leftovers == Leftovers::Find { unloaded(&session) } else { Vec::new() };
    let awaits_repository = session.state().awaits_repository;
    let selection = session.state().config.selection(&session.args);
    session.state().declarations.selection = selection;
    let namer = WorkloadFunction::of(&session);
    let seen_files = std::mem::take(&mut session.state().seen_files);
    let (declarations, diagnostics, environment, usage) = session.into_parts();
    let environment = environment.overlay();
    (Evaluation { declarations, diagnostics, seen_files, environment, usage, awaits_repository }, namer, units)
}

/// The entry file, and the paths that were tried for it.
fn entry(given: Option<&Path>, dir: &Path) -> (PathBuf, Vec<PathBuf>) {
    let tried: Vec<PathBuf> = match given {
        Some(path) => vec![paths::clean(&dir.join(path))],
        None => ENTRY_FILES.iter().map(|name| dir.join(name)).collect(),
    };
    let found = tried.iter().find(|path| path.is_file()).or(tried.first()).cloned().unwrap_or_default();
    (found.canonicalize().unwrap_or(found), tried)
}

fn missing(tried: &[PathBuf]) -> Diagnostic {
    let paths: Vec<String> = tried.iter().map(|path| format!("`{}`", path.display())).collect();
    Diagnostic::error(format!("no Devfile found at {}", paths.join(" or ")))
        .help("go to the folder of the project, or name the file: `-f PATH`")
}

/// A live update step that no `live_update=` takes has no effect (reference §2.4).
fn report_unused_steps(session: &Session) {
    let unused: Vec<Diagnostic> = session
        .state()
        .steps
        .iter()
        .filter(|(_, step)| !step.used)
        .map(|(span, step)| {
            Diagnostic::error(format!("this `{}` step is not part of any `live_update`", step.builtin))
                .at(span.clone())
                .help("pass it in the list `live_update=[…]` of a `docker_build` or `custom_build`")
        })
        .collect();
    for diagnostic in unused {
        session.report(diagnostic);
    }
}
