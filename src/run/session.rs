//! A session from the outside: what `devloop up` and `devloop ci` start and the UIs look at.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::edges::Edges;
use super::event_loop::EventLoop;
use super::resident::tidy;
use super::watching::Look;
use crate::cluster::{ContextInfo, FrozenKubeconfig, Patience, pod_evidence};
use crate::devfile::KubeInfo;
use crate::engine::{Command, ConfigOutcome, Engine, EngineOptions, Mode, Snapshot};
use crate::journal::Journal;
use crate::logs::{LogSink, LogStore};
use crate::process::ProcessError;
use crate::project::CommandLine;

/// What a session needs to know.
#[derive(Debug)]
pub struct SessionOptions {
    /// The entry file, absolute.
    pub entry_file: PathBuf,
    /// The folder that devloop was started in.
    pub dir: PathBuf,
    /// Resource names, or what `config.parse()` takes.
    pub args: Vec<String>,
    /// `up` or `ci`.
    pub subcommand: String,
    /// Until the user quits, or until there is a verdict.
    pub mode: Mode,
    /// The Kubernetes connection; `None` without a kubeconfig.
    pub context: Option<ContextInfo>,
    /// Why there is no Kubernetes connection, for when one turns out to be needed.
    pub no_context: String,
    /// For `KUBECONFIG` of local commands; lives as long as the session.
    pub frozen: Option<FrozenKubeconfig>,
    /// The address that port-forwards bind when they do not say.
    pub host: String,
    /// Whether the terminal shows colours, so that commands may write them.
    pub colors: bool,
    /// Whether ports are forwarded.
    pub forward_ports: bool,
}

impl SessionOptions {
    /// What the configuration is told of the cluster.
    pub fn kube_info(&self) -> KubeInfo {
        kube_info(self.context.as_ref(), self.frozen.as_ref())
    }
}

/// What a configuration is told of the cluster that it is evaluated for.
pub fn kube_info(context: Option<&ContextInfo>, frozen: Option<&FrozenKubeconfig>) -> KubeInfo {
    KubeInfo {
        context: context.map(|context| context.context.clone()),
        namespace: context.map(|context| context.namespace.clone()).unwrap_or_default(),
        cluster_name: context.map(|context| context.cluster_name.clone()).unwrap_or_default(),
        is_local_product: context.is_some_and(ContextInfo::allowed_by_default),
        kubeconfig_path: frozen.map(|frozen| frozen.path().to_path_buf()),
    }
}

/// A running session.
#[derive(Debug)]
pub struct Session {
    /// The newest picture.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// What the user asks for goes here.
    pub commands: mpsc::Sender<Command>,
    /// Files to look at now go here.
    pub looks: mpsc::Sender<Look>,
    /// The logs of the session.
    pub logs: LogStore,
    /// What happened in it.
    pub journal: Journal,
    /// Ends everything at once, without waiting for anything but the processes.
    pub abort: CancellationToken,
    edges: Arc<Edges>,
    task: JoinHandle<()>,
}

impl Session {
    /// What the newest evaluation of the configuration gave; `None` before the first one.
    pub fn evaluated(&self) -> Option<Arc<ConfigOutcome>> {
        self.edges.evaluated()
    }

    /// What the cluster knows of a pod, unmasked: the pod and its events. The error says why it cannot be told.
    pub async fn pod_evidence(&self, namespace: &str, pod: &str, limit: Duration) -> Result<serde_json::Value, String> {
        let Some(cluster) = self.edges.known_cluster() else {
            return Err("the cluster was not connected to".to_owned());
        };
        let patience = Patience::new(limit, &CancellationToken::new(), None);
        pod_evidence(&cluster, namespace, pod, &patience).await.map_err(|failure| failure.to_string())
    }

    /// Runs a command as the commands of the configuration are run, to its end; nothing of it is left then.
    pub async fn run_command(
        &self,
        command: &CommandLine,
        log: &LogSink,
        cancel: &CancellationToken,
    ) -> Result<ExitStatus, ProcessError> {
        self.edges.supervisor.run_to_end(command, &self.edges.command_environment(), log, cancel).await
    }

    /// Waits until the session has ended.
    pub async fn ended(&mut self) {
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the event loop ended badly");
        }
    }
}

/// Starts a session. It begins to work at once, and ends after [`Command::Quit`] or an abort.
pub fn start(options: SessionOptions, logs: LogStore) -> Session {
    let edges = Arc::new(Edges::new(options, logs.clone()));
    let options = &edges.options;
    let mut engine = Engine::new(EngineOptions {
        mode: options.mode,
        entry_file: options.entry_file.clone(),
        args: options.args.clone(),
        started: Utc::now(),
        context: options.context.as_ref().map(|context| context.context.clone()),
        namespace: options.context.as_ref().map(|context| context.namespace.clone()),
        outdated: edges.synced_files.outdated(),
    });
    let (snapshot_tx, snapshots) = watch::channel(Arc::new(engine.snapshot()));
    let (commands, command_rx) = mpsc::channel(64);
    let (looks, look_rx) = mpsc::channel(8);
    let abort = CancellationToken::new();
    let journal = Journal::new();
    let event_loop =
        EventLoop::new(engine, Arc::clone(&edges), snapshot_tx, journal.clone(), command_rx, look_rx, abort.clone());
    let task = tokio::spawn(event_loop.run());
    if let Mode::Up = edges.options.mode {
        tokio::spawn(tidy(snapshots.clone()));
    }
    Session { snapshots, commands, looks, logs, journal, abort, edges, task }
}
