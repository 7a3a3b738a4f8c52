//! Whole sessions: `up`, edits of all kinds, `ci`, `down`.

use std::fs;

use crate::support::devloop::{DEADLINE, Running, devloop, free_port, get, pause};
use crate::support::ground::{Ground, deployment};

fn body(port: u16) -> String {
    get(port, "/").map_or_else(|error| error, |(_, body)| body)
}

/// The pods of a namespace with their images, to see whether they were replaced.
fn pods(ground: &Ground) -> String {
    ground.kubectl(&[
        "get",
        "pods",
        "-o",
        "jsonpath={range .items[*]}{.metadata.name} {.spec.containers[0].image}{\"\\n\"}{end}",
    ])
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn an_edit_reaches_the_pod_without_a_new_image_and_down_leaves_nothing() {
    let ground = Ground::new("loop");
    let port = free_port();
    let devfile = ground.web_service("web", port);
    ground.write("Devfile", &devfile);
    let mut up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port), |it| it == "hello from web\n");
    let before = pods(&ground);

    ground.write("web/www/index.html", "edited\n");
    up.wait_until("the edit", || body(port), |it| it == "edited\n");
    assert_eq!(pods(&ground), before, "live update must not replace the pod");

    fs::remove_file(ground.path().join("web/www/index.html")).unwrap();
    up.wait_until("the deletion", || get(port, "/index.html").map_or(0, |it| it.0), |status| *status == 404);
    ground.write("web/www/index.html", "back\n");
    up.wait_until("the file again", || body(port), |it| it == "back\n");

    // A file that no `sync` covers builds a new image.
    ground.write(
        "web/Dockerfile",
        "FROM busybox\nCOPY www /www\nENV A=1\nCMD [\"sh\", \"-c\", \"trap 'exit 3' TERM; httpd -f -p 8080 -h /www & wait\"]\n",
    );
    up.wait_until("another image", || pods(&ground), |it| it.lines().count() == 1 && *it != before);
    up.wait_until("the new pod's answer", || body(port), |it| it == "back\n");

    assert!(up.quit().success());
    assert_eq!(get(port, "/").unwrap_err(), "Connection refused (os error 111)");
    let down = devloop(ground.path(), &["down"]);
    down.code(0);
    assert!(
        down.stdout.contains(&format!("deployment/web in namespace {} deleted", ground.namespace)),
        "{}",
        down.stdout
    );
    assert_eq!(ground.kubectl(&["get", "deployments,pods,replicasets", "-o", "name"]), "");
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_broken_dockerfile_keeps_the_old_pod_and_mending_recovers() {
    let ground = Ground::new("broken");
    let port = free_port();
    let devfile = ground.web_service("web", port);
    ground.write("Devfile", &devfile);
    let up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port), |it| it == "hello from web\n");
    let good = fs::read_to_string(ground.path().join("web/Dockerfile")).unwrap();

    ground.write("web/Dockerfile", &format!("{good}RUN exit 7\n"));
    up.wait_for("Build Failed");
    up.wait_for("exit code 7");
    assert_eq!(body(port), "hello from web\n");

    let mark = up.mark();
    ground.write("web/www/index.html", "mended\n");
    ground.write("web/Dockerfile", &good);
    up.wait_until("the mended answer", || body(port), |it| it == "mended\n");
    assert!(!up.text()[mark..].contains("panicked"));
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_broken_devfile_changes_nothing_and_a_mended_one_only_what_changed() {
    let ground = Ground::new("devfile");
    let (first, second) = (free_port(), free_port());
    let devfile = ground.web_service("first", first) + &ground.web_service("second", second);
    ground.write("Devfile", &devfile);
    let up = Running::up(ground.path(), &[]);
    up.wait_until("the first", || body(first), |it| it == "hello from first\n");
    up.wait_until("the second", || body(second), |it| it == "hello from second\n");
    let before = pods(&ground);

    ground.write("Devfile", &format!("{devfile}\nk8s_yalm('x.yaml')\n"));
    up.wait_for("k8s_yalm");
    up.wait_for("k8s_yaml");
    assert_eq!((body(first), body(second)), ("hello from first\n".to_owned(), "hello from second\n".to_owned()));

    // Edits go on while it is broken.
    ground.write("first/www/index.html", "while broken\n");
    up.wait_until("an edit", || body(first), |it| it == "while broken\n");

    let yaml = deployment("second", &ground.namespace).replace("spec:\n  selector", "spec:\n  replicas: 2\n  selector");
    ground.write("second/k8s.yaml", &yaml);
    ground.write("Devfile", &devfile);
    let after = up.wait_until("the second replica", || pods(&ground), |it| it.lines().count() == 3);
    for line in before.lines() {
        assert!(after.contains(line), "{line} was replaced:\n{after}");
    }
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_deleted_pod_and_its_successor_hold_every_edit() {
    let ground = Ground::new("pod");
    let port = free_port();
    let devfile = ground.web_service("web", port);
    ground.write("Devfile", &devfile);
    let up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port), |it| it == "hello from web\n");
    ground.write("web/www/index.html", "one\n");
    up.wait_until("the first edit", || body(port), |it| it == "one\n");

    ground.kubectl(&["delete", "pods", "--all", "--wait=false"]);
    ground.write("web/www/second.html", "two\n");
    up.wait_until("the first edit in the new pod", || body(port), |it| it == "one\n");
    let _ = up.wait_until("the second edit", || get(port, "/second.html"), |it| *it == Ok((200, "two\n".to_owned())));

    // A container that restarts in its pod has lost what was copied, too.
    let name = ground.kubectl(&["get", "pods", "-o", "jsonpath={.items[0].metadata.name}"]);
    // The shell that does it ends with the container or before it: whichever is first gives the exit code.
    let kill = ["-n", &ground.namespace, "exec", &name, "--", "sh", "-c", "kill 1"];
    let _ = std::process::Command::new("kubectl").args(kill).output().expect("kubectl is on the PATH");
    let restarts =
        || ground.kubectl(&["get", "pods", "-o", "jsonpath={.items[0].status.containerStatuses[0].restartCount}"]);
    up.wait_until("a restart", restarts, |it| it != "0");
    up.wait_until("the edits in the restarted container", || body(port), |it| it == "one\n");
    let _ = up.wait_until("the other", || get(port, "/second.html"), |it| *it == Ok((200, "two\n".to_owned())));
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn five_thousand_files_touched_at_once_arrive_complete() {
    let ground = Ground::new("many");
    let port = free_port();
    let devfile = ground.web_service("web", port);
    ground.write("Devfile", &devfile);
    let up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port), |it| it == "hello from web\n");
    for number in 0..5_000 {
        ground.write(&format!("web/www/d{}/f{number}.txt", number % 50), &format!("file {number}\n"));
    }
    let name = ground.kubectl(&["get", "pods", "-o", "jsonpath={.items[0].metadata.name}"]);
    let sums = "cd /www && find . -type f | sort | xargs cat | md5sum";
    let here = sums.replace("/www", &ground.path().join("web/www").display().to_string());
    let local = std::process::Command::new("sh").args(["-c", &here]).output().expect("sh");
    let wanted = String::from_utf8_lossy(&local.stdout).into_owned();
    up.wait_until("all files", || ground.kubectl(&["exec", &name, "--", "sh", "-c", sums]), |it| *it == wanted);
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn ci_proves_a_good_project_and_names_what_is_wrong_with_a_bad_one() {
    let ground = Ground::new("ci");
    let devfile = ground.web_service("web", free_port());
    ground.write("Devfile", &devfile);
    let good = devloop(ground.path(), &["ci", "--timeout", "3m"]);
    good.code(0);
    assert!(good.stdout.contains("SUCCESS. All workloads are healthy."), "{}", good.stdout);

    ground.write("Devfile", &format!("{devfile}\nlocal_resource('check', 'echo the reason; exit 3')\n"));
    let failing = devloop(ground.path(), &["ci"]);
    failing.code(1);
    assert!(failing.stdout.contains("the reason"), "{}", failing.stdout);
    assert!(failing.stdout.contains("exit code 3"), "{}", failing.stdout);

    let yaml = deployment("web", &ground.namespace)
        .replace(&format!("{}/web", ground.namespace), "localhost:5000/nothing-here:1");
    ground.write("web/k8s.yaml", &yaml);
    ground.write("Devfile", "k8s_yaml('web/k8s.yaml')\n");
    let missing = devloop(ground.path(), &["ci"]);
    missing.code(1);
    assert!(missing.stdout.contains("nothing-here"), "{}", missing.stdout);
    devloop(ground.path(), &["down"]).code(0);
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn thirty_services_pass_ci() {
    let ground = Ground::new("thirty");
    let mut devfile = String::from("update_settings(max_parallel_updates=6)\n");
    for number in 0..30 {
        devfile.push_str(&ground.web_service(&format!("service-{number}"), free_port()));
    }
    ground.write("Devfile", &devfile);
    let ci = devloop(ground.path(), &["ci", "--timeout", "8m"]);
    ci.code(0);
    assert_eq!(pods(&ground).lines().count(), 30);
    let down = devloop(ground.path(), &["down"]);
    down.code(0);
    assert_eq!(
        down.stdout.lines().filter(|line| line.starts_with("deployment/") && line.ends_with(" deleted")).count(),
        30
    );
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn nothing_survives_a_devloop_that_is_killed() {
    let ground = Ground::new("killed");
    ground.write("Devfile", "local_resource('server', serve_cmd='sleep 4321 & exec sleep 4322')\n");
    let mut up = Running::up(ground.path(), &[]);
    let count = || {
        let output = std::process::Command::new("pgrep").args(["-fc", "^sleep 432[12]$"]).output().expect("pgrep");
        String::from_utf8_lossy(&output.stdout).trim().parse::<usize>().unwrap_or(0)
    };
    up.wait_until("both processes", count, |count| *count == 2);
    up.signal("KILL");
    up.wait();
    let until = std::time::Instant::now() + DEADLINE;
    while count() > 0 {
        assert!(std::time::Instant::now() < until, "processes survive");
        pause();
    }
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_start_with_nothing_changed_builds_pushes_and_replaces_nothing() {
    let ground = Ground::new("again");
    let [port, other] = [free_port(), free_port()];
    let mut devfile = ground.web_service("web", port);
    // The same input under another name is built once.
    let image = ground.image("two");
    let two = format!(
        "docker_build('{image}', 'web', live_update=[sync('web/www', '/www')])
k8s_yaml('two.yaml')
k8s_resource('two', port_forwards='{other}:8080')
"
    );
    devfile.push_str(&two);
    ground.write("two.yaml", &deployment("two", &ground.namespace));
    ground.write("Devfile", &devfile);
    let built = "nothing to build: the image of this very input is there";
    let start_with = |env: &[(&str, &str)]| {
        let up = Running::up_with(ground.path(), &[], env);
        let begun = std::time::Instant::now();
        for port in [port, other] {
            up.wait_until("the answer", || body(port), |it| it == "hello from web\n");
        }
        (up, begun.elapsed())
    };
    let start = || start_with(&[]);
    let (mut up, _) = start();
    assert_eq!(up.text().matches(built).count(), 1, "{}", up.text());
    assert!(up.quit().success());
    let pods = pods(&ground);

    let (mut up, duration) = start();
    println!("both answer {duration:?} after the start");
    assert_eq!(up.text().matches(built).count(), 2, "{}", up.text());
    assert!(!up.text().contains("layers:"), "nothing is pushed: {}", up.text());
    assert_eq!(self::pods(&ground), pods);
    assert!(up.quit().success());

    // Without the image in the engine it has to be built, when the registry is not asked.
    let reference = format!("localhost:5000/{}_web", ground.namespace);
    let names = std::process::Command::new("docker").args(["images", "-q", &reference]).output().expect("docker");
    let id = String::from_utf8_lossy(&names.stdout).lines().next().expect("an image").to_owned();
    let removed = std::process::Command::new("docker").args(["rmi", "-f", &id]).output().expect("docker");
    assert!(removed.status.success(), "{}", String::from_utf8_lossy(&removed.stderr));
    let (mut up, _) = start_with(&[("DEVLOOP_SHARED_IMAGES", "off")]);
    assert_eq!(up.text().matches(built).count(), 1, "{}", up.text());
    assert!(up.quit().success());

    // A touched file has another time: the engine is asked, and gives the same image.
    ground.write("web/www/index.html", "hello from web\n");
    let (up, _) = start();
    assert_eq!(up.text().matches(built).count(), 1, "{}", up.text());
    assert_eq!(self::pods(&ground), pods);
}
