//! Port-forwards that heal without a word: the local port listens as long as it is wanted, and each connection finds
//! its pod by itself.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::forward_stream::copy_connection;
use super::proc_net::port_holder;
use crate::logs::LogSink;

/// How long a new connection waits for a pod that is ready before it takes one that merely runs, or gives up.
const POD_PATIENCE: Duration = Duration::from_secs(10);
/// How long one try to reach a pod may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Between two tries to reach a pod, or to open a port that is taken.
const RETRY: Duration = Duration::from_millis(250);
const RETRY_PORT: Duration = Duration::from_secs(1);

/// Where connections lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardTarget {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The port in it.
    pub port: u16,
    /// Whether the pod is ready.
    pub ready: bool,
}

/// How a port-forward stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardStatus {
    /// It listens on this port.
    Listening(u16),
    /// The port cannot be opened; tried again every second.
    Unavailable(String),
}

/// Listens on `host`:`port` (0 for any free port) until cancelled. `targets` says where connections lead at each moment;
/// `report` is told when the listener opens and why it cannot.
pub async fn forward(
    client: Client,
    host: &str,
    port: u16,
    targets: watch::Receiver<Option<ForwardTarget>>,
    log: LogSink,
    report: impl Fn(ForwardStatus),
    cancel: CancellationToken,
) {
    let mut said = None;
    let listeners = loop {
        let tried = tokio::select! {
            tried = listen(host, port) => tried,
            () = cancel.cancelled() => return,
        };
        match tried {
            Ok(listeners) => break listeners,
            Err(reason) => {
                if said.as_ref() != Some(&reason) {
                    log.warn(format!("port-forward {host}:{port}: {reason}"));
                    report(ForwardStatus::Unavailable(reason.clone()));
                    said = Some(reason);
                }
            }
        }
        if cancel.run_until_cancelled(sleep(RETRY_PORT)).await.is_none() {
            return;
        }
    };
    let bound = listeners.iter().find_map(|listener| listener.local_addr().ok()).map_or(port, |address| address.port());
    report(ForwardStatus::Listening(bound));
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept(listener, client.clone(), targets.clone(), log.clone()));
    }
    cancel.cancelled().await;
    // Dropping the set ends the listeners and all connections.
}

/// `localhost` means both loopback addresses: some programs try only one of them.
async fn listen(host: &str, port: u16) -> Result<Vec<TcpListener>, String> {
    let addresses: Vec<IpAddr> = if host == "localhost" {
        vec![Ipv4Addr::LOCALHOST.into()]
    } else {
        match tokio::net::lookup_host((host, port)).await {
            Ok(found) => found.map(|address| address.ip()).take(1).collect(),
            Err(error) => return Err(format!("`{host}` is no address of this machine: {error}")),
        }
    };
    let mut listeners = Vec::new();
    for address in addresses {
        let listener =
            TcpListener::bind(SocketAddr::new(address, port)).await.map_err(|error| refusal(port, &error))?;
        listeners.push(listener);
    }
    if host == "localhost" {
        let port = listeners.first().and_then(|listener| listener.local_addr().ok()).map_or(port, |it| it.port());
        // A machine without IPv6 has no second loopback address.
        if let Ok(listener) = TcpListener::bind(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port)).await {
            listeners.push(listener);
        }
    }
    Ok(listeners)
}

fn refusal(port: u16, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let holder = port_holder(port).unwrap_or_else(|| "another program".to_owned());
            format!("port {port} is in use by {holder}: stop it, or change the local port in `port_forwards`")
        }
        io::ErrorKind::PermissionDenied => {
            format!("port {port} may only be opened by root: choose a local port from 1024 on")
        }
        io::ErrorKind::AddrNotAvailable => "the address does not belong to this machine".to_owned(),
        _ => format!("port {port} cannot be opened: {error}"),
    }
}

async fn accept(listener: TcpListener, client: Client, targets: watch::Receiver<Option<ForwardTarget>>, log: LogSink) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((connection, peer)) => {
                    connections.spawn(serve(connection, peer, client.clone(), targets.clone(), log.clone()));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: the listener itself is still good.
                    log.warn(format!("port-forward cannot accept a connection: {error}"));
                    sleep(RETRY).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(
    connection: TcpStream,
    peer: SocketAddr,
    client: Client,
    mut targets: watch::Receiver<Option<ForwardTarget>>,
    log: LogSink,
) {
    // Latency counts more than packets on the loopback device.
    let _ = connection.set_nodelay(true);
    let deadline = Instant::now() + POD_PATIENCE;
    let mut last = String::from("it has no running pod");
    loop {
        let Some(target) = ready_target(&mut targets, deadline).await else {
            log.warn(format!("port-forward: a connection was closed, because {last}"));
            return;
        };
        let pods: Api<Pod> = Api::namespaced(client.clone(), &target.namespace);
        let ports = [target.port];
        match timeout(CONNECT_LIMIT, pods.portforward(&target.pod, &ports)).await {
            Ok(Ok(forwarder)) => {
                if let Some(reason) = copy_connection(connection, peer, forwarder, target.port).await {
                    log.warn(format!("port-forward to {} port {}: {}", target.pod, target.port, short(&reason)));
                }
                return;
            }
            Ok(Err(error)) => last = format!("pod {} cannot be reached: {error}", target.pod),
            Err(_) => last = format!("pod {} does not answer", target.pod),
        }
        if Instant::now() >= deadline {
            log.warn(format!("port-forward: a connection was closed, because {last}"));
            return;
        }
        // The pod was replaced or the API server restarts: the next try sees the news.
        sleep(RETRY).await;
    }
}

/// Waits for a pod that is ready; when time is up, one that runs will do.
async fn ready_target(
    targets: &mut watch::Receiver<Option<ForwardTarget>>,
    deadline: Instant,
) -> Option<ForwardTarget> {
    let ready = targets.wait_for(|target| target.as_ref().is_some_and(|target| target.ready));
    match tokio::time::timeout_at(deadline, ready).await {
        Ok(Ok(target)) => return target.clone(),
        Ok(Err(_)) => return None,
        Err(_) => {}
    }
    targets.borrow().clone()
}

/// The kubelet's words without the sandbox's id and address.
fn short(reason: &str) -> &str {
    if reason.contains("connection refused") {
        "nothing listens on it in the pod (connection refused)"
    } else {
        reason.trim()
    }
}
