//! Resources that the user's own commands deploy: `k8s_custom_deploy`.

use std::fs;

use crate::support::devloop::{Running, devloop, free_port, get};
use crate::support::ground::{Ground, deployment};

fn body(port: u16) -> String {
    get(port, "/").map_or_else(|error| error, |(_, body)| body)
}

/// A web server of plain busybox, started by nobody's image build.
fn prebuilt(ground: &Ground, mode: &str) -> String {
    deployment("web", &ground.namespace)
        .replace(
            &format!("image: {}/web", ground.namespace),
            &format!(
                "image: busybox\n        imagePullPolicy: IfNotPresent\n        env: [{{name: MODE, value: '{mode}'}}]\n        \
                 command: [sh, -c, \"mkdir -p /www && echo first $MODE > /www/index.html && httpd -f -p 8080 -h /www\"]"
            ),
        )
}

const APPLY: &str = "echo applying >&2; kubectl apply -o yaml -f k8s.yaml";
const DELETE: &str = "kubectl delete --ignore-not-found -f k8s.yaml";

#[test]
#[ignore = "needs cluster (a namespace)"]
fn its_images_are_built_pushed_and_told_and_edits_go_into_its_pods() {
    let ground = Ground::new("custom");
    let port = free_port();
    ground.web_service("web", port);
    let image = ground.image("web");
    let yaml = deployment("web", &ground.namespace).replace(&format!("image: {image}"), "image: IMAGE");
    ground.write("web/k8s.yaml", &yaml);
    ground.write(
        "Devfile",
        &format!(
            "docker_build('{image}', 'web/', ignore=['k8s.yaml'], live_update=[sync('web/www', '/www')])
k8s_resource('web', port_forwards='{port}:8080')
k8s_custom_deploy('web', 'echo \"$TILT_IMAGE_MAP_0 is $DEVLOOP_IMAGE_0\" >&2; sed \"s|IMAGE|$TILT_IMAGE_0|\" k8s.yaml | kubectl apply -o yaml -f -',
    '{DELETE}', deps=['web/k8s.yaml'], apply_dir='web', delete_dir='web', image_deps=['{image}'])
"
        ),
    );
    let mut up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port), |it| it == "hello from web\n");
    up.wait_for(&format!("{} is ", image.replace('/', "_")));
    let pod = ground.pod();
    ground.write("web/www/index.html", "edited\n");
    up.wait_until("the edit", || body(port), |it| it == "edited\n");
    assert_eq!(ground.pod(), pod, "live update must not replace the pod");

    let mark = up.mark();
    ground.write("web/k8s.yaml", &yaml.replace("spec:\n  selector", "spec:\n  replicas: 2\n  selector"));
    up.wait_for_after(mark, "1 File Changed: [web/k8s.yaml]");
    up.wait_until(
        "the second replica",
        || ground.kubectl(&["get", "pods", "-o", "name"]),
        |it| it.lines().count() == 2,
    );
    assert!(up.quit().success());

    let down = devloop(ground.path(), &["down"]);
    down.code(0);
    assert!(down.stdout.contains("deployment.apps \"web\" deleted"), "{}", down.stdout);
    assert_eq!(ground.kubectl(&["get", "deployments", "-o", "name"]), "");
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn live_update_finds_containers_by_image_or_by_name_and_falls_back_to_the_command() {
    for selector in ["image_selector='busybox'", "container_selector='web'"] {
        let ground = Ground::new("selector");
        let port = free_port();
        ground.write("k8s.yaml", &prebuilt(&ground, "one"));
        ground.write("www/index.html", "here\n");
        ground.write("www/stop", "");
        ground.write(
            "Devfile",
            &format!(
                "k8s_custom_deploy('web', '{APPLY}', '{DELETE}', deps=['k8s.yaml', 'www', 'other'], {selector},
    live_update=[fall_back_on('www/stop'), sync('www', '/www'), run('date > /www/ran')])
k8s_resource('web', port_forwards='{port}:8080')
"
            ),
        );
        let mut up = Running::up(ground.path(), &[]);
        up.wait_until("the first answer", || body(port), |it| it == "first one\n");
        let pod = ground.pod();
        ground.write("www/index.html", "edited\n");
        up.wait_until("the edit", || body(port), |it| it == "edited\n");
        up.wait_until("the run step", || get(port, "/ran").map_or(0, |it| it.0), |status| *status == 200);
        assert_eq!(ground.pod(), pod, "{selector}: live update must not replace the pod");

        // What stops live update runs the command again, which has nothing to do here, and edits go on.
        let mark = up.mark();
        ground.write("www/stop", "x");
        up.wait_for_after(mark, "applying");
        up.wait_for_after(mark, "DONE IN");
        ground.write("www/index.html", "again\n");
        up.wait_until("the next edit", || body(port), |it| it == "again\n");
        assert_eq!(ground.pod(), pod);

        ground.write("k8s.yaml", &prebuilt(&ground, "two"));
        up.wait_until("another pod", || body(port), |it| it == "first two\n");
        assert!(up.quit().success());
        devloop(ground.path(), &["down"]).code(0);
        assert_eq!(ground.kubectl(&["get", "deployments", "-o", "name"]), "", "{selector}");
    }
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_failing_command_is_explained_and_a_mended_one_goes_on() {
    let ground = Ground::new("mended");
    let port = free_port();
    ground.write("k8s.yaml", &prebuilt(&ground, "one"));
    ground.write("apply.sh", "echo the reason >&2\necho half done\nexit 3\n");
    ground.write(
        "Devfile",
        &format!(
            "k8s_custom_deploy('web', ['sh', 'apply.sh'], '{DELETE}', deps=['apply.sh'])
k8s_resource('web', port_forwards='{port}:8080')
"
        ),
    );
    let mut up = Running::up(ground.path(), &[]);
    for part in ["the reason", "apply command exited with status 3", "Its output: half done"] {
        up.wait_for(part);
    }
    let mark = up.mark();
    ground.write("apply.sh", "echo configured; echo no yaml\n");
    up.wait_for_after(mark, "is not the YAML of Kubernetes objects");
    let mark = up.mark();
    ground.write("apply.sh", APPLY);
    up.wait_until("the mended answer", || body(port), |it| it == "first one\n");
    assert!(!up.text()[mark..].contains("Build Failed"), "{}", up.text());

    // One that takes too long is ended.
    let mark = up.mark();
    let devfile = fs::read_to_string(ground.path().join("Devfile")).unwrap();
    ground.write("Devfile", &format!("update_settings(k8s_upsert_timeout_secs=1)\n{devfile}"));
    ground.write("apply.sh", "sleep 600");
    up.wait_for_after(mark, "did not end within 1s");
    assert_eq!(body(port), "first one\n", "the pods of the last good deploy stay");

    // What is no longer declared is deleted.
    ground.write("Devfile", "local_resource('other', 'true')\n");
    up.wait_until("nothing", || ground.kubectl(&["get", "deployments", "-o", "name"]), String::is_empty);
    assert!(up.quit().success());
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn ci_waits_for_a_job_that_a_command_has_deployed() {
    let ground = Ground::new("customjob");
    let job = |command: &str| {
        format!(
            "apiVersion: batch/v1
kind: Job
metadata: {{name: job, namespace: {}}}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{{name: main, image: busybox, imagePullPolicy: IfNotPresent, command: [sh, -c, '{command}']}}]
",
            ground.namespace
        )
    };
    ground.write("Devfile", &format!("k8s_custom_deploy('job', '{APPLY}', '{DELETE}', deps=['k8s.yaml'])\n"));
    ground.write("k8s.yaml", &job("echo it is done"));
    let ci = devloop(ground.path(), &["ci"]);
    ci.code(0);
    assert!(ci.stdout.contains("applying") && ci.stdout.contains("it is done"), "{}", ci.stdout);
    let down = devloop(ground.path(), &["down"]);
    down.code(0);
    assert_eq!(ground.kubectl(&["get", "jobs", "-o", "name"]), "");

    ground.write("k8s.yaml", &job("exit 4"));
    devloop(ground.path(), &["ci"]).code(1);

    // What cannot be deleted is said, and the exit code is that of a failure.
    ground.write("Devfile", &format!("k8s_custom_deploy('job', '{APPLY}', 'echo no >&2; exit 9', deps=[])\n"));
    let down = devloop(ground.path(), &["down"]);
    down.code(1);
    assert!(down.stderr.contains("delete command exited with status 9"), "{}", down.stderr);
}
