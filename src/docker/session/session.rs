//! The connection that a session runs on.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::PathBuf;

use bollard::health::health_server::HealthServer;
use bollard::moby::buildkit::secrets::v1::secrets_server::SecretsServer;
use bollard::moby::filesync::packet::file_sync_server::FileSyncServer;
use bollard::moby::filesync::v1::auth_server::AuthServer;
use bollard::moby::sshforward::v1::ssh_server::SshServer;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::Empty;
use hyper_util::rt::TokioExecutor;
use hyper_util::service::TowerToHyperService;
use sha2::{Digest, Sha256};
use tonic::service::Routes;

use super::auth::Logins;
use super::files::ContextFiles;
use super::health::AlwaysHealthy;
use super::secrets::{SecretSource, Secrets};
use super::ssh::Agents;
use crate::docker::engine::Engine;
use crate::docker::wire;

/// What the engine may ask for.
pub(in crate::docker) struct Services {
    pub files: ContextFiles,
    pub secrets: HashMap<String, SecretSource>,
    /// Sockets of ssh agents.
    pub agents: HashMap<String, PathBuf>,
}

/// An open session.
pub(in crate::docker) struct Session {
    pub id: String,
    connection: hyper::upgrade::Upgraded,
    routes: Routes,
}

impl Session {
    /// Opens a session at the engine. Nothing is answered before [`Self::serve`] runs.
    pub async fn open(engine: &Engine, services: Services) -> io::Result<Self> {
        let id = random_id();
        let shared_key = format!("{:x}", Sha256::digest(services.files.identity()));
        let mut request = http::Request::post(engine.versioned("/session"))
            .header("Connection", "Upgrade")
            .header("Upgrade", "h2c")
            .header("X-Docker-Expose-Session-Uuid", &id)
            .header("X-Docker-Expose-Session-Name", "devloop")
            // Lets the engine keep what it has of this context, so that only changed files are sent again.
            .header("X-Docker-Expose-Session-Sharedkey", shared_key);
        let mut methods = vec![
            "/grpc.health.v1.Health/Check",
            "/moby.filesync.v1.FileSync/DiffCopy",
            "/moby.filesync.v1.Auth/Credentials",
            "/moby.buildkit.secrets.v1.Secrets/GetSecret",
        ];
        let mut routes = Routes::new(HealthServer::new(AlwaysHealthy))
            .add_service(FileSyncServer::new(services.files))
            .add_service(AuthServer::new(Logins::default()))
            .add_service(SecretsServer::new(Secrets::new(services.secrets)));
        if !services.agents.is_empty() {
            methods.extend(["/moby.sshforward.v1.SSH/CheckAgent", "/moby.sshforward.v1.SSH/ForwardAgent"]);
            routes = routes.add_service(SshServer::new(Agents::new(services.agents)));
        }
        for method in methods {
            request = request.header("X-Docker-Expose-Session-Grpc-Method", method);
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(io::Error::other)?;
        let response = wire::send(engine.endpoint(), request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(io::Error::other(format!("the engine opens no build session: {}", response.status())));
        }
        let connection = hyper::upgrade::on(response).await.map_err(io::Error::other)?;
        Ok(Self { id, connection, routes })
    }

    /// Answers the engine until it closes the session or the future is dropped.
    pub async fn serve(self) {
        let service = TowerToHyperService::new(self.routes.prepare());
        let served = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .initial_connection_window_size(1 << 20)
            .serve_connection(self.connection, service)
            .await;
        if let Err(error) = served {
            tracing::debug!(%error, "a build session broke");
        }
    }
}

/// An id that no other session of the engine has.
pub(in crate::docker) fn random_id() -> String {
    let random = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", random(), random())
}
