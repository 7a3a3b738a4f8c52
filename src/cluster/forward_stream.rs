//! The bytes of one forwarded connection, both ways, until both sides are done.
//!
//! The protocol cannot tell the pod that the client has ended its half of the connection, and kube ends both halves when
//! one is ended. So the client's half is left open towards the pod while the answer comes, until the client is gone.

use std::net::SocketAddr;
use std::time::Duration;

use futures::FutureExt as _;
use kube::api::Portforwarder;
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::proc_net::peer_is_open;

/// How often it is looked whether a client that has ended its half is still there.
const HALF_CLOSED_CHECK: Duration = Duration::from_millis(500);
/// How long an answer to a client on another machine may take after it has ended its half.
const HALF_CLOSED_LIMIT: Duration = Duration::from_mins(1);
/// For the last bytes to leave.
const LINGER: Duration = Duration::from_secs(5);

/// Copies until both sides are done, and returns what the pod's side complained of.
pub(super) async fn copy_connection(
    stream: TcpStream,
    peer: SocketAddr,
    mut forwarder: Portforwarder,
    port: u16,
) -> Option<String> {
    let local = stream.local_addr().ok();
    let pod = forwarder.take_stream(port)?;
    // Resolves when the connection to the pod has ended.
    let ended = forwarder.take_error(port)?.shared();
    let complaint = {
        let copy = copy_both(stream, pod, local, peer);
        tokio::pin!(copy);
        tokio::select! {
            () = &mut copy => None,
            complaint = ended.clone() => {
                // What has arrived is still passed on.
                let _ = timeout(LINGER, copy).await;
                complaint
            }
        }
    };
    // The last bytes of the client are still on their way.
    let last = timeout(LINGER, ended).await.ok().flatten();
    forwarder.abort();
    complaint.or(last)
}

async fn copy_both(mut stream: TcpStream, pod: DuplexStream, local: Option<SocketAddr>, peer: SocketAddr) {
    let (mut from_client, mut to_client) = stream.split();
    let (mut from_pod, mut to_pod) = tokio::io::split(pod);
    let down = async {
        let _ = tokio::io::copy(&mut from_pod, &mut to_client).await;
        let _ = to_client.shutdown().await;
    };
    let up = async {
        if tokio::io::copy(&mut from_client, &mut to_pod).await.is_ok() {
            client_gone(local, peer).await;
        }
    };
    tokio::select! {
        () = down => {}
        () = up => {}
    }
}

/// Waits until a client that has ended its half is really gone.
async fn client_gone(local: Option<SocketAddr>, peer: SocketAddr) {
    let deadline = Instant::now() + HALF_CLOSED_LIMIT;
    let Some(local) = local else { return };
    loop {
        match tokio::task::spawn_blocking(move || peer_is_open(local, peer)).await {
            Ok(Some(true)) => {}
            Ok(None) if Instant::now() < deadline => {}
            _ => return,
        }
        sleep(HALF_CLOSED_CHECK).await;
    }
}
