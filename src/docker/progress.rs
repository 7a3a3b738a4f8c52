//! BuildKit's progress as lines of log: a heading per step, its output indented below, how it ended.

use std::collections::{HashMap, VecDeque};

use bollard::moby::buildkit::v1::{StatusResponse, Vertex, VertexLog, VertexStatus};

use crate::logs::Level;

/// The output of a step stands this far right of its heading (reference §3.5).
const INDENT: &str = "     ";
/// Seconds between two lines about a transfer that goes on.
const REPORT_EVERY: i64 = 3;
/// Lines of a failed step that are repeated in the error.
const TAIL: usize = 20;

/// A step that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FailedStep {
    /// `[2/5] RUN make`.
    pub name: String,
    /// What BuildKit says.
    pub error: String,
    /// Its last lines.
    pub output: Vec<String>,
}

/// Turns status messages into lines.
#[derive(Debug, Default)]
pub(super) struct Progress {
    steps: HashMap<String, Step>,
    /// The step that the last line was about.
    current: Option<String>,
    failed: Option<String>,
}

#[derive(Debug, Default)]
struct Step {
    name: String,
    error: String,
    announced: bool,
    finished: bool,
    /// An output line that has not ended yet.
    partial: Vec<u8>,
    tail: VecDeque<String>,
    /// Bytes done and to be done, by what is transferred (layers of a base image, the context).
    transfers: HashMap<String, (i64, i64)>,
    /// When the transfers began or were last reported, in seconds.
    reported: Option<i64>,
}

impl Progress {
    /// The lines that a status message amounts to.
    pub fn lines(&mut self, status: &StatusResponse) -> Vec<(Level, String)> {
        let mut lines = Vec::new();
        // Starts, then output, then ends: within one message that is the order in which they happened.
        for vertex in &status.vertexes {
            let step = self.steps.entry(vertex.digest.clone()).or_default();
            step.name.clone_from(&vertex.name);
            if vertex.started.is_some() && !vertex.cached && !step.announced && is_shown(&vertex.name) {
                self.heading(&vertex.digest, &mut lines);
            }
        }
        for transfer in &status.statuses {
            self.transfer(transfer, &mut lines);
        }
        // What was written to both outputs of a program comes unordered.
        let mut logs: Vec<&VertexLog> = status.logs.iter().collect();
        logs.sort_by_key(|log| log.timestamp.as_ref().map(|time| (time.seconds, time.nanos)));
        for log in logs {
            self.output(log, &mut lines);
        }
        for vertex in &status.vertexes {
            self.ended(vertex, &mut lines);
        }
        for warning in &status.warnings {
            lines.push((Level::Warn, format!(" {}", String::from_utf8_lossy(&warning.short).trim_end())));
        }
        lines
    }

    /// The step that made the build fail.
    pub fn failed_step(&self) -> Option<FailedStep> {
        let step = self.steps.get(self.failed.as_ref()?)?;
        Some(FailedStep {
            name: step.name.clone(),
            error: step.error.clone(),
            output: step.tail.iter().cloned().collect(),
        })
    }

    /// Names the step that the next lines are about, unless the last ones were about it too.
    fn heading(&mut self, digest: &str, lines: &mut Vec<(Level, String)>) {
        if self.current.as_deref() == Some(digest) {
            return;
        }
        let Some(step) = self.steps.get_mut(digest) else { return };
        step.announced = true;
        lines.push((Level::Info, format!(" {}", step.name)));
        self.current = Some(digest.to_owned());
    }

    fn output(&mut self, log: &VertexLog, lines: &mut Vec<(Level, String)>) {
        let Some(step) = self.steps.get_mut(&log.vertex) else { return };
        step.partial.extend_from_slice(&log.msg);
        let Some(end) = step.partial.iter().rposition(|byte| *byte == b'\n') else { return };
        let complete: Vec<u8> = step.partial.drain(..=end).collect();
        let texts: Vec<String> = complete[..end].split(|byte| *byte == b'\n').map(shown_text).collect();
        remember(step, &texts);
        self.heading(&log.vertex, lines);
        lines.extend(texts.into_iter().map(|text| (Level::Info, format!("{INDENT}{text}"))));
    }

    /// Says now and then how far a transfer is; short ones are not worth a line.
    fn transfer(&mut self, status: &VertexStatus, lines: &mut Vec<(Level, String)>) {
        let Some(step) = self.steps.get_mut(&status.vertex) else { return };
        let Some(now) = status.timestamp.as_ref().map(|time| time.seconds) else { return };
        if status.current == 0 && status.total == 0 {
            return;
        }
        step.transfers.insert(status.id.clone(), (status.current, status.total));
        let last = *step.reported.get_or_insert(now);
        if now - last < REPORT_EVERY {
            return;
        }
        step.reported = Some(now);
        let megabytes = |sum: i64| sum as f64 / 1e6;
        let current = megabytes(step.transfers.values().map(|(current, _)| current).sum());
        let total = megabytes(step.transfers.values().map(|(current, total)| total.max(current)).sum());
        // Of the context, nobody knows the size before it has been sent.
        let text = if total > current { format!("{current:.1} of {total:.1} MB") } else { format!("{current:.1} MB") };
        self.heading(&status.vertex, lines);
        lines.push((Level::Info, format!("{INDENT}{text}")));
    }

    fn ended(&mut self, vertex: &Vertex, lines: &mut Vec<(Level, String)>) {
        let Some(step) = self.steps.get_mut(&vertex.digest) else { return };
        let is_over = vertex.completed.is_some() || !vertex.error.is_empty();
        if step.finished || !is_over {
            return;
        }
        step.finished = true;
        let rest: Vec<u8> = std::mem::take(&mut step.partial);
        let rest: Vec<String> = if rest.is_empty() { Vec::new() } else { vec![shown_text(&rest)] };
        remember(step, &rest);
        let ending = if vertex.error.is_empty() {
            if !is_shown(&vertex.name) && !step.announced {
                return;
            }
            let ending = if vertex.cached { "CACHED".to_owned() } else { format!("DONE {}", duration(vertex)) };
            (Level::Info, ending)
        } else {
            step.error.clone_from(&vertex.error);
            // Steps that were stopped because another one failed have an error too, but not the interesting one.
            if vertex.error.contains("context canceled") {
                return;
            }
            self.failed.get_or_insert_with(|| vertex.digest.clone());
            (Level::Error, format!("ERROR: {}", vertex.error))
        };
        self.heading(&vertex.digest, lines);
        lines.extend(rest.into_iter().map(|text| (Level::Info, format!("{INDENT}{text}"))));
        lines.push((ending.0, format!("{INDENT}{}", ending.1)));
    }
}

/// Steps that BuildKit makes up for itself are of no interest unless they fail or say something.
fn is_shown(name: &str) -> bool {
    !name.starts_with("[internal]")
        && !name.starts_with("[auth]")
        && !name.starts_with("exporting to image")
        && !name.starts_with("resolve image config")
        && !name.starts_with("docker-image://")
        && !name.starts_with("importing cache manifest")
}

fn remember(step: &mut Step, texts: &[String]) {
    step.tail.extend(texts.iter().filter(|text| !text.is_empty()).cloned());
    while step.tail.len() > TAIL {
        step.tail.pop_front();
    }
}

/// One line of output; of a line that was overwritten (progress bars) the last state.
fn shown_text(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end_matches('\r');
    text.rsplit('\r').next().unwrap_or(text).to_owned()
}

fn duration(vertex: &Vertex) -> String {
    let seconds = match (&vertex.started, &vertex.completed) {
        (Some(started), Some(completed)) => {
            (completed.seconds - started.seconds) as f64 + f64::from(completed.nanos - started.nanos) / 1e9
        }
        _ => 0.0,
    };
    format!("{:.1}s", seconds.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vertex(digest: &str, name: &str, started: bool, seconds: Option<i64>) -> Vertex {
        let mut vertex = Vertex { digest: digest.to_owned(), name: name.to_owned(), ..Vertex::default() };
        vertex.started = started.then(Default::default);
        if let Some(seconds) = seconds {
            vertex.completed.get_or_insert_default().seconds = seconds;
        }
        vertex
    }

    fn log(digest: &str, text: &str) -> StatusResponse {
        let log = VertexLog { vertex: digest.to_owned(), msg: text.as_bytes().to_vec(), ..VertexLog::default() };
        StatusResponse { logs: vec![log], ..StatusResponse::default() }
    }

    fn steps(vertexes: Vec<Vertex>) -> StatusResponse {
        StatusResponse { vertexes, ..StatusResponse::default() }
    }

    fn shown(progress: &mut Progress, messages: &[StatusResponse]) -> Vec<String> {
        messages.iter().flat_map(|message| progress.lines(message)).map(|(_, line)| line).collect()
    }

    #[test]
    fn steps_have_headings_indented_output_and_an_end() {
        let mut cached = vertex("a", "[1/2] FROM alpine", true, Some(0));
        cached.cached = true;
        let messages = vec![
            steps(vec![vertex("i", "[internal] load build context", true, Some(1))]),
            steps(vec![cached]),
            steps(vec![vertex("b", "[2/2] RUN make", true, None)]),
            log("b", "one\nhalf"),
            log("b", " a line\n10%\r100%\r\n"),
            steps(vec![vertex("b", "[2/2] RUN make", true, Some(2))]),
            steps(vec![vertex("b", "[2/2] RUN make", true, Some(2))]),
        ];
        assert_eq!(
            shown(&mut Progress::default(), &messages),
            [
                " [1/2] FROM alpine",
                "     CACHED",
                " [2/2] RUN make",
                "     one",
                "     half a line",
                "     100%",
                "     DONE 2.0s"
            ]
        );
    }

    #[test]
    fn long_transfers_are_reported_now_and_then() {
        let transfer = |id: &str, second: i64, current: i64, total: i64| {
            let (vertex, id) = ("a".to_owned(), id.to_owned());
            let mut status = VertexStatus { vertex, id, current, total, ..VertexStatus::default() };
            status.timestamp.get_or_insert_default().seconds = second;
            StatusResponse { statuses: vec![status], ..StatusResponse::default() }
        };
        let messages = [
            steps(vec![vertex("a", "[1/2] FROM python", true, None)]),
            transfer("x", 10, 1_000_000, 9_000_000),
            transfer("y", 11, 500_000, 1_000_000),
            transfer("x", 13, 5_000_000, 9_000_000),
            transfer("x", 14, 6_000_000, 9_000_000),
        ];
        assert_eq!(shown(&mut Progress::default(), &messages), [" [1/2] FROM python", "     5.5 of 10.0 MB"]);
    }

    #[test]
    fn steps_that_run_side_by_side_are_told_apart() {
        let start = steps(vec![vertex("a", "[x 1/1] RUN a", true, None), vertex("b", "[y 1/1] RUN b", true, None)]);
        let messages = vec![start, log("a", "1\n"), log("b", "2\n"), log("b", "3\n")];
        assert_eq!(
            shown(&mut Progress::default(), &messages),
            [" [x 1/1] RUN a", " [y 1/1] RUN b", " [x 1/1] RUN a", "     1", " [y 1/1] RUN b", "     2", "     3"]
        );
    }

    #[test]
    fn the_step_that_failed_is_remembered_with_its_last_lines() {
        let mut failed = vertex("b", "[2/2] RUN make", true, Some(1));
        failed.error = "exit code: 3".to_owned();
        let mut stopped = vertex("c", "[other 1/1] RUN sleep", true, Some(1));
        stopped.error = "context canceled".to_owned();
        let mut progress = Progress::default();
        let output: String = (0..50).fold(String::new(), |output, line| format!("{output}line {line}\n"));
        let messages = vec![
            steps(vec![vertex("b", "[2/2] RUN make", true, None)]),
            log("b", &output),
            steps(vec![stopped, failed]),
        ];
        let lines = shown(&mut progress, &messages);
        assert_eq!(lines.last().map(String::as_str), Some("     ERROR: exit code: 3"));
        let step = progress.failed_step().expect("failed");
        assert_eq!((step.name.as_str(), step.output.len()), ("[2/2] RUN make", TAIL));
        assert_eq!(step.output.last().map(String::as_str), Some("line 49"));
    }
}
