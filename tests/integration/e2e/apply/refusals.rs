//! The way through each refusal of the API server.

use devloop::cluster::ObjectFailure;

use super::ground::{Ground, kubectl, until};

fn job(name: &str, command: &str) -> String {
    format!(
        "
apiVersion: batch/v1
kind: Job
metadata: {{name: {name}}}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      containers: [{{name: main, image: 'busybox', imagePullPolicy: IfNotPresent, command: [sh, -c, '{command}']}}]
"
    )
}

#[tokio::test]
#[ignore = "needs cluster (a namespace of its own)"]
async fn a_changed_job_is_replaced_and_an_unchanged_one_is_not_run_again() {
    let ground = Ground::new("job").await;
    let first = ground.apply(&job("migrate", "true")).await;
    assert!(!first[0].unchanged && !first[0].job_complete);
    until("the Job is complete", || ground.field("job/migrate", ".status.succeeded").as_deref() == Some("1")).await;

    let again = ground.apply(&job("migrate", "true")).await;
    assert!(again[0].unchanged && again[0].job_complete, "{again:?}");
    assert_eq!(again[0].uid, first[0].uid);

    let changed = ground.apply(&job("migrate", "echo other")).await;
    assert_ne!(changed[0].uid, first[0].uid);
    assert!(!changed[0].job_complete);
    let log = ground.log();
    assert!(log.contains("job/migrate") && log.contains("field is immutable"), "{log}");
    assert!(log.contains("deleting it and creating it again"), "{log}");
}

#[tokio::test]
#[ignore = "needs cluster (a namespace of its own)"]
async fn a_failed_job_is_run_again() {
    let ground = Ground::new("failed-job").await;
    let first = ground.apply(&job("migrate", "false")).await;
    until("the Job has failed", || ground.field("job/migrate", ".status.failed").as_deref() == Some("1")).await;
    until("its condition says so", || {
        ground.field("job/migrate", ".status.conditions[0].type").as_deref() == Some("Failed")
    })
    .await;
    let again = ground.apply(&job("migrate", "false")).await;
    assert_ne!(again[0].uid, first[0].uid);
}

fn stateful_set(size: &str) -> String {
    format!(
        "
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: db}}
spec:
  serviceName: db
  replicas: 0
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec: {{containers: [{{name: main, image: 'busybox', command: [sleep, '3600']}}]}}
  volumeClaimTemplates:
  - metadata: {{name: data}}
    spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: {size}}}}}}}
"
    )
}

#[tokio::test]
#[ignore = "needs cluster (a namespace of its own)"]
async fn immutable_fields_of_a_stateful_set_and_a_service_lead_to_a_replacement() {
    let ground = Ground::new("immutable").await;
    let service = |ip: &str| {
        format!("---\napiVersion: v1\nkind: Service\nmetadata: {{name: db}}\nspec: {{{ip}ports: [{{port: 80}}]}}\n")
    };
    let first = ground.apply(&(stateful_set("1Mi") + &service(""))).await;
    let second = ground.apply(&(stateful_set("2Mi") + &service("clusterIP: None, "))).await;
    for (before, after) in first.iter().zip(&second) {
        assert_eq!(before.id, after.id);
        assert_ne!(before.uid, after.uid, "{}", before.id);
    }
    assert_eq!(ground.field("service/db", ".spec.clusterIP").as_deref(), Some("None"));
}

#[tokio::test]
#[ignore = "needs cluster (a namespace of its own)"]
async fn a_replacement_that_would_be_refused_does_not_delete_the_old_object() {
    let ground = Ground::new("trial").await;
    ground.apply(&stateful_set("1Mi")).await;
    let uid = ground.field("statefulset/db", ".metadata.uid");
    let wrong = stateful_set("2Mi").replace("replicas: 0", "replicas: -1");
    let error = ground.try_apply(&wrong).await.unwrap_err();
    assert!(error.to_string().contains("spec.replicas"), "{error}");
    assert_eq!(ground.field("statefulset/db", ".metadata.uid"), uid);
}

#[tokio::test]
#[ignore = "needs cluster (a namespace of its own)"]
async fn a_claim_that_is_in_use_is_not_replaced() {
    let ground = Ground::new("claim").await;
    let yaml = |size: &str| {
        format!(
            "
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: data}}
spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: {size}}}}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: user}}
spec:
  containers: [{{name: main, image: 'busybox', command: [sleep, '3600']}}]
  volumes: [{{name: data, persistentVolumeClaim: {{claimName: data}}}}]
"
        )
    };
    ground.apply(&yaml("2Mi")).await;
    let error = ground.try_apply(&yaml("1Mi")).await.unwrap_err();
    assert!(matches!(error.failures[0].cause, ObjectFailure::MustNotReplace { .. }), "{error}");
    assert!(error.to_string().contains("in use by pod `user`"), "{error}");
    assert!(ground.field("pvc/data", ".metadata.deletionTimestamp").is_some_and(|time| time.is_empty()));
}

#[tokio::test]
#[ignore = "needs cluster (two namespaces of its own)"]
async fn a_terminating_namespace_is_waited_for_and_created_again() {
    let ground = Ground::new("terminating").await;
    let name = format!("{}-inner", ground.namespace);
    let yaml = format!(
        "
apiVersion: v1
kind: Namespace
metadata: {{name: {name}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: settings, namespace: {name}}}
data: {{a: b}}
"
    );
    let first = ground.apply(&yaml).await;
    // Held by a finalizer for a moment, so that the apply meets it.
    kubectl(&["-n", &name, "patch", "configmap/settings", "-p", r#"{"metadata":{"finalizers":["devloop.dev/test"]}}"#]);
    kubectl(&["delete", "namespace", &name, "--wait=false"]);
    let release = async {
        until("the apply waits", || ground.log().contains("waiting until it is gone")).await;
        kubectl(&["-n", &name, "patch", "configmap/settings", "-p", r#"{"metadata":{"finalizers":null}}"#]);
    };
    let (second, ()) = tokio::join!(ground.try_apply(&yaml), release);
    let second = second.unwrap_or_else(|error| panic!("{error}"));
    assert_ne!(second[0].uid, first[0].uid);
    kubectl(&["delete", "namespace", &name, "--wait=false"]);
}

#[tokio::test]
#[ignore = "needs cluster (a CustomResourceDefinition of its own)"]
async fn a_definition_and_its_objects_go_in_one_apply() {
    let ground = Ground::new("definition").await;
    let group = format!("g{}.devloop.test", std::process::id());
    let definition = format!(
        "
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: gadgets.{group}}}
spec:
  group: {group}
  scope: Namespaced
  names: {{kind: Gadget, plural: gadgets, singular: gadget, listKind: GadgetList}}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}
"
    );
    let gadget = format!("---\napiVersion: {group}/v1\nkind: Gadget\nmetadata: {{name: one}}\nspec: {{a: 1}}\n");
    let applied = ground.apply(&(gadget.clone() + &definition)).await;
    assert_eq!(applied.len(), 2);
    assert!(ground.exists(&format!("gadgets.{group}/one")));

    let error = ground.try_apply(&gadget.replace("/v1", "/v2")).await.unwrap_err().diagnostics().remove(0);
    assert!(error.message.contains(&format!("`{group}/v1`")), "{error:?}");
    let report = ground.down(devloop::cluster::Namespaces::Keep, "").await;
    assert!(report.is_complete() && report.deleted.len() == 2, "{report:?}");
    assert!(!ground.exists(&format!("crd/gadgets.{group}")));
}

#[tokio::test]
#[ignore = "needs cluster (a namespace of its own)"]
async fn a_kind_that_is_not_served_is_named_with_the_versions_that_are() {
    let ground = Ground::new("unserved").await;
    let check = async |api_version: &str, kind: &str, expected: &str, help: &str| {
        let yaml = format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: web}}\n");
        let error = ground.try_apply(&yaml).await.unwrap_err();
        let diagnostic = error.diagnostics().remove(0);
        assert!(diagnostic.message.contains(expected), "{}", diagnostic.message);
        assert!(diagnostic.help[0].contains(help), "{:?}", diagnostic.help);
        assert_eq!(diagnostic.primary.unwrap().file.to_str(), Some("/project/app.yaml"));
    };
    check("autoscaling/v2", "HorizontalPodAutoscaler", "it serves it as `autoscaling/v", "apiVersion: autoscaling/v")
        .await;
    check("apps/v1beta1", "Deployment", "it serves it as `apps/v1`", "apiVersion: apps/v1").await;
    check("apps/v1", "Deploymnet", "did you mean `Deployment`?", "kind: Deployment").await;
    check("monitoring.coreos.com/v1", "ServiceMonitor", "does not serve", "CustomResourceDefinition").await;
}

#[tokio::test]
#[ignore = "needs cluster (a namespace of its own)"]
async fn fields_of_other_managers_are_taken_over_and_said() {
    let ground = Ground::new("conflict").await;
    let deployment = |replicas: u8| {
        format!(
            "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: main, image: 'busybox', command: [sleep, '3600']}}]}}
"
        )
    };
    ground.apply(&deployment(0)).await;
    let patch = r#"{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"other"}]}}}}"#;
    ground.kubectl(&["patch", "deployment/web", "-p", patch, "--field-manager=editor"]);
    ground.apply(&deployment(0)).await;
    let image = ground.field("deployment/web", ".spec.template.spec.containers[0].image");
    assert_eq!(image.as_deref(), Some("busybox"));
    let log = ground.log();
    assert!(log.contains("taking over") && log.contains("from editor"), "{log}");

    // The replicas of an autoscaler are left to it.
    let patch = r#"{"spec":{"replicas":2}}"#;
    ground.kubectl(&["patch", "deployment/web", "-p", patch, "--field-manager=kube-controller-manager"]);
    ground.apply(&deployment(0)).await;
    assert_eq!(ground.field("deployment/web", ".spec.replicas").as_deref(), Some("2"));
    assert!(ground.log().contains("left to the autoscaler"), "{}", ground.log());
}

#[tokio::test]
#[ignore = "needs cluster (a namespace of its own)"]
async fn an_object_that_is_being_deleted_is_waited_for() {
    let ground = Ground::new("deleting").await;
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\n";
    let first = ground.apply(yaml).await;
    ground.kubectl(&["patch", "configmap/settings", "-p", r#"{"metadata":{"finalizers":["devloop.dev/test"]}}"#]);
    ground.kubectl(&["delete", "configmap/settings", "--wait=false"]);
    let release = async {
        until("the apply waits", || ground.log().contains("waiting until it is gone")).await;
        ground.kubectl(&["patch", "configmap/settings", "-p", r#"{"metadata":{"finalizers":null}}"#]);
    };
    let (second, ()) = tokio::join!(ground.try_apply(yaml), release);
    assert_ne!(second.unwrap()[0].uid, first[0].uid);
}

#[tokio::test]
#[ignore = "needs cluster (a namespace of its own)"]
async fn what_is_wrong_is_reported_for_every_object_with_its_field() {
    let ground = Ground::new("invalid").await;
    let yaml = "
apiVersion: v1
kind: Service
metadata: {name: one}
spec: {ports: [{port: 99999}]}
---
apiVersion: v1
kind: Service
metadata: {name: two}
spec: {ports: [{port: 80}], slector: {app: web}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: elsewhere, namespace: devloop-test-there-is-no-such-namespace}
---
apiVersion: v1
kind: Pod
metadata: {name: late}
spec: {containers: [{name: main, image: 'busybox'}]}
";
    let error = ground.try_apply(yaml).await.unwrap_err().to_string();
    assert!(error.contains("the namespace `devloop-test-there-is-no-such-namespace` does not exist"), "{error}");
    let services = yaml.split("---").take(2).collect::<Vec<_>>().join("---");
    let error = ground.try_apply(&services).await.unwrap_err().to_string();
    assert!(error.contains("`spec.ports[0].port`") && error.contains("`spec.slector`"), "{error}");
    assert!(!ground.exists("pod/late"), "a phase after a failed one is not tried");
}

#[tokio::test]
#[ignore = "needs cluster (a namespace of its own)"]
async fn quota_permission_and_duplicates_are_explained() {
    let ground = Ground::new("denied").await;
    ground.kubectl(&["create", "quota", "small", "--hard=configmaps=0"]);
    until("the quota counts", || ground.field("quota/small", ".status.hard.configmaps").as_deref() == Some("0")).await;
    // The record is a ConfigMap too: it is the first to be refused.
    let config_map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n";
    let diagnostic = ground.try_apply(config_map).await.unwrap_err().diagnostics().remove(0);
    assert!(diagnostic.message.contains("exceeded quota"), "{diagnostic:?}");
    assert!(diagnostic.help[0].contains("kubectl describe resourcequota"), "{diagnostic:?}");
    ground.kubectl(&["delete", "quota/small"]);

    let pod = "
apiVersion: v1
kind: Pod
metadata: {name: twice}
spec:
  containers:
  - {name: main, image: 'busybox', command: [sleep, '3600'], env: [{name: A, value: '1'}, {name: A, value: '2'}]}
";
    ground.apply(pod).await;
    assert_eq!(ground.field("pod/twice", ".spec.containers[0].env[*].value").as_deref(), Some("2"));
    assert!(ground.log().contains("the last one counts"), "{}", ground.log());
}
