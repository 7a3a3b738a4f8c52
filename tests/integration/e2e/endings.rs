//! Ctrl-C at awkward moments: a prompt end, and nothing that goes on running.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use crate::support::devloop::{Running, free_port, get, pause};
use crate::support::ground::{Ground, kubectl};

/// What a graceful end may take on a busy machine.
const PROMPT: Duration = Duration::from_secs(5);

/// Processes below `root`: pid to start time and command.
fn descendants(root: u32) -> BTreeMap<u32, (String, String)> {
    let mut table = BTreeMap::new();
    for entry in fs::read_dir("/proc").expect("proc").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Some((state, parent, started)) = stat(pid) else { continue };
        if state != "Z" {
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            table.insert(pid, (parent, started, String::from_utf8_lossy(&command).replace('\0', " ")));
        }
    }
    let mut found = BTreeMap::new();
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        for (pid, (its_parent, started, command)) in &table {
            if *its_parent == parent && found.insert(*pid, (started.clone(), command.clone())).is_none() {
                open.push(*pid);
            }
        }
    }
    found
}

/// State, parent and start time, by proc(5).
fn stat(pid: u32) -> Option<(String, u32, String)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(((*fields.first()?).to_owned(), fields.get(1)?.parse().ok()?, (*fields.get(19)?).to_owned()))
}

/// Ctrl-C: it ends with success and in time, and so does everything that it had started.
#[track_caller]
fn ends_promptly(mut up: Running, what: &str) {
    let before = descendants(up.pid());
    let asked = Instant::now();
    let status = up.quit();
    let took = asked.elapsed();
    assert!(status.success(), "{status}\n{}", up.text());
    assert!(took < PROMPT, "{what}: {took:?}\n{}", up.text());
    nothing_left(&before);
    assert!(!up.text().contains("panicked"), "{}", up.text());
}

#[track_caller]
fn nothing_left(before: &BTreeMap<u32, (String, String)>) {
    let until = Instant::now() + Duration::from_secs(2);
    for (pid, (started, command)) in before {
        while stat(*pid).is_some_and(|(state, _, now)| state != "Z" && now == *started) {
            assert!(Instant::now() < until, "{pid} survives: {command}");
            pause();
        }
    }
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn during_a_long_local_call_of_the_devfile() {
    let ground = Ground::new("end-load");
    ground.write("Devfile", "local('sleep 3001')\n");
    let up = Running::up(ground.path(), &[]);
    let sleeps = || descendants(up.pid()).values().filter(|(_, command)| command.contains("sleep 3001")).count();
    up.wait_until("the command", sleeps, |count| *count > 0);
    ends_promptly(up, "configuration");
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn during_an_image_build() {
    let ground = Ground::new("end-build");
    let devfile = ground.web_service("web", free_port());
    ground.write("Devfile", &devfile);
    ground.write("web/Dockerfile", "FROM busybox\nCOPY www /www\nRUN echo begun; sleep 61\n");
    let up = Running::up(ground.path(), &[]);
    up.wait_for("RUN echo begun");
    ends_promptly(up, "image build");
}

#[test]
#[ignore = "needs cluster (two namespaces)"]
fn during_a_deploy_that_waits() {
    let ground = Ground::new("end-deploy");
    let other = format!("{}-going", ground.namespace);
    kubectl(&["create", "namespace", &other]);
    let holding = "{\"metadata\": {\"finalizers\": [\"devloop.example/hold\"]}}";
    kubectl(&["-n", &other, "create", "configmap", "holding"]);
    kubectl(&["-n", &other, "patch", "configmap", "holding", "--type=merge", "-p", holding]);
    kubectl(&["delete", "namespace", &other, "--wait=false"]);
    ground.write(
        "Devfile",
        &format!(
            "k8s_yaml(blob('''\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: late, namespace: {other}}}\n'''))\n"
        ),
    );
    let up = Running::up(ground.path(), &[]);
    up.wait_for("is being deleted; waiting");
    ends_promptly(up, "waiting deploy");
    let free = "{\"metadata\": {\"finalizers\": null}}";
    kubectl(&["-n", &other, "patch", "configmap", "holding", "--type=merge", "-p", free]);
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn during_a_live_update() {
    let ground = Ground::new("end-live");
    let port = free_port();
    let devfile = ground.web_service("web", port);
    ground.write("Devfile", &devfile.replace("'/www')]", "'/www'), run('echo begun; sleep 62')]"));
    let up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || get(port, "/").is_ok(), |it| *it);
    ground.write("web/www/index.html", "edited\n");
    up.wait_for("begun");
    ends_promptly(up, "live update");
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_second_time_ends_at_once_what_ignores_the_first() {
    let ground = Ground::new("end-twice");
    let serve = "trap \\\"\\\" TERM INT; echo begun; while :; do sleep 1; done";
    ground.write("Devfile", &format!("local_resource('stubborn', serve_cmd=\"{serve}\")\n"));
    let mut up = Running::up(ground.path(), &[]);
    up.wait_for("│ begun");
    let before = descendants(up.pid());
    assert!(!before.is_empty());
    up.signal("INT");
    let until = Instant::now() + Duration::from_millis(500);
    while Instant::now() < until {
        assert!(stat(up.pid()).is_some_and(|(state, ..)| state != "Z"), "it must wait for its process\n{}", up.text());
        pause();
    }
    let asked = Instant::now();
    up.signal("INT");
    let status = up.wait();
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(status.code(), Some(130));
    nothing_left(&before);
}
