//! Runs commands in containers.

use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::Client;
use kube::api::{Api, AttachParams, AttachedProcess};
use tokio::io::{AsyncReadExt, ReadHalf, SimplexStream};
use tokio::time::timeout;

/// For the start of a command; the runtime itself needs some tens of milliseconds.
const START: Duration = Duration::from_secs(15);
/// The pipes between the connection and us: large enough that a burst does not wait for a turn of the scheduler.
pub(super) const PIPE: usize = 256 * 1024;
/// Output kept of each stream by [`exec`]; what comes after is read and dropped.
const MAX_OUTPUT: usize = 4 * 1024 * 1024;

/// A container, and which instance of it is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContainerRef {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The container's name.
    pub container: String,
    /// The runtime's id of the instance (`containerd://…`): a restarted container is another one.
    pub id: String,
}

impl std::fmt::Display for ContainerRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.pod, self.container)
    }
}

/// Why a command could not be run, or how it was lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecError {
    /// The pod or this instance of the container is no more.
    #[error("the container is gone ({0})")]
    ContainerGone(String),
    /// The container has no such program.
    #[error("the container has no `{0}`")]
    NotFound(String),
    /// Not allowed by the cluster.
    #[error("the cluster refuses to run commands in containers: {0}; ask for the right to `create pods/exec`")]
    Forbidden(String),
    /// The connection failed or broke.
    #[error("the connection to the container failed: {0}")]
    Transport(String),
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecOutput {
    /// Exit status.
    pub exit_code: i32,
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error.
    pub stderr: Vec<u8>,
}

/// Runs a command to its end, without input. Dropping the future closes the connection; the command may live on.
pub async fn exec(client: &Client, target: &ContainerRef, argv: &[String]) -> Result<ExecOutput, ExecError> {
    let params = AttachParams { stderr: true, max_stderr_buf_size: Some(PIPE), ..AttachParams::default() };
    let mut process = attach(client, target, argv, params).await?;
    let status = take_status(&mut process);
    let (stdout, stderr, status) = tokio::join!(read_all(process.stdout()), read_all(process.stderr()), status);
    match exit_code(status.as_ref(), argv)? {
        137 => Err(ExecError::ContainerGone("exit status 137".to_owned())),
        exit_code => Ok(ExecOutput { exit_code, stdout, stderr }),
    }
}

/// Starts a command.
pub(super) async fn attach(
    client: &Client,
    target: &ContainerRef,
    argv: &[String],
    params: AttachParams,
) -> Result<AttachedProcess, ExecError> {
    let api: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(client.clone(), &target.namespace);
    let params = params.container(&target.container);
    let params = AttachParams { max_stdin_buf_size: Some(PIPE), max_stdout_buf_size: Some(PIPE), ..params };
    match timeout(START, api.exec(&target.pod, argv, &params)).await {
        Ok(Ok(process)) => Ok(process),
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => Err(ExecError::Forbidden(status.message.clone())),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => {
            Err(ExecError::ContainerGone(status.message.clone()))
        }
        Ok(Err(kube::Error::Api(status))) => Err(classify(&status.message, argv)),
        Ok(Err(error)) => Err(ExecError::Transport(error.to_string())),
        Err(_) => Err(ExecError::Transport(format!("no answer within {} s", START.as_secs()))),
    }
}

/// The status that the server sends when the command has ended; `None` when the connection broke before.
pub(super) fn take_status(process: &mut AttachedProcess) -> BoxFuture<'static, Option<Status>> {
    match process.take_status() {
        Some(status) => status.boxed(),
        None => futures::future::ready(None).boxed(),
    }
}

/// The exit status that a status tells, or why there is none.
pub(super) fn exit_code(status: Option<&Status>, argv: &[String]) -> Result<i32, ExecError> {
    let Some(status) = status else { return Err(ExecError::Transport("it broke off".to_owned())) };
    if status.status.as_deref() == Some("Success") {
        return Ok(0);
    }
    let causes = status.details.as_ref().and_then(|details| details.causes.as_deref()).unwrap_or_default();
    causes
        .iter()
        .find(|cause| cause.reason.as_deref() == Some("ExitCode"))
        .and_then(|cause| cause.message.as_deref()?.parse().ok())
        .ok_or_else(|| classify(status.message.as_deref().unwrap_or_default(), argv))
}

/// Runtimes tell these apart by words only (containerd, CRI-O and dockershim agree on them).
fn classify(message: &str, argv: &[String]) -> ExecError {
    const GONE: [&str; 8] = [
        "container not found",
        "is not running",
        "not in running state",
        "stopped container",
        "not created or running",
        "task not found",
        "no running task",
        "process not found",
    ];
    if ["executable file not found", "no such file or directory"].iter().any(|words| message.contains(words)) {
        ExecError::NotFound(argv.first().cloned().unwrap_or_default())
    } else if GONE.iter().any(|words| message.contains(words)) || message.contains("cannot exec in a") {
        ExecError::ContainerGone(message.to_owned())
    } else {
        ExecError::Transport(message.to_owned())
    }
}

async fn read_all(reader: Option<ReadHalf<SimplexStream>>) -> Vec<u8> {
    let mut output = Vec::new();
    let Some(mut reader) = reader else { return output };
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = reader.read(&mut chunk).await {
        let room = MAX_OUTPUT.saturating_sub(output.len());
        output.extend_from_slice(&chunk[..length.min(room)]);
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtimes_words_are_told_apart() {
        let argv = ["sh".to_owned()];
        let missing =
            r#"OCI runtime exec failed: exec failed: exec: "sh": executable file not found in $PATH: unknown"#;
        assert_eq!(classify(missing, &argv), ExecError::NotFound("sh".into()));
        assert!(matches!(classify(r#"container not found ("web")"#, &argv), ExecError::ContainerGone(_)));
        assert!(matches!(classify("connection refused", &argv), ExecError::Transport(_)));
    }

    #[test]
    fn the_exit_status_is_in_the_causes() {
        let status: Status = serde_json::from_value(serde_json::json!({
            "status": "Failure", "reason": "NonZeroExitCode", "message": "command terminated",
            "details": {"causes": [{"reason": "ExitCode", "message": "7"}]}
        }))
        .expect("a status");
        assert_eq!(exit_code(Some(&status), &[]), Ok(7));
        assert!(matches!(exit_code(None, &[]), Err(ExecError::Transport(_))));
    }
}
