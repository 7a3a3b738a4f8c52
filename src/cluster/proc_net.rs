//! TCP sockets of this machine as `/proc` shows them: who holds a port, and whether a local peer is still there.
//!
//! Blocks: not for the async runtime's threads.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const LISTEN: &str = "0A";

/// One line of `/proc/net/tcp` or `/proc/net/tcp6`.
#[derive(Debug, PartialEq, Eq)]
struct Socket {
    local: SocketAddr,
    remote: SocketAddr,
    listens: bool,
    /// 0 once no process holds it any more.
    inode: u64,
}

/// The process that listens on a port, as `name (pid N)`; `None` when it cannot be seen.
pub(super) fn port_holder(port: u16) -> Option<String> {
    let inodes: Vec<u64> = sockets()
        .into_iter()
        .filter(|socket| socket.listens && socket.local.port() == port && socket.inode != 0)
        .map(|socket| socket.inode)
        .collect();
    let links: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let name = process.file_name();
        let Some(pid) = name.to_str().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) else { continue };
        // Without rights on a process its files cannot be listed: it is passed over.
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let holds = files
            .flatten()
            .filter_map(|file| std::fs::read_link(file.path()).ok())
            .any(|link| link.to_str().is_some_and(|link| links.iter().any(|wanted| wanted == link)));
        if holds {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (pid {pid})", name.trim()));
        }
    }
    None
}

/// Whether a process on this machine still holds the other end of a connection; `None` when that end is elsewhere.
pub(super) fn peer_is_open(local: SocketAddr, peer: SocketAddr) -> Option<bool> {
    if !canonical(peer).ip().is_loopback() && canonical(peer).ip() != canonical(local).ip() {
        return None;
    }
    let (local, peer) = (canonical(local), canonical(peer));
    Some(sockets().into_iter().any(|socket| socket.local == peer && socket.remote == local && socket.inode != 0))
}

fn sockets() -> Vec<Socket> {
    let mut sockets = Vec::new();
    for file in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        sockets.extend(text.lines().skip(1).filter_map(parse_line));
    }
    sockets
}

fn parse_line(line: &str) -> Option<Socket> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    Some(Socket {
        local: parse_address(fields.get(1)?)?,
        remote: parse_address(fields.get(2)?)?,
        listens: *fields.get(3)? == LISTEN,
        inode: fields.get(9)?.parse().ok()?,
    })
}

/// Words of four bytes in this machine's byte order, then the port.
fn parse_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = Vec::with_capacity(16);
    for start in (0..address.len()).step_by(8) {
        bytes.extend(u32::from_str_radix(address.get(start..start + 8)?, 16).ok()?.to_ne_bytes());
    }
    let ip = match bytes.len() {
        4 => IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        16 => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
        _ => return None,
    };
    Some(canonical(SocketAddr::new(ip, port)))
}

/// IPv4 addresses that a dual-stack socket shows as IPv6 ones, as what they are.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use std::net::{Shutdown, TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_holder_of_a_port_is_this_process() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let holder = port_holder(port).expect("it is ours");
        assert!(holder.ends_with(&format!("(pid {})", std::process::id())), "{holder}");
        drop(listener);
        assert_eq!(port_holder(port), None);
    }

    #[test]
    fn a_half_closed_peer_is_open_a_closed_one_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
        let (server, peer) = listener.accept().expect("accepted");
        let local = server.local_addr().expect("an address");
        client.shutdown(Shutdown::Write).expect("half closed");
        assert_eq!(peer_is_open(local, peer), Some(true));
        drop(client);
        assert_eq!(peer_is_open(local, peer), Some(false));
        assert_eq!(peer_is_open(local, "192.0.2.1:5".parse().expect("an address")), None);
    }
}
