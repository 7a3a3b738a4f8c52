//! The side of the session: accepts, reads one request, answers, closes.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::address::Address;
use super::answer::{ArgsAnswer, DescribeAnswer, StatusAnswer};
use super::attach::{Attached, attach};
use super::commands::{act, named};
use super::events::events;
use super::log_lines::log_lines;
use super::message::{Reply, Request};
use super::waiting::wait;
use crate::engine::{Command, Snapshot};
use crate::journal::Journal;
use crate::logs::LogStore;
use crate::process::PrivateFolderError;
use crate::run::{Look, Session};

/// The longest request: names and flags, never content.
const LONGEST_REQUEST: u64 = 64 << 10;

/// The control socket of a session. It is removed when this is dropped.
#[derive(Debug)]
pub struct ControlServer {
    address: Address,
    task: tokio::task::JoinHandle<()>,
}

/// What every conversation may use.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) snapshots: watch::Receiver<Arc<Snapshot>>,
    pub(super) logs: LogStore,
    pub(super) journal: Journal,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) looks: mpsc::Sender<Look>,
    pub(super) attached: Arc<Attached>,
}

impl Shared {
    /// The newest picture. It is not borrowed while something is awaited: that would stop the session.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshots.borrow())
    }
}

impl ControlServer {
    /// Listens for other processes of this user. `None` when a session of the same project listens already.
    /// `background` says that no terminal belongs to the session.
    pub async fn start(
        address: Address,
        session: &Session,
        background: bool,
    ) -> Result<Option<Self>, PrivateFolderError> {
        address.prepare()?;
        if UnixStream::connect(address.socket()).await.is_ok() {
            return Ok(None);
        }
        // What is left is of a session that was killed.
        let _ = std::fs::remove_file(address.socket());
        let listener = UnixListener::bind(address.socket())
            .map_err(|error| PrivateFolderError::Unusable { folder: address.socket().to_path_buf(), error })?;
        let shared = Shared {
            snapshots: session.snapshots.clone(),
            logs: session.logs.clone(),
            journal: session.journal.clone(),
            commands: session.commands.clone(),
            looks: session.looks.clone(),
            attached: Arc::new(Attached::new(background)),
        };
        let task = tokio::spawn(accept(listener, shared));
        Ok(Some(Self { address, task }))
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.task.abort();
        // Gone already if somebody has tidied up.
        let _ = std::fs::remove_file(self.address.socket());
    }
}

async fn accept(listener: UnixListener, shared: Shared) {
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    tasks.spawn(converse(stream, shared.clone()));
                }
                // Out of file descriptors: they come back.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
            Some(_) = tasks.join_next() => {}
        }
    }
}

/// The other side of a conversation.
pub(super) struct Peer {
    stream: BufReader<UnixStream>,
}

/// The other side has hung up.
pub(super) struct Gone;

impl Peer {
    pub(super) async fn say(&mut self, reply: &Reply) -> Result<(), Gone> {
        let mut line = serde_json::to_vec(reply).unwrap_or_default();
        line.push(b'\n');
        self.stream.get_mut().write_all(&line).await.map_err(|_| Gone)
    }

    /// Ends when the other side hangs up; it has nothing more to say.
    pub(super) async fn hung_up(&mut self) {
        let mut byte = [0];
        while matches!(self.stream.read(&mut byte).await, Ok(1)) {}
    }
}

async fn converse(stream: UnixStream, shared: Shared) {
    let mut peer = Peer { stream: BufReader::new(stream) };
    let mut line = Vec::new();
    let read = (&mut peer.stream).take(LONGEST_REQUEST).read_until(b'\n', &mut line).await;
    if !matches!(read, Ok(1..)) {
        return;
    }
    let request: Request = match serde_json::from_slice(&line) {
        Ok(request) => request,
        Err(error) => {
            let refusal = Reply::refuse_with(
                format!("the request is not understood: {error}"),
                "the client is of another version than the running devloop: restart it",
            );
            let _ = peer.say(&refusal).await;
            return;
        }
    };
    // Somebody who hangs up needs no answer.
    let _ = match request {
        Request::Status => {
            let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
            let reply = Reply::of(&StatusAnswer::new(&shared.snapshot(), std::process::id(), tasks));
            peer.say(&reply).await
        }
        Request::Describe { resources } => {
            let snapshot = shared.snapshot();
            let reply = match named(&snapshot, &resources) {
                Ok(chosen) => Reply::of(&DescribeAnswer::new(&snapshot, &chosen)),
                Err(refusal) => Reply::Error(refusal),
            };
            peer.say(&reply).await
        }
        Request::Logs(query) => log_lines(&mut peer, &shared, &query).await,
        Request::Act { action, resources } => {
            let reply = act(&shared, action, &resources).await;
            peer.say(&reply).await
        }
        Request::Command { command } => {
            let reply = match shared.commands.send(command).await {
                Ok(()) => Reply::Ok(serde_json::Value::Null),
                Err(_) => Reply::refuse("the session is ending"),
            };
            peer.say(&reply).await
        }
        Request::Attach { version } => attach(&mut peer, shared, &version).await,
        Request::Detach => {
            let reply = Reply::of(&shared.attached.leave());
            peer.say(&reply).await
        }
        Request::Args { args } => {
            let changed = *shared.snapshot().config.args != args;
            let sent = !changed || shared.commands.send(Command::SetArgs(args.clone())).await.is_ok();
            let reply =
                if sent { Reply::of(&ArgsAnswer { args, changed }) } else { Reply::refuse("the session is ending") };
            peer.say(&reply).await
        }
        Request::Events(query) => events(&mut peer, &shared, &query).await,
        Request::Wait(query) => wait(&mut peer, shared, &query).await,
    };
}
