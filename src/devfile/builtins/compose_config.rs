//! Has the compose command say what it makes of a project, and remembers the answer as long as nothing that it can have
//! read has changed.

use std::collections::{HashMap, VecDeque};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::local_process::{self, Finished};
use crate::compose::{
    COMMAND_VARIABLES, ComposeService, ComposeVersion, VersionProblem, check_version, config_arguments, parse_config,
    parse_version, plain_line, references,
};
use crate::devfile::declarations::ComposeSource;
use crate::devfile::language::binding::Call;
use crate::devfile::language::failure::Outcome;
use crate::diagnostic::Diagnostic;
use crate::project::{CommandLine, ComposeProject};

/// Answers that are kept: a session has a handful of projects.
const KEPT: usize = 32;

/// How many of the last lines of a failed command's errors are quoted.
const QUOTED_LINES: usize = 8;

/// What the compose command is asked.
pub(super) struct Request {
    /// The project's name.
    pub(super) name: String,
    /// What relative paths are resolved against.
    pub(super) directory: PathBuf,
    /// Its parts, in order.
    pub(super) sources: Vec<ComposeSource>,
    /// A file with variables.
    pub(super) env_file: Option<PathBuf>,
    /// Active profiles.
    pub(super) profiles: Vec<String>,
    /// Whether deploys wait for health.
    pub(super) wait: bool,
}

/// The compose command of this machine.
#[derive(Clone, Debug)]
struct Tool {
    command: Vec<String>,
    version: ComposeVersion,
}

/// What the command said to the same question.
static ANSWERS: Mutex<VecDeque<([u8; 32], String)>> = Mutex::new(VecDeque::new());

/// The commands that were found, by what decides about them.
static TOOLS: Mutex<Option<HashMap<Vec<Option<String>>, Tool>>> = Mutex::new(None);

/// The project and its services.
pub(super) fn understand(
    call: &Call<'_, '_, '_, '_>,
    request: &Request,
) -> Outcome<(Arc<ComposeProject>, Vec<ComposeService>)> {
    let tool = tool(call)?;
    let key = fingerprint(call, &tool, request);
    let known =
        key.and_then(|key| lock(&ANSWERS).iter().find(|(known, _)| *known == key).map(|(_, answer)| answer.clone()));
    let output = if let Some(answer) = known {
        answer
    } else {
        let answer = ask(call, &tool, request)?;
        if let Some(key) = key {
            let mut answers = lock(&ANSWERS);
            answers.push_front((key, answer.clone()));
            answers.truncate(KEPT);
        }
        answer
    };
    let (config, services) = parse_config(&output, &request.profiles)
        .map_err(|error| call.failure(format_args!("cannot use project `{}`: {error}", request.name)))?;
    let project = ComposeProject {
        name: request.name.clone(),
        directory: request.directory.clone(),
        command: tool.command,
        version: tool.version,
        profiles: request.profiles.clone(),
        wait: request.wait,
        config,
    };
    Ok((Arc::new(project), services))
}

fn ask(call: &Call<'_, '_, '_, '_>, tool: &Tool, request: &Request) -> Outcome<String> {
    // Blobs live in files as long as the command reads them.
    let mut temporary = Vec::new();
    let mut files: Vec<PathBuf> = Vec::new();
    for source in &request.sources {
        match source {
            ComposeSource::File(path) => files.push(path.clone()),
            ComposeSource::Text(text) => {
                let file = blob_file(text).map_err(|error| {
                    call.failure(format_args!("cannot store a Blob for the compose command: {error}"))
                })?;
                files.push(file.path().to_path_buf());
                temporary.push(file);
            }
        }
    }
    let argv = config_arguments(
        &tool.command,
        &request.directory,
        &request.name,
        &files,
        request.env_file.as_deref(),
        &request.profiles,
    );
    // The variable would add to profiles that were given.
    let env = vec![("COMPOSE_PROFILES".to_owned(), request.profiles.join(","))];
    let finished = run(call, argv, &request.directory, env)?;
    // Warnings, for example of variables that are not set.
    for line in finished.stderr.lines().filter(|line| !line.trim().is_empty()) {
        call.session.log.warn(plain_line(line));
    }
    if finished.status.success() {
        return Ok(finished.stdout);
    }
    let mut failure =
        call.failure(format_args!("the compose command refuses project `{}`: {}", request.name, finished.ending()));
    let lines: Vec<&str> = finished.stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    for line in &lines[lines.len().saturating_sub(QUOTED_LINES)..] {
        failure = failure.help(plain_line(line));
    }
    Err(failure)
}

fn blob_file(text: &str) -> std::io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix("devloop-compose-blob-").suffix(".yml").tempfile()?;
    file.write_all(text.as_bytes())?;
    file.flush()?;
    Ok(file)
}

fn run(call: &Call<'_, '_, '_, '_>, argv: Vec<String>, dir: &Path, env: Vec<(String, String)>) -> Outcome<Finished> {
    let command = CommandLine { argv, dir: dir.to_path_buf(), env };
    local_process::run(call.session, &command, None, |_| {}).map_err(|failure| failure.context("`docker_compose`"))
}

/// The first compose command that works (reference §2.6).
fn tool(call: &Call<'_, '_, '_, '_>) -> Outcome<Tool> {
    let environment = &call.session.environment;
    let named = COMMAND_VARIABLES
        .iter()
        .find_map(|name| Some((*name, environment.get(name).filter(|value| !value.trim().is_empty())?)));
    let decided_by: Vec<Option<String>> =
        vec![named.as_ref().map(|(_, value)| value.clone()), environment.get("PATH"), environment.get("DOCKER_CONFIG")];
    if let Some(tool) = lock(&TOOLS).as_ref().and_then(|tools| tools.get(&decided_by)) {
        return Ok(tool.clone());
    }
    let candidates: Vec<Vec<String>> = match &named {
        Some((_, value)) => vec![value.split_whitespace().map(str::to_owned).collect()],
        None => vec![vec!["docker".to_owned(), "compose".to_owned()], vec!["docker-compose".to_owned()]],
    };
    let found = candidates.iter().find_map(|command| Some((command.clone(), version(call, command)?)));
    let Some((command, version)) = found else {
        return Err(match named {
            Some((variable, value)) => call
                .failure(format_args!("`{value}`, which the variable {variable} names, is no compose command"))
                .help("it must answer `version --short`"),
            None => call
                .failure("there is no compose command: neither `docker compose` nor `docker-compose` works")
                .help("install Docker Compose, or name the command by the variable DEVLOOP_DOCKER_COMPOSE_CMD"),
        });
    };
    match check_version(version) {
        Ok(()) => {}
        Err(VersionProblem::TooOld(problem)) => return Err(call.failure(problem)),
        Err(VersionProblem::Doubtful(problem)) => {
            call.session.report(Diagnostic::warning(format!("`docker_compose`: {problem}")).at(call.span.clone()));
            return Ok(Tool { command, version });
        }
    }
    let tool = Tool { command, version };
    lock(&TOOLS).get_or_insert_default().insert(decided_by, tool.clone());
    Ok(tool)
}

fn version(call: &Call<'_, '_, '_, '_>, command: &[String]) -> Option<ComposeVersion> {
    let argv = command.iter().cloned().chain(["version".to_owned(), "--short".to_owned()]).collect();
    let finished: Finished = run(call, argv, &call.session.dir(), Vec::new()).ok()?;
    if finished.status.success() { parse_version(&finished.stdout) } else { None }
}

/// Stands for everything that the answer can depend on; `None` when that cannot be known.
fn fingerprint(call: &Call<'_, '_, '_, '_>, tool: &Tool, request: &Request) -> Option<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    };
    for word in tool.command.iter().chain([&request.name]).chain(&request.profiles) {
        add(word.as_bytes());
    }
    add(format!("{:?} {}", tool.version, request.directory.display()).as_bytes());
    for (key, value) in call.session.environment.all() {
        add(key.as_bytes());
        add(value.as_bytes());
    }
    let env_file = request.env_file.clone().unwrap_or_else(|| request.directory.join(".env"));
    let mut files = vec![(env_file, None)];
    for source in &request.sources {
        match source {
            ComposeSource::File(path) => files.push((path.clone(), Some(request.directory.clone()))),
            ComposeSource::Text(text) => {
                add(text.as_bytes());
                files.extend(referred(text, &request.directory)?);
            }
        }
    }
    let mut seen = Vec::new();
    while let Some((path, directory)) = files.pop() {
        if seen.contains(&path) {
            continue;
        }
        add(path.to_string_lossy().as_bytes());
        match std::fs::read(&path) {
            Ok(bytes) => {
                add(&bytes);
                if let Some(directory) = directory {
                    files.extend(referred(std::str::from_utf8(&bytes).ok()?, &directory)?);
                }
            }
            Err(error) => add(format!("{:?}", error.kind()).as_bytes()),
        }
        seen.push(path);
    }
    Some(hash.finalize().into())
}

/// Files, and for compose files the folder of their own paths.
type Referred = Vec<(PathBuf, Option<PathBuf>)>;

fn referred(text: &str, directory: &Path) -> Option<Referred> {
    let found = references(text, directory);
    if found.is_incomplete {
        return None;
    }
    let env_files = found.env_files.into_iter().map(|file| (file, None));
    Some(env_files.chain(found.compose_files.into_iter().map(|(file, folder)| (file, Some(folder)))).collect())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
