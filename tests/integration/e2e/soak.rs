//! A random editor, pods that are killed and an API server that restarts: in the end each container holds the local tree.
//!
//! `tests/soak/run` is the run of an hour; without the variables that it sets it is a short one. Every ten minutes, and in the end, the
//! editors stop and each container's tree must become the local one: names, contents, links, rights to execute.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::soak_editor::{Editor, Random};
use crate::support::devloop::{Running, devloop, free_port, pause};
use crate::support::ground::Ground;
use crate::support::outage::Outage;

/// The largest growth of devloop's memory from the second quarter of a run to its last that is not a leak: what is kept
/// of the log and of events is full long before, and nothing else may grow.
const GROWTH_KB: u64 = 6 << 10;

/// In a short run the log still grows.
const GROWTH_OF_SHORT_RUNS_KB: u64 = 24 << 10;

/// The trees are compared so often in a long run.
const COMPARE_EVERY: Duration = Duration::from_mins(10);

/// Between two outages of the API server.
const OUTAGE_EVERY: Duration = Duration::from_secs(150);

/// Fills the log at the start, so that what grows later is something else.
const CHATTER: &str = "local_resource('chatter', cmd=['awk', 'BEGIN {for (i = 0; i < 60000; i++) print \"a line of some length, number\", i}'])\n";

/// One line per file or link below the current folder: what it is, where, and what is in it.
const TREE: &str = "export LC_ALL=C; find . -type f -o -type l | sort | while read -r f; do
    if [ -L \"$f\" ]; then echo \"link $f $(readlink \"$f\")\"
    elif [ -x \"$f\" ]; then echo \"program $f $(md5sum < \"$f\")\"
    else echo \"file $f $(md5sum < \"$f\")\"; fi; done";

/// The command of every process of a container but those that ask.
const PROCESSES: &str = "for p in /proc/[0-9]*; do
    [ \"${p#/proc/}\" = $$ ] || tr '\\0\\n' '  ' <$p/cmdline 2>/dev/null | cut -c1-80; echo; done | grep . | grep -v '^tr \\|^cut \\|^sh -c for p' | sort";

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// What devloop holds of the machine.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// Heap and stacks; pages of the program itself come and go.
    memory_kb: u64,
    open_files: usize,
    threads: u64,
    tasks: u64,
}

/// A line `KEY: value …` of `/proc/PID/status`, as a number.
fn status_of(pid: u32, key: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("the key");
    line.trim_start_matches(':').split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}

fn held_by(up: &Running, project: &Path) -> Held {
    let status = devloop(project, &["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status.stdout).expect("JSON");
    Held {
        memory_kb: status_of(up.pid(), "RssAnon"),
        open_files: fs::read_dir(format!("/proc/{}/fd", up.pid())).expect("it runs").count(),
        threads: status_of(up.pid(), "Threads"),
        tasks: status["tasks"].as_u64().expect("a number of tasks"),
    }
}

fn pods_of(ground: &Ground, service: &str) -> Vec<String> {
    let selector = format!("app={service}");
    let names =
        ground.kubectl(&["get", "pods", "-l", &selector, "--field-selector=status.phase=Running", "-o", "name"]);
    names.lines().map(|name| name.trim_start_matches("pod/").to_owned()).collect()
}

/// What a script says in a pod; what went wrong when it cannot be run.
fn said_in_pod(ground: &Ground, pod: &str, script: &str) -> String {
    let all = ["-n", &ground.namespace, "exec", pod, "--", "sh", "-c", script];
    let output = Command::new("kubectl").args(all).output().expect("kubectl is on the PATH");
    String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr }).into_owned()
}

/// Something goes wrong that is not devloop's fault.
fn disturb(ground: &Ground, service: &str, random: &mut Random) -> &'static str {
    let Some(pod) = pods_of(ground, service).pop() else { return "nothing" };
    let ended = |args: &[&str]| {
        let all = [&["-n", ground.namespace.as_str()], args].concat();
        // It may be gone by now.
        let _ = Command::new("kubectl").args(all).output();
    };
    match random.below(3) {
        0 => {
            ended(&["delete", "pod", &pod, "--wait=false"]);
            "a pod is deleted"
        }
        1 => {
            ended(&["exec", &pod, "--", "kill", "-TERM", "1"]);
            "a container restarts"
        }
        _ => {
            let replicas = 1 + random.below(2);
            ended(&["scale", &format!("deployment/{service}"), &format!("--replicas={replicas}")]);
            "the scale changes"
        }
    }
}

/// Waits until every container of every service holds the local tree.
#[track_caller]
fn compare(ground: &Ground, up: &Running, services: &[String], after: &str) {
    for service in services {
        let here = Command::new("sh").args(["-c", TREE]).current_dir(ground.path().join(service).join("www")).output();
        let wanted = String::from_utf8_lossy(&here.expect("sh").stdout).into_owned();
        let script = format!("cd /www && {TREE}");
        let different = || -> Vec<String> {
            let trees: BTreeSet<String> =
                pods_of(ground, service).iter().map(|pod| said_in_pod(ground, pod, &script)).collect();
            if trees.is_empty() {
                return vec!["no pod".to_owned()];
            }
            trees.iter().filter(|tree| **tree != wanted).map(|tree| difference(&wanted, tree)).collect()
        };
        up.wait_until(&format!("the tree of {service} after {after}"), different, Vec::is_empty);
    }
}

fn difference(wanted: &str, found: &str) -> String {
    let (wanted, found): (BTreeSet<&str>, BTreeSet<&str>) = (wanted.lines().collect(), found.lines().collect());
    let missing: Vec<_> = wanted.difference(&found).collect();
    let more: Vec<_> = found.difference(&wanted).collect();
    format!("missing {missing:?}, more {more:?}")
}

#[test]
#[ignore = "needs cluster (stops the API server once in a while)"]
fn soak_outage_of_everything_and_no_edit_is_lost() {
    let minutes = setting("DEVLOOP_SOAK_MINUTES", 0);
    let length = if minutes == 0 { Duration::from_secs(40) } else { Duration::from_secs(60 * minutes) };
    let growth = if minutes < 10 { GROWTH_OF_SHORT_RUNS_KB } else { GROWTH_KB };
    let services: Vec<String> =
        (0..setting("DEVLOOP_SOAK_SERVICES", 3)).map(|number| format!("service-{number}")).collect();
    let pace = usize::try_from(setting("DEVLOOP_SOAK_PACE", 400)).expect("a number").max(1);
    let seed = setting("DEVLOOP_SOAK_SEED", u64::from(std::process::id()));
    println!("seed {seed}");
    let ground = Ground::new("soak");
    let devfile: String = services.iter().map(|service| ground.web_service(service, free_port())).collect();
    ground.write("Devfile", &(devfile + CHATTER));
    let mut up = Running::up(ground.path(), &[]);
    for service in &services {
        up.wait_until("the first pods", || pods_of(&ground, service), |pods| !pods.is_empty());
    }
    devloop(ground.path(), &["wait", "--timeout", "10m"]).code(0);
    compare(&ground, &up, &services, "the start");
    let at_first = held_by(&up, ground.path());
    let pod = pods_of(&ground, &services[0]).pop().expect("a pod");
    println!("at first {at_first:?}; in a container\n{}", said_in_pod(&ground, &pod, PROCESSES));
    let mut random = Random(seed.max(1));
    let mut editors: Vec<Editor> = services
        .iter()
        .map(|service| Editor { root: ground.path().join(service).join("www"), random: Random(random.next().max(1)) })
        .collect();

    let begun = Instant::now();
    let (mut edits, mut faults, mut outages, mut outage) = (0_u64, 0_u64, 0_u64, None);
    let (mut next_fault, mut next_outage, mut next_compare) = (Duration::from_secs(5), length / 3, COMPARE_EVERY);
    next_outage = next_outage.min(OUTAGE_EVERY);
    let mut samples = vec![(Duration::ZERO, at_first)];
    while begun.elapsed() < length {
        let at = random.below(editors.len());
        editors[at].step();
        edits += 1;
        if begun.elapsed() > next_fault && outage.is_none() {
            let what = disturb(&ground, &services[random.below(services.len())], &mut random);
            faults += 1;
            println!("{:6.1} s  {what}", begun.elapsed().as_secs_f64());
            next_fault = begun.elapsed() + Duration::from_secs(4 + random.below(8) as u64);
        }
        if begun.elapsed() > next_outage && Outage::is_possible() {
            if outage.is_none() {
                println!("{:6.1} s  the API server is away", begun.elapsed().as_secs_f64());
                outage = Some(Outage::of("apiserver"));
                outages += 1;
                next_outage = begun.elapsed() + Duration::from_secs(3 + random.below(4) as u64);
            } else {
                outage = None;
                println!("{:6.1} s  the API server is back", begun.elapsed().as_secs_f64());
                next_outage = begun.elapsed() + OUTAGE_EVERY;
            }
        }
        if begun.elapsed() > next_compare && outage.is_none() {
            let from = begun.elapsed();
            compare(&ground, &up, &services, &format!("{edits} edits, seed {seed}"));
            let held = held_by(&up, ground.path());
            println!("{:6.1} s  all trees are equal after {edits} edits; {held:?}", begun.elapsed().as_secs_f64());
            // Time in which nothing is edited does not count.
            next_compare = begun.elapsed() + COMPARE_EVERY;
            next_fault += begun.elapsed().saturating_sub(from);
        }
        if begun.elapsed() > samples.last().map_or(Duration::ZERO, |sample| sample.0) + length / 40 {
            samples.push((begun.elapsed(), held_by(&up, ground.path())));
        }
        // People type; programs do not.
        let until = Instant::now() + Duration::from_millis(random.below(pace) as u64);
        while Instant::now() < until {
            pause();
        }
    }
    drop(outage);
    compare(&ground, &up, &services, &format!("{edits} edits, seed {seed}"));
    println!("{edits} edits, {faults} faults, {outages} outages of the API server; all trees are equal");

    let memory = |from: Duration, until: Duration| -> u64 {
        let these: Vec<u64> =
            samples.iter().filter(|(at, _)| (from..=until).contains(at)).map(|(_, held)| held.memory_kb).collect();
        these.iter().sum::<u64>() / (these.len() as u64).max(1)
    };
    let (before, after) = (memory(length / 4, length / 2), memory(length * 3 / 4, length * 2));
    println!("memory {before} kB in the second quarter, {after} kB in the last");
    assert!(after < before + growth, "memory grows: {samples:?}");

    // As many pods as at first: then as much is held as at first.
    for service in &services {
        ground.kubectl(&["scale", &format!("deployment/{service}"), "--replicas=1"]);
    }
    for service in &services {
        up.wait_until("one pod", || pods_of(&ground, service), |pods| pods.len() == 1);
    }
    devloop(ground.path(), &["wait", "--timeout", "5m"]).code(0);
    let held = up.wait_until(
        &format!("as few tasks and open files as at first ({at_first:?})"),
        || held_by(&up, ground.path()),
        |held| held.tasks <= at_first.tasks + 5 && held.open_files <= at_first.open_files + 5,
    );
    println!("in the end {held:?}");
    assert!(held.threads <= at_first.threads + 8, "{held:?}, {at_first:?}");

    assert!(up.quit().success());
    let pod = pods_of(&ground, &services[0]).pop().expect("a pod");
    let left = up.wait_until(
        "nothing of devloop in a container",
        || said_in_pod(&ground, &pod, PROCESSES),
        |said| said.lines().all(|line| line.contains("httpd")),
    );
    println!("left in a container\n{left}");
    let left = Command::new("pgrep").args(["-f", &ground.path().display().to_string()]).output().expect("pgrep");
    assert!(left.stdout.is_empty(), "processes are left: {}", String::from_utf8_lossy(&left.stdout));
}
