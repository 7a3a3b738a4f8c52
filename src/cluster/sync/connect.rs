//! How the receiver in a container is started and talked to: by the API server, or by whoever else runs containers.

use futures::future::BoxFuture;
use kube::Client;
use kube::api::AttachParams;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::cluster::exec::{ContainerRef, ExecError, attach, exit_code, take_status};

/// The exit status of the program, or why there is none; `None` when the connection broke before. Asked for once.
pub type Ending = BoxFuture<'static, Option<Result<i32, ExecError>>>;

/// A program that runs in a container.
pub struct Connection {
    /// Its standard input.
    pub stdin: Box<dyn AsyncWrite + Send + Unpin>,
    /// Its standard output.
    pub stdout: Box<dyn AsyncRead + Send + Unpin>,
    /// How it ended.
    pub ending: Ending,
    /// Ends the connection when dropped.
    pub guard: Box<dyn Send>,
}

/// Starts programs in containers.
pub trait Connect: Send + Sync + 'static {
    /// Starts a program whose standard error is of no interest.
    fn connect<'a>(
        &'a self,
        target: &'a ContainerRef,
        argv: &'a [String],
    ) -> BoxFuture<'a, Result<Connection, ExecError>>;
}

impl Connect for Client {
    fn connect<'a>(
        &'a self,
        target: &'a ContainerRef,
        argv: &'a [String],
    ) -> BoxFuture<'a, Result<Connection, ExecError>> {
        Box::pin(async move {
            let params = AttachParams { stdin: true, stderr: false, ..AttachParams::default() };
            let mut process = attach(self, target, argv, params).await?;
            let status = take_status(&mut process);
            let (Some(stdin), Some(stdout)) = (process.stdin(), process.stdout()) else {
                return Err(ExecError::Transport("it has no input or output".to_owned()));
            };
            let argv = argv.to_vec();
            let ending: Ending = Box::pin(async move {
                let status = status.await?;
                Some(exit_code(Some(&status), &argv))
            });
            Ok(Connection { stdin: Box::new(stdin), stdout: Box::new(stdout), ending, guard: Box::new(process) })
        })
    }
}
