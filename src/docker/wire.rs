//! HTTP to the engine: one connection per request, over whatever leads there.
//!
//! A connection per request costs less than a millisecond on a socket, and nothing is left of it
//! when the engine is restarted. bollard gets the same way in (`transport`).

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::header::HOST;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::endpoint::Endpoint;

/// A two-way stream of bytes.
pub(super) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// Sends one request. The connection lives as long as the response's body (or upgrade) does.
pub(super) async fn send<B>(endpoint: &Endpoint, mut request: Request<B>) -> io::Result<Response<Incoming>>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = dial(endpoint).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // Owned by the response: it ends when the body has been read or dropped.
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a connection to the engine broke");
        }
    });
    if let Some(path) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = http::Uri::from(path);
    }
    request.headers_mut().insert(HOST, http::HeaderValue::from_static("docker"));
    sender.send_request(request).await.map_err(io::Error::other)
}

/// bollard over the same connections.
pub(super) fn transport(
    endpoint: Endpoint,
) -> impl Fn(bollard::BollardRequest) -> BoxFuture<'static, Result<Response<Incoming>, bollard::errors::Error>> + Send + Sync
{
    move |request| {
        let endpoint = endpoint.clone();
        Box::pin(async move { send(&endpoint, request).await.map_err(|err| bollard::errors::Error::IOError { err }) })
    }
}

/// Opens a stream to the engine.
async fn dial(endpoint: &Endpoint) -> io::Result<Box<dyn ByteStream>> {
    match endpoint {
        Endpoint::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        Endpoint::Tcp { address, certificates: None } => Ok(Box::new(TcpStream::connect(address).await?)),
        Endpoint::Tcp { address, certificates: Some(folder) } => {
            let folder = folder.clone();
            let config = tokio::task::spawn_blocking(move || tls_config(&folder)).await.map_err(io::Error::other)??;
            let name = ServerName::try_from(endpoint.host().to_owned()).map_err(io::Error::other)?;
            let stream = TcpStream::connect(address).await?;
            Ok(Box::new(tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await?))
        }
        Endpoint::Ssh { destination, port } => Ok(Box::new(SshStream::open(destination, *port)?)),
    }
}

/// The client side of docker's mutual TLS, from the three files of a certificate folder.
fn tls_config(folder: &Path) -> io::Result<rustls::ClientConfig> {
    let in_file = |name: &str, error: rustls::pki_types::pem::Error| {
        io::Error::other(format!("cannot read `{}`: {error}", folder.join(name).display()))
    };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(folder.join("ca.pem")).map_err(|error| in_file("ca.pem", error))? {
        roots.add(certificate.map_err(|error| in_file("ca.pem", error))?).map_err(io::Error::other)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots);
    if !folder.join("cert.pem").exists() {
        return Ok(builder.with_no_client_auth());
    }
    let chain = CertificateDer::pem_file_iter(folder.join("cert.pem"))
        .and_then(Iterator::collect)
        .map_err(|error| in_file("cert.pem", error))?;
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).map_err(|error| in_file("key.pem", error))?;
    builder.with_client_auth_cert(chain, key).map_err(io::Error::other)
}

/// `docker system dial-stdio` on another machine; the process ends with the stream.
struct SshStream {
    stdin: ChildStdin,
    stdout: ChildStdout,
    _child: Child,
}

impl SshStream {
    fn open(destination: &str, port: Option<u16>) -> io::Result<Self> {
        let mut command = Command::new("ssh");
        command.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=10"]);
        if let Some(port) = port {
            command.args(["-p", &port.to_string()]);
        }
        command.args(["--", destination, "docker", "system", "dial-stdio"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("ssh has no pipes"));
        };
        Ok(Self { stdin, stdout, _child: child })
    }
}

impl AsyncRead for SshStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdout).poll_read(cx, buf)
    }
}

impl AsyncWrite for SshStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stdin).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stdin).poll_shutdown(cx)
    }
}
