//! `get` and `describe`: resources with everything that belongs to them.

use std::fmt::Write as _;

use super::layout::{align, one_line};
use super::target;
use crate::cli::args::{DescribeArgs, StatusArgs, TargetArgs};
use crate::cli::common;
use crate::cli::error::CommandError;
use crate::cli::exit_code::ExitCode;
use crate::control::{
    ContainerAnswer, DescribeAnswer, DetailAnswer, ImageAnswer, LiveAnswer, PodDetailAnswer, RecordAnswer, Request,
    StepRecordAnswer,
};
use crate::diagnostic::count;

/// `get`: a row per resource; with `--json` everything.
pub(in crate::cli) fn get(arguments: &StatusArgs) -> Result<ExitCode, CommandError> {
    let answer = ask(&arguments.target, &arguments.resources)?;
    print(&answer, arguments.json, table)
}

/// `describe`: everything, for people.
pub(in crate::cli) fn describe(arguments: &DescribeArgs) -> Result<ExitCode, CommandError> {
    let answer = ask(&arguments.target, &arguments.resources)?;
    print(&answer, arguments.json, |answer| answer.resources.iter().map(description).collect::<Vec<_>>().join("\n"))
}

/// Everything about these resources.
pub(in crate::cli) fn ask(target: &TargetArgs, resources: &[String]) -> Result<DescribeAnswer, CommandError> {
    let answer = target::answer(target, &Request::Describe { resources: resources.to_vec() })?;
    serde_json::from_value(answer).map_err(|error| {
        CommandError::failed(format!("the answer of the running devloop is not understood: {error}"))
            .hint("it is of another version than this command: restart it")
    })
}

fn print(
    answer: &DescribeAnswer,
    json: bool,
    text: impl FnOnce(&DescribeAnswer) -> String,
) -> Result<ExitCode, CommandError> {
    let text = if json { format!("{}\n", serde_json::json!(answer)) } else { text(answer) };
    common::print_out(&text)?;
    Ok(ExitCode::Ok)
}

fn table(answer: &DescribeAnswer) -> String {
    let rows = answer.resources.iter().map(|detail| {
        let it = &detail.resource;
        let pods = if it.pods == 0 { String::new() } else { format!("{}/{}", it.ready_pods, it.pods) };
        let last = it
            .history
            .first()
            .map(|record| format!("{} {} {} ago", record.kind, seconds(record.seconds), ago(record.seconds_ago)));
        let ports = it.ports.iter().map(|port| port.local.to_string()).collect::<Vec<_>>().join(",");
        let update = if it.enabled { it.update.clone() } else { "disabled".to_owned() };
        let labels = it.labels.join(",");
        vec![
            it.name.clone(),
            it.kind.clone(),
            update,
            it.runtime.clone(),
            pods,
            last.unwrap_or_default(),
            ports,
            labels,
        ]
    });
    align(&["RESOURCE", "KIND", "UPDATE", "RUNTIME", "PODS", "LAST UPDATE", "PORTS", "LABELS"], rows.collect())
}

/// One resource, in paragraphs.
fn description(detail: &DetailAnswer) -> String {
    let it = &detail.resource;
    let mut out = Description(String::new());
    out.line("Resource", &it.name);
    out.line("Kind", &it.kind);
    out.line("Labels", &it.labels.join(", "));
    if !it.enabled {
        out.line("Disabled", &format!("it does not take part; `devloop enable {}`", it.name));
    }
    out.line("Trigger", &it.trigger_mode);
    out.line("Update", &it.update);
    out.line("Runtime", &it.runtime);
    out.line("", &one_line(&it.message));
    if let Some(waits) = &it.waits {
        out.line("Waits", &waits.text);
    }
    if it.pending_file_count > 0 {
        let files: Vec<String> = it.pending_files.iter().map(|file| file.display().to_string()).collect();
        let more = if it.pending_file_count > files.len() { ", …" } else { "" };
        let text = format!("{}: {}{more}", count(it.pending_file_count, "file"), files.join(", "));
        out.line("Changed", &text);
    }
    out.line("Process", &it.pid.map(|pid| pid.to_string()).unwrap_or_default());
    out.line("Depends on", &it.resource_deps.join(", "));
    out.line("Needed by", &detail.dependents.join(", "));
    for port in &it.ports {
        let target = if port.container == 0 { "the pod's port".to_owned() } else { port.container.to_string() };
        let state = port.error.as_deref().unwrap_or(&port.state);
        out.line("Port", &format!("{} → {target} {} {state}", port.url, port.name).replace("  ", " "));
    }
    for link in &it.links {
        out.line("Link", format!("{} {}", link.url, link.name).trim_end());
    }
    out.rows(
        "Objects",
        detail.objects.iter().map(|object| {
            let namespace = object.namespace.as_deref().unwrap_or("-").to_owned();
            let state = if object.applied { "applied" } else { "not applied yet" };
            vec![format!("{}/{}", object.kind, object.name), namespace, object.api_version.clone(), state.to_owned()]
        }),
    );
    for pod in &detail.pod_details {
        out.pod(pod);
    }
    for image in &detail.image_details {
        out.image(image);
    }
    out.rows("Live update", detail.live.iter().map(live_row));
    if let Some(current) = &it.current {
        out.heading("Running update");
        let text = format!("for {}: {}", seconds(current.seconds), current.reasons.join(", "));
        out.indented(&text);
        out.steps(&current.steps);
        out.indented(&format!("  {} …", one_line(&current.step)));
    }
    if !it.history.is_empty() {
        out.heading("Updates");
        for record in &it.history {
            out.record(record);
        }
    }
    out.0
}

/// The text of a description so far.
struct Description(String);

impl Description {
    fn line(&mut self, what: &str, value: &str) {
        if !value.is_empty() {
            let what = if what.is_empty() { String::new() } else { format!("{what}:") };
            let _ = writeln!(self.0, "{what:<12} {value}");
        }
    }

    fn heading(&mut self, what: &str) {
        let _ = writeln!(self.0, "{what}:");
    }

    fn indented(&mut self, text: &str) {
        let _ = writeln!(self.0, "  {text}");
    }

    fn rows(&mut self, what: &str, rows: impl Iterator<Item = Vec<String>>) {
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return;
        }
        self.heading(what);
        let rows: Vec<Vec<String>> = rows.collect();
        let heads = vec![""; rows[0].len()];
        // The heads are empty, and so is their line.
        for line in align(&heads, rows).lines().skip(1) {
            self.indented(line);
        }
    }

    fn pod(&mut self, pod: &PodDetailAnswer) {
        let place = pod.node.as_deref().map(|node| format!(" on {node}")).unwrap_or_default();
        let leaving = if pod.deleting { ", being deleted" } else { "" };
        let _ = writeln!(self.0, "Pod:         {} in {}{place}: {}{leaving}", pod.name, pod.namespace, pod.status);
        for condition in pod.conditions.iter().filter(|condition| condition.status != "True") {
            let why = format!("{} {}", condition.reason, condition.message);
            self.indented(format!("{} is {} {}", condition.kind, condition.status, one_line(&why)).trim_end());
        }
        let met: Vec<&str> =
            pod.conditions.iter().filter(|it| it.status == "True").map(|it| it.kind.as_str()).collect();
        if !met.is_empty() {
            self.indented(&format!("conditions met: {}", met.join(", ")));
        }
        for container in &pod.containers {
            self.container(container);
        }
    }

    fn container(&mut self, container: &ContainerAnswer) {
        let kind =
            if container.kind == "regular" { "container".to_owned() } else { format!("{} container", container.kind) };
        let mut state = container.state.clone();
        if !container.reason.is_empty() {
            let _ = write!(state, " ({})", container.reason);
        }
        if let Some(code) = container.exit_code {
            let _ = write!(state, ", exit status {code}");
        }
        let ready = if container.ready { ", ready" } else { "" };
        let restarts = if container.restarts == 0 {
            String::new()
        } else {
            format!(", {}", count(container.restarts as usize, "restart"))
        };
        self.indented(&format!("{kind} {}: {state}{ready}{restarts}", container.name));
        self.indented(&format!("  image {}", container.image));
        if !container.message.is_empty() {
            self.indented(&format!("  {}", one_line(&container.message)));
        }
        if let Some(end) = &container.last_end {
            self.indented(&format!("  the instance before it ended: {end}"));
        }
    }

    fn image(&mut self, image: &ImageAnswer) {
        let state = if image.building { ", being built" } else { "" };
        let live = if image.live_update { ", with live update" } else { "" };
        let _ = writeln!(self.0, "Image:       {} ({} build{live}{state})", image.name, image.build);
        for (what, reference) in [("built as", &image.local_ref), ("deployed as", &image.cluster_ref)] {
            if let Some(reference) = reference {
                self.indented(&format!("{what} {reference}"));
            }
        }
        if !image.base_images.is_empty() {
            self.indented(&format!("from {}", image.base_images.join(", ")));
        }
        if let Some(error) = &image.error {
            self.indented(&format!("failed: {}", one_line(error)));
        }
    }

    fn steps(&mut self, steps: &[StepRecordAnswer]) {
        for step in steps {
            self.indented(&format!("  {} {}", seconds(step.seconds), step.text));
        }
    }

    fn record(&mut self, record: &RecordAnswer) {
        let files = if record.files == 0 { String::new() } else { format!(", {}", count(record.files, "file")) };
        self.indented(&format!(
            "{} ago: {} update {} in {}{files} ({})",
            ago(record.seconds_ago),
            record.kind,
            record.outcome,
            seconds(record.seconds),
            record.reasons.join(", ")
        ));
        if let Some(reason) = &record.rebuild_reason {
            self.indented(&format!("  no live update, because {}", one_line(reason)));
        }
        self.steps(&record.steps);
        if let Some(error) = &record.error {
            self.indented(&format!("  {}", one_line(error)));
        }
    }
}

fn live_row(live: &LiveAnswer) -> Vec<String> {
    let state = match live.state.as_str() {
        "in_sync" => "in sync".to_owned(),
        "pending" => format!("{} pending", count(live.pending, "file")),
        "syncing" => format!("{} on the way", count(live.pending, "file")),
        _ => "not running".to_owned(),
    };
    let last = live.last_sync.as_ref().map(|sync| {
        format!("last sync {} ago: {} in {}", ago(sync.seconds_ago), count(sync.files, "file"), seconds(sync.seconds))
    });
    vec![format!("{}/{}", live.pod, live.container), state, last.unwrap_or_default()]
}

/// How long something took.
fn seconds(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1000.0) } else { format!("{seconds:.1} s") }
}

/// How long ago something was.
fn ago(seconds: f64) -> String {
    let seconds = seconds as u64;
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}
