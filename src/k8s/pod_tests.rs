//! What pods say, and which of them count.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::keys::POD_TEMPLATE_HASH_LABEL;
use super::pod::{Container, ContainerKind, ContainerState, Pod, PodPhase, Uid};
use super::pod_filter::{current_pods, forward_pod, forward_port};
use super::pod_status::{pod_status_word, pods_status};

fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
}

fn pod(name: &str, phase: PodPhase, containers: Vec<Container>) -> Pod {
    Pod {
        uid: Uid(Arc::from(name)),
        name: name.to_owned(),
        namespace: "default".to_owned(),
        labels: BTreeMap::new(),
        owners: vec![Uid(Arc::from("rs"))],
        owner_created: None,
        created: at(1),
        deleting: false,
        phase,
        reason: String::new(),
        message: String::new(),
        unschedulable: None,
        conditions: Vec::new(),
        node: Some("node".to_owned()),
        containers,
    }
}

fn container(name: &str, kind: ContainerKind, state: ContainerState) -> Container {
    Container {
        name: name.to_owned(),
        kind,
        image: "web:1".to_owned(),
        id: None,
        ready: false,
        state,
        last_termination: None,
        restarts: 0,
        ports: Vec::new(),
    }
}

fn regular(state: ContainerState) -> Container {
    container("web", ContainerKind::Regular, state)
}

fn running() -> ContainerState {
    ContainerState::Running { started: at(1) }
}

fn waiting(reason: &str, message: &str) -> ContainerState {
    ContainerState::Waiting { reason: reason.to_owned(), message: message.to_owned() }
}

fn ended(exit_code: i32, reason: &str) -> ContainerState {
    ContainerState::Terminated { exit_code, reason: reason.to_owned(), message: String::new(), finished: None }
}

fn ready() -> Container {
    Container { ready: true, ..regular(running()) }
}

/// `WORD | STATE | MESSAGE`
fn describe(pods: &[Pod], must_succeed: bool) -> String {
    let word = pods.first().map(pod_status_word).unwrap_or_default();
    let shared: Vec<Arc<Pod>> = pods.iter().cloned().map(Arc::new).collect();
    let status = pods_status(&shared, must_succeed);
    format!("{word} | {:?} | {}", status.state, status.message)
}

fn check(pod: Pod, expected: &str) {
    assert_eq!(describe(&[pod], false), expected);
}

#[test]
fn each_condition_has_its_words() {
    assert_eq!(describe(&[], false), " | Pending | no pod yet");
    check(pod("a", PodPhase::Running, vec![ready()]), "Running | Ok | ");
    check(
        pod("a", PodPhase::Running, vec![regular(running())]),
        "Running | Pending | container web runs and is not ready yet",
    );
    let pending = pod("a", PodPhase::Pending, vec![]);
    check(
        Pod {
            node: None,
            unschedulable: Some(("Unschedulable".into(), "0/1 nodes are available: 1 Insufficient cpu.".into())),
            ..pending.clone()
        },
        "Pending | Pending | Unschedulable: 0/1 nodes are available: 1 Insufficient cpu.",
    );
    check(Pod { node: None, ..pending }, "Pending | Pending | waiting to be scheduled");
    check(
        pod("a", PodPhase::Pending, vec![regular(waiting("ContainerCreating", ""))]),
        "ContainerCreating | Pending | its containers are being created",
    );
    check(
        pod("a", PodPhase::Pending, vec![regular(waiting("ErrImagePull", "manifest unknown"))]),
        "ErrImagePull | Error | ErrImagePull: web:1: manifest unknown",
    );
    check(
        pod("a", PodPhase::Pending, vec![regular(waiting("ImagePullBackOff", "Back-off pulling image \"web:1\""))]),
        "ImagePullBackOff | Error | ImagePullBackOff: Back-off pulling image \"web:1\"",
    );
    check(
        pod("a", PodPhase::Pending, vec![regular(waiting("CreateContainerConfigError", "secret \"x\" not found"))]),
        "CreateContainerConfigError | Error | CreateContainerConfigError: secret \"x\" not found",
    );
    check(
        Pod { reason: "Evicted".into(), message: "low on memory".into(), ..pod("a", PodPhase::Failed, vec![]) },
        "Evicted | Error | Evicted: low on memory",
    );
    check(
        Pod { deleting: true, ..pod("a", PodPhase::Running, vec![ready()]) },
        "Terminating | Pending | its pod is being deleted",
    );
}

#[test]
fn crashes_tell_how_the_container_ended() {
    let crashing = |end: ContainerState, restarts: u32| Container {
        last_termination: Some(end),
        restarts,
        ..regular(waiting("CrashLoopBackOff", "back-off 10s restarting failed container"))
    };
    check(
        pod("a", PodPhase::Running, vec![crashing(ended(1, "Error"), 3)]),
        "CrashLoopBackOff | Pending | CrashLoopBackOff: exited with code 1, 3 restarts",
    );
    check(
        pod("a", PodPhase::Running, vec![crashing(ended(137, "OOMKilled"), 1)]),
        "CrashLoopBackOff | Pending | CrashLoopBackOff: was killed because it ran out of memory (OOMKilled, exit code 137), 1 restart",
    );
    let restarted = Container { last_termination: Some(ended(2, "Error")), restarts: 1, ..regular(running()) };
    check(
        pod("a", PodPhase::Running, vec![restarted]),
        "Running | Pending | restarted, not ready yet; before that it exited with code 2, 1 restart",
    );
    check(pod("a", PodPhase::Failed, vec![regular(ended(1, "Error"))]), "Error | Error | exited with code 1");
}

#[test]
fn init_containers_and_sidecars_come_first() {
    let init = |state| container("prepare", ContainerKind::Init, state);
    let sidecar = |ready| Container { ready, ..container("proxy", ContainerKind::Sidecar, running()) };
    let later = regular(waiting("PodInitializing", ""));
    check(
        pod("a", PodPhase::Pending, vec![init(running()), later.clone()]),
        "Init:0/1 | Pending | init container prepare runs (1/1)",
    );
    check(
        pod("a", PodPhase::Pending, vec![init(ended(3, "Error")), later]),
        "Init:Error | Error | init container prepare: exited with code 3",
    );
    check(
        pod("a", PodPhase::Running, vec![init(ended(0, "Completed")), sidecar(false), ready()]),
        "Running | Pending | container proxy runs and is not ready yet",
    );
    check(pod("a", PodPhase::Running, vec![init(ended(0, "Completed")), sidecar(true), ready()]), "Running | Ok | ");
}

#[test]
fn jobs_have_to_succeed() {
    let job = |phase, container| describe(&[pod("a", phase, vec![container])], true);
    assert_eq!(job(PodPhase::Running, ready()), "Running | Pending | still running");
    assert_eq!(job(PodPhase::Succeeded, regular(ended(0, "Completed"))), "Completed | Ok | ");
    assert_eq!(job(PodPhase::Failed, regular(ended(1, "Error"))), "Error | Error | exited with code 1");
    let failed = pod("a", PodPhase::Failed, vec![regular(ended(1, "Error"))]);
    let retry = Pod { created: at(2), ..pod("b", PodPhase::Succeeded, vec![regular(ended(0, "Completed"))]) };
    assert_eq!(describe(&[failed, retry], true), "Error | Ok | ", "a retried failure is forgiven");
}

#[test]
fn every_replica_counts() {
    let second = Pod { created: at(2), ..pod("b", PodPhase::Pending, vec![regular(waiting("ContainerCreating", ""))]) };
    let first = pod("a", PodPhase::Running, vec![ready()]);
    assert_eq!(describe(&[first.clone(), second], false), "Running | Pending | its containers are being created");
    let leaving = Pod { deleting: true, ..pod("b", PodPhase::Running, vec![regular(running())]) };
    assert_eq!(describe(&[first, leaving], false), "Running | Ok | ");
}

#[test]
fn pods_of_old_generations_are_dropped() {
    let of = |name: &str, labels: &[(&str, &str)], owners: &[&str], owner_created: i64| {
        Arc::new(Pod {
            labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            owners: owners.iter().map(|owner| Uid(Arc::from(*owner))).collect(),
            owner_created: Some(at(owner_created)),
            ..pod(name, PodPhase::Running, vec![ready()])
        })
    };
    let names = |pods: &[Arc<Pod>], hashes: &[&str]| {
        let hashes: BTreeSet<String> = hashes.iter().map(|hash| (*hash).to_owned()).collect();
        let mut names: Vec<String> = current_pods(pods, &hashes).iter().map(|pod| pod.name.clone()).collect();
        names.sort();
        names
    };
    let hashed = [
        of("old", &[(POD_TEMPLATE_HASH_LABEL, "1")], &["s"], 1),
        of("new", &[(POD_TEMPLATE_HASH_LABEL, "2")], &["s"], 1),
        of("bare", &[], &[], 1),
    ];
    assert_eq!(names(&hashed, &["2"]), ["bare", "new"]);
    assert_eq!(names(&hashed, &[]), ["bare", "new", "old"]);
    let replica_sets = [
        of("old", &[("pod-template-hash", "x")], &["rs1", "web"], 1),
        of("new", &[("pod-template-hash", "y")], &["rs2", "web"], 2),
        of("other", &[("pod-template-hash", "z")], &["rs0", "api"], 0),
        of("db-0", &[], &["sts1", "operator"], 1),
        of("cache-0", &[], &["sts2", "operator"], 2),
    ];
    assert_eq!(names(&replica_sets, &[]), ["cache-0", "db-0", "new", "other"]);
}

#[test]
fn forwards_lead_to_a_ready_pod_that_stays() {
    let pods = [
        Pod { created: at(9), ..pod("unready", PodPhase::Running, vec![regular(running())]) },
        Pod { created: at(8), deleting: true, ..pod("leaving", PodPhase::Running, vec![ready()]) },
        Pod { created: at(7), ..pod("pending", PodPhase::Pending, vec![]) },
        pod("ready", PodPhase::Running, vec![ready()]),
    ]
    .map(Arc::new);
    assert_eq!(forward_pod(&pods).map(|pod| pod.name.as_str()), Some("ready"));
    assert_eq!(forward_pod(&pods[..3]).map(|pod| pod.name.as_str()), Some("unready"));
    let declares = |ports: &[u16]| {
        let ports = ports.iter().map(|port| (*port, String::new())).collect();
        pod("a", PodPhase::Running, vec![Container { ports, ..ready() }])
    };
    assert_eq!(forward_port(&declares(&[80, 8080]), 8080, 0), 8080);
    assert_eq!(forward_port(&declares(&[80, 81]), 8080, 0), 80);
    assert_eq!(forward_port(&declares(&[]), 8080, 0), 8080);
    assert_eq!(forward_port(&declares(&[80]), 8080, 9), 9);
}
