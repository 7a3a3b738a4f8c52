//! The side of the session: accepts, reads one request, answers, closes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::address::Address;
use super::conclusion::{Conclusion, conclude};
use super::message::{Action, LogQuery, Refusal, Reply, Request, WaitQuery};
use super::status_json::{resource_json, status_json};
use crate::diagnostic::did_you_mean;
use crate::engine::{Command, ResourceSnapshot, Selection, Snapshot};
use crate::logs::{Level, LogFilter, LogLine, LogReader, LogSource, LogStore, Producer};
use crate::process::PrivateFolderError;
use crate::project::ResourceName;
use crate::run::Look;

/// The longest request: names and flags, never content.
const LONGEST_REQUEST: u64 = 64 << 10;

/// The control socket of a session. It is removed when this is dropped.
#[derive(Debug)]
pub struct ControlServer {
    address: Address,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    logs: LogStore,
    commands: mpsc::Sender<Command>,
    looks: mpsc::Sender<Look>,
}

impl Shared {
    /// The newest picture. It is not borrowed while something is awaited: that would stop the session.
    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshots.borrow())
    }
}

impl ControlServer {
    /// Listens for other processes of this user. `None` when a session of the same project listens already.
    pub async fn start(
        address: Address,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        logs: LogStore,
        commands: mpsc::Sender<Command>,
        looks: mpsc::Sender<Look>,
    ) -> Result<Option<Self>, PrivateFolderError> {
        address.prepare()?;
        if UnixStream::connect(address.socket()).await.is_ok() {
            return Ok(None);
        }
        // What is left is of a session that was killed.
        let _ = std::fs::remove_file(address.socket());
        let listener = UnixListener::bind(address.socket())
            .map_err(|error| PrivateFolderError::Unusable { folder: address.socket().to_path_buf(), error })?;
        let shared = Shared { snapshots, logs, commands, looks };
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
struct Peer {
    stream: BufReader<UnixStream>,
}

/// The other side has hung up.
struct Gone;

impl Peer {
    async fn say(&mut self, reply: &Reply) -> Result<(), Gone> {
        let mut line = serde_json::to_vec(reply).unwrap_or_default();
        line.push(b'\n');
        self.stream.get_mut().write_all(&line).await.map_err(|_| Gone)
    }

    /// Ends when the other side hangs up; it has nothing more to say.
    async fn hung_up(&mut self) {
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
            let reply = Reply::Ok(status_json(&shared.snapshot(), std::process::id()));
            peer.say(&reply).await
        }
        Request::Logs(query) => logs(&mut peer, &shared, &query).await,
        Request::Act { action, resources } => {
            let reply = act(&shared, action, &resources).await;
            peer.say(&reply).await
        }
        Request::Args { args } => {
            let changed = *shared.snapshot().config.args != args;
            let sent = !changed || shared.commands.send(Command::SetArgs(args.clone())).await.is_ok();
            let reply = if sent {
                Reply::Ok(json!({"args": args, "changed": changed}))
            } else {
                Reply::refuse("the session is ending")
            };
            peer.say(&reply).await
        }
        Request::Wait(query) => wait(&mut peer, shared, &query).await,
    };
}

/// The resources of these names, all of which must exist.
fn named<'s>(snapshot: &'s Snapshot, names: &[String]) -> Result<Vec<&'s ResourceSnapshot>, Refusal> {
    let find = |name: &String| {
        snapshot.resources.iter().find(|resource| resource.name.as_str() == name).ok_or_else(|| {
            let known = || snapshot.resources.iter().map(|resource| resource.name.as_str());
            Refusal {
                message: format!("there is no resource `{name}`"),
                help: Some(match did_you_mean(name, known()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", known().collect::<Vec<_>>().join(", ")),
                }),
            }
        })
    };
    names.iter().map(find).collect()
}

async fn act(shared: &Shared, action: Action, names: &[String]) -> Reply {
    let commands = match commands(&shared.snapshot(), action, names) {
        Ok(commands) => commands,
        Err(refusal) => return Reply::Error(refusal),
    };
    for command in commands {
        if shared.commands.send(command).await.is_err() {
            return Reply::refuse("the session is ending");
        }
    }
    Reply::Ok(json!({"action": action, "resources": names}))
}

fn commands(snapshot: &Snapshot, action: Action, names: &[String]) -> Result<Vec<Command>, Refusal> {
    let refuse = |message: String, help: &str| Refusal { message, help: Some(help.to_owned()) };
    let resources = named(snapshot, names)?;
    let takes_names = match action {
        Action::Trigger | Action::Restart | Action::Stop | Action::Enable | Action::EnableOnly | Action::Disable => {
            true
        }
        Action::EnableAll | Action::DisableAll | Action::Reload | Action::Quit => false,
    };
    if takes_names && resources.is_empty() {
        return Err(refuse("no resource is named".to_owned(), "name one or more"));
    }
    if matches!(action, Action::Trigger | Action::Restart | Action::Stop)
        && let Some(disabled) = resources.iter().find(|resource| !resource.enabled)
    {
        let help = format!("enable it first: devloop enable {}", disabled.name);
        return Err(refuse(format!("`{}` is disabled", disabled.name), &help));
    }
    let all: Vec<ResourceName> = resources.iter().map(|resource| resource.name.clone()).collect();
    let each = |command: fn(ResourceName) -> Command| all.iter().cloned().map(command).collect();
    Ok(match action {
        Action::Trigger => each(Command::Trigger),
        Action::Restart => each(Command::Restart),
        Action::Stop => each(Command::Stop),
        Action::Enable => vec![Command::Enable(Selection::Names(all))],
        Action::EnableOnly => {
            let others = snapshot.resources.iter().map(|it| it.name.clone()).filter(|name| !all.contains(name));
            let others = others.collect();
            vec![Command::Enable(Selection::Names(all)), Command::Disable(Selection::Names(others))]
        }
        Action::EnableAll => vec![Command::Enable(Selection::All)],
        Action::Disable => vec![Command::Disable(Selection::Names(all))],
        Action::DisableAll => vec![Command::Disable(Selection::All)],
        Action::Reload => vec![Command::ReloadConfig],
        Action::Quit => vec![Command::Quit],
    })
}

async fn logs(peer: &mut Peer, shared: &Shared, query: &LogQuery) -> Result<(), Gone> {
    let filter = match log_filter(&shared.snapshot(), query) {
        Ok(filter) => filter,
        Err(refusal) => return peer.say(&Reply::Error(refusal)).await,
    };
    let mut reader = shared.logs.reader();
    let mut next = reader.next_sequence();
    let since = query.since_ms.map(|since| chrono::Utc::now() - chrono::TimeDelta::milliseconds(since.cast_signed()));
    let wanted = |line: &LogLine| {
        since.is_none_or(|since| line.time >= since)
            && query.contains.as_ref().is_none_or(|part| line.text.contains(part.as_str()))
    };
    let mut stored: Vec<LogLine> = reader.since_filtered(0, &filter);
    stored.retain(|line| line.sequence < next && wanted(line));
    let skipped = query.tail.map_or(0, |tail| stored.len().saturating_sub(tail));
    for line in &stored[skipped..] {
        peer.say(&Reply::Ok(line_json(line))).await?;
    }
    if !query.follow {
        return Ok(());
    }
    loop {
        for line in reader.since_filtered(next, &filter) {
            next = line.sequence + 1;
            if wanted(&line) {
                peer.say(&Reply::Ok(line_json(&line))).await?;
            }
        }
        tokio::select! {
            () = LogReader::changed(&mut reader) => {}
            () = peer.hung_up() => return Err(Gone),
        }
    }
}

fn log_filter(snapshot: &Snapshot, query: &LogQuery) -> Result<LogFilter, Refusal> {
    let unknown = |what: &str, value: &str, known: &str| Refusal {
        message: format!("there is no {what} `{value}`"),
        help: Some(format!("it is one of {known}")),
    };
    let names: Vec<ResourceName> = named(snapshot, &query.resources)?.iter().map(|it| it.name.clone()).collect();
    let source = match query.source.as_deref() {
        None | Some("all") => None,
        Some("build") => Some(LogSource::Build),
        Some("runtime") => Some(LogSource::Runtime),
        Some(other) => return Err(unknown("source", other, "all, build, runtime")),
    };
    let level = match query.level.as_deref() {
        None => None,
        Some("debug") => Some(Level::Debug),
        Some("info") => Some(Level::Info),
        Some("warn") => Some(Level::Warn),
        Some("error") => Some(Level::Error),
        Some(other) => return Err(unknown("level", other, "debug, info, warn, error")),
    };
    let producer = if names.is_empty() { Producer::All } else { Producer::Resources(names) };
    Ok(LogFilter { producer, source, level })
}

fn line_json(line: &LogLine) -> Value {
    json!({
        "sequence": line.sequence,
        "time": line.time,
        "resource": line.resource,
        "source": match line.source {
            LogSource::Build => "build",
            LogSource::Runtime => "runtime",
        },
        "level": match line.level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        },
        "message": line.text,
    })
}

async fn wait(peer: &mut Peer, mut shared: Shared, query: &WaitQuery) -> Result<(), Gone> {
    let started = Instant::now();
    let limit = query.timeout_ms.map(Duration::from_millis);
    if let Err(refusal) = named(&shared.snapshot(), &query.resources) {
        return peer.say(&Reply::Error(refusal)).await;
    }
    let mut concerned = Concerned { names: query.resources.clone(), all: query.resources.is_empty() };
    if let Some(path) = &query.after {
        let (done, looked) = oneshot::channel();
        let asked = shared.looks.send(Look { path: path.clone(), done }).await;
        let Ok(resources) = (match asked {
            Ok(()) => looked.await.map_err(|_| ()),
            Err(_) => Err(()),
        }) else {
            return peer.say(&Reply::refuse("the session is ending")).await;
        };
        if resources.is_empty() {
            let refusal = Reply::refuse_with(
                format!("`{}` belongs to no resource that is enabled", path.display()),
                "it may be ignored, or outside of every build context, `deps` and live update",
            );
            return peer.say(&refusal).await;
        }
        if concerned.all {
            concerned = Concerned { names: resources.iter().map(ToString::to_string).collect(), all: false };
        }
    }
    loop {
        let snapshot = Arc::clone(&shared.snapshots.borrow_and_update());
        let reply = match conclude(&snapshot, query.condition, |resource| concerned.accepts(resource)) {
            Conclusion::Open => None,
            Conclusion::Reached => Some(Reply::Ok(concerned.report("reached", &[], &snapshot, started))),
            Conclusion::Failed(why) => Some(Reply::Ok(concerned.report("failed", &why, &snapshot, started))),
        };
        if let Some(reply) = reply {
            return peer.say(&reply).await;
        }
        let left = limit.map(|limit| limit.saturating_sub(started.elapsed()));
        tokio::select! {
            changed = shared.snapshots.changed() => if changed.is_err() {
                return peer.say(&Reply::refuse("the session has ended")).await;
            },
            () = expired(left) => {
                return peer.say(&Reply::Ok(concerned.report("timeout", &[], &snapshot, started))).await;
            }
            () = peer.hung_up() => return Err(Gone),
        }
    }
}

async fn expired(left: Option<Duration>) {
    match left {
        Some(left) => tokio::time::sleep(left).await,
        None => std::future::pending().await,
    }
}

/// Which resources a wait is about.
struct Concerned {
    names: Vec<String>,
    all: bool,
}

impl Concerned {
    fn accepts(&self, resource: &ResourceSnapshot) -> bool {
        self.all || self.names.iter().any(|name| name == resource.name.as_str())
    }

    fn report(&self, outcome: &str, why: &[(String, String)], snapshot: &Snapshot, started: Instant) -> Value {
        let resources: Vec<Value> = snapshot
            .resources
            .iter()
            .filter(|resource| self.accepts(resource))
            .map(|resource| resource_json(resource, snapshot.now))
            .collect();
        json!({
            "outcome": outcome,
            "seconds": started.elapsed().as_secs_f64(),
            "failures": why.iter().map(|(name, why)| json!({"resource": name, "error": why})).collect::<Vec<_>>(),
            "resources": resources,
        })
    }
}
