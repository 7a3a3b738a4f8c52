//! The evidence of a CI run as files: what was done, how it ended, what was said, and how what failed looked at the end.
//!
//! Logs are written as they come and the rest at the verdict or at the first signal, before anything is stopped, so
//! that it is complete also when whoever runs it is impatient.

mod junit;
mod log_files;
mod summary;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::error::CommandError;
use super::project_json::{mask, project_json};
use crate::engine::{RuntimeStatus, Snapshot};
use crate::journal::{Entry, Timeline, trace};
use crate::run::Session;

/// For the API server to tell of one failing pod.
const EVIDENCE_LIMIT: Duration = Duration::from_secs(5);

/// Of so many failing pods at most.
const MAX_PODS: usize = 20;

/// The command that was run when everything was ready.
#[derive(Debug)]
pub(super) struct RanCommand {
    pub(super) line: String,
    /// `None` when it succeeded.
    pub(super) failure: Option<String>,
    pub(super) took: Duration,
}

/// A report that is being written.
#[derive(Debug)]
pub(super) struct Report {
    dir: PathBuf,
    logs: JoinHandle<()>,
    done: CancellationToken,
}

impl Report {
    /// Makes the folder and begins to write the logs. Files of an older report in it are replaced.
    pub(super) fn open(dir: &Path, session: &Session) -> Result<Self, CommandError> {
        let logs = dir.join("logs");
        if let Err(error) = std::fs::remove_dir_all(&logs)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(unwritable(&logs, &error));
        }
        std::fs::create_dir_all(&logs).map_err(|error| unwritable(&logs, &error))?;
        let done = CancellationToken::new();
        let task = tokio::spawn(log_files::write(session.logs.reader(), logs, done.clone()));
        Ok(Self { dir: dir.to_path_buf(), logs: task, done })
    }

    /// Writes everything but the logs: how things stand in this moment.
    pub(super) async fn write(
        &self,
        snapshot: &Snapshot,
        session: &Session,
        ran: Option<&RanCommand>,
    ) -> Result<(), CommandError> {
        let page = session.journal.after(0);
        let entries: Vec<&Entry> = page.entries.iter().map(Arc::as_ref).collect();
        let timeline = Timeline::of(entries.iter().copied());
        let spans = timeline.as_ref().map(|timeline| timeline.spans.as_slice()).unwrap_or_default();
        let events = entries.iter().fold(String::new(), |text, entry| text + &json!(entry).to_string() + "\n");
        self.file("events.jsonl", &events)?;
        self.json("timeline.json", &json!(timeline))?;
        if let Some(timeline) = &timeline {
            self.json("trace.json", &trace(timeline))?;
        }
        let reader = session.logs.reader();
        self.file("junit.xml", &junit::junit(snapshot, spans, &reader, ran)?)?;
        self.file("summary.md", &summary::summary(snapshot, timeline.as_ref(), ran))?;
        if let Some(evaluated) = session.evaluated() {
            let mut json = project_json(evaluated.project.as_deref(), &evaluated.diagnostics, &evaluated.config_files);
            mask(&mut json, &session.logs);
            self.json("project.json", &json)?;
        }
        let mut pods = pods(snapshot, session).await;
        mask(&mut pods, &session.logs);
        self.json("pods.json", &pods)
    }

    /// Writes the last lines of the logs.
    pub(super) async fn close(self) {
        self.done.cancel();
        let _ = self.logs.await;
    }

    fn json(&self, name: &str, json: &Value) -> Result<(), CommandError> {
        self.file(name, &format!("{json:#}\n"))
    }

    fn file(&self, name: &str, text: &str) -> Result<(), CommandError> {
        let path = self.dir.join(name);
        // Under another name first: whoever reads it never sees half of it.
        let partial = self.dir.join(format!(".{name}.partial"));
        std::fs::write(&partial, text)
            .and_then(|()| std::fs::rename(&partial, &path))
            .map_err(|error| unwritable(&path, &error))
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::environment(format!("cannot write the report: {}: {error}", path.display()))
}

/// The pods of what is not as it should be, with their events.
async fn pods(snapshot: &Snapshot, session: &Session) -> Value {
    let failing = snapshot.resources.iter().filter(|it| {
        it.enabled && matches!(it.runtime, RuntimeStatus::Error | RuntimeStatus::Pending | RuntimeStatus::Unknown)
    });
    let mut found = Vec::new();
    for (resource, pod) in failing.filter_map(|it| Some((it, it.pod.as_ref()?))).take(MAX_PODS) {
        let evidence = session.pod_evidence(&pod.namespace, &pod.name, EVIDENCE_LIMIT).await;
        let mut entry = json!({"resource": resource.name, "namespace": pod.namespace, "name": pod.name});
        match evidence {
            Ok(Value::Object(fields)) => entry.as_object_mut().into_iter().for_each(|it| it.extend(fields.clone())),
            Ok(_) => {}
            Err(error) => entry["error"] = error.into(),
        }
        found.push(entry);
    }
    Value::Array(found)
}
