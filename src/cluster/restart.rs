//! Restarting what runs, without a build and without a change (`devloop restart`).

use serde_json::json;

use super::apply::{
    ApplyError, ApplyMode, ApplyOptions, ObjectError, ObjectFailure, PreparedObject, apply_without_pruning,
};
use super::connect::{ApiRequest, Patience};
use super::inventory::Inventory;
use crate::k8s::{MANAGED_BY, ObjectId};

/// The annotation that `kubectl rollout restart` sets on pod templates.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// Restarts the pods of these objects: Deployments, StatefulSets and DaemonSets by a rollout, bare Pods by deleting and
/// creating them; other kinds have nothing to restart. Returns what is being restarted.
pub async fn restart(
    inventory: &Inventory,
    objects: &[PreparedObject],
    options: &ApplyOptions,
) -> Result<Vec<ObjectId>, ApplyError> {
    let cluster = inventory.cluster();
    let patience = Patience::new(options.object_limit, &options.cancel, Some(&options.log));
    let mut restarted = Vec::new();
    let mut failures = Vec::new();
    for object in objects {
        let is_rolled = matches!(
            (object.id.group(), object.id.kind.as_str()),
            ("apps", "Deployment" | "StatefulSet" | "DaemonSet")
        );
        let is_pod = object.id.group().is_empty() && object.id.kind == "Pod";
        let result = if is_rolled {
            let patch = json!({ "spec": { "template": { "metadata": { "annotations": {
                RESTARTED_AT: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            } } } } });
            match cluster.served(&object.id.api_version, &object.id.kind, &patience).await {
                Ok(served) => {
                    let id = served.resolve(&object.id, cluster.namespace());
                    let path = format!("{}?fieldManager={MANAGED_BY}-restart", served.object_path(&id));
                    cluster.send(&ApiRequest::merge_patch(path, &patch), &patience).await.map_err(ObjectFailure::from)
                }
                Err(error) => Err(ObjectFailure::from(error)),
            }
        } else if is_pod {
            let forced = ApplyOptions { mode: ApplyMode::Forced, ..options.clone() };
            match apply_without_pruning(inventory, std::slice::from_ref(object), &forced).await {
                Ok(_) => Ok(serde_json::Value::Null),
                Err(mut error) => {
                    failures.append(&mut error.failures);
                    continue;
                }
            }
        } else {
            continue;
        };
        match result {
            Ok(_) => {
                options.log.info(format!("{} restarted", object.id));
                restarted.push(object.id.clone());
            }
            Err(cause) => {
                let (object, origin) = (object.id.clone(), object.origin.clone());
                failures.push(ObjectError { object, origin, pointer: String::new(), cause });
            }
        }
    }
    if failures.is_empty() { Ok(restarted) } else { Err(ApplyError { failures }) }
}
