//! `v1alpha1.kubernetes_apply` and `kubernetes_discovery` on a real cluster.

use crate::support::devloop::{Running, devloop, free_port, get};
use crate::support::ground::{Ground, deployment};

fn body(port: u16) -> String {
    get(port, "/").map_or_else(|error| error, |(_, body)| body)
}

/// A web server of plain busybox that answers with `text`, and a container beside it that talks.
fn server(ground: &Ground, name: &str, text: &str) -> String {
    let talker = "      containers:\n      - name: talker\n        image: busybox\n        imagePullPolicy: IfNotPresent\n        \
                  command: [sh, -c, 'while true; do echo chatter; sleep 1; done']\n";
    let command = format!(
        "image: busybox\n        imagePullPolicy: IfNotPresent\n        command: [sh, -c, \
         'mkdir -p /www && echo {text} > /www/index.html && echo {name} serves && exec httpd -f -p 8080 -h /www']"
    );
    deployment(name, &ground.namespace)
        .replace(&format!("image: {}/{name}", ground.namespace), &command)
        .replace("      containers:\n", talker)
}

fn deployments(ground: &Ground) -> String {
    ground.kubectl(&["get", "deployments", "-o", "name"])
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn yaml_is_applied_edited_switched_and_removed() {
    let ground = Ground::new("kapply");
    let port = free_port();
    let devfile = |rest: &str| format!("local_resource('base', 'true')\n{rest}");
    let apply = |yaml: &str, off: bool| {
        devfile(&format!(
            "v1alpha1.config_map('switch', data={{'off': '{off}'}})
v1alpha1.kubernetes_apply('web', yaml=read_file('{yaml}'),
    port_forward_template_spec=v1alpha1.port_forward_template_spec([v1alpha1.forward({port}, 8080)]),
    pod_log_stream_template_spec=v1alpha1.pod_log_stream_template_spec(ignore_containers=['talker']),
    disable_source=v1alpha1.disable_source(config_map=v1alpha1.config_map_disable_source('switch', 'off')))
"
        ))
    };
    ground.write("web.yaml", &server(&ground, "web", "one"));
    ground.write("Devfile", &apply("web.yaml", false));
    let mut up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port), |it| it == "one\n");
    up.wait_for("web serves");
    assert!(!up.text().contains("chatter"), "{}", up.text());

    ground.write("web.yaml", &server(&ground, "web", "two"));
    up.wait_until("the edit", || body(port), |it| it == "two\n");

    ground.write("Devfile", &apply("web.yaml", true));
    up.wait_until("nothing while it is switched off", || deployments(&ground), String::is_empty);
    ground.write("Devfile", &apply("web.yaml", false));
    up.wait_until("it again", || body(port), |it| it == "two\n");

    ground.write("Devfile", &devfile(""));
    up.wait_until("nothing", || deployments(&ground), String::is_empty);
    ground.write("Devfile", &apply("web.yaml", false));
    up.wait_until("it once more", || body(port), |it| it == "two\n");
    assert!(up.quit().success());
    assert_ne!(deployments(&ground), "");
    devloop(ground.path(), &["down"]).code(0);
    up_to_nothing(&ground);
}

/// The record of the project is gone too.
fn up_to_nothing(ground: &Ground) {
    assert_eq!(deployments(ground), "");
    let maps = ground.kubectl(&["get", "configmaps", "-o", "name"]);
    assert!(!maps.contains("devloop"), "{maps}");
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn images_are_built_and_put_where_locators_say() {
    let ground = Ground::new("kimages");
    let image = ground.image("web");
    ground.write("web/Dockerfile", "FROM busybox\nCOPY word /word\n");
    ground.write("web/word", "first\n");
    let yaml = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: holder, namespace: {}}}\ndata: {{image: {image}}}\n",
        ground.namespace
    );
    ground.write("holder.yaml", &yaml);
    ground.write(
        "Devfile",
        &format!(
            "local_resource('base', 'true')
docker_build('{image}', 'web')
v1alpha1.kubernetes_apply('holder', yaml=read_file('holder.yaml'), image_maps=['{}'],
    image_locators=[v1alpha1.kubernetes_image_locator(path='{{.data.image}}',
        object_selector=v1alpha1.object_selector(kind_regexp='^ConfigMap$', name_regexp='hold'))])
",
            image.replace('/', "_")
        ),
    );
    let mut up = Running::up(ground.path(), &[]);
    let held =
        || ground.kubectl(&["get", "configmaps", "-o", "jsonpath={.items[?(@.metadata.name==\"holder\")].data.image}"]);
    let first = up.wait_until("the built image", held, |it| it.contains(":devloop-") || it.contains(":tilt-"));
    ground.write("web/word", "second\n");
    up.wait_until("the next image", held, |it| !it.is_empty() && *it != first);
    assert!(up.quit().success());
    devloop(ground.path(), &["down"]).code(0);
    assert_eq!(held(), "");
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn commands_apply_again_when_files_change_and_what_they_printed_is_deleted() {
    for delete in ["", "delete_cmd={'args': ['sh', '-c', 'kubectl delete --ignore-not-found -f web.yaml']},"] {
        let ground = Ground::new("kcommand");
        let port = free_port();
        ground.write("web.yaml", &server(&ground, "web", "one"));
        ground.write(
            "Devfile",
            &format!(
                "local_resource('base', 'true')
v1alpha1.file_watch('manifest', watched_paths=['web.yaml'])
v1alpha1.kubernetes_apply('web', {delete} timeout='2m',
    apply_cmd={{'args': ['sh', '-c', 'echo applying $MODE >&2; kubectl apply -o yaml -f web.yaml'], 'env': ['MODE=dev']}},
    restart_on={{'file_watches': ['manifest']}},
    port_forward_template_spec={{'forwards': [{{'local_port': {port}, 'container_port': 8080}}]}})
"
            ),
        );
        let mut up = Running::up(ground.path(), &[]);
        up.wait_until("the first answer", || body(port), |it| it == "one\n");
        up.wait_for("applying dev");
        ground.write("web.yaml", &server(&ground, "web", "two"));
        up.wait_until("the edit", || body(port), |it| it == "two\n");
        assert!(up.quit().success());
        // What was printed is remembered over sessions.
        let down = devloop(ground.path(), &["down"]);
        down.code(0);
        up_to_nothing(&ground);
    }
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_discovery_shows_the_pods_of_others() {
    let ground = Ground::new("kdiscovery");
    let port = free_port();
    ground.write("other.yaml", &server(&ground, "other", "theirs"));
    ground.kubectl(&["apply", "-f", &ground.path().join("other.yaml").display().to_string()]);
    let uid = ground.kubectl(&["get", "deployment", "other", "-o", "jsonpath={.metadata.uid}"]);
    let devfile = |how: &str| {
        format!(
            "local_resource('base', 'true')
v1alpha1.kubernetes_discovery('theirs', annotations={{'tilt.dev/resource': 'base'}}, {how},
    pod_log_stream_template_spec={{'only_containers': ['web', 'other', 'main']}},
    port_forward_template_spec={{'forwards': [{{'local_port': {port}, 'container_port': 8080}}]}})
"
        )
    };
    let namespace = &ground.namespace;
    let by_label = format!(
        "watches=[{{'namespace': '{namespace}'}}], extra_selectors=[{{'match_expressions': [{{'key': 'app', 'operator': 'In', 'values': ['other', 'x']}}]}}]"
    );
    let by_owner = format!("watches=[{{'namespace': '{namespace}', 'uid': '{uid}', 'name': 'other'}}]");
    for how in [by_label, by_owner] {
        ground.write("Devfile", &devfile(&how));
        let mut up = Running::up(ground.path(), &[]);
        up.wait_until(&how, || body(port), |it| it == "theirs\n");
        up.wait_for("other serves");
        let line = up.text().lines().find(|line| line.contains("other serves")).expect("a line").to_owned();
        assert!(line.contains("base"), "the annotation says whose log it is: {line}");
        assert!(!up.text().contains("chatter"), "{}", up.text());
        assert!(up.quit().success());
        // It is theirs.
        devloop(ground.path(), &["down"]).code(0);
        assert_eq!(deployments(&ground), "deployment.apps/other\n");
    }
}
