//! What a session asks the cluster once: health, registry, machines.

use std::time::Duration;

use devloop::cluster::{Patience, Product, RegistrySource, discover_registry, platform};

use super::ground::Ground;

#[tokio::test]
#[ignore = "needs cluster (reads only)"]
async fn health_registry_and_platform_are_found() {
    let ground = Ground::new("session").await;
    ground.cluster.health().await.unwrap();
    let patience = Patience::new(Duration::from_secs(10), &ground.cancel, None);
    let nodes = ground.cluster.nodes(&patience).await.unwrap();
    assert!(platform(&nodes).unwrap().starts_with("linux/"), "{nodes:?}");
    let choice = discover_registry(&ground.cluster, &nodes, None, &patience).await.unwrap();
    if ground.cluster.context().product == Product::Kind {
        assert_eq!(choice.source, RegistrySource::LocalRegistryHosting);
        assert_eq!(choice.push_host(), Some("localhost:5000"));
    }
}
