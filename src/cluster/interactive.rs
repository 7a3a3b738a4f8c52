//! A command in a container, connected with somebody's terminal or pipes while it runs.

use kube::Client;
use kube::api::{AttachParams, TerminalSize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;

use super::exec::{ContainerRef, ExecError, PIPE, attach, exit_code, take_status};

/// A size of a terminal: columns and lines.
pub type Size = (u16, u16);

/// What a command is connected with.
pub struct Streams {
    /// Its standard input; without, it has none.
    pub input: Option<Box<dyn AsyncRead + Send + Unpin>>,
    /// Where its standard output goes; with a terminal its standard error too.
    pub output: Box<dyn AsyncWrite + Send + Unpin>,
    /// Where its standard error goes.
    pub errors: Box<dyn AsyncWrite + Send + Unpin>,
    /// The sizes of the terminal, the first one at once; without, it has none.
    pub terminal: Option<mpsc::Receiver<Size>>,
}

/// Runs a command to its end and returns its exit status. The end of the input is told to servers that can be told
/// (version 5 of the protocol, Kubernetes 1.29); others only see no more of it.
pub async fn exec_interactive(
    client: &Client,
    target: &ContainerRef,
    argv: &[String],
    streams: Streams,
) -> Result<i32, ExecError> {
    let Streams { input, mut output, mut errors, terminal } = streams;
    let params = AttachParams {
        stdin: input.is_some(),
        stdout: true,
        stderr: terminal.is_none(),
        tty: terminal.is_some(),
        max_stderr_buf_size: Some(PIPE),
        ..AttachParams::default()
    };
    let mut process = attach(client, target, argv, params).await?;
    let status = take_status(&mut process);
    let (stdin, stdout, stderr) = (process.stdin(), process.stdout(), process.stderr());
    let sizes = process.terminal_size();
    let feed = async {
        if let (Some(input), Some(stdin)) = (input, stdin) {
            copy(input, stdin).await;
        }
        std::future::pending::<()>().await;
    };
    let resize = async {
        if let (Some(mut terminal), Some(mut sizes)) = (terminal, sizes) {
            while let Some((width, height)) = terminal.recv().await {
                if sizes.try_send(TerminalSize { width, height }).is_err() {
                    break;
                }
            }
        }
        std::future::pending::<()>().await;
    };
    let drain = async {
        let out = async {
            if let Some(stdout) = stdout {
                copy(stdout, &mut output).await;
            }
        };
        let err = async {
            if let Some(stderr) = stderr {
                copy(stderr, &mut errors).await;
            }
        };
        tokio::join!(out, err, status).2
    };
    let status = tokio::select! {
        status = drain => status,
        () = feed => None,
        () = resize => None,
    };
    exit_code(status.as_ref(), argv)
}

/// Passes on what comes, as it comes.
async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        // The other side has seen enough.
        if to.write_all(&chunk[..length]).await.is_err() || to.flush().await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
