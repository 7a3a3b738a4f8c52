//! Effects on resources that the user's own commands deploy (reference §2.5, `k8s_custom_deploy`).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::deploy::{DELETE_LIMIT, Request, declared_elsewhere, limit};
use super::edges::{SharedEdges, cluster_failure};
use super::effects::housekeeping;
use super::local::describe;
use crate::cluster::{DeleteOptions, Entry, Patience, delete_resource};
use crate::engine::{BuiltImage, DeployedObject, Deployment, WorkError, WorkResult};
use crate::k8s::{Object, Uid, is_complete_job, parse_objects, secret_values};
use crate::logs::LogSink;
use crate::process::{CommandEnvironment, ProcessError, Supervisor};
use crate::project::{CommandLine, CustomDeploy, ImageName, Resource, ResourceName, Target, image_map_name};

/// Characters of the command's output that an error quotes (reference §4).
const QUOTED: usize = 500;

/// Runs the apply command. What it prints are the objects whose pods the resource has.
pub(super) async fn apply(
    edges: &SharedEdges,
    request: &Request,
    deploy: &CustomDeploy,
    cancel: &CancellationToken,
) -> Result<Deployment, WorkError> {
    let name = &request.resource.name;
    let log = edges.build_log(name);
    // Before anything is applied: without a connection its pods could not be watched.
    edges.cluster().await?;
    let _turn = edges.custom_deploy_turn(name).await;
    let limit = limit(&request.resource, &request.project);
    let commands = Commands { supervisor: &edges.supervisor, environment: edges.command_environment(), limit };
    if request.force
        && let Some(delete) = &deploy.delete
        && let Err(error) = commands.delete(delete, &log, cancel).await
    {
        match error {
            WorkError::Cancelled => return Err(error),
            // Best effort: what is to be applied may never have been there.
            WorkError::Failed(message) | WorkError::Lost(message) => log.error(message),
        }
    }
    let mut command = deploy.apply.clone();
    command.env.extend(image_variables(&deploy.image_deps, &request.images));
    let output = commands.run("apply", &command, &log, cancel).await?;
    let objects = applied_objects(&output, &request.project.root)?;
    edges.logs.mask(&objects.iter().flat_map(secret_values).collect::<Vec<_>>());
    let objects = deployed(&objects, &log);
    if records(&request.resource) {
        record(edges, request, &objects, &log, cancel).await?;
    }
    Ok(Deployment { objects, template_hashes: std::collections::BTreeSet::new() })
}

/// Whether what the command has printed is deleted object by object, for want of a command that does it.
pub(super) fn records(resource: &Resource) -> bool {
    custom_deploy_of(resource).is_some_and(|deploy| deploy.delete.is_none())
}

/// Remembers what the command has applied, and deletes what it applied before and does not any more.
async fn record(
    edges: &SharedEdges,
    request: &Request,
    objects: &[DeployedObject],
    log: &LogSink,
    cancel: &CancellationToken,
) -> Result<(), WorkError> {
    let name = &request.resource.name;
    let inventory = edges.inventory(&request.project.name, log, cancel).await?;
    let entry = |object: &DeployedObject| Entry {
        id: object.id.clone(),
        uid: Some(object.uid.0.to_string()),
        resource: name.to_string(),
        adopted: false,
    };
    let patience = Patience::new(DELETE_LIMIT, cancel, Some(log));
    inventory.record(objects.iter().map(entry).collect(), &patience).await.map_err(cluster_failure)?;
    let mut kept = declared_elsewhere(&request.project, name);
    kept.extend(objects.iter().map(|object| object.id.clone()));
    let options = DeleteOptions {
        declared_elsewhere: kept.into(),
        limit: DELETE_LIMIT,
        log: log.clone(),
        cancel: cancel.clone(),
    };
    delete_resource(&inventory, name, &options).await;
    Ok(())
}

/// Runs the delete command of a resource that vanished or was disabled.
pub(super) async fn delete(
    edges: SharedEdges,
    resource: Arc<Resource>,
    limit: Duration,
    cancel: CancellationToken,
) -> WorkResult {
    let Some(deploy) = custom_deploy_of(&resource) else { return housekeeping(Ok(())) };
    let Some(command) = &deploy.delete else { return housekeeping(Ok(())) };
    let log = edges.build_log(&resource.name);
    let _turn = edges.custom_deploy_turn(&resource.name).await;
    let commands = Commands { supervisor: &edges.supervisor, environment: edges.command_environment(), limit };
    housekeeping(commands.delete(command, &log, &cancel).await)
}

/// Runs the delete command of a resource for `devloop down`.
pub async fn delete_custom(
    supervisor: &Supervisor,
    environment: CommandEnvironment,
    resource: &Resource,
    limit: Duration,
    log: &LogSink,
    cancel: &CancellationToken,
) -> Result<(), WorkError> {
    let Some(deploy) = custom_deploy_of(resource) else { return Ok(()) };
    let Some(command) = &deploy.delete else { return Ok(()) };
    Commands { supervisor, environment, limit }.delete(command, log, cancel).await
}

fn custom_deploy_of(resource: &Resource) -> Option<&CustomDeploy> {
    match &resource.target {
        Target::Kubernetes(target) => target.custom_deploy.as_deref(),
        Target::Local(_) | Target::Compose(_) => None,
    }
}

/// How commands are run.
struct Commands<'a> {
    supervisor: &'a Supervisor,
    environment: CommandEnvironment,
    /// For each command.
    limit: Duration,
}

impl Commands<'_> {
    async fn delete(&self, command: &CommandLine, log: &LogSink, cancel: &CancellationToken) -> Result<(), WorkError> {
        let output = self.run("delete", command, log, cancel).await?;
        let output = output.trim_end();
        if !output.is_empty() {
            log.info(output);
        }
        Ok(())
    }

    /// Runs a command and returns its standard output. Its standard error goes to the log.
    async fn run(
        &self,
        role: &str,
        command: &CommandLine,
        log: &LogSink,
        cancel: &CancellationToken,
    ) -> Result<String, WorkError> {
        log.info(format!("Running cmd: {command}"));
        let in_time = cancel.child_token();
        let mut line = |text: &str| log.info(if text.is_empty() { "\n" } else { text });
        let captured = self.supervisor.capture(command, &self.environment, None, &in_time, false, &mut line);
        let mut running = std::pin::pin!(captured);
        let result = tokio::select! {
            result = &mut running => result,
            () = tokio::time::sleep(self.limit) => {
                in_time.cancel();
                // When it returns, nothing of the command is left.
                let _ = running.await;
                return Err(WorkError::Failed(format!(
                    "the {role} command `{command}` did not end within {}: \
                     `update_settings(k8s_upsert_timeout_secs=…)` sets the limit",
                    humantime::format_duration(self.limit)
                )));
            }
        };
        let captured = match result {
            Ok(ended) => ended,
            Err(ProcessError::Cancelled { .. }) => return Err(WorkError::Cancelled),
            Err(error) => return Err(WorkError::Failed(error.to_string())),
        };
        let (status, output) = (captured.status, String::from_utf8_lossy(&captured.stdout).into_owned());
        if status.success() {
            return Ok(output);
        }
        let how = match status.code() {
            Some(code) => format!("status {code}"),
            None => describe(status),
        };
        let quoted = if output.trim().is_empty() { String::new() } else { format!("\nIts output: {}", quote(&output)) };
        Err(WorkError::Failed(format!("{role} command exited with {how}: `{command}`{quoted}")))
    }
}

/// The images that the command is told of, under the names of the reference and under devloop's own.
fn image_variables(image_deps: &[ImageName], images: &BTreeMap<ImageName, BuiltImage>) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    for (index, name) in image_deps.iter().enumerate() {
        let Some(built) = images.get(name) else { continue };
        for prefix in ["TILT", "DEVLOOP"] {
            variables.push((format!("{prefix}_IMAGE_{index}"), built.cluster_ref.clone()));
            variables.push((format!("{prefix}_IMAGE_MAP_{index}"), image_map_name(name)));
        }
    }
    variables
}

/// The objects that the command has printed.
fn applied_objects(output: &str, dir: &Path) -> Result<Vec<Object>, WorkError> {
    let parsed = parse_objects(output, &Arc::from(dir.join("<output of the apply command>")));
    match parsed.diagnostics.iter().find(|diagnostic| diagnostic.is_error()) {
        None => Ok(parsed.objects),
        Some(problem) => {
            let line =
                problem.primary.as_ref().map_or_else(String::new, |span| format!(" in line {}", span.start.line));
            Err(WorkError::Failed(format!(
                "the output of the apply command is not the YAML of Kubernetes objects: {}{line}\nIts output: {}\n\
                 help: it must print what the server has made of them, as `kubectl apply -o yaml` does, and everything \
                 else to standard error",
                problem.message,
                quote(output)
            )))
        }
    }
}

/// What is known of the objects from now on. Pods are found by the uids that the server gave them.
fn deployed(objects: &[Object], log: &LogSink) -> Vec<DeployedObject> {
    if objects.is_empty() {
        log.warn(
            "the apply command has printed no objects, so no pods are found but for `extra_pod_selectors`: \
             let it print what it applied, for example by `kubectl apply -o yaml`",
        );
    }
    let mut deployed = Vec::new();
    for object in objects {
        let Some(uid) = object.value.pointer("/metadata/uid").and_then(serde_json::Value::as_str) else {
            log.warn(format!(
                "{} in the output of the apply command has no `metadata.uid`, so its pods are not found: \
                 let the command print what the server returns",
                object.id
            ));
            continue;
        };
        let job_complete = is_complete_job(&object.value);
        deployed.push(DeployedObject { id: object.id.clone(), uid: Uid(uid.into()), job_complete });
    }
    deployed
}

fn quote(output: &str) -> String {
    let output = output.trim();
    match output.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &output[..end]),
        None => output.to_owned(),
    }
}

/// Keeps the commands of one custom deploy apart: one is not deleted while it is being applied.
#[derive(Debug, Default)]
pub(super) struct Turns(std::sync::Mutex<BTreeMap<ResourceName, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    pub(super) async fn of(&self, resource: &ResourceName) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            Arc::clone(turns.entry(resource.clone()).or_default())
        };
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_that_is_no_yaml_is_quoted_in_part() {
        let text = format!("deployed: [{}", "ä".repeat(600));
        let Err(WorkError::Failed(message)) = applied_objects(&text, Path::new("/p")) else { panic!("it is no YAML") };
        assert!(message.contains("is not the YAML of Kubernetes objects"), "{message}");
        let quoted = message.lines().find_map(|line| line.strip_prefix("Its output: ")).expect("a quote");
        assert_eq!(quoted.chars().count(), QUOTED + 1);
        let Err(WorkError::Failed(message)) = applied_objects("done\n", Path::new("/p")) else { panic!("no object") };
        assert!(message.contains("Its output: done\n"), "{message}");
    }

    #[test]
    fn objects_are_known_by_the_uid_that_the_server_gave_them() {
        let text = "apiVersion: v1\nkind: List\nitems:\n\
                    - {apiVersion: batch/v1, kind: Job, metadata: {name: a, namespace: ns, uid: u1}, \
                       status: {conditions: [{type: Complete, status: \"True\"}]}}\n\
                    - {apiVersion: v1, kind: Service, metadata: {name: b}}\n";
        let objects = applied_objects(text, Path::new("/p")).expect("objects");
        let logs = crate::logs::LogStore::new();
        let deployed = deployed(&objects, &logs.sink(None, crate::logs::LogSource::Build));
        assert_eq!(deployed.len(), 1);
        assert!(deployed[0].job_complete && &*deployed[0].uid.0 == "u1", "{deployed:?}");
        assert_eq!(applied_objects("", Path::new("/p")), Ok(Vec::new()));
    }

    #[test]
    fn images_are_told_in_the_order_of_their_mention() {
        let built =
            |cluster_ref: &str| BuiltImage { local_ref: "local".into(), cluster_ref: cluster_ref.into(), inject: true };
        let images = BTreeMap::from([("a".into(), built("reg/a:1")), ("x/b".into(), built("reg/b:2"))]);
        let variables = image_variables(&["x/b".into(), "a".into()], &images);
        let find = |name: &str| variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert_eq!(find("TILT_IMAGE_0"), Some("reg/b:2"));
        assert_eq!(find("TILT_IMAGE_MAP_0"), Some("x_b"));
        assert_eq!(find("DEVLOOP_IMAGE_1"), Some("reg/a:1"));
        assert_eq!(find("DEVLOOP_IMAGE_MAP_1"), Some("a"));
    }
}
