//! An ssh agent of our own that holds the key files of `ssh=["ID=KEY"]` for one build.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

/// For the agent to listen and for each key to be taken.
const DEADLINE: Duration = Duration::from_secs(10);

/// A running agent; it ends when this is dropped.
pub(super) struct KeyAgent {
    socket: PathBuf,
    _agent: Child,
    _folder: tempfile::TempDir,
}

impl KeyAgent {
    /// Starts an agent that holds `keys`.
    pub async fn start(keys: &[PathBuf]) -> Result<Self, String> {
        let folder = tempfile::Builder::new()
            .prefix("devloop-ssh-")
            .tempdir()
            .map_err(|error| format!("cannot make a folder for an ssh agent ({error})"))?;
        let socket = folder.path().join("agent");
        let agent = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot run `ssh-agent` ({error})"))?;
        let started = Self { socket, _agent: agent, _folder: folder };
        tokio::time::timeout(DEADLINE, started.listens()).await.map_err(|_| "`ssh-agent` does not start".to_owned())?;
        for key in keys {
            started.add(key).await?;
        }
        Ok(started)
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    async fn listens(&self) {
        while tokio::net::UnixStream::connect(&self.socket).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn add(&self, key: &Path) -> Result<(), String> {
        let mut command = Command::new("ssh-add");
        command.arg(key).env("SSH_AUTH_SOCK", &self.socket).env_remove("DISPLAY").env("SSH_ASKPASS_REQUIRE", "never");
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(DEADLINE, command.output())
            .await
            .map_err(|_| format!("`ssh-add {}` hangs", key.display()))?
            .map_err(|error| format!("cannot run `ssh-add` ({error})"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("neither a socket nor a key without passphrase: {}", said.lines().next().unwrap_or("").trim()))
    }
}
