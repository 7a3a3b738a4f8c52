//! The container engine and the cluster.

use std::path::PathBuf;
use std::time::Duration;

use chrono::Utc;
use tokio_util::sync::CancellationToken;

use super::finding::Finding;
use super::machine;
use crate::cluster::{Cluster, ContextInfo, Patience, Permission, discover_registry};
use crate::docker::Engine;
use crate::k8s::ObjectId;
use crate::project::{Project, Target};

/// For all questions to the cluster together, at most.
const LIMIT: Duration = Duration::from_secs(20);
/// For a registry to take a connection.
const REGISTRY_LIMIT: Duration = Duration::from_secs(3);

/// The container engine; and the folder that holds its data, when it is on this machine.
pub(super) async fn engine(is_needed: bool) -> (Vec<Finding>, Option<PathBuf>) {
    let engine = match Engine::connect().await {
        Ok(engine) => engine,
        Err(error) if is_needed => {
            let text = error.to_string();
            let (what, remedy) = text.split_once(": ").unwrap_or((&text, "start or install a container engine"));
            return (vec![Finding::failed("engine", what, remedy)], None);
        }
        Err(_) => return (vec![Finding::skipped("engine", "none answers, and this project needs none")], None),
    };
    let info = engine.info();
    let kind = if info.is_podman { "Podman" } else { "Docker" };
    let text = format!(
        "{kind} {} on {} ({}), at {}",
        info.version,
        info.operating_system,
        info.architecture,
        engine.endpoint()
    );
    let mut findings = vec![Finding::ok("engine", text)];
    let before = Utc::now();
    let checkup = match engine.checkup().await {
        Ok(checkup) => checkup,
        Err(error) => {
            findings.push(Finding::failed("engine", error.to_string(), "restart the engine"));
            return (findings, None);
        }
    };
    findings.push(match checkup.buildkit {
        _ if info.is_podman => Finding::warning(
            "buildkit",
            "Podman builds without BuildKit: cache mounts, secrets and SSH of Dockerfiles may not work",
            "use an engine with BuildKit (Docker, Colima, Rancher Desktop) if a Dockerfile needs them",
        ),
        Some(true) | None => Finding::ok("buildkit", format!("it is there; images are kept by {}", checkup.storage)),
        Some(false) => Finding::warning(
            "buildkit",
            "the engine prefers its old builder; devloop asks for BuildKit by itself",
            "if builds fail, set `{\"features\": {\"buildkit\": true}}` in the engine's daemon.json",
        ),
    });
    findings.push(machine::clock("the engine", checkup.clock, before, Utc::now()));
    for warning in checkup.warnings {
        findings.push(Finding::warning("engine", warning, "see the engine's documentation"));
    }
    (findings, checkup.data_folder)
}

/// The cluster of a context.
pub(super) async fn cluster(context: &ContextInfo, project: Option<&Project>) -> Vec<Finding> {
    let unreachable = |failure: String| {
        Finding::failed(
            "cluster",
            failure,
            format!("start it, or choose another context: --context NAME; it is at {}", context.server),
        )
    };
    let cluster = match Cluster::connect(context).await {
        Ok(cluster) => cluster,
        Err(failure) => return vec![unreachable(failure.to_string())],
    };
    if let Err(failure) = cluster.health().await {
        return vec![unreachable(failure.to_string())];
    }
    let patience = Patience::new(LIMIT, &CancellationToken::new(), None);
    let mut findings = Vec::new();
    match cluster.version(&patience).await {
        Ok(version) => {
            findings.push(Finding::ok("cluster", format!("{} answers, Kubernetes {version}", context.server)));
        }
        Err(failure) => findings.push(unreachable(failure.to_string())),
    }
    let before = Utc::now();
    findings.push(machine::clock("the API server", cluster.clock().await, before, Utc::now()));
    findings.push(permissions(&cluster, project, &patience).await);
    findings.push(registry(&cluster, project, &patience).await);
    findings
}

/// What every session does in a cluster: verb, group, resource, subresource.
const ALWAYS: [(&str, &str, &str, &str); 12] = [
    ("list", "", "pods", ""),
    ("watch", "", "pods", ""),
    ("get", "", "pods", "log"),
    ("create", "", "pods", "exec"),
    ("create", "", "pods", "portforward"),
    ("watch", "", "events", ""),
    ("list", "apps", "replicasets", ""),
    ("get", "", "configmaps", ""),
    ("create", "", "configmaps", ""),
    ("patch", "", "configmaps", ""),
    ("create", "apps", "deployments", ""),
    ("patch", "apps", "deployments", ""),
];

/// Asks for what devloop itself needs, and for what the objects of the project need.
async fn permissions(cluster: &Cluster, project: Option<&Project>, patience: &Patience) -> Finding {
    let namespace = cluster.namespace();
    let mut needed: Vec<Permission> = ALWAYS
        .iter()
        .map(|(verb, group, resource, subresource)| Permission {
            verb: (*verb).to_owned(),
            group: (*group).to_owned(),
            resource: (*resource).to_owned(),
            subresource: (*subresource).to_owned(),
            namespace: Some(namespace.to_owned()),
        })
        .collect();
    for id in project.into_iter().flat_map(declared) {
        // A kind that the cluster does not serve is what `up` explains.
        let Ok(served) = cluster.served(&id.api_version, &id.kind, patience).await else { continue };
        let id = served.resolve(&id, namespace);
        for verb in ["get", "create", "patch", "delete"] {
            needed.push(Permission {
                verb: verb.to_owned(),
                group: id.group().to_owned(),
                resource: served.plural.clone(),
                subresource: String::new(),
                namespace: id.namespace.clone(),
            });
        }
    }
    needed.sort();
    needed.dedup();
    let mut missing = Vec::new();
    for permission in &needed {
        match cluster.may(permission, patience).await {
            Ok(true) => {}
            Ok(false) => missing.push(permission.to_string()),
            Err(failure) => {
                return Finding::warning(
                    "permissions",
                    format!("they cannot be asked for: {failure}"),
                    "ask who runs the cluster",
                );
            }
        }
    }
    if missing.is_empty() {
        let whose = if project.is_some() { "the project and devloop need" } else { "devloop needs" };
        return Finding::ok("permissions", format!("everything that {whose} is allowed ({} asked)", needed.len()));
    }
    Finding::failed(
        "permissions",
        format!("not allowed: {}", missing.join(", ")),
        format!("ask for a role with these in the namespace {namespace}, or choose another: --namespace NAME"),
    )
}

fn declared(project: &Project) -> Vec<ObjectId> {
    let mut ids = Vec::new();
    for resource in project.resources.values().filter(|resource| resource.enabled) {
        if let Target::Kubernetes(target) = &resource.target {
            ids.extend(target.objects.iter().map(|object| object.id.clone()));
        }
    }
    ids
}

/// Where images go.
async fn registry(cluster: &Cluster, project: Option<&Project>, patience: &Patience) -> Finding {
    let nodes = match cluster.nodes(patience).await {
        Ok(nodes) => nodes,
        Err(failure) => {
            return Finding::warning("registry", format!("the nodes cannot be asked: {failure}"), "try again");
        }
    };
    let default = project.and_then(|project| project.settings.default_registry.as_ref());
    let choice = match discover_registry(cluster, &nodes, default, patience).await {
        Ok(choice) => choice,
        Err(failure) => {
            return Finding::warning("registry", format!("it cannot be asked for: {failure}"), "try again");
        }
    };
    let Some(host) = choice.push_host() else {
        let text =
            "none is known; images go straight into the cluster where that is possible, else to where they are named";
        return match choice.warning {
            Some(warning) => Finding::warning("registry", text, warning),
            None => Finding::ok("registry", text),
        };
    };
    let address = host.split('/').next().unwrap_or(host);
    let with_port = if address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        address.to_owned()
    } else {
        format!("{address}:443")
    };
    let pull =
        choice.pull_host().filter(|pull| *pull != host).map(|pull| format!(", pulled as {pull}")).unwrap_or_default();
    match tokio::time::timeout(REGISTRY_LIMIT, tokio::net::TcpStream::connect(&with_port)).await {
        Ok(Ok(_)) => Finding::ok("registry", format!("{host} answers{pull}; from {}", choice.source)),
        // The engine pushes, and may be somewhere else.
        Ok(Err(error)) => unreachable_registry(host, &choice.source.to_string(), &error.to_string()),
        Err(_) => unreachable_registry(host, &choice.source.to_string(), "no answer"),
    }
}

fn unreachable_registry(host: &str, source: &str, reason: &str) -> Finding {
    Finding::warning(
        "registry",
        format!("{host}, from {source}, does not answer here: {reason}"),
        "start it; if the engine runs on another machine, only that one has to reach it",
    )
}
