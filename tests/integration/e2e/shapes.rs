//! Projects of other shapes than one image in one Deployment.

use crate::support::devloop::{Running, free_port, get};
use crate::support::ground::Ground;

fn body(port: u16, path: &str) -> String {
    get(port, path).map_or_else(|error| error, |(_, body)| body)
}

/// An image `NAME` of the folder `NAME`, whose `www` is live; and its `docker_build`.
fn image(ground: &Ground, name: &str, command: &str) -> String {
    ground.write(&format!("{name}/Dockerfile"), &format!("FROM busybox\nCOPY www /www\nCMD {command}\n"));
    ground.write(&format!("{name}/www/index.html"), &format!("hello from {name}\n"));
    format!("docker_build('{}', '{name}', live_update=[sync('{name}/www', '/www')])\n", ground.image(name))
}

fn httpd(port: u16) -> String {
    format!("[\"httpd\", \"-f\", \"-p\", \"{port}\", \"-h\", \"/www\"]")
}

fn workload(kind: &str, name: &str, more: &str, containers: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: {kind}
metadata: {{name: {name}}}
spec:
  {more}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{terminationGracePeriodSeconds: 0, containers: [{containers}]}}
---
"
    )
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn several_containers_shared_images_and_other_workloads_take_edits() {
    let ground = Ground::new("shapes");
    let [front, back, shared, set, pod] = [(); 5].map(|()| free_port());
    let mut devfile = String::new();
    for (name, command) in [("front", httpd(8080)), ("back", httpd(8081)), ("set", httpd(8080)), ("bare", httpd(8080))]
    {
        devfile += &image(&ground, name, &command);
    }
    // No live update: its Job has to run again.
    ground.write(
        "job/Dockerfile",
        "FROM busybox\nCOPY message /message\nCMD [\"sh\", \"-c\", \"echo it says $(cat /message)\"]\n",
    );
    ground.write("job/message", "one");
    devfile += format!("docker_build('{}', 'job')\n", ground.image("job")).as_str();
    let container = |name: &str| format!("{{name: {name}, image: {}}}", ground.image(name));
    let mut yaml =
        workload("Deployment", "pair", "replicas: 1", &format!("{}, {}", container("front"), container("back")));
    yaml += &workload("Deployment", "shared", "replicas: 2", &container("front"));
    yaml += &workload("StatefulSet", "set", "serviceName: set", &container("set"));
    yaml += format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: bare}}\nspec: {{terminationGracePeriodSeconds: 0, containers: [{}]}}\n---\n",
        container("bare")
    ).as_str();
    let template = format!("spec: {{restartPolicy: Never, containers: [{}]}}", container("job"));
    yaml +=
        format!("apiVersion: batch/v1\nkind: Job\nmetadata: {{name: once}}\nspec: {{template: {{{template}}}}}\n---\n")
            .as_str();
    yaml += format!(
        "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {{name: nightly}}\nspec: {{schedule: '0 4 * * *', jobTemplate: {{spec: {{template: {{{template}}}}}}}}}\n"
    ).as_str();
    let namespaced = format!(", namespace: {}}}\n", ground.namespace);
    let yaml: String = yaml
        .split_inclusive('\n')
        .map(|line| if line.starts_with("metadata: ") { line.replace("}\n", &namespaced) } else { line.to_owned() })
        .collect();
    ground.write("all.yaml", &yaml);
    devfile += format!(
        "k8s_yaml('all.yaml')
k8s_resource('pair', port_forwards=['{front}:8080', '{back}:8081'], resource_deps=['once'])
k8s_resource('shared', port_forwards='{shared}:8080', resource_deps=['pair'])
k8s_resource('set', port_forwards='{set}:8080', resource_deps=['shared'])
k8s_resource('bare', port_forwards='{pod}:8080')
"
    )
    .as_str();
    ground.write("Devfile", &devfile);
    let up = Running::up(ground.path(), &[]);
    up.wait_for("│ it says one");
    for (port, name) in [(front, "front"), (back, "back"), (shared, "front"), (set, "set"), (pod, "bare")] {
        up.wait_until(name, || body(port, "/"), |it| *it == format!("hello from {name}\n"));
    }
    let text = up.text();
    let order: Vec<_> = ["once", "pair", "shared", "set"]
        .map(|name| text.find(&format!("{name:>13} │ Initial Build")).unwrap_or_else(|| panic!("{name}\n{text}")))
        .into();
    assert!(order.is_sorted(), "dependencies come first\n{text}");

    for (name, ports) in [("front", vec![front, shared]), ("back", vec![back]), ("set", vec![set]), ("bare", vec![pod])]
    {
        ground.write(&format!("{name}/www/index.html"), &format!("edited {name}\n"));
        for port in ports {
            up.wait_until(name, || body(port, "/"), |it| *it == format!("edited {name}\n"));
        }
    }
    for name in ground.kubectl(&["get", "pods", "-l", "app=shared", "-o", "name"]).lines() {
        up.wait_until("every replica", || ground.hash_in_pod(name, "/www"), |it| *it == ground.hash_here("front/www"));
    }

    ground.write("job/message", "two");
    up.wait_for("│ it says two");

    // New images: a bare Pod cannot be changed, so it has to be replaced.
    for (name, port) in [("bare", pod), ("set", set)] {
        let command = httpd(8080);
        ground.write(
            &format!("{name}/Dockerfile"),
            &format!("FROM busybox\nCOPY www /www\nRUN echo new > /www/new\nCMD {command}\n"),
        );
        up.wait_until("the new image", || body(port, "/new"), |it| it == "new\n");
        up.wait_until("the edit in it", || body(port, "/"), |it| *it == format!("edited {name}\n"));
    }
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_failing_run_step_is_mended_and_fall_back_on_builds() {
    let ground = Ground::new("steps");
    let port = free_port();
    let devfile = ground.web_service("web", port);
    let steps = "live_update=[fall_back_on('web/www/version'), sync('web/www', '/www'), run('sh /www/check.sh')]";
    ground.write("Devfile", &devfile.replace("live_update=[sync('web/www', '/www')]", steps));
    ground.write("web/www/check.sh", "true\n");
    let up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port, "/"), |it| it == "hello from web\n");
    let pod = ground.pod();
    ground.write("web/www/check.sh", "echo the reason; exit 3\n");
    up.wait_for("the reason");
    up.wait_for("Update Failed");
    let mark = up.mark();
    ground.write("web/www/check.sh", "echo mended > /www/mended\n");
    up.wait_until("the mended step", || body(port, "/mended"), |it| it == "mended\n");
    up.wait_for_after(mark, "updated!");
    assert_eq!(ground.pod(), pod, "a failing command is no reason to build");
    ground.write("web/www/version", "2\n");
    up.wait_until("the new image", || body(port, "/version"), |it| it == "2\n");
    let pods = || ground.kubectl(&["get", "pods", "-o", "name"]);
    up.wait_until("a new pod", pods, |it| it.lines().count() == 1 && !it.contains(&pod));
}
