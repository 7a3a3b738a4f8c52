//! `exec`: a shell or a command in the newest ready container of a resource.

use std::io::IsTerminal as _;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::describe;
use super::target;
use crate::cli::args::{ExecArgs, TargetArgs};
use crate::cli::common;
use crate::cli::error::CommandError;
use crate::cli::exit_code::ExitCode;
use crate::cluster::{
    Cluster, ContainerRef, ContextInfo, ContextOverrides, ExecError, ExecOutput, Size, Streams, exec as run,
    exec_interactive,
};
use crate::control::{ContainerAnswer, DetailAnswer, PodDetailAnswer, Request};

/// The shell of a container: the better one, when there is one.
const SHELL: &str = "command -v bash >/dev/null 2>&1 && exec bash; exec sh";

/// `exec`: runs the command, and returns what it returned.
pub(in crate::cli) fn exec(arguments: &ExecArgs) -> Result<ExitCode, CommandError> {
    let on_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && !arguments.json;
    let argv = match (arguments.command.as_slice(), on_terminal) {
        ([], true) => ["sh", "-c", SHELL].map(str::to_owned).to_vec(),
        ([], false) => {
            return Err(CommandError::failed("no command is named, and there is no terminal for a shell")
                .hint(format!("name one: devloop exec {} -- COMMAND", arguments.resource)));
        }
        (command, _) => command.to_vec(),
    };
    let place = find(&arguments.target, &arguments.resource, arguments.container.as_deref())?;
    if let Some(note) = &place.note {
        common::print_err(note);
    }
    if arguments.json {
        let output = place.output(&argv)?;
        let answer = crate::control::ExecAnswer {
            pod: place.container.pod.clone(),
            container: place.container.container.clone(),
            exit_code: output.exit_code,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        common::print_out(&format!("{}\n", serde_json::json!(answer)))?;
        return Ok(ExitCode::Of(u8::try_from(output.exit_code).unwrap_or(1)));
    }
    let runtime = common::runtime()?;
    let code = runtime.block_on(async {
        let cluster = Cluster::connect(&place.context).await.map_err(CommandError::environment)?;
        let raw = if on_terminal { Some(Raw::enter().map_err(CommandError::environment)?) } else { None };
        let streams = Streams {
            input: (on_terminal || arguments.stdin).then(|| Box::new(tokio::io::stdin()) as _),
            output: Box::new(tokio::io::stdout()),
            errors: Box::new(tokio::io::stderr()),
            terminal: on_terminal.then(sizes),
        };
        let code = exec_interactive(cluster.client(), &place.container, &argv, streams).await;
        drop(raw);
        code.map_err(|error| explain(&error, &place))
    });
    // A read of the terminal that nobody answers must not keep the process.
    runtime.shutdown_background();
    Ok(ExitCode::Of(u8::try_from(code?).unwrap_or(1)))
}

/// Where a command is run.
#[derive(Debug)]
pub(in crate::cli) struct Place {
    context: ContextInfo,
    pub(in crate::cli) container: ContainerRef,
    /// What is to be known about the choice.
    note: Option<String>,
}

impl Place {
    /// Runs a command without input, and returns what it wrote.
    pub(in crate::cli) fn output(&self, argv: &[String]) -> Result<ExecOutput, CommandError> {
        let runtime = common::runtime()?;
        let output = runtime.block_on(async {
            let cluster = Cluster::connect(&self.context).await.map_err(CommandError::environment)?;
            run(cluster.client(), &self.container, argv).await.map_err(|error| explain(&error, self))
        });
        runtime.shutdown_background();
        output
    }
}

fn explain(error: &ExecError, place: &Place) -> CommandError {
    CommandError::failed(format!("{error}, in {}", place.container))
}

/// The newest ready container of a resource; a running one when none is ready.
pub(in crate::cli) fn find(
    target: &TargetArgs,
    resource: &str,
    container: Option<&str>,
) -> Result<Place, CommandError> {
    let answer = describe::ask(target, &[resource.to_owned()])?;
    let Some(detail) = answer.resources.first() else {
        return Err(CommandError::failed(format!("there is no resource `{resource}`")));
    };
    let status = target::answer(target, &Request::Status)?;
    let (pod, chosen) = choose(detail, container)?;
    let note = (!chosen.ready).then(|| format!("no container of `{resource}` is ready; this one runs\n"));
    let overrides = ContextOverrides {
        context: status["context"].as_str().map(str::to_owned),
        namespace: None,
        own_namespace: false,
    };
    let context = ContextInfo::load(&overrides).map_err(|error| {
        CommandError::environment(error).hint("set KUBECONFIG as it was when the session was started")
    })?;
    let container = ContainerRef {
        namespace: pod.namespace.clone(),
        pod: pod.name.clone(),
        container: chosen.name.clone(),
        id: chosen.id.clone().unwrap_or_default(),
    };
    Ok(Place { context, container, note })
}

fn choose<'d>(
    detail: &'d DetailAnswer,
    container: Option<&str>,
) -> Result<(&'d PodDetailAnswer, &'d ContainerAnswer), CommandError> {
    let name = &detail.resource.name;
    match detail.resource.kind.as_str() {
        "local" => {
            let error = CommandError::failed(format!("`{name}` has no container: its commands run on this machine"));
            return Err(match detail.resource.pid {
                Some(pid) => error.hint(format!("its process has pid {pid}")),
                None => error.hint("run the command in a terminal"),
            });
        }
        "compose" => {
            let error = CommandError::failed(format!("`{name}` is a service of a Compose project, not a pod"));
            let pod = detail.pod_details.first();
            let project = pod.and_then(|pod| pod.namespace.split_once('/')).map(|(_, project)| project);
            let service = pod.and_then(|pod| pod.containers.first()).map_or(name.as_str(), |it| it.name.as_str());
            return Err(match project {
                Some(project) => error.hint(format!("run: docker compose -p {project} exec {service} COMMAND")),
                None => error.hint("it has no container at the moment"),
            });
        }
        _ => {}
    }
    let wanted = |it: &&ContainerAnswer| match container {
        Some(wanted) => it.name == wanted,
        None => it.kind != "init",
    };
    let mut pods: Vec<&PodDetailAnswer> = detail.pod_details.iter().filter(|pod| !pod.deleting).collect();
    pods.sort_by_key(|pod| std::cmp::Reverse(pod.created));
    // Regular ones before sidecars, which stand before them in the list.
    let found = |state: fn(&ContainerAnswer) -> bool| {
        pods.iter().find_map(|pod| {
            let mut fitting: Vec<&ContainerAnswer> =
                pod.containers.iter().filter(wanted).filter(|it| state(it)).collect();
            fitting.sort_by_key(|it| it.kind != "regular");
            Some((*pod, *fitting.first()?))
        })
    };
    found(|it| it.ready && it.state == "running").or_else(|| found(|it| it.state == "running")).ok_or_else(|| {
        let containers = pods.iter().flat_map(|pod| &pod.containers);
        if let Some(wanted) = container
            && !pods.is_empty()
            && !containers.clone().any(|it| it.name == wanted)
        {
            let known: Vec<&str> = containers.map(|it| it.name.as_str()).collect();
            return CommandError::failed(format!("`{name}` has no container `{wanted}`"))
                .hint(format!("there are {}", known.join(", ")));
        }
        let error = CommandError::failed(format!("`{name}` has no container that runs"));
        match pods.first() {
            Some(pod) => error.hint(format!("its pod {} is {}: devloop why {name}", pod.name, pod.status)),
            None => error.hint(format!("it has no pod: devloop why {name}")),
        }
    })
}

/// The terminal without line editing, echo and signals, until this is dropped.
struct Raw(Termios);

impl Raw {
    fn enter() -> rustix::io::Result<Self> {
        let before = tcgetattr(std::io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(std::io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Nothing more can be done for a terminal that is gone.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Drain, &self.0);
    }
}

/// The sizes of the terminal, now and at each change.
fn sizes() -> mpsc::Receiver<Size> {
    let (sender, receiver) = mpsc::channel(1);
    let size = || tcgetwinsize(std::io::stdout()).map_or((80, 24), |size| (size.ws_col, size.ws_row));
    tokio::spawn(async move {
        let Ok(mut changed) = signal(SignalKind::window_change()) else { return };
        while sender.send(size()).await.is_ok() && changed.recv().await.is_some() {}
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(name: &str, kind: &str, state: &str, ready: bool) -> serde_json::Value {
        serde_json::json!({
            "name": name, "kind": kind, "image": "i", "id": "x", "state": state, "reason": "", "message": "",
            "exit_code": null, "started": null, "last_end": null, "ready": ready, "restarts": 0, "ports": []
        })
    }

    fn pod(name: &str, created: &str, containers: &[serde_json::Value]) -> serde_json::Value {
        serde_json::json!({
            "name": name, "namespace": "n", "node": null, "created": created, "status": "Running", "ready": true,
            "deleting": false, "conditions": [], "containers": containers
        })
    }

    fn chosen(kind: &str, pods: &[serde_json::Value], wanted: Option<&str>) -> String {
        let detail = serde_json::json!({
            "name": "web", "kind": kind, "labels": [], "enabled": true, "trigger_mode": "auto", "update": "ok",
            "runtime": "ok", "message": "", "waits": null, "pending_files": [], "pending_file_count": 0, "reasons": [],
            "current": null, "history": [], "pod": null, "pods": 0, "ready_pods": 0, "pid": 7, "ports": [], "links": [],
            "resource_deps": [], "images": [], "dependents": [], "objects": [], "pod_details": pods,
            "image_details": [], "live": []
        });
        let detail: DetailAnswer = serde_json::from_value(detail).expect("a resource");
        match choose(&detail, wanted) {
            Ok((pod, container)) => format!("{}/{}", pod.name, container.name),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn the_newest_ready_container_is_chosen() {
        let (old, new) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
        let proxy = container("proxy", "sidecar", "running", true);
        let web = container("web", "regular", "running", true);
        let starting = container("web", "regular", "running", false);
        let init = container("init", "init", "terminated", true);
        let all = [init, proxy.clone(), web];
        assert_eq!(chosen("k8s", &[pod("a", old, &all), pod("b", new, &all)], None), "b/web");
        assert_eq!(
            chosen("k8s", &[pod("a", old, &all), pod("b", new, std::slice::from_ref(&starting))], None),
            "a/web"
        );
        assert_eq!(chosen("k8s", &[pod("b", new, &[starting])], None), "b/web");
        assert_eq!(chosen("k8s", &[pod("a", old, &all)], Some("proxy")), "a/proxy");
        assert!(chosen("k8s", &[pod("a", old, &[proxy])], Some("web")).contains("there are proxy"));
        assert!(chosen("k8s", &[], None).contains("it has no pod"));
        assert!(chosen("local", &[], None).contains("pid 7"));
        let service = pod("a", old, &[container("db", "regular", "running", true)]);
        let service = serde_json::json!({"namespace": "compose/shop"}).as_object().expect("an object").iter().fold(
            service,
            |mut pod, (key, value)| {
                pod[key] = value.clone();
                pod
            },
        );
        assert!(chosen("compose", &[service], None).contains("docker compose -p shop exec db"));
    }
}
