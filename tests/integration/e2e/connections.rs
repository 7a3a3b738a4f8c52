//! Watches, and with them connections to the API server, are as many as a namespace needs, however many resources are in it.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;

use crate::support::devloop::Running;
use crate::support::ground::{Ground, kubectl};

/// Pods, ReplicaSets, Jobs and events.
const WATCHES: usize = 4;

/// Deployments without pods: the log of each container is a connection by nature, and so are a forward and a live update.
fn project(resources: usize) -> Ground {
    let ground = Ground::new("connections");
    let mut devfile = String::new();
    for number in 0..resources {
        let (name, namespace) = (format!("service-{number}"), &ground.namespace);
        let text = format!(
            "apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  replicas: 0
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: {name}, image: busybox}}]}}
"
        );
        ground.write(&format!("{name}.yaml"), &text);
        let _ = writeln!(devfile, "k8s_yaml('{name}.yaml')\nk8s_resource('{name}', pod_readiness='ignore')");
    }
    ground.write("Devfile", &devfile);
    ground
}

/// Established TCP connections of a process to the port of the API server.
fn connections(pid: u32) -> usize {
    let server = kubectl(&["config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"]);
    let port = server.trim().trim_end_matches('/').rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    let port = port.expect("the address of the API server has a port");
    let links = fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs").flatten();
    let sockets: HashSet<String> = links
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let tables = ["tcp", "tcp6"].map(|name| fs::read_to_string(format!("/proc/{pid}/net/{name}")).unwrap_or_default());
    let is_one = |line: &&str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let remote = fields.get(2).and_then(|remote| remote.rsplit(':').next());
        let is_there = remote.and_then(|port| u16::from_str_radix(port, 16).ok()) == Some(port);
        is_there && fields.get(3) == Some(&"01") && fields.get(9).is_some_and(|inode| sockets.contains(*inode))
    };
    tables.iter().flat_map(|table| table.lines()).filter(is_one).count()
}

#[test]
#[ignore = "needs cluster (two namespaces)"]
fn twelve_resources_have_as_many_connections_to_the_api_server_as_three() {
    let grounds = [3, 12].map(|count| (count, project(count)));
    let sessions = grounds.each_ref().map(|(count, ground)| (*count, Running::up(ground.path(), &[])));
    for (count, up) in &sessions {
        up.wait_until("all deploys", || up.text().matches("DONE IN").count(), |done| done == count);
    }
    // The connections of the applies are closed when nothing has needed them for some seconds.
    for (count, up) in &sessions {
        let found = up.wait_until("idle connections to close", || connections(up.pid()), |found| *found <= WATCHES);
        assert_eq!(found, WATCHES, "one connection for each watch, with {count} resources");
    }
}
