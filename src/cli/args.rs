//! The command line. Doc comments here are the help text.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};

/// Edit, build, deploy and see: the inner loop for services on Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "devloop", version, disable_help_subcommand = true, after_help = AFTER_HELP)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Subcommand,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 surroundings (cluster, engine, terminal, files); \
5 configuration; 128+N ended by signal N.";

/// What devloop can do.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Subcommand {
    /// Build, deploy and watch; bring every edit into the running pods.
    Up(UpArgs),
    /// The same without a screen and without watching; ends with a verdict.
    Ci(CiArgs),
    /// Delete what `up` or `ci` created.
    Down(DownArgs),
    /// Remove from the Docker engine what is left of earlier builds of the project's images.
    Prune(PruneArgs),
    /// Check everything around devloop: engine, cluster, permissions, registry, limits, clocks, names, disk.
    Doctor(DoctorArgs),
    /// Evaluate the configuration and print what was understood. Deploys nothing.
    Config(ConfigArgs),
    /// Write a first Devfile for this folder from the Dockerfiles, manifests, charts and Compose files in it.
    Init(InitArgs),
    /// Serve an editor with completion, documentation and problems of Devfiles (language server, on standard input).
    Lsp,
    /// How a running session stands: a row per resource, or everything as JSON.
    Status(StatusArgs),
    /// The resources of a running session with their pods, images, ports and labels.
    Get(StatusArgs),
    /// Everything about resources of a running session: objects, pods, images, live update, dependencies, builds.
    Describe(DescribeArgs),
    /// Where the port-forwards of a running session listen.
    Ports(StatusArgs),
    /// Why a resource of a running session waits, was rebuilt or failed.
    Why(WhyArgs),
    /// What a running session has logged, and what comes.
    Logs(LogsArgs),
    /// Wait until resources of a running session are ready, or until an edit has landed.
    Wait(WaitArgs),
    /// What happened in a running session, and what happens: updates, waits, pods, ports, one per line.
    Events(EventsArgs),
    /// Where the time of a running session went: the start or the newest update, with its critical path.
    Timeline(TimelineArgs),
    /// Update resources of a running session now.
    Trigger(ActArgs),
    /// Restart what runs, without a build: the serve process, or the pods.
    Restart(ActArgs),
    /// Stop what runs: the serve process; a running update is cancelled.
    Stop(ActArgs),
    /// Enable resources of a running session.
    Enable(EnableArgs),
    /// Disable resources of a running session: their objects are deleted, their processes stopped.
    Disable(EnableArgs),
    /// Run a command, or a shell, in the newest ready container of a resource.
    Exec(ExecArgs),
    /// Show the dashboard of a running session; leaving it leaves the session running.
    Attach(AttachArgs),
    /// Make the dashboards that are attached to a running session leave; the session goes on.
    Detach(ReloadArgs),
    /// End a running session gracefully. What it has deployed stays.
    Quit(QuitArgs),
    /// Evaluate the configuration of a running session again.
    Reload(ReloadArgs),
    /// Show the arguments of a running session's configuration, or replace them, as if it had been started with them.
    Args(ArgsArgs),
    /// Serve agents: the session of this project by the Model Context Protocol, on standard input and output.
    Mcp(McpArgs),
    /// Print the version.
    Version {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Register objects of the API; for commands of a configuration, as older public extensions run them.
    #[command(hide = true)]
    Apply(ApplyArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// What `apply` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct ApplyArgs {
    /// The YAML with the objects; `-` for standard input.
    #[arg(short, long = "filename", value_name = "FILE")]
    pub(super) file: PathBuf,
}

/// What every command that evaluates a configuration takes.
#[derive(Clone, Debug, Args)]
pub(super) struct ProjectArgs {
    /// The configuration file [default: `Devfile`, else `Tiltfile`].
    #[arg(short, long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// The Kubernetes context [default: the current one of the kubeconfig].
    #[arg(long, value_name = "NAME")]
    pub(super) context: Option<String>,
    /// Where objects go that do not say [default: the context's].
    #[arg(long, value_name = "NAME")]
    pub(super) namespace: Option<String>,
    /// Give this folder a namespace and local ports of its own, the same in each run: several worktrees run side by side.
    #[arg(long, conflicts_with = "namespace")]
    pub(super) isolate: bool,
    /// Resources to work on, or arguments of the configuration's own `config.parse()`.
    #[arg(value_name = "RESOURCE")]
    pub(super) resources: Vec<String>,
    /// Arguments of the configuration, flags included.
    #[arg(last = true, value_name = "ARGS")]
    pub(super) rest: Vec<String>,
}

impl ProjectArgs {
    /// What the configuration gets.
    pub(super) fn all_args(&self) -> Vec<String> {
        self.resources.iter().chain(&self.rest).cloned().collect()
    }
}

/// Where a session listens and what it writes to a file.
#[derive(Clone, Debug, Args)]
pub(super) struct SessionArgs {
    /// The address that port-forwards listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "localhost")]
    pub(super) host: String,
    /// Write devloop's own trace to this file (what it traces: `DEVLOOP_LOG`, in the syntax of `RUST_LOG`).
    #[arg(long, value_name = "FILE")]
    pub(super) trace_file: Option<PathBuf>,
}

/// Build, deploy and watch; bring every edit into the running pods.
#[derive(Clone, Debug, Args)]
pub(super) struct UpArgs {
    #[command(flatten)]
    pub(super) project: ProjectArgs,
    #[command(flatten)]
    pub(super) session: SessionArgs,
    /// Prefixed log lines instead of the dashboard; the default where there is no terminal.
    #[arg(long, visible_alias = "stream")]
    pub(super) headless: bool,
    /// Run in the background: returns as soon as the session answers. `attach` shows its dashboard, `quit` ends it.
    #[arg(short, long, conflicts_with = "headless")]
    pub(super) detach: bool,
    /// This is the session that `--detach` has started.
    #[arg(long, hide = true, conflicts_with = "detach")]
    pub(super) background: bool,
    /// Open no port-forwards.
    #[arg(long)]
    pub(super) disable_port_forwards: bool,
    /// When to use colours.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(super) color: Color,
    /// Leave the mouse to the terminal.
    #[arg(long)]
    pub(super) no_mouse: bool,
}

/// The same without a screen and without watching; ends with a verdict.
#[derive(Clone, Debug, Args)]
pub(super) struct CiArgs {
    #[command(flatten)]
    pub(super) project: ProjectArgs,
    #[command(flatten)]
    pub(super) session: SessionArgs,
    /// Give up after this time, for example `10m`; 0 for never. `ci_settings(timeout=…)` wins.
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = parse_duration)]
    pub(super) timeout: Duration,
    /// Write what was done, said and found into this folder: JUnit, Markdown, timeline, logs, failing pods.
    #[arg(long, value_name = "DIR")]
    pub(super) report: Option<PathBuf>,
    /// When everything is ready, run this command of the shell and return what it returns.
    #[arg(long, value_name = "COMMAND")]
    pub(super) run: Option<String>,
    /// Delete what was created, as `devloop down` does, however it ended.
    #[arg(long)]
    pub(super) down: bool,
    /// With `--down`: keep everything when it failed, to look into it.
    #[arg(long, requires = "down")]
    pub(super) keep_on_failure: bool,
    /// When to use colours.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(super) color: Color,
}

/// Delete what `up` or `ci` created.
#[derive(Clone, Debug, Args)]
pub(super) struct DownArgs {
    #[command(flatten)]
    pub(super) project: ProjectArgs,
    /// Delete Namespaces too that the project declares.
    #[arg(long)]
    pub(super) delete_namespaces: bool,
    /// Delete volumes too: the claims of StatefulSets, and the volumes of Compose projects.
    #[arg(long)]
    pub(super) delete_volumes: bool,
}

/// Remove what is left of earlier builds.
#[derive(Clone, Debug, Args)]
pub(super) struct PruneArgs {
    #[command(flatten)]
    pub(super) project: ProjectArgs,
    /// Only say what would be removed.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Check everything around devloop.
#[derive(Clone, Debug, Args)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    pub(super) project: ProjectArgs,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Evaluate the configuration and print what was understood.
#[derive(Clone, Debug, Args)]
pub(super) struct ConfigArgs {
    #[command(flatten)]
    pub(super) project: ProjectArgs,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Write a first Devfile for this folder.
#[derive(Clone, Debug, Args)]
pub(super) struct InitArgs {
    /// Print it instead of writing it to a file.
    #[arg(long)]
    pub(super) print: bool,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    humantime::parse_duration(text).map_err(|error| format!("{error}; write for example `90s` or `10m`"))
}

/// Which running session is meant.
#[derive(Clone, Debug, Args)]
pub(super) struct TargetArgs {
    /// Its configuration file [default: the nearest `Devfile` or `Tiltfile`, here or above, that devloop runs].
    #[arg(short, long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
}

/// What `status` and `ports` take.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// Only these.
    #[arg(value_name = "RESOURCE")]
    pub(super) resources: Vec<String>,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What `describe` takes.
#[derive(Debug, Args)]
pub(super) struct DescribeArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// The resources.
    #[arg(value_name = "RESOURCE", required = true)]
    pub(super) resources: Vec<String>,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What `why` takes.
#[derive(Debug, Args)]
pub(super) struct WhyArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// The resource.
    pub(super) resource: String,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What `logs` takes.
#[derive(Debug, Args)]
pub(super) struct LogsArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// Of these [default: of all, and of devloop itself].
    #[arg(value_name = "RESOURCE")]
    pub(super) resources: Vec<String>,
    /// Go on with what comes.
    #[arg(short = 'F', long)]
    pub(super) follow: bool,
    /// Only from builds or from what runs: all, build, runtime.
    #[arg(long, value_name = "SOURCE")]
    pub(super) source: Option<String>,
    /// Only so important or more: debug, info, warn, error.
    #[arg(long, value_name = "LEVEL")]
    pub(super) level: Option<String>,
    /// Only what came in this time: `30s`, `5m`.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(super) since: Option<Duration>,
    /// Only the last so many of the stored lines.
    #[arg(long, value_name = "LINES")]
    pub(super) tail: Option<usize>,
    /// Only what came after the line with this number (`sequence` of `--json`).
    #[arg(long, value_name = "NUMBER")]
    pub(super) after: Option<u64>,
    /// Only lines that contain this text.
    #[arg(long, value_name = "TEXT")]
    pub(super) grep: Option<String>,
    /// A JSON object per line.
    #[arg(long)]
    pub(super) json: bool,
}

/// What `events` takes.
#[derive(Debug, Args)]
pub(super) struct EventsArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// Of these [default: of all, and the session's own].
    #[arg(value_name = "RESOURCE")]
    pub(super) resources: Vec<String>,
    /// Go on with what comes.
    #[arg(short = 'F', long)]
    pub(super) follow: bool,
    /// Only what came after this cursor, which stands in front of every event.
    #[arg(long, value_name = "CURSOR", default_value_t = 0)]
    pub(super) after: u64,
    /// A JSON object per event.
    #[arg(long)]
    pub(super) json: bool,
}

/// What `timeline` takes.
#[derive(Debug, Args)]
pub(super) struct TimelineArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// Of these [default: of all].
    #[arg(value_name = "RESOURCE")]
    pub(super) resources: Vec<String>,
    /// From the start of the session, not only the newest stretch.
    #[arg(long)]
    pub(super) all: bool,
    /// Write trace events to this file, for Perfetto.
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What `wait` waits for.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum Condition {
    /// Up to date, and what runs is ready.
    #[default]
    Ready,
    /// Up to date.
    Updated,
}

impl From<Condition> for crate::control::WaitFor {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::Ready => Self::Ready,
            Condition::Updated => Self::Updated,
        }
    }
}

/// What `wait` takes.
#[derive(Debug, Args)]
pub(super) struct WaitArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// These [default: all enabled ones, or those that the file of `--after` belongs to].
    #[arg(value_name = "RESOURCE")]
    pub(super) resources: Vec<String>,
    /// The state to wait for.
    #[arg(long = "for", value_name = "STATE", value_enum, default_value_t)]
    pub(super) condition: Condition,
    /// Wait until what this file holds now is in every container that it belongs to.
    #[arg(long, value_name = "PATH")]
    pub(super) after: Option<PathBuf>,
    /// Give up after this time; 0 = never.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    pub(super) timeout: Duration,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What `trigger`, `restart` and `stop` take.
#[derive(Debug, Args)]
pub(super) struct ActArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// The resources.
    #[arg(value_name = "RESOURCE", required = true)]
    pub(super) resources: Vec<String>,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What `enable` and `disable` take.
#[derive(Debug, Args)]
pub(super) struct EnableArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// The resources.
    #[arg(value_name = "RESOURCE", required_unless_present = "all")]
    pub(super) resources: Vec<String>,
    /// All of them.
    #[arg(long, conflicts_with_all = ["resources", "only"])]
    pub(super) all: bool,
    /// These and no others.
    #[arg(long)]
    pub(super) only: bool,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What `exec` takes.
#[derive(Debug, Args)]
pub(super) struct ExecArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// The resource.
    pub(super) resource: String,
    /// The container [default: the first regular one].
    #[arg(short, long, value_name = "NAME")]
    pub(super) container: Option<String>,
    /// Pass on standard input although it is no terminal.
    #[arg(short = 'i', long)]
    pub(super) stdin: bool,
    /// The output as JSON, when it has ended.
    #[arg(long, conflicts_with = "stdin")]
    pub(super) json: bool,
    /// The command [default, on a terminal: a shell].
    #[arg(last = true, value_name = "COMMAND")]
    pub(super) command: Vec<String>,
}

/// What `attach` takes.
#[derive(Debug, Args)]
pub(super) struct AttachArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// When to use colours.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    pub(super) color: Color,
    /// Leave the mouse to the terminal.
    #[arg(long)]
    pub(super) no_mouse: bool,
}

/// What `mcp` takes.
#[derive(Debug, Args)]
pub(super) struct McpArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
}

/// What `quit` takes.
#[derive(Debug, Args)]
pub(super) struct QuitArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// Do not wait longer than this for its end; 0 = not at all.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_duration)]
    pub(super) timeout: Duration,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What `reload` and `detach` take.
#[derive(Debug, Args)]
pub(super) struct ReloadArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What `args` takes.
#[derive(Debug, Args)]
pub(super) struct ArgsArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// No arguments at all.
    #[arg(long, conflicts_with_all = ["resources", "rest"])]
    pub(super) clear: bool,
    /// Resources to work on, or arguments of the configuration's own `config.parse()`.
    #[arg(value_name = "RESOURCE")]
    pub(super) resources: Vec<String>,
    /// Arguments of the configuration, flags included.
    #[arg(last = true, value_name = "ARGS")]
    pub(super) rest: Vec<String>,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}
