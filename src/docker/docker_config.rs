//! What docker's own `config.json` says: the context in use, and who can log in where.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;

/// A credential helper that takes longer is not waited for.
const HELPER_DEADLINE: Duration = Duration::from_secs(30);

/// The key of Docker Hub in every place that keeps credentials.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// The part of `config.json` that matters here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DockerConfig {
    /// The context in use.
    pub current_context: Option<String>,
    auths: BTreeMap<String, StoredLogin>,
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct StoredLogin {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
}

/// How to log in at a registry.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Login {
    /// Empty when a token is used.
    pub username: String,
    /// Password, or the token.
    pub secret: String,
    /// Whether `secret` is an identity token.
    pub is_token: bool,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Login({})", self.username)
    }
}

impl DockerConfig {
    /// The folder of docker's configuration: `DOCKER_CONFIG`, else `~/.docker`.
    pub fn folder() -> PathBuf {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        variable("DOCKER_CONFIG").unwrap_or_else(|| variable("HOME").unwrap_or_default().join(".docker"))
    }

    /// Reads `config.json`; one that is missing or broken says nothing, as for docker itself. Blocks.
    pub fn read(folder: &Path) -> Self {
        let Ok(text) = std::fs::read(folder.join("config.json")) else { return Self::default() };
        serde_json::from_slice(&text).unwrap_or_else(|error| {
            tracing::warn!(%error, folder = %folder.display(), "docker's config.json is not read");
            Self::default()
        })
    }

    /// As [`Self::read`], of the usual folder, off the async threads.
    pub async fn load() -> Self {
        tokio::task::spawn_blocking(|| Self::read(&Self::folder())).await.unwrap_or_default()
    }

    /// The login for a registry host, asking credential helpers as configured.
    pub async fn login(&self, host: &str) -> Option<Login> {
        let key = registry_key(host);
        let helper = self.cred_helpers.get(&key).or_else(|| self.cred_helpers.get(host)).or(self.creds_store.as_ref());
        if let Some(helper) = helper
            && let Some(login) = ask_helper(helper, &key).await
        {
            return Some(login);
        }
        self.stored(&key)
    }

    fn stored(&self, key: &str) -> Option<Login> {
        let (_, stored) = self.auths.iter().find(|(name, _)| *name == key || bare_host(name) == bare_host(key))?;
        if !stored.identitytoken.is_empty() {
            return Some(Login { username: String::new(), secret: stored.identitytoken.clone(), is_token: true });
        }
        if !stored.username.is_empty() {
            return Some(Login { username: stored.username.clone(), secret: stored.password.clone(), is_token: false });
        }
        let decoded = base64::engine::general_purpose::STANDARD.decode(&stored.auth).ok()?;
        let decoded = String::from_utf8(decoded).ok()?;
        let (username, secret) = decoded.split_once(':')?;
        let secret = secret.trim_end_matches('\0');
        Some(Login { username: username.to_owned(), secret: secret.to_owned(), is_token: false })
    }
}

/// What a registry host is called in `config.json`.
fn registry_key(host: &str) -> String {
    match host {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB.to_owned(),
        host => host.to_owned(),
    }
}

fn bare_host(key: &str) -> &str {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    key.split('/').next().unwrap_or(key)
}

/// Runs `docker-credential-NAME get`. No answer means no login: the registry has the last word.
async fn ask_helper(name: &str, key: &str) -> Option<Login> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        username: String,
        secret: String,
    }
    let mut child = tokio::process::Command::new(format!("docker-credential-{name}"))
        .arg("get")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .inspect_err(|error| tracing::warn!(%error, name, "a credential helper does not start"))
        .ok()?;
    let mut stdin = child.stdin.take()?;
    let ask = async {
        stdin.write_all(key.as_bytes()).await?;
        drop(stdin);
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(HELPER_DEADLINE, ask).await.ok()?.ok()?;
    if !output.status.success() {
        return None;
    }
    let answer: Answer = serde_json::from_slice(&output.stdout).ok()?;
    let is_token = answer.username == "<token>";
    Some(Login { username: if is_token { String::new() } else { answer.username }, secret: answer.secret, is_token })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> DockerConfig {
        serde_json::from_str(text).expect("config")
    }

    #[tokio::test]
    async fn stored_logins_are_found_by_host() {
        let config = config(
            r#"{"auths": {"https://index.docker.io/v1/": {"auth": "bWU6cGE6c3M="}, "gcr.io": {"identitytoken": "t"},
                "https://r.example/v2/": {"username": "u", "password": "p"}, "empty": {}}}"#,
        );
        let hub = config.login("registry-1.docker.io").await.expect("hub");
        assert_eq!((hub.username.as_str(), hub.secret.as_str()), ("me", "pa:ss"));
        assert!(config.login("gcr.io").await.expect("token").is_token);
        assert_eq!(config.login("r.example").await.expect("by host").username, "u");
        assert_eq!(config.login("empty").await, None);
        assert_eq!(config.login("localhost:5000").await, None);
    }

    #[tokio::test]
    async fn a_missing_helper_is_no_login() {
        let config = config(r#"{"credsStore": "devloop-test-missing"}"#);
        assert_eq!(config.login("gcr.io").await, None);
    }
}
