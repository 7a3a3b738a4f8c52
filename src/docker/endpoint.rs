//! Where an engine can be: its address, and the list of addresses to try on this machine.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::docker_config::DockerConfig;

/// The address of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket.
    Unix(PathBuf),
    /// TCP, with TLS when there are certificates.
    Tcp {
        /// `HOST:PORT`.
        address: String,
        /// The folder with `ca.pem`, `cert.pem` and `key.pem`.
        certificates: Option<PathBuf>,
    },
    /// The engine of another machine, reached by `ssh HOST docker system dial-stdio`.
    Ssh {
        /// `[USER@]HOST`.
        destination: String,
        /// Port, when not the default.
        port: Option<u16>,
    },
}

/// An address to try and why it is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The address.
    pub endpoint: Endpoint,
    /// Who named it: `DOCKER_HOST`, `docker context desktop`, or nobody for a well-known place.
    pub named_by: Option<String>,
}

/// Why an address is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{address}` is no engine address: expected unix://PATH, tcp://HOST:PORT or ssh://[USER@]HOST")]
pub struct ParseEndpointError {
    /// What was given.
    pub address: String,
}

impl Endpoint {
    /// Parses what `DOCKER_HOST` may hold. `certificates` counts for TCP only.
    pub fn parse(address: &str, certificates: Option<PathBuf>) -> Result<Self, ParseEndpointError> {
        let error = || ParseEndpointError { address: address.to_owned() };
        match address.split_once("://").ok_or_else(error)? {
            ("unix", path) if path.starts_with('/') => Ok(Self::Unix(PathBuf::from(path))),
            ("tcp" | "http" | "https", rest) if !rest.is_empty() => {
                let host = rest.trim_end_matches('/');
                let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
                let default_port = if certificates.is_some() { 2376 } else { 2375 };
                let address = if has_port { host.to_owned() } else { format!("{host}:{default_port}") };
                Ok(Self::Tcp { address, certificates })
            }
            ("ssh", rest) if !rest.is_empty() => {
                let host = rest.split('/').next().unwrap_or(rest);
                let (destination, port) = match host.rsplit_once(':') {
                    Some((destination, port)) => (destination, Some(port.parse().map_err(|_| error())?)),
                    None => (host, None),
                };
                Ok(Self::Ssh { destination: destination.to_owned(), port })
            }
            _ => Err(error()),
        }
    }

    /// The host part for certificates, `localhost` for a socket.
    pub(crate) fn host(&self) -> &str {
        match self {
            Self::Tcp { address, .. } => address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host),
            Self::Unix(_) | Self::Ssh { .. } => "localhost",
        }
    }

    /// The variables that make docker clients use this engine.
    pub fn client_environment(&self) -> Vec<(String, String)> {
        let mut variables = vec![("DOCKER_HOST".to_owned(), self.to_string())];
        if let Self::Tcp { certificates: Some(folder), .. } = self {
            variables.push(("DOCKER_TLS_VERIFY".to_owned(), "1".to_owned()));
            variables.push(("DOCKER_CERT_PATH".to_owned(), folder.to_string_lossy().into_owned()));
        }
        variables
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { address, .. } => write!(f, "tcp://{address}"),
            Self::Ssh { destination, port: Some(port) } => write!(f, "ssh://{destination}:{port}"),
            Self::Ssh { destination, port: None } => write!(f, "ssh://{destination}"),
        }
    }
}

/// The parts of the environment that decide where the engine is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub docker_context: Option<String>,
    /// `DOCKER_TLS_VERIFY` is set and not empty.
    pub tls_verify: bool,
    /// `DOCKER_CERT_PATH`.
    pub cert_path: Option<PathBuf>,
    /// The folder of docker's configuration.
    pub config_folder: PathBuf,
    /// `XDG_RUNTIME_DIR`.
    pub runtime_folder: Option<PathBuf>,
    /// The home folder.
    pub home: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            docker_host: variable("DOCKER_HOST"),
            docker_context: variable("DOCKER_CONTEXT"),
            tls_verify: variable("DOCKER_TLS_VERIFY").is_some(),
            cert_path: variable("DOCKER_CERT_PATH").map(PathBuf::from),
            config_folder: DockerConfig::folder(),
            runtime_folder: variable("XDG_RUNTIME_DIR").map(PathBuf::from),
            home: variable("HOME").map(PathBuf::from),
        }
    }

    /// The addresses to try, best first. One that the user has named is the only one.
    ///
    /// Reads docker's configuration files, so it blocks.
    pub fn candidates(&self) -> Result<Vec<Candidate>, ParseEndpointError> {
        if let Some(host) = &self.docker_host {
            let certificates = self.tls_verify.then(|| self.cert_path.clone().unwrap_or(self.config_folder.clone()));
            let endpoint = Endpoint::parse(host, certificates)?;
            return Ok(vec![Candidate { endpoint, named_by: Some("DOCKER_HOST".to_owned()) }]);
        }
        let context = match &self.docker_context {
            Some(name) => Some(name.clone()),
            None => DockerConfig::read(&self.config_folder).current_context,
        };
        if let Some(name) = context.filter(|name| name != "default") {
            let endpoint = context_endpoint(&self.config_folder, &name)?;
            return Ok(vec![Candidate { endpoint, named_by: Some(format!("docker context `{name}`")) }]);
        }
        Ok(self
            .well_known()
            .into_iter()
            .map(|path| Candidate { endpoint: Endpoint::Unix(path), named_by: None })
            .collect())
    }

    /// Sockets where engines are by convention.
    fn well_known(&self) -> Vec<PathBuf> {
        let mut paths = vec![PathBuf::from("/var/run/docker.sock")];
        if let Some(folder) = &self.runtime_folder {
            paths.push(folder.join("docker.sock"));
        }
        if let Some(home) = &self.home {
            for path in [
                ".docker/run/docker.sock",
                ".docker/desktop/docker.sock",
                ".colima/default/docker.sock",
                ".rd/docker.sock",
                ".orbstack/run/docker.sock",
            ] {
                paths.push(home.join(path));
            }
        }
        if let Some(folder) = &self.runtime_folder {
            paths.push(folder.join("podman/podman.sock"));
        }
        paths.push(PathBuf::from("/run/podman/podman.sock"));
        paths
    }
}

/// The address in the metadata of a docker context.
fn context_endpoint(config_folder: &Path, name: &str) -> Result<Endpoint, ParseEndpointError> {
    let missing = || ParseEndpointError { address: format!("docker context {name}") };
    let id = format!("{:x}", Sha256::digest(name));
    let meta = std::fs::read(config_folder.join("contexts/meta").join(&id).join("meta.json")).map_err(|_| missing())?;
    let meta: serde_json::Value = serde_json::from_slice(&meta).map_err(|_| missing())?;
    let host = meta.pointer("/Endpoints/docker/Host").and_then(serde_json::Value::as_str).ok_or_else(missing)?;
    let certificates = config_folder.join("contexts/tls").join(&id).join("docker");
    Endpoint::parse(host, certificates.join("ca.pem").is_file().then_some(certificates))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_and_shown() {
        let certificates = Some(PathBuf::from("/certs"));
        for (text, shown) in [
            ("unix:///run/x.sock", "unix:///run/x.sock"),
            ("tcp://build:2375/", "tcp://build:2375"),
            ("tcp://build", "tcp://build:2376"),
            ("ssh://me@build:2222", "ssh://me@build:2222"),
            ("ssh://build", "ssh://build"),
        ] {
            assert_eq!(Endpoint::parse(text, certificates.clone()).expect(text).to_string(), shown);
        }
        for text in ["", "/run/x.sock", "unix://x", "npipe:////./pipe/x", "tcp://", "ssh://a:b"] {
            assert!(Endpoint::parse(text, None).is_err(), "{text}");
        }
    }

    #[test]
    fn docker_host_goes_before_the_context_and_that_before_well_known_sockets() {
        let folder = tempfile::tempdir().expect("temp folder");
        let id = format!("{:x}", Sha256::digest("remote"));
        let meta = folder.path().join("contexts/meta").join(id);
        std::fs::create_dir_all(&meta).expect("folder");
        std::fs::write(meta.join("meta.json"), r#"{"Name":"remote","Endpoints":{"docker":{"Host":"tcp://r:1"}}}"#)
            .expect("meta");
        let mut surroundings = Surroundings {
            config_folder: folder.path().to_owned(),
            runtime_folder: Some("/run/user/1".into()),
            ..Default::default()
        };
        let addresses = |surroundings: &Surroundings| -> Vec<String> {
            let candidates = surroundings.candidates().expect("candidates");
            candidates.iter().map(|candidate| candidate.endpoint.to_string()).collect()
        };
        assert_eq!(addresses(&surroundings)[..2], ["unix:///var/run/docker.sock", "unix:///run/user/1/docker.sock"]);
        std::fs::write(folder.path().join("config.json"), r#"{"currentContext":"remote"}"#).expect("config");
        assert_eq!(addresses(&surroundings), ["tcp://r:1"]);
        surroundings.docker_context = Some("gone".to_owned());
        assert!(surroundings.candidates().is_err());
        surroundings.docker_host = Some("unix:///x".to_owned());
        assert_eq!(addresses(&surroundings), ["unix:///x"]);
    }
}
