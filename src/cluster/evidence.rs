//! What the cluster knows of a pod, for somebody who looks into a failure later.

use serde_json::{Value, json};

use super::connect::{ApiRequest, Cluster, Patience};
use super::failure::Failure;

/// A pod with its state, and the events about it, as the API server gives them. Values of Secrets may be among them:
/// what is shown is masked by the caller.
pub async fn pod_evidence(
    cluster: &Cluster,
    namespace: &str,
    pod: &str,
    patience: &Patience,
) -> Result<Value, Failure> {
    let base = format!("/api/v1/namespaces/{namespace}");
    let object = cluster.send(&ApiRequest::get(format!("{base}/pods/{pod}")), patience).await?;
    // Names of namespaces and pods hold no character that a query would have to escape.
    let events = ApiRequest::get(format!("{base}/events?fieldSelector=involvedObject.name%3D{pod}"));
    let events = cluster.send(&events, patience).await?;
    Ok(json!({"pod": object, "events": events["items"]}))
}
