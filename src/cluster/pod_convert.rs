//! API objects to the reduced data that devloop decides by; what is not needed is dropped at once.

use chrono::{DateTime, Utc};
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use crate::k8s::{Container, ContainerKind, ContainerState, Pod, PodCondition, PodPhase, Uid};

/// An owner as an owner reference names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    pub uid: Uid,
    pub api_version: String,
    pub kind: String,
    pub name: String,
}

/// The controlling owner; without one, the first.
pub(super) fn nearest_owner(meta: &ObjectMeta) -> Option<Owner> {
    let references = meta.owner_references.as_deref().unwrap_or_default();
    let reference =
        references.iter().find(|reference| reference.controller == Some(true)).or_else(|| references.first())?;
    Some(Owner {
        uid: Uid(reference.uid.as_str().into()),
        api_version: reference.api_version.clone(),
        kind: reference.kind.clone(),
        name: reference.name.clone(),
    })
}

/// A time of the API.
pub(super) fn convert_time(time: &Time) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.0.as_second(), u32::try_from(time.0.subsec_nanosecond()).unwrap_or(0))
}

/// The creation time; objects in a cluster always have one.
pub(super) fn created(meta: &ObjectMeta) -> DateTime<Utc> {
    meta.creation_timestamp.as_ref().and_then(convert_time).unwrap_or(DateTime::UNIX_EPOCH)
}

/// The pod without its owners beyond the nearest, and that one. `None` for an object without identity.
pub(super) fn convert_pod(pod: core::Pod) -> Option<(Pod, Option<Owner>)> {
    let core::Pod { metadata, spec, status } = pod;
    let owner = nearest_owner(&metadata);
    let created = created(&metadata);
    let (spec, status) = (spec.unwrap_or_default(), status.unwrap_or_default());
    let unschedulable = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")
        .map(|condition| (condition.reason.clone().unwrap_or_default(), condition.message.clone().unwrap_or_default()));
    let converted = Pod {
        uid: Uid(metadata.uid?.into()),
        name: metadata.name?,
        namespace: metadata.namespace?,
        labels: metadata.labels.unwrap_or_default(),
        owners: owner.iter().map(|owner| owner.uid.clone()).collect(),
        owner_created: None,
        created,
        deleting: metadata.deletion_timestamp.is_some(),
        phase: convert_phase(status.phase.as_deref()),
        reason: status.reason.unwrap_or_default(),
        message: status.message.unwrap_or_default(),
        unschedulable,
        conditions: status.conditions.into_iter().flatten().map(convert_condition).collect(),
        node: spec.node_name,
        containers: convert_containers(
            (spec.init_containers.unwrap_or_default(), status.init_container_statuses.unwrap_or_default()),
            (spec.containers, status.container_statuses.unwrap_or_default()),
        ),
    };
    Some((converted, owner))
}

fn convert_condition(condition: core::PodCondition) -> PodCondition {
    PodCondition {
        kind: condition.type_,
        status: condition.status,
        reason: condition.reason.unwrap_or_default(),
        message: condition.message.unwrap_or_default(),
    }
}

fn convert_phase(phase: Option<&str>) -> PodPhase {
    match phase {
        Some("Running") => PodPhase::Running,
        Some("Succeeded") => PodPhase::Succeeded,
        Some("Failed") => PodPhase::Failed,
        Some("Unknown") => PodPhase::Unknown,
        // A pod that the scheduler has not seen yet may have no phase.
        _ => PodPhase::Pending,
    }
}

type SpecsAndStatuses = (Vec<core::Container>, Vec<core::ContainerStatus>);

fn convert_containers(init: SpecsAndStatuses, regular: SpecsAndStatuses) -> Vec<Container> {
    let mut containers = Vec::with_capacity(init.0.len() + regular.0.len());
    for (spec, is_init) in init.0.into_iter().map(|spec| (spec, true)).chain(regular.0.into_iter().map(|s| (s, false)))
    {
        let kind = match (is_init, spec.restart_policy.as_deref()) {
            (true, Some("Always")) => ContainerKind::Sidecar,
            (true, _) => ContainerKind::Init,
            (false, _) => ContainerKind::Regular,
        };
        let statuses = if is_init { &init.1 } else { &regular.1 };
        let status = statuses.iter().find(|status| status.name == spec.name);
        containers.push(convert_container(spec, kind, status));
    }
    containers
}

fn convert_container(spec: core::Container, kind: ContainerKind, status: Option<&core::ContainerStatus>) -> Container {
    let ports = spec
        .ports
        .unwrap_or_default()
        .into_iter()
        .filter(|port| port.protocol.as_deref().unwrap_or("TCP") == "TCP")
        .filter_map(|port| Some((u16::try_from(port.container_port).ok()?, port.name.unwrap_or_default())))
        .collect();
    Container {
        name: spec.name,
        kind,
        image: spec.image.unwrap_or_default(),
        id: status.and_then(|status| status.container_id.clone()).filter(|id| !id.is_empty()),
        state: status
            .and_then(|status| status.state.as_ref())
            .and_then(convert_state)
            .unwrap_or(ContainerState::Waiting { reason: String::new(), message: String::new() }),
        last_termination: status.and_then(|status| status.last_state.as_ref()).and_then(convert_state),
        ready: status.is_some_and(|status| status.ready),
        restarts: status.and_then(|status| u32::try_from(status.restart_count).ok()).unwrap_or(0),
        ports,
    }
}

fn convert_state(state: &core::ContainerState) -> Option<ContainerState> {
    if let Some(running) = &state.running {
        let started = running.started_at.as_ref().and_then(convert_time).unwrap_or(DateTime::UNIX_EPOCH);
        return Some(ContainerState::Running { started });
    }
    if let Some(terminated) = &state.terminated {
        return Some(ContainerState::Terminated {
            exit_code: terminated.exit_code,
            reason: terminated.reason.clone().unwrap_or_default(),
            message: terminated.message.clone().unwrap_or_default(),
            finished: terminated.finished_at.as_ref().and_then(convert_time),
        });
    }
    let waiting = state.waiting.as_ref()?;
    Some(ContainerState::Waiting {
        reason: waiting.reason.clone().unwrap_or_default(),
        message: waiting.message.clone().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(value: serde_json::Value) -> (Pod, Option<Owner>) {
        convert_pod(serde_json::from_value(value).expect("a pod")).expect("an identity")
    }

    #[test]
    fn a_crashing_pod_keeps_what_explains_it() {
        let (pod, owner) = convert(serde_json::json!({
            "metadata": {
                "name": "web-1", "namespace": "n", "uid": "u1", "creationTimestamp": "2026-01-02T03:04:05Z",
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "Other", "name": "o", "uid": "u8"},
                    {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u9", "controller": true}
                ]
            },
            "spec": {
                "nodeName": "node",
                "initContainers": [
                    {"name": "init", "image": "i"},
                    {"name": "proxy", "image": "p", "restartPolicy": "Always"}
                ],
                "containers": [{"name": "web", "image": "w", "ports": [
                    {"containerPort": 80, "name": "http"}, {"containerPort": 53, "protocol": "UDP"}
                ]}]
            },
            "status": {
                "phase": "Running",
                "containerStatuses": [{
                    "name": "web", "image": "w", "imageID": "", "ready": false, "restartCount": 3,
                    "containerID": "containerd://x",
                    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                    "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
                }]
            }
        }));
        assert_eq!(owner.map(|owner| owner.kind), Some("ReplicaSet".to_owned()));
        assert_eq!(pod.owners, [Uid("u9".into())]);
        assert_eq!(pod.created.to_rfc3339(), "2026-01-02T03:04:05+00:00");
        let kinds: Vec<ContainerKind> = pod.containers.iter().map(|container| container.kind).collect();
        assert_eq!(kinds, [ContainerKind::Init, ContainerKind::Sidecar, ContainerKind::Regular]);
        let web = &pod.containers[2];
        assert_eq!(web.ports, [(80, "http".to_owned())]);
        assert_eq!(web.restarts, 3);
        assert!(matches!(&web.state, ContainerState::Waiting { reason, .. } if reason == "CrashLoopBackOff"));
        assert!(matches!(web.last_termination, Some(ContainerState::Terminated { exit_code: 137, .. })));
    }

    #[test]
    fn an_unschedulable_pod_says_why() {
        let (pod, _) = convert(serde_json::json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u"},
            "spec": {"containers": [{"name": "c"}]},
            "status": {"phase": "Pending", "conditions": [
                {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
            ]}
        }));
        assert_eq!(pod.unschedulable, Some(("Unschedulable".into(), "0/1 nodes".into())));
        assert!(matches!(pod.containers[0].state, ContainerState::Waiting { .. }));
    }
}
