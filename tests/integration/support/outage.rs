//! A part of the test cluster that is away for a while.

use std::fs::File;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Only one outage at a time, also where all tests share a process.
static AWAY: AtomicBool = AtomicBool::new(false);

/// Whoever watches the API server waits longer and longer between attempts, up to a minute after several outages.
/// They start anew after an outage: what a test then waits for is devloop, not them.
const WATCHERS: [&str; 4] = ["controllers", "scheduler", "proxy", "kubelet"];

/// A component of the test cluster is down while this lives.
pub struct Outage {
    component: &'static str,
    /// Others use the cluster only while they share this lock.
    _alone: Option<File>,
}

impl Outage {
    /// Stops a component, as `tests/cluster/cluster` names it. Where several people share the cluster, `DEVLOOP_CLUSTER_LOCK` names the
    /// file that they lock (`flock --shared`) while it must be there.
    pub fn of(component: &'static str) -> Self {
        let deadline = Instant::now() + Duration::from_mins(5);
        while AWAY.swap(true, Ordering::SeqCst) {
            assert!(Instant::now() < deadline, "another outage does not end");
            std::thread::sleep(Duration::from_millis(100));
        }
        let alone = std::env::var_os("DEVLOOP_CLUSTER_LOCK").map(|path| {
            let file = File::create(path).expect("the lock of the cluster");
            file.lock().expect("the lock of the cluster");
            file
        });
        let outage = Self { component, _alone: alone };
        cluster("stop", component);
        outage
    }

    /// Somebody else's cluster is not stopped.
    pub fn is_possible() -> bool {
        std::env::var_os("DEVLOOP_TEST_KUBECONFIG").is_none()
    }
}

impl Drop for Outage {
    fn drop(&mut self) {
        cluster("start", self.component);
        if self.component == "apiserver" {
            after_the_api_server();
        }
        AWAY.store(false, Ordering::SeqCst);
    }
}

fn after_the_api_server() {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !answers() {
        assert!(Instant::now() < deadline, "the API server does not come back");
        std::thread::sleep(Duration::from_millis(100));
    }
    for watcher in WATCHERS {
        cluster("stop", watcher);
        cluster("start", watcher);
    }
}

fn answers() -> bool {
    let mut ready = Command::new("kubectl");
    ready.args(["get", "--raw", "/readyz"]).stdout(Stdio::null()).stderr(Stdio::null());
    ready.status().is_ok_and(|status| status.success())
}

fn cluster(verb: &str, component: &str) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/cluster");
    let output = Command::new(script).args([verb, component]).output().expect("the cluster's script");
    assert!(output.status.success(), "{verb} {component}: {}", String::from_utf8_lossy(&output.stderr));
}
