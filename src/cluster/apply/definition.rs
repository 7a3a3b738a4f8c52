//! Kinds that are defined in the cluster: waiting for a definition that is just being accepted.

use std::time::Duration;

use super::error::ObjectFailure;
use crate::cluster::connect::{ApiRequest, Cluster, Patience};
use crate::cluster::discovery::{DiscoveryError, ServedKind};
use crate::cluster::failure::Failure;
use crate::cluster::live::Live;
use crate::k8s::ObjectId;
use crate::logs::LogSink;

const PAUSE: Duration = Duration::from_millis(200);

/// How the kind of `id` is served. A kind that is not served yet although its definition exists is waited for.
pub(super) async fn served(
    cluster: &Cluster,
    id: &ObjectId,
    log: &LogSink,
    patience: &Patience,
) -> Result<ServedKind, ObjectFailure> {
    let mut said = false;
    loop {
        let unserved = match cluster.served(&id.api_version, &id.kind, patience).await {
            Ok(served) => return Ok(served),
            Err(DiscoveryError::Failed(failure)) => return Err(failure.into()),
            Err(DiscoveryError::Unserved(unserved)) => unserved,
        };
        if patience.is_over() || !is_defined(cluster, id, patience).await? {
            return Err(unserved.into());
        }
        if !said {
            said = true;
            log.info(format!("waiting until the cluster serves `{}` `{}`", id.api_version, id.kind));
        }
        patience.pause(PAUSE).await?;
    }
}

/// Whether the cluster has a definition of this kind and version, served or not yet.
async fn is_defined(cluster: &Cluster, id: &ObjectId, patience: &Patience) -> Result<bool, Failure> {
    let Some((group, version)) = id.api_version.split_once('/') else { return Ok(false) };
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let list = match cluster.send(&ApiRequest::get(path), patience).await {
        Ok(list) => list,
        // Not allowed to look: then nothing is known to wait for.
        Err(Failure::Refused(_)) => return Ok(false),
        Err(failure) => return Err(failure),
    };
    Ok(list["items"].as_array().into_iter().flatten().any(|definition| {
        let spec = &definition["spec"];
        let mut versions = spec["versions"].as_array().into_iter().flatten();
        spec["group"].as_str() == Some(group)
            && spec["names"]["kind"].as_str() == Some(&id.kind)
            && versions
                .any(|served| served["name"].as_str() == Some(version) && served["served"].as_bool() == Some(true))
    }))
}

/// Waits until the cluster serves what a CustomResourceDefinition defines.
pub(super) async fn wait_until_established(
    cluster: &Cluster,
    served: &ServedKind,
    id: &ObjectId,
    limit: Duration,
    patience: &Patience,
) -> Result<(), ObjectFailure> {
    let patience = patience.restarted(limit);
    loop {
        let live = cluster.live(served, id, &patience).await?;
        if live.as_ref().is_some_and(|live| live.has_condition("Established")) {
            return Ok(());
        }
        if patience.is_over() {
            let reason = live.as_ref().map_or_else(|| "it was deleted meanwhile".to_owned(), refusal_of_names);
            return Err(ObjectFailure::NotEstablished { limit, reason });
        }
        patience.pause(PAUSE).await?;
    }
}

fn refusal_of_names(definition: &Live) -> String {
    let names = definition.condition("NamesAccepted").or_else(|| definition.condition("Established"));
    let message = names.and_then(|condition| condition["message"].as_str());
    message.unwrap_or("the cluster has not said why").to_owned()
}
