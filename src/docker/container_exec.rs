//! Programs that are started in containers and talked to.

use bollard::container::LogOutput;
use bollard::exec::StartExecResults;
use bollard::models::ExecConfig;
use futures::future::BoxFuture;
use futures::{FutureExt as _, TryStreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::StreamReader;

use super::engine::Engine;
use super::engine_error::EngineError;

/// What a shell says when there is no such program, and what runtimes say when there is no such shell.
const NOT_FOUND: [i64; 2] = [126, 127];

/// A program that runs in a container.
pub struct Attached {
    /// Its standard input.
    pub stdin: Box<dyn AsyncWrite + Send + Unpin>,
    /// Its standard output.
    pub stdout: Box<dyn AsyncRead + Send + Unpin>,
    /// Its exit status once its output has ended; `None` when the engine does not say.
    pub ending: BoxFuture<'static, Option<Result<i32, AttachError>>>,
}

/// Why a program cannot be started in a container.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// The container is gone or does not run.
    #[error("the container does not run: {0}")]
    NotRunning(String),
    /// The container has no such program.
    #[error("the container has no such program")]
    NotFound,
    /// The engine does not answer, or refuses.
    #[error(transparent)]
    Engine(EngineError),
}

impl Engine {
    /// Starts a program in a container; its standard error is dropped.
    pub async fn attach(&self, container: &str, argv: &[String]) -> Result<Attached, AttachError> {
        let config = ExecConfig {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            cmd: Some(argv.to_vec()),
            ..ExecConfig::default()
        };
        let exec = self.bollard().create_exec(container, config).await.map_err(failure)?.id;
        let started = self.bollard().start_exec(&exec, None).await.map_err(failure)?;
        let StartExecResults::Attached { output, input } = started else {
            return Err(AttachError::Engine(EngineError::Refused("it started the program detached".to_owned())));
        };
        let bytes = output.map_ok(LogOutput::into_bytes).map_err(std::io::Error::other);
        let bollard = self.bollard().clone();
        let ending = async move {
            match bollard.inspect_exec(&exec).await {
                Ok(exec) => exec.exit_code.map(|code| {
                    if NOT_FOUND.contains(&code) {
                        Err(AttachError::NotFound)
                    } else {
                        Ok(i32::try_from(code).unwrap_or(i32::MAX))
                    }
                }),
                Err(error) => Some(Err(failure(error))),
            }
        };
        Ok(Attached { stdin: Box::new(input), stdout: Box::new(StreamReader::new(bytes)), ending: ending.boxed() })
    }
}

pub(super) fn failure(error: bollard::errors::Error) -> AttachError {
    match error {
        // 404: no such container; 409: it does not run.
        bollard::errors::Error::DockerResponseServerError { status_code: 404 | 409, message } => {
            AttachError::NotRunning(message)
        }
        bollard::errors::Error::DockerResponseServerError { message, .. }
            if message.contains("executable file not found") =>
        {
            AttachError::NotFound
        }
        error => AttachError::Engine(error.into()),
    }
}
