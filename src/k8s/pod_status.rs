//! What the state of pods means, in the words of a person who looks for the reason (reference §3.8).

use std::collections::HashMap;
use std::sync::Arc;

use super::pod::{Container, ContainerKind, ContainerState, Pod, PodPhase, Uid};

/// Reasons for which a container waits because something is wrong.
const FAILING_REASONS: [&str; 12] = [
    "CrashLoopBackOff",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RunContainerError",
    "StartError",
    "Error",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ContainerCannotRun",
];

/// How the pods of a resource stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PodsState {
    /// Ready, or succeeded.
    Ok,
    /// Not yet.
    Pending,
    /// Failed.
    Error,
}

/// How the pods of a resource stand, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodsStatus {
    /// How.
    pub state: PodsState,
    /// Why; empty when there is nothing to say.
    pub message: String,
}

/// The status of a resource by its current pods: that of the one that stands worst, the most recent of such.
///
/// Pods that are being deleted, and failed ones that their owner has replaced, do not count while there are others.
/// `must_succeed`: it is a job; running is not enough.
pub fn pods_status(pods: &[Arc<Pod>], must_succeed: bool) -> PodsStatus {
    let worst = relevant(pods)
        .into_iter()
        .map(|pod| (pod_state(pod, must_succeed), pod))
        .max_by_key(|(state, pod)| (*state, pod.created, &pod.name));
    match worst {
        None => PodsStatus { state: PodsState::Pending, message: "no pod yet".to_owned() },
        Some((PodsState::Ok, _)) => PodsStatus { state: PodsState::Ok, message: String::new() },
        Some((state, pod)) => PodsStatus { state, message: explain(pod, must_succeed) },
    }
}

/// Whether all containers of a pod that keep running are ready.
pub fn pod_is_ready(pod: &Pod) -> bool {
    let mut staying = pod.containers.iter().filter(|container| container.kind != ContainerKind::Init).peekable();
    pod.phase == PodPhase::Running
        && !pod.deleting
        && staying.peek().is_some()
        && staying.all(|container| container.ready)
}

fn relevant(pods: &[Arc<Pod>]) -> Vec<&Pod> {
    let staying: Vec<&Pod> = pods.iter().map(AsRef::as_ref).filter(|pod| !pod.deleting).collect();
    let pods: Vec<&Pod> = if staying.is_empty() { pods.iter().map(AsRef::as_ref).collect() } else { staying };
    let mut newest: HashMap<&Uid, &Pod> = HashMap::new();
    for pod in pods.iter().copied() {
        if let Some(owner) = pod.owners.first() {
            let known = newest.entry(owner).or_insert(pod);
            if (pod.created, &pod.name) > (known.created, &known.name) {
                *known = pod;
            }
        }
    }
    let is_replaced = |pod: &Pod| {
        pod.phase == PodPhase::Failed
            && pod.owners.first().and_then(|owner| newest.get(owner)).is_some_and(|newest| newest.uid != pod.uid)
    };
    pods.into_iter().filter(|pod| !is_replaced(pod)).collect()
}

/// The table of reference §3.8 for one pod.
fn pod_state(pod: &Pod, must_succeed: bool) -> PodsState {
    if pod.deleting {
        return PodsState::Pending;
    }
    match pod.phase {
        PodPhase::Running if !must_succeed && pod_is_ready(pod) => PodsState::Ok,
        PodPhase::Succeeded => PodsState::Ok,
        PodPhase::Failed => PodsState::Error,
        PodPhase::Pending | PodPhase::Unknown if pod.containers.iter().any(is_failing) => PodsState::Error,
        // A crash-looping container in a running pod may still come up; limits of time decide.
        PodPhase::Running | PodPhase::Pending | PodPhase::Unknown => PodsState::Pending,
    }
}

fn is_failing(container: &Container) -> bool {
    match &container.state {
        ContainerState::Waiting { reason, .. } => FAILING_REASONS.contains(&reason.as_str()),
        ContainerState::Terminated { exit_code, .. } => *exit_code != 0,
        ContainerState::Running { .. } => false,
    }
}

/// Why a pod is not what it should be, from the most to the least specific reason.
fn explain(pod: &Pod, must_succeed: bool) -> String {
    if pod.deleting {
        return "its pod is being deleted".to_owned();
    }
    if !pod.reason.is_empty() {
        return with_detail(&pod.reason, &pod.message);
    }
    if let Some((reason, message)) = &pod.unschedulable {
        return with_detail(if reason.is_empty() { "Pending" } else { reason }, message);
    }
    let failing = pod.containers.iter().find(|container| is_failing(container));
    let restarting = || pod.containers.iter().find(|c| !c.ready && c.restarts > 0 && c.last_termination.is_some());
    let waiting = || {
        pod.containers
            .iter()
            .find(|c| matches!(&c.state, ContainerState::Waiting { reason, .. } if !is_ordinary_wait(reason)))
    };
    if let Some(container) = failing.or_else(waiting).or_else(restarting) {
        return container_message(container, pod.containers.len() > 1);
    }
    if let Some(message) = init_message(pod) {
        return message;
    }
    if must_succeed && pod.phase == PodPhase::Running {
        return "still running".to_owned();
    }
    let not_ready: Vec<&str> = pod
        .containers
        .iter()
        .filter(|c| c.kind != ContainerKind::Init && !c.ready && matches!(c.state, ContainerState::Running { .. }))
        .map(|c| c.name.as_str())
        .collect();
    if !not_ready.is_empty() {
        return format!("container {} runs and is not ready yet", not_ready.join(", "));
    }
    let is_creating = pod.containers.iter().any(|c| matches!(c.state, ContainerState::Waiting { .. }));
    match pod.phase {
        PodPhase::Pending if pod.node.is_none() => "waiting to be scheduled".to_owned(),
        PodPhase::Pending if is_creating => "its containers are being created".to_owned(),
        PodPhase::Pending => "waiting for its containers".to_owned(),
        PodPhase::Failed => with_detail("the pod failed", &pod.message),
        PodPhase::Unknown => format!("node {} does not answer", pod.node.as_deref().unwrap_or("unknown")),
        PodPhase::Running | PodPhase::Succeeded => String::new(),
    }
}

/// What every container goes through while it starts.
fn is_ordinary_wait(reason: &str) -> bool {
    matches!(reason, "" | "ContainerCreating" | "PodInitializing")
}

fn container_message(container: &Container, several: bool) -> String {
    let whose = match container.kind {
        ContainerKind::Init => format!("init container {}: ", container.name),
        ContainerKind::Sidecar | ContainerKind::Regular if several => format!("container {}: ", container.name),
        ContainerKind::Sidecar | ContainerKind::Regular => String::new(),
    };
    let ended = container.last_termination.as_ref().and_then(termination);
    let restarts = match container.restarts {
        0 => String::new(),
        1 => ", 1 restart".to_owned(),
        count => format!(", {count} restarts"),
    };
    let text = match &container.state {
        ContainerState::Waiting { reason, .. } if reason == "CrashLoopBackOff" => {
            format!("CrashLoopBackOff: {}{restarts}", ended.unwrap_or_else(|| "the container keeps ending".to_owned()))
        }
        ContainerState::Waiting { reason, message } if is_image_reason(reason) => {
            // The kubelet repeats the reference in most of its messages.
            if message.contains(&container.image) {
                with_detail(reason, message)
            } else {
                with_detail(&format!("{reason}: {}", container.image), message)
            }
        }
        ContainerState::Waiting { reason, message } => with_detail(reason, message),
        ContainerState::Terminated { .. } => {
            format!("{}{restarts}", termination(&container.state).unwrap_or_default())
        }
        ContainerState::Running { .. } => match ended {
            Some(ended) => format!("restarted, not ready yet; before that it {ended}{restarts}"),
            None => "runs and is not ready yet".to_owned(),
        },
    };
    whose + &text
}

fn is_image_reason(reason: &str) -> bool {
    matches!(
        reason,
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" | "ImageInspectError"
    )
}

/// How a container ended, as a clause: "exited with code 1 (Error)".
fn termination(state: &ContainerState) -> Option<String> {
    let ContainerState::Terminated { exit_code, reason, message, .. } = state else { return None };
    let text = match reason.as_str() {
        "OOMKilled" => format!("was killed because it ran out of memory (OOMKilled, exit code {exit_code})"),
        "" | "Error" | "Completed" => format!("exited with code {exit_code}"),
        _ => format!("exited with code {exit_code} ({reason})"),
    };
    Some(with_detail(&text, message))
}

fn init_message(pod: &Pod) -> Option<String> {
    let of_init = || pod.containers.iter().filter(|c| c.kind != ContainerKind::Regular);
    let total = of_init().count();
    let is_done = |c: &Container| match c.kind {
        ContainerKind::Init => matches!(c.state, ContainerState::Terminated { exit_code: 0, .. }),
        ContainerKind::Sidecar => c.ready || matches!(c.state, ContainerState::Running { .. }),
        ContainerKind::Regular => true,
    };
    let done = of_init().filter(|c| is_done(c)).count();
    let current = of_init().find(|c| !is_done(c))?;
    matches!(current.state, ContainerState::Running { .. })
        .then(|| format!("init container {} runs ({}/{total})", current.name, done + 1))
}

fn with_detail(what: &str, detail: &str) -> String {
    // Messages of the kubelet may have several lines; rows have one.
    let detail = detail.split_whitespace().collect::<Vec<_>>().join(" ");
    if detail.is_empty() { what.to_owned() } else { format!("{what}: {detail}") }
}

/// One or two words as `kubectl get pods` shows them
/// (<https://github.com/kubernetes/kubernetes/blob/master/pkg/printers/internalversion/printers.go>, `printPod`).
pub fn pod_status_word(pod: &Pod) -> String {
    let mut word = if pod.reason.is_empty() { phase_word(pod.phase).to_owned() } else { pod.reason.clone() };
    let initializing = init_word(pod);
    if let Some(init) = &initializing {
        word.clone_from(init);
    } else {
        let mut has_running = false;
        for container in pod.containers.iter().rev().filter(|c| c.kind == ContainerKind::Regular) {
            match &container.state {
                ContainerState::Waiting { reason, .. } | ContainerState::Terminated { reason, .. }
                    if !reason.is_empty() =>
                {
                    word.clone_from(reason);
                }
                ContainerState::Terminated { exit_code, .. } => word = format!("ExitCode:{exit_code}"),
                ContainerState::Running { .. } if container.ready => has_running = true,
                ContainerState::Waiting { .. } | ContainerState::Running { .. } => {}
            }
        }
        if word == "Completed" && has_running {
            word = if is_all_ready(pod) { "Running".to_owned() } else { "NotReady".to_owned() };
        }
    }
    if pod.deleting && pod.reason == "NodeLost" {
        return "Unknown".to_owned();
    }
    if pod.deleting && !matches!(pod.phase, PodPhase::Succeeded | PodPhase::Failed) {
        return "Terminating".to_owned();
    }
    word
}

fn is_all_ready(pod: &Pod) -> bool {
    pod.containers.iter().filter(|c| c.kind == ContainerKind::Regular).all(|c| c.ready)
}

fn phase_word(phase: PodPhase) -> &'static str {
    match phase {
        PodPhase::Pending => "Pending",
        PodPhase::Running => "Running",
        PodPhase::Succeeded => "Succeeded",
        PodPhase::Failed => "Failed",
        PodPhase::Unknown => "Unknown",
    }
}

fn init_word(pod: &Pod) -> Option<String> {
    let init: Vec<&Container> = pod.containers.iter().filter(|c| c.kind != ContainerKind::Regular).collect();
    for (index, container) in init.iter().enumerate() {
        match &container.state {
            ContainerState::Terminated { exit_code: 0, .. } => {}
            ContainerState::Running { .. } if container.kind == ContainerKind::Sidecar => {}
            ContainerState::Terminated { reason, .. } if !reason.is_empty() => return Some(format!("Init:{reason}")),
            ContainerState::Terminated { exit_code, .. } => return Some(format!("Init:ExitCode:{exit_code}")),
            ContainerState::Waiting { reason, .. } if !reason.is_empty() && reason != "PodInitializing" => {
                return Some(format!("Init:{reason}"));
            }
            // Before the pod has a node nothing is initialized.
            ContainerState::Waiting { .. } if pod.node.is_none() => return None,
            ContainerState::Waiting { .. } | ContainerState::Running { .. } => {
                return Some(format!("Init:{index}/{}", init.len()));
            }
        }
    }
    None
}
