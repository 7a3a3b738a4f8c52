//! Objects in, objects as they are applied out.

use std::path::Path;
use std::sync::Arc;

use super::images::ImageMatcher;
use super::inject::{InjectedImage, Injection, Wrapper, inject, inject_all};
use super::object::{ImageLocator, Object};
use super::parse_objects::parse_objects;
use crate::project::{ImageCommand, ImageName, ImageReference, ProjectName, ResourceName};
use crate::yaml::{KeyOrder, to_yaml_with};

fn object(text: &str) -> Object {
    let parsed = parse_objects(text, &Arc::from(Path::new("/a.yaml")));
    assert_eq!(parsed.diagnostics, []);
    parsed.objects.into_iter().next().expect("the text holds an object")
}

fn image(name: &str) -> InjectedImage {
    let reference = ImageReference::parse(name).expect(name);
    InjectedImage {
        name: ImageName::new(name),
        matcher: ImageMatcher { exact: reference.tag.is_some(), reference: reference.clone() },
        deployed: ImageReference {
            domain: "localhost:5000".into(),
            path: format!("dev_{name}"),
            tag: Some("t1".into()),
            digest: None,
        },
        match_in_env_vars: false,
        entrypoint: None,
        container_args: None,
        wrapper: None,
    }
}

fn injection(images: Vec<InjectedImage>) -> Injection {
    Injection { project: ProjectName::new("shop-1"), resource: ResourceName::new("web:deployment"), images }
}

fn applied(object: &Object, images: Vec<InjectedImage>) -> String {
    match inject(object, &injection(images)) {
        Ok(injected) => to_yaml_with(&injected.value, KeyOrder::Sorted),
        Err(error) => error.to_string(),
    }
}

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers: [{name: init, image: 'busybox:1'}]
      containers:
      - {name: web, image: 'web:latest', command: [a], args: [b], env: [{name: IMAGE, value: web}]}
      volumes: [{name: v, image: {reference: web}}]
status: {replicas: 1}
";

#[test]
fn labels_images_and_marks_are_injected() {
    insta::assert_snapshot!(applied(&object(DEPLOYMENT), vec![image("web")]), @r#"
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      labels:
        app.kubernetes.io/managed-by: devloop
        devloop.dev/project: shop-1
        devloop.dev/resource: web_deployment-a268ec
      name: web
    spec:
      selector:
        matchLabels:
          app: web
      template:
        metadata:
          labels:
            app: web
            app.kubernetes.io/managed-by: devloop
            devloop.dev/pod-template-hash: 9d8e7e47875610fb
            devloop.dev/project: shop-1
            devloop.dev/resource: web_deployment-a268ec
        spec:
          containers:
          - args:
            - b
            command:
            - a
            env:
            - name: IMAGE
              value: web
            image: localhost:5000/dev_web:t1
            imagePullPolicy: IfNotPresent
            name: web
          initContainers:
          - image: busybox:1
            imagePullPolicy: IfNotPresent
            name: init
          volumes:
          - image:
              reference: localhost:5000/dev_web:t1
            name: v
    "#);
}

#[test]
fn without_images_only_labels_are_added() {
    let text = applied(&object(DEPLOYMENT), Vec::new());
    assert!(!text.contains("imagePullPolicy"), "{text}");
    assert!(text.contains("image: web:latest"), "{text}");
}

/// The command and the arguments of each container, init containers first, with `wrap` before them.
fn wrapped(container: &str, image_command: Option<(&[&str], &[&str])>) -> String {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    let image_command = image_command
        .map(|(entrypoint, arguments)| ImageCommand { entrypoint: words(entrypoint), arguments: words(arguments) });
    let wrapper = Wrapper { argv: vec!["wrap".into(), "$1".into()], image_command };
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  initContainers: [{{name: i, image: web}}]\n  containers: [{{name: c, image: web{container}}}]\n"
    );
    let image = InjectedImage { wrapper: Some(wrapper), ..image("web") };
    let injected = match inject(&object(&pod), &injection(vec![image])) {
        Ok(injected) => injected.value,
        Err(error) => return error.to_string(),
    };
    assert!(injected["spec"]["initContainers"][0].get("command").is_none(), "init containers have to end");
    let container = &injected["spec"]["containers"][0];
    format!("{} {}", container["command"], container["args"])
}

#[test]
fn a_wrapper_runs_what_the_container_would_have_run() {
    let python: Option<(&[&str], &[&str])> = Some((&[], &["python", "$(A) $$"]));
    let server: Option<(&[&str], &[&str])> = Some((&["/server"], &["--port", "1"]));
    // In the words of Kubernetes, `$$` is one dollar sign; an image's own words have no such rule.
    assert_eq!(wrapped("", python), r#"["wrap","$1"] ["python","$$(A) $$$$"]"#);
    assert_eq!(wrapped("", server), r#"["wrap","$1","/server"] ["--port","1"]"#);
    assert_eq!(wrapped(", args: [b]", server), r#"["wrap","$1","/server"] ["b"]"#);
    // `command` leaves nothing of the image's own words.
    assert_eq!(wrapped(", command: [a, $(X)]", server), r#"["wrap","$1","a","$(X)"] null"#);
    assert_eq!(wrapped(", command: [a], args: [b]", None), r#"["wrap","$1","a"] ["b"]"#);
    let unknown = "pod/p: `restart_process()` has to know the command of image `web`: give it by `entrypoint=` of the image's declaration or by `command` of the container";
    assert_eq!(wrapped("", None), unknown);
    assert_eq!(wrapped("", Some((&[], &[]))), unknown);
}

#[test]
fn an_entrypoint_leaves_the_arguments_alone() {
    let with_entrypoint = InjectedImage { entrypoint: Some(vec!["run".into()]), ..image("web") };
    let text = applied(&object(DEPLOYMENT), vec![with_entrypoint.clone()]);
    assert!(text.contains("args:\n        - b\n        command:\n        - run\n"), "{text}");
    let without_args = InjectedImage { container_args: Some(Vec::new()), ..with_entrypoint };
    assert!(applied(&object(DEPLOYMENT), vec![without_args]).contains("args: []\n        command:\n        - run\n"));
}

#[test]
fn environment_variables_are_replaced_where_asked_for() {
    let text = applied(&object(DEPLOYMENT), vec![InjectedImage { match_in_env_vars: true, ..image("web") }]);
    assert!(text.contains("value: localhost:5000/dev_web:t1"), "{text}");
}

#[test]
fn the_mark_changes_with_the_template_and_with_nothing_else() {
    let marks = |text: &str| inject(&object(text), &injection(vec![image("web")])).unwrap().pod_template_hashes;
    let first = marks(DEPLOYMENT);
    assert_eq!(first.len(), 1);
    assert_eq!(
        first,
        marks(&DEPLOYMENT.replace("metadata: {name: web}", "metadata: {name: web, annotations: {a: b}}"))
    );
    assert_eq!(
        first,
        marks(&DEPLOYMENT.replace("{name: init, image: 'busybox:1'}", "{image: 'busybox:1', name: init}"))
    );
    assert_ne!(first, marks(&DEPLOYMENT.replace("args: [b]", "args: [c]")));
    assert!(
        marks("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: web}]}\n")
            .is_empty()
    );
}

#[test]
fn claims_are_not_touched_and_pods_start_in_parallel() {
    let text = applied(
        &object(
            "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec:\n  template:\n    spec:\n      containers: [{name: db, image: web}]\n\
             \x20 volumeClaimTemplates:\n  - metadata: {name: data}\n    spec: {accessModes: [ReadWriteOnce]}\n",
        ),
        vec![image("web")],
    );
    assert!(text.contains("podManagementPolicy: Parallel"), "{text}");
    assert!(text.contains("volumeClaimTemplates:\n  - metadata:\n      name: data\n    spec:"), "{text}");
}

#[test]
fn selectors_follow_only_where_they_asked_for_it() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  selector: {app.kubernetes.io/managed-by: Helm, app: a}\n";
    assert!(
        applied(&object(service), Vec::new())
            .contains("selector:\n    app: a\n    app.kubernetes.io/managed-by: devloop\n")
    );
    let text = applied(&object(&service.replace("app.kubernetes.io/managed-by: Helm, ", "")), Vec::new());
    assert!(text.contains("selector:\n    app: a\n"), "{text}");
}

#[test]
fn cron_jobs_are_labelled_at_every_level() {
    let text = applied(
        &object(
            "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{name: a, image: web}]}}}}}\n",
        ),
        vec![image("web")],
    );
    assert_eq!(text.matches("devloop.dev/project").count(), 3, "{text}");
    assert_eq!(text.matches("pod-template-hash").count(), 1, "{text}");
}

#[test]
fn locators_find_images_in_custom_resources() {
    let mut custom = object(
        "apiVersion: x.io/v1\nkind: Widget\nmetadata: {name: w}\nspec: {image: 'web:1', imagePullPolicy: Always, parts: {repo: web, tag: old}, list: [web]}\n",
    );
    custom.locators = vec![
        ImageLocator::Paths(vec!["{.spec.image}".into(), "{.spec.list[0]}".into()]),
        ImageLocator::Object { path: "{.spec.parts}".into(), repo_field: "repo".into(), tag_field: "tag".into() },
    ];
    insta::assert_snapshot!(applied(&custom, vec![image("web")]), @r"
    apiVersion: x.io/v1
    kind: Widget
    metadata:
      labels:
        app.kubernetes.io/managed-by: devloop
        devloop.dev/project: shop-1
        devloop.dev/resource: web_deployment-a268ec
      name: w
    spec:
      image: localhost:5000/dev_web:t1
      imagePullPolicy: IfNotPresent
      list:
      - localhost:5000/dev_web:t1
      parts:
        repo: localhost:5000/dev_web
        tag: t1
    ");
    let overriding = InjectedImage { entrypoint: Some(vec!["x".into()]), ..image("web") };
    assert_eq!(
        applied(&custom, vec![overriding]),
        "widget/w refers to image `web` outside of its containers only, where `entrypoint`, `container_args` and `restart_process()` have no effect: remove them from the image's declaration"
    );
}

#[test]
fn an_image_that_finds_no_place_is_an_error() {
    let deployment = object(DEPLOYMENT);
    let error = inject_all([&deployment], &injection(vec![image("web"), image("api")])).unwrap_err();
    assert_eq!(error.to_string(), "Docker image missing from yaml: no object of `web:deployment` refers to `api`");
    let exact = inject_all([&deployment], &injection(vec![image("web:other")]));
    assert!(exact.is_err(), "a tag in the declaration means that tag only");
}
