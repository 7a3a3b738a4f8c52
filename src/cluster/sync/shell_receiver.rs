//! Talks to the receiver that is a script of the container's shell.

use std::path::PathBuf;

use tokio::io::AsyncWriteExt;

use super::archive::Archive;
use super::batch::{SyncError, classify_output};
use super::channel::Ended;
use super::script;
use super::wire::{Kept, Output, Wire, half, lost};
use crate::project::MappedPath;

/// A longer script is sent as data.
const LONG_SCRIPT: usize = 4096;

/// The container's shell, `head` and `tar`.
pub(super) struct ShellReceiver {
    nonce: String,
    marker: Vec<u8>,
    /// A tool that the container lacks.
    missing: Option<String>,
}

struct Answer {
    stage: String,
    ended: Ended,
}

impl ShellReceiver {
    pub fn new(nonce: String, missing: Option<String>) -> Self {
        let marker = format!("{nonce} ").into_bytes();
        Self { nonce, marker, missing }
    }

    pub async fn transfer(
        &self,
        wire: &mut Wire,
        deletes: &[PathBuf],
        archive: &Archive,
        replace_folders: bool,
    ) -> Result<Vec<MappedPath>, SyncError> {
        if let Some(tool) = self.missing.as_ref().filter(|_| archive.length > 0) {
            return Err(SyncError::NoTar(tool.clone()));
        }
        let mut script = script::prepare(deletes, archive, replace_folders);
        if script.len() > LONG_SCRIPT {
            let framed = self.framed(&script::long(script.len())) + &script;
            self.step(wire, framed.as_bytes(), &Archive::default()).await?;
            script.clear();
        }
        if archive.length > 0 {
            script.push_str(&script::extract(archive.length));
        }
        if script.is_empty() {
            return Ok(Vec::new());
        }
        let framed = self.framed(&script);
        self.step(wire, framed.as_bytes(), archive).await
    }

    /// Sends a script and the archive that it reads, and takes its answer.
    async fn step(&self, wire: &mut Wire, script: &[u8], archive: &Archive) -> Result<Vec<MappedPath>, SyncError> {
        let (stdin, output) = (&mut wire.stdin, &mut wire.output);
        let send = async {
            stdin.write_all(script).await.map_err(|error| lost(&error))?;
            archive.write_to(stdin).await.map_err(|error| lost(&error))
        };
        // Both at once: a container that complains a lot must not wait for us to listen while we wait for it.
        let (changed, answer) = tokio::try_join!(send, self.answer(output, |_| {}))?;
        match answer.ended.code {
            0 => Ok(changed),
            127 => Err(SyncError::NoTar(if answer.stage == "archive" { "tar" } else { "rm" }.to_owned())),
            _ => Err(classify_output(&answer.ended.output)),
        }
    }

    pub async fn run(&self, wire: &mut Wire, argv: &[String], on_line: impl FnMut(&str)) -> Result<Ended, SyncError> {
        let script = self.framed(&script::run(argv));
        wire.stdin.write_all(script.as_bytes()).await.map_err(|error| lost(&error))?;
        Ok(self.answer(&mut wire.output, on_line).await?.ended)
    }

    pub async fn ping(&self, wire: &mut Wire) -> Result<(), SyncError> {
        let script = self.framed(":\n");
        wire.stdin.write_all(script.as_bytes()).await.map_err(|error| lost(&error))?;
        self.answer(&mut wire.output, |_| {}).await.map(drop)
    }

    fn framed(&self, script: &str) -> String {
        format!("{script}{}\n", self.nonce)
    }

    /// Reads up to the answer of a script; what comes before is its output.
    async fn answer(&self, output: &mut Output, mut on_line: impl FnMut(&str)) -> Result<Answer, SyncError> {
        let mut kept = Kept::default();
        // The receiver starts a line of its own for its answer: an empty line before it is not the command's.
        let mut empty_before = false;
        loop {
            let line = match output.line().await {
                Ok(Some(line)) => line,
                Ok(None) => return Err(half("it broke off".to_owned())),
                Err(error) => return Err(half(error.to_string())),
            };
            if let Some(answer) = line.strip_prefix(self.marker.as_slice()) {
                let answer = String::from_utf8_lossy(answer);
                let (stage, code) = answer.trim().split_once(' ').unwrap_or((answer.trim(), "0"));
                let code = code.parse().map_err(|_| half(format!("it answered `{}`", answer.trim())))?;
                return Ok(Answer { stage: stage.to_owned(), ended: Ended { code, output: kept.text() } });
            }
            if std::mem::take(&mut empty_before) {
                on_line("");
            }
            if line.is_empty() {
                empty_before = true;
                continue;
            }
            let line = String::from_utf8_lossy(&line);
            on_line(&line);
            kept.line(&line);
        }
    }
}
