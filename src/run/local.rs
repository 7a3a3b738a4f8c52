//! Effects `RunLocal` and `Serve`: commands on this machine.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::edges::SharedEdges;
use super::event_loop::EventSender;
use crate::engine::{Event, WorkError, WorkId, WorkResult};
use crate::logs::{LogSink, LogSource};
use crate::process::{CommandEnvironment, ProcessError, ServeHandle, Supervisor};
use crate::project::{ApiCommand, CommandLine, LocalTarget, Resource, ResourceName, Target};

/// How long a serve process that is to end may take before it is killed, when it is devloop that ends or the user who
/// waits. Reference §3.9 gives 30 s.
const GRACE: Duration = Supervisor::GRACE;

/// Runs the update command of a resource.
pub(super) async fn run(edges: SharedEdges, resource: Arc<Resource>, cancel: CancellationToken) -> WorkResult {
    WorkResult::Local(run_command(&edges, &resource, &cancel).await)
}

async fn run_command(edges: &SharedEdges, resource: &Resource, cancel: &CancellationToken) -> Result<(), WorkError> {
    let Some(command) = local_target(resource).and_then(|local| local.cmd.as_ref()) else { return Ok(()) };
    let log = edges.build_log(&resource.name);
    log.info(format!("Running cmd: {command}"));
    let result = edges.supervisor.run_to_end(command, &edges.command_environment(), &log, cancel).await;
    match result {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(WorkError::Failed(format!("command `{command}` failed: {}", describe(status)))),
        Err(ProcessError::Cancelled { .. }) => Err(WorkError::Cancelled),
        Err(error) => Err(WorkError::Failed(error.to_string())),
    }
}

/// Keeps the serve process of a resource running until it ends or is cancelled; the result says how it ended.
pub(super) async fn serve(
    edges: SharedEdges,
    resource: Arc<Resource>,
    work: WorkId,
    events: EventSender,
    cancel: CancellationToken,
) -> WorkResult {
    let Some(local) = local_target(&resource) else { return WorkResult::Serve(String::new()) };
    let Some(command) = &local.serve_cmd else { return WorkResult::Serve(String::new()) };
    let log = edges.logs.sink(Some(resource.name.clone()), LogSource::Runtime);
    log.info(format!("Running cmd: {command}"));
    let environment = edges.command_environment();
    let handle = match start(&edges, command, &environment, &log, &cancel).await {
        Ok(handle) => handle,
        Err(message) => return WorkResult::Serve(message),
    };
    // The loop is gone only when the session is over.
    let _ = events.send(Event::ServeStarted { work, pid: handle.pid() });
    let probing = async {
        if let Some(probe) = &local.readiness_probe {
            let report = |ready| {
                let _ = events.send(Event::ProbeChanged { work, ready });
            };
            crate::process::probe(&edges.supervisor, probe, command, &environment, &log, &cancel, report).await;
        }
        std::future::pending::<()>().await;
    };
    let message = tokio::select! {
        result = handle.exited() => match result {
            Ok(status) => format!("Server exited with {}", describe(status)),
            Err(error) => error.to_string(),
        },
        () = probing => String::new(),
        () = cancel.cancelled() => {
            handle.stop(GRACE).await;
            return WorkResult::Serve("stopped".to_owned());
        }
    };
    log.error(&message);
    WorkResult::Serve(message)
}

/// Starts what keeps running; why not, when it cannot be or shall not be any more.
async fn start(
    edges: &SharedEdges,
    command: &CommandLine,
    environment: &CommandEnvironment,
    log: &LogSink,
    cancel: &CancellationToken,
) -> Result<ServeHandle, String> {
    tokio::select! {
        started = edges.supervisor.serve(command, environment, log) => started.map_err(|error| {
            log.error(error.to_string());
            error.to_string()
        }),
        () = cancel.cancelled() => Err("stopped".to_owned()),
    }
}

/// A command of the API to start.
pub(super) struct ApiRequest {
    pub(super) command: Arc<ApiCommand>,
    pub(super) env: Vec<(String, String)>,
    pub(super) resource: Option<ResourceName>,
    pub(super) work: WorkId,
}

/// Keeps a command of the API running until it ends or is cancelled; the result says how it ended.
pub(super) async fn run_api_command(
    edges: SharedEdges,
    request: ApiRequest,
    events: EventSender,
    cancel: CancellationToken,
) -> WorkResult {
    let ApiRequest { command, env, resource, work } = request;
    let log = edges.logs.sink(resource, LogSource::Runtime);
    let mut line = command.command.clone();
    line.env.extend(env);
    log.info(format!("Running cmd: {line}"));
    let environment = edges.command_environment();
    let handle = match start(&edges, &line, &environment, &log, &cancel).await {
        Ok(handle) => handle,
        Err(message) => return WorkResult::Serve(message),
    };
    // The loop is gone only when the session is over.
    let _ = events.send(Event::ServeStarted { work, pid: handle.pid() });
    let probing = async {
        if let Some(probe) = &command.readiness_probe {
            crate::process::probe(&edges.supervisor, probe, &line, &environment, &log, &cancel, |_| ()).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        result = handle.exited() => {
            let (succeeded, message) = match result {
                Ok(status) => (status.success(), format!("cmd {} ended with {}", command.name, describe(status))),
                Err(error) => (false, error.to_string()),
            };
            if succeeded { log.info(&message) } else { log.error(&message) }
            WorkResult::Serve(message)
        }
        () = probing => WorkResult::Serve(String::new()),
        () = cancel.cancelled() => {
            handle.stop(GRACE).await;
            WorkResult::Serve("stopped".to_owned())
        }
    }
}

fn local_target(resource: &Resource) -> Option<&LocalTarget> {
    match &resource.target {
        Target::Local(local) => Some(local),
        Target::Kubernetes(_) | Target::Compose(_) => None,
    }
}

pub(super) fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".to_owned(),
    }
}
