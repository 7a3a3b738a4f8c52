//! `ext://restart_process` on a real cluster: another process in the same container.

use std::time::{Duration, Instant};

use crate::support::devloop::{Running, free_port, get};
use crate::support::ground::Ground;

fn body(port: u16) -> String {
    get(port, "/").map_or_else(|error| error, |(_, body)| body)
}

/// A service that looks at its file only when it starts, as a user of its own.
fn write_service(ground: &Ground, port: u16, entrypoint: &str, more: &str) {
    ground.write(
        "web/Dockerfile",
        "FROM busybox\nRUN mkdir /app && chown 1000 /app\nUSER 1000\nWORKDIR /app\nCOPY --chown=1000 . /app\n",
    );
    ground.write("web/message", "one\n");
    ground.write(
        "web/run.sh",
        "mkdir -p /tmp/www; cat /app/message > /tmp/www/index.html; echo \"started with $1: $(cat /app/message)\"
case $(cat /app/message) in die*) exit 9;; esac
trap 'echo asked to end; exit 0' TERM
httpd -f -p 8080 -h /tmp/www & wait $!
",
    );
    let yaml = crate::support::ground::deployment("web", &ground.namespace)
        .replace("terminationGracePeriodSeconds: 0", "terminationGracePeriodSeconds: 60");
    ground.write("k8s.yaml", &yaml);
    let image = ground.image("web");
    ground.write(
        "Devfile",
        &format!(
            "load('ext://restart_process', 'docker_build_with_restart')
docker_build_with_restart('{image}', 'web', entrypoint={entrypoint}, live_update=[sync('web', '/app')]{more})
k8s_yaml('k8s.yaml')
k8s_resource('web', port_forwards='{port}:8080')
"
        ),
    );
}

/// The only pod, its container and how often that was restarted.
fn container(ground: &Ground) -> String {
    let path =
        "{.metadata.name} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}";
    ground.kubectl(&["get", "pods", "-o", &format!("jsonpath={{range .items[*]}}{path}{{end}}")])
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn the_process_is_another_one_after_each_edit_and_the_container_the_same() {
    let ground = Ground::new("restart");
    let port = free_port();
    write_service(&ground, port, "['sh', './run.sh', 'a b']", "");
    let mut up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port), |it| it == "one\n");
    let before = container(&ground);
    for text in ["two\n", "three\n", "four\n"] {
        ground.write("web/message", text);
        up.wait_until("the answer of the new process", || body(port), |it| it == text);
        up.wait_for(&format!("started with a b: {}", text.trim()));
    }
    assert_eq!(container(&ground), before, "the container must stay what it is");
    assert!(!up.text().contains("Update Failed"), "{}", up.text());

    // The end of the process is the end of the container, with its exit code.
    ground.write("web/message", "die\n");
    let last = "jsonpath={.items[0].status.containerStatuses[0].lastState.terminated.exitCode}";
    up.wait_until("the exit code", || ground.kubectl(&["get", "pods", "-o", last]), |it| it == "9");
    ground.write("web/message", "alive\n");
    up.wait_until("its recovery", || body(port), |it| it == "alive\n");

    // The grace period is a minute: the process has got the signal if its pod is gone soon.
    let asked = Instant::now();
    let pod = ground.pod();
    ground.kubectl(&["delete", "pod", &pod, "--wait=true"]);
    assert!(asked.elapsed() < Duration::from_secs(30), "it took {:?} to end", asked.elapsed());
    up.wait_for("asked to end");
    assert!(up.quit().success());
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_command_that_ends_may_wait_for_the_next_edit() {
    let ground = Ground::new("continue");
    let port = free_port();
    write_service(&ground, port, "'sh run.sh text'", ", exit_policy='continue'");
    let up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port), |it| it == "one\n");
    let before = container(&ground);
    ground.write("web/message", "die\n");
    up.wait_for("the command ended with exit code 9; the next live update starts it again");
    ground.write("web/message", "alive\n");
    up.wait_until("its recovery", || body(port), |it| it == "alive\n");
    assert_eq!(container(&ground), before, "the container must stay what it is");
}

/// Waits until the process has been started again, and says how long that took.
fn restart_time(up: &Running, ground: &Ground) -> f64 {
    let started = "cut -d' ' -f1 /tmp/started";
    let script = format!("{started}; cut -d' ' -f1 /proc/uptime; kill -s USR1 $(cat /tmp/.restart-proc)");
    let said = ground.kubectl(&["exec", &ground.pod(), "-c", "web", "--", "sh", "-c", &script]);
    let times: Vec<&str> = said.lines().collect();
    let now = || ground.kubectl(&["exec", &ground.pod(), "-c", "web", "--", "sh", "-c", started]);
    let later = up.wait_until("the new process", now, |it| it.trim() != times[0] && !it.trim().is_empty());
    let seconds = |text: &str| text.trim().parse::<f64>().expect("seconds");
    seconds(&later) - seconds(times[1])
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn the_step_starts_what_the_image_or_the_pod_says() {
    let serve = "cat /proc/uptime > /tmp/started; mkdir -p /tmp/www; cat /app/message > /tmp/www/index.html
echo \"got $# $1 $A $(id -u)\"; exec httpd -f -p 8080 -h /tmp/www\n";
    // What the image says, with a dollar sign that Kubernetes would expand; what the pod says, with one that it does;
    // and `entrypoint=` before either.
    let cases = [
        ("image", "ENTRYPOINT [\"sh\", \"/app/run.sh\"]\nCMD [\"$(A) x\"]\n", "", "", "got 1 $(A) x value 1000"),
        ("shell", "CMD sh /app/run.sh \"$A\"\n", "", "", "got 1 value value 1000"),
        ("pod", "CMD [\"false\"]\n", "        command: [sh, /app/run.sh, $(A)]\n", "", "got 1 value value 1000"),
        ("args", "ENTRYPOINT [\"sh\", \"/app/run.sh\"]\n", "        args: [a, b]\n", "", "got 2 a value 1000"),
        (
            "own",
            "ENTRYPOINT [\"false\"]\n",
            "        args: [b]\n",
            "entrypoint=['sh', '/app/run.sh'], ",
            "got 1 b value 1000",
        ),
    ];
    for (name, command, more, entrypoint, said) in cases {
        let ground = Ground::new(name);
        let port = free_port();
        let dockerfile =
            format!("FROM busybox\nRUN mkdir /app && chown 1000 /app\nUSER 1000\nCOPY --chown=1000 . /app\n{command}");
        ground.write("web/Dockerfile", &dockerfile);
        ground.write("web/message", "one\n");
        ground.write("web/run.sh", serve);
        let image = ground.image("web");
        // `entrypoint=` is for init containers as well.
        let init = if entrypoint.is_empty() {
            format!("      initContainers: [{{name: first, image: {image}, command: [cat, /app/message]}}]\n")
        } else {
            String::new()
        };
        let yaml = crate::support::ground::deployment("web", &ground.namespace)
            .replace("      containers:\n", &format!("{init}      containers:\n"))
            .replace("        ports:", &format!("        env: [{{name: A, value: value}}]\n{more}        ports:"));
        ground.write("k8s.yaml", &yaml);
        let devfile = format!(
            "docker_build('{image}', 'web', {entrypoint}live_update=[sync('web', '/app'), restart_process()])
k8s_yaml('k8s.yaml')
k8s_resource('web', port_forwards='{port}:8080')
"
        );
        ground.write("Devfile", &devfile);
        let up = Running::up(ground.path(), &[]);
        up.wait_until("the first answer", || body(port), |it| it == "one\n");
        up.wait_for(said);
        let before = container(&ground);
        for text in ["two\n", "three\n"] {
            let mark = up.mark();
            ground.write("web/message", text);
            up.wait_until("the answer of the new process", || body(port), |it| it == text);
            up.wait_for_after(mark, said);
        }
        println!("{name}: from the signal to the new process: {:.2} s", restart_time(&up, &ground));
        assert_eq!(container(&ground), before, "{name}: the container must stay what it is");
        assert!(!up.text().contains("Update Failed"), "{}", up.text());
        if name == "image" {
            // Without the step there is no script, and with it again there is: the pod follows the Devfile.
            ground.write("Devfile", &devfile.replace(", restart_process()", ""));
            let command = || ground.kubectl(&["get", "pods", "-o", "jsonpath={.items[*].spec.containers[*].command}"]);
            up.wait_until("the image's own command", command, String::is_empty);
            up.wait_until("its answer", || body(port), |it| it == "three\n");
            ground.write("Devfile", &devfile);
            up.wait_until("the script", command, |it| it.contains("devloop-restart"));
            ground.write("web/message", "four\n");
            up.wait_until("the answer of the new process", || body(port), |it| it == "four\n");
        }
    }
}
