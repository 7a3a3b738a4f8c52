//! Only what devloop created is deleted, and all of it.

use std::sync::Arc;

use devloop::cluster::{ApplyMode, KeepReason, Namespaces, ObjectFailure, Volumes, delete_resource, restart};
use devloop::project::ResourceName;

use super::ground::{Ground, kubectl, until};

fn config_map(name: &str, value: &str) -> String {
    format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{key: '{value}'}}\n")
}

const DEPLOYMENT: &str = "
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: main, image: 'busybox', imagePullPolicy: IfNotPresent, command: [sleep, '3600']}]
";

#[tokio::test]
#[ignore = "needs cluster (a namespace of its own)"]
async fn an_adopted_object_is_applied_and_survives_pruning_and_down() {
    let ground = Ground::new("adopted").await;
    ground.kubectl_apply(&config_map("theirs", "old"));
    let applied = ground.apply(&(config_map("theirs", "new") + &config_map("ours", "x"))).await;
    assert!(applied[0].adopted && !applied[1].adopted, "{applied:?}");
    assert_eq!(ground.field("configmap/theirs", ".data.key").as_deref(), Some("new"));
    assert_eq!(ground.field("configmap/theirs", ".metadata.labels").as_deref(), Some(""));
    assert!(ground.log().contains("was created by `kubectl"), "{}", ground.log());

    ground.apply(&config_map("ours", "x")).await;
    assert!(ground.exists("configmap/theirs"), "pruned");
    ground.apply(&(config_map("theirs", "new") + &config_map("ours", "x"))).await;
    let report = ground.down(Namespaces::Keep, &config_map("theirs", "new")).await;
    assert!(report.is_complete(), "{report:?}");
    assert!(matches!(report.kept.as_slice(), [(id, KeepReason::Theirs)] if id.name == "theirs"), "{report:?}");
    assert!(ground.exists("configmap/theirs") && !ground.exists("configmap/ours"));
}

#[tokio::test]
#[ignore = "needs cluster (a namespace of its own)"]
async fn a_copy_of_our_object_that_somebody_made_is_not_ours() {
    let ground = Ground::new("copy").await;
    ground.apply(&config_map("ours", "x")).await;
    let labels = format!("{{devloop.dev/project: {}, devloop.dev/resource: web}}", ground.project);
    ground
        .kubectl_apply(&config_map("copy", "x").replace("{name: copy}", &format!("{{name: copy, labels: {labels}}}")));
    let report = ground.down(Namespaces::Keep, "").await;
    assert!(report.is_complete(), "{report:?}");
    assert!(ground.exists("configmap/copy") && !ground.exists("configmap/ours"));
}

#[tokio::test]
#[ignore = "needs cluster (a namespace of its own)"]
async fn objects_of_another_project_are_refused() {
    let ground = Ground::new("other").await;
    ground.apply(&config_map("settings", "x")).await;
    let other = Ground::in_namespace("blog", &ground.namespace).await;
    let error = other.try_apply(&config_map("settings", "y")).await.unwrap_err();
    let cause = &error.failures[0].cause;
    assert!(matches!(cause, ObjectFailure::OtherProject { project } if project == ground.project.as_str()), "{error}");
    assert_eq!(ground.field("configmap/settings", ".data.key").as_deref(), Some("x"));
    let report = other.down(Namespaces::Keep, &config_map("settings", "y")).await;
    assert!(report.deleted.is_empty() && ground.exists("configmap/settings"), "{report:?}");
}

#[tokio::test]
#[ignore = "needs cluster (a namespace of its own)"]
async fn what_is_no_longer_declared_is_pruned_after_success_only() {
    let ground = Ground::new("prune").await;
    ground.apply(&(config_map("a", "x") + &config_map("b", "x") + &config_map("c", "x"))).await;
    let broken =
        config_map("a", "x") + "---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 0}]}\n";
    ground.try_apply(&broken).await.unwrap_err();
    assert!(ground.exists("configmap/b"), "pruned after a failed apply");

    // Another resource declares `c` now.
    let mut options = ground.options();
    let elsewhere = ground.objects(&config_map("c", "x"), &ResourceName::new("api"));
    options.declared_elsewhere = Arc::from([elsewhere[0].id.clone()]);
    ground.apply_with(&config_map("a", "x"), &options).await.unwrap();
    assert!(ground.exists("configmap/a") && !ground.exists("configmap/b") && ground.exists("configmap/c"));
    assert!(ground.log().contains("configmap/b in namespace"), "{}", ground.log());

    // A new session knows what the one before created.
    let next = Ground::in_namespace(ground.project.as_str(), &ground.namespace).await;
    assert_eq!(next.inventory.entries_of(&ResourceName::new("web")).len(), 2);
    let options = devloop::cluster::DeleteOptions {
        declared_elsewhere: Arc::from([]),
        limit: std::time::Duration::from_secs(30),
        log: options.log,
        cancel: options.cancel,
    };
    let deleted = delete_resource(&next.inventory, &ResourceName::new("web"), &options).await;
    assert_eq!(deleted.len(), 2);
    assert!(!ground.exists("configmap/a") && !ground.exists("configmap/c"));
    assert!(next.inventory.entries().is_empty());
}

#[tokio::test]
#[ignore = "needs cluster (a namespace of its own)"]
async fn the_keep_annotation_holds_against_pruning_and_down() {
    let ground = Ground::new("keep").await;
    let kept = |name: &str, key: &str| {
        config_map(name, "x")
            .replace(&format!("{{name: {name}}}"), &format!("{{name: {name}, annotations: {{{key}: keep}}}}"))
    };
    let both = kept("a", "devloop.dev/down-policy") + &kept("b", "tilt.dev/down-policy");
    ground.apply(&(both.clone() + &config_map("c", "x"))).await;
    ground.apply(&(kept("a", "devloop.dev/down-policy") + &config_map("c", "x"))).await;
    assert!(ground.exists("configmap/b"), "pruned");
    let report = ground.down(Namespaces::Keep, &both).await;
    assert!(report.is_complete() && report.kept.len() == 2, "{report:?}");
    assert!(ground.exists("configmap/a") && ground.exists("configmap/b") && !ground.exists("configmap/c"));
}

#[tokio::test]
#[ignore = "needs cluster (two namespaces of its own)"]
async fn down_leaves_nothing() {
    let ground = Ground::new("down").await;
    let inner = format!("{}-inner", ground.namespace);
    let yaml = format!(
        "
apiVersion: v1
kind: Namespace
metadata: {{name: {inner}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: password}}
stringData: {{password: hunter22}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: db}}
spec:
  serviceName: db
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{{name: main, image: 'busybox', imagePullPolicy: IfNotPresent, command: [sleep, '3600']}}]
  volumeClaimTemplates:
  - metadata: {{name: data}}
    spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Mi}}}}}}
{DEPLOYMENT}
{}",
        config_map("settings", "x").replace("{name: settings}", &format!("{{name: settings, namespace: {inner}}}"))
    );
    ground.apply(&yaml).await;
    until("there are pods", || ground.kubectl(&["get", "pods", "-o", "name"]).lines().count() == 2).await;
    until("there is a claim", || ground.exists("pvc/data-db-0")).await;

    let report = ground.down(Namespaces::Keep, "").await;
    assert!(report.is_complete(), "{report:?}");
    let kept: Vec<(&str, &KeepReason)> = report.kept.iter().map(|(id, why)| (id.name.as_str(), why)).collect();
    assert_eq!(kept, [(inner.as_str(), &KeepReason::Namespace), ("data-db-0", &KeepReason::Claim)]);
    assert!(ground.exists("pvc/data-db-0"), "its data stay");
    // The StatefulSet is known from the configuration alone now.
    let report = ground.down_with(Namespaces::Keep, Volumes::Delete, &yaml).await;
    assert!(report.is_complete() && report.deleted.len() == 1, "{report:?}");
    let left = ground.kubectl(&["get", "all,pvc,secrets,configmaps,endpoints", "-o", "name"]);
    let ours = left.lines().filter(|name| !name.contains("default-token") && !name.contains("kube-root-ca"));
    assert_eq!(ours.collect::<Vec<_>>(), Vec::<&str>::new());

    let report = ground.down(Namespaces::Delete, "").await;
    assert!(report.is_complete() && report.deleted.len() == 1, "{report:?}");
    assert_eq!(kubectl(&["get", "namespace", &inner, "--ignore-not-found"]), "");
}

#[tokio::test]
#[ignore = "needs cluster (a namespace of its own)"]
async fn an_applied_secret_loses_keys_that_are_no_longer_declared() {
    let ground = Ground::new("secret").await;
    let secret = |data: &str| format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{{data}}}\n");
    ground.apply(&secret("a: x, b: y")).await;
    ground.apply(&secret("a: x")).await;
    assert_eq!(ground.field("secret/s", ".data").as_deref(), Some(r#"{"a":"eA=="}"#));
}

#[tokio::test]
#[ignore = "needs cluster (a namespace of its own)"]
async fn a_forced_deploy_creates_anew_and_a_restart_rolls_out() {
    let ground = Ground::new("forced").await;
    let pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: bare}\nspec: {terminationGracePeriodSeconds: 1, containers: [{name: main, image: 'busybox', command: [sleep, '3600']}]}\n";
    let claim = "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}\n";
    let yaml = format!("{DEPLOYMENT}{pod}{claim}");
    let first = ground.apply(&yaml).await;
    let mut options = ground.options();
    options.mode = ApplyMode::Forced;
    let second = ground.apply_with(&yaml, &options).await.unwrap();
    for (before, after) in first.iter().zip(&second) {
        let is_claim = before.id.kind == "PersistentVolumeClaim";
        assert_eq!(before.uid == after.uid, is_claim, "{}: data is not thrown away", before.id);
    }
    options.mode = ApplyMode::InPlace;
    let objects = ground.objects(&yaml, &options.resource);
    let restarted = restart(&ground.inventory, &objects, &options).await.unwrap();
    assert_eq!(restarted.len(), 2);
    let annotation = ".spec.template.metadata.annotations.kubectl\\.kubernetes\\.io/restartedAt";
    assert!(ground.field("deployment/web", annotation).is_some_and(|time| !time.is_empty()));
    assert_ne!(
        ground.field("pod/bare", ".metadata.uid").as_deref(),
        second.iter().find(|o| o.id.kind == "Pod").map(|o| &*o.uid.0)
    );
    // The next apply does not undo it.
    assert!(ground.apply(&yaml).await.iter().all(|object| object.unchanged));
}
