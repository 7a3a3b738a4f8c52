//! Objects of Tilt's API as far as a session can tell of them, in the forms of `tilt get`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::k8s::JsonPath;
use crate::yaml::to_yaml;

const API: &str = "tilt.dev/v1alpha1";

/// The kinds that are known, with all their names.
const KINDS: [(Kind, &[&str]); 3] = [
    (Kind::UiResource, &["uiresource", "uiresources"]),
    (Kind::Discovery, &["kubernetesdiscovery", "kubernetesdiscoveries", "kubernetesdiscoverys", "kd", "kdisco"]),
    (Kind::Session, &["session", "sessions"]),
];

/// A kind of objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Resources as they are shown.
    #[default]
    UiResource,
    /// The pods of resources.
    Discovery,
    /// The session itself.
    Session,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::UiResource => "UIResource",
            Self::Discovery => "KubernetesDiscovery",
            Self::Session => "Session",
        }
    }
}

/// The form of the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Output {
    /// Columns.
    #[default]
    Table,
    Json,
    Yaml,
    /// `KIND.tilt.dev/NAME`.
    Name,
    /// What an expression finds.
    JsonPath(String),
}

impl Output {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "json" => Self::Json,
            "yaml" => Self::Yaml,
            "name" => Self::Name,
            "wide" | "" => Self::Table,
            // A shell may have left the quotes in.
            _ => Self::JsonPath(text.strip_prefix("jsonpath=")?.trim_matches(['\'', '"']).to_owned()),
        })
    }
}

/// Which objects are wanted, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) kind: Kind,
    /// All when empty.
    pub(super) names: Vec<String>,
    pub(super) output: Output,
    pub(super) ignores_absence: bool,
    pub(super) without_head: bool,
}

impl Query {
    /// Takes `KIND NAME…` or `KIND/NAME…`; `false` when that is not what it is.
    pub(super) fn aim(&mut self, words: Vec<String>) -> bool {
        let kind_of = |word: &str| {
            let word = word.to_lowercase();
            let word = word.strip_suffix(".tilt.dev").unwrap_or(&word);
            KINDS.iter().find(|(_, names)| names.contains(&word)).map(|(kind, _)| *kind)
        };
        let Some(first) = words.first() else { return false };
        if let Some((kind, _)) = first.split_once('/') {
            let Some(kind) = kind_of(kind) else { return false };
            self.kind = kind;
            let of_kind = |word: &String| {
                let (its, name) = word.split_once('/')?;
                (kind_of(its) == Some(kind)).then(|| name.to_owned())
            };
            let names: Option<Vec<String>> = words.iter().map(of_kind).collect();
            return names.map(|names| self.names = names).is_some();
        }
        let Some(kind) = kind_of(first) else { return false };
        self.kind = kind;
        self.names = words.into_iter().skip(1).collect();
        true
    }

    pub(super) fn is_of_resources(&self) -> bool {
        self.kind == Kind::UiResource
    }
}

/// What `tilt get` prints, from the status of the session.
pub(super) fn answer(query: &Query, status: &Value) -> Result<String, String> {
    let all = objects(query.kind, status);
    let mut chosen = Vec::new();
    for name in &query.names {
        match all.iter().find(|object| object["metadata"]["name"] == **name) {
            Some(object) => chosen.push(object.clone()),
            None if query.ignores_absence => {}
            None => {
                let kind = query.kind.name().to_lowercase();
                return Err(format!("{kind}.tilt.dev \"{name}\" not found"));
            }
        }
    }
    // One that is named is shown as itself, many are a list.
    let one = query.names.len() == 1;
    if query.names.is_empty() {
        chosen = all;
    }
    if one && chosen.is_empty() {
        return Ok(String::new());
    }
    let whole = || match (one, chosen.first()) {
        (true, Some(object)) => object.clone(),
        _ => json!({"apiVersion": "v1", "kind": "List", "items": chosen, "metadata": {"resourceVersion": ""}}),
    };
    Ok(match &query.output {
        Output::Json => format!("{:#}\n", whole()),
        Output::Yaml => to_yaml(&whole()),
        Output::Name => {
            let kind = query.kind.name().to_lowercase();
            let line = |object: &Value| format!("{kind}.tilt.dev/{}\n", word(&object["metadata"]["name"]));
            chosen.iter().map(line).collect()
        }
        Output::JsonPath(expression) => {
            let path = JsonPath::parse(expression).map_err(|error| error.to_string())?;
            let whole = whole();
            let found = path.find(&whole);
            let values: Vec<String> = found.iter().filter_map(|pointer| whole.pointer(pointer)).map(word).collect();
            values.join(" ")
        }
        Output::Table => table(query, &chosen),
    })
}

fn table(query: &Query, objects: &[Value]) -> String {
    let mut text = String::new();
    let mut line = |cells: [&str; 3]| {
        let _ = writeln!(text, "{:<40} {:<14} {}", cells[0], cells[1], cells[2]);
    };
    if !query.without_head {
        line(["NAME", "UPDATE", "RUNTIME"]);
    }
    for object in objects {
        let status = &object["status"];
        let cell = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        line([&cell(&object["metadata"]["name"]), &cell(&status["updateStatus"]), &cell(&status["runtimeStatus"])]);
    }
    text
}

fn objects(kind: Kind, status: &Value) -> Vec<Value> {
    let resources = || status["resources"].as_array().into_iter().flatten();
    match kind {
        Kind::UiResource => {
            std::iter::once(configuration(status)).chain(resources().enumerate().map(ui_resource)).collect()
        }
        Kind::Discovery => resources().filter(|resource| resource["kind"] == "k8s").map(discovery).collect(),
        Kind::Session => vec![json!({
            "apiVersion": API,
            "kind": kind.name(),
            "metadata": {"name": "Tiltfile"},
            "spec": {"tiltfilePath": status["entry_file"]},
            "status": {"pid": status["pid"], "startTime": status["started"]},
        })],
    }
}

/// The row of the configuration itself.
fn configuration(status: &Value) -> Value {
    let update = match status["config"]["state"].as_str() {
        Some("loading") => "in_progress",
        Some("failed") => "error",
        _ => "ok",
    };
    json!({
        "apiVersion": API,
        "kind": Kind::UiResource.name(),
        "metadata": {"name": "(Tiltfile)"},
        "status": {
            "updateStatus": update,
            "runtimeStatus": "not_applicable",
            "disableStatus": {"state": "Enabled"},
            "conditions": conditions(update, "not_applicable", true),
            "order": 0,
        },
    })
}

fn ui_resource((index, resource): (usize, &Value)) -> Value {
    let enabled = resource["enabled"] != false;
    let (update, runtime) = if enabled {
        (word(&resource["update"]), word(&resource["runtime"]))
    } else {
        ("none".to_owned(), "none".to_owned())
    };
    let labels: serde_json::Map<String, Value> = resource["labels"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|label| Some((label.as_str()?.to_owned(), label.clone())))
        .collect();
    let links = |key: &str| resource[key].as_array().into_iter().flatten();
    let links: Vec<Value> =
        links("ports").chain(links("links")).map(|link| json!({"url": link["url"], "name": link["name"]})).collect();
    let history: Vec<Value> = resource["history"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|record| json!({"error": record["error"].as_str().unwrap_or_default()}))
        .collect();
    let mut status = json!({
        "updateStatus": update,
        "runtimeStatus": runtime,
        "disableStatus": {"state": if enabled { "Enabled" } else { "Disabled" }},
        "conditions": conditions(&update, &runtime, enabled),
        "triggerMode": i32::from(resource["trigger_mode"] == "manual"),
        "endpointLinks": links,
        "buildHistory": history,
        "hasPendingChanges": resource["pending_file_count"].as_u64().unwrap_or_default() > 0,
        "queued": update == "pending",
        "order": index + 1,
    });
    if let Some(reason) = resource["waits"]["reason"].as_str() {
        status["waiting"] = json!({"reason": reason});
    }
    if let Some(pid) = resource["pid"].as_u64() {
        status["localResourceInfo"] = json!({"pid": pid});
    }
    if let Some(pod) = resource["pod"].as_object() {
        status["k8sResourceInfo"] = json!({
            "podName": pod.get("name"),
            "podCreationTime": pod.get("created"),
            "podStatus": pod.get("status"),
            "podRestarts": pod.get("restarts"),
            "allContainersReady": pod.get("ready"),
        });
    }
    json!({
        "apiVersion": API,
        "kind": Kind::UiResource.name(),
        "metadata": {"name": resource["name"], "labels": labels},
        "status": status,
    })
}

/// Reference §3.18.
fn conditions(update: &str, runtime: &str, enabled: bool) -> Value {
    let up_to_date = matches!(update, "ok" | "not_applicable");
    let ready = runtime == "ok" || (runtime == "not_applicable" && update == "ok");
    let reason = |of_runtime: bool| {
        if !enabled {
            "Disabled"
        } else if of_runtime && runtime == "error" {
            "RuntimeError"
        } else if update == "error" {
            "UpdateError"
        } else if of_runtime && update == "ok" && runtime == "pending" {
            "RuntimePending"
        } else if matches!(update, "pending" | "in_progress") {
            "UpdatePending"
        } else {
            "Unknown"
        }
    };
    let condition = |kind: &str, holds: bool, of_runtime: bool| {
        let mut value = json!({"type": kind, "status": if holds { "True" } else { "False" }});
        if !holds {
            value["reason"] = json!(reason(of_runtime));
        }
        value
    };
    json!([condition("UpToDate", up_to_date, false), condition("Ready", ready, true)])
}

/// The pod that stands for a resource, the only one that a session tells of.
fn discovery(resource: &Value) -> Value {
    let pods: Vec<Value> = resource["pod"]
        .as_object()
        .map(|pod| {
            json!({
                "name": pod.get("name"),
                "namespace": pod.get("namespace"),
                "createdAt": pod.get("created"),
                "status": pod.get("status"),
            })
        })
        .into_iter()
        .collect();
    json!({
        "apiVersion": API,
        "kind": Kind::Discovery.name(),
        "metadata": {"name": resource["name"]},
        "status": {"pods": pods},
    })
}

fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Value {
        json!({
            "pid": 7, "entry_file": "/p/Tiltfile", "config": {"state": "loaded"},
            "resources": [
                {"name": "web", "kind": "k8s", "enabled": true, "update": "ok", "runtime": "pending", "labels": ["a"],
                 "trigger_mode": "auto", "pod": {"name": "web-1", "namespace": "ns", "status": "Pending"}},
                {"name": "off", "kind": "local", "enabled": false, "update": "none", "runtime": "none",
                 "trigger_mode": "manual"},
            ],
        })
    }

    fn query(kind: &str, names: &[&str], output: &str) -> Query {
        let mut query = Query { output: Output::parse(output).expect("an output"), ..Query::default() };
        let words = std::iter::once(kind).chain(names.iter().copied()).map(str::to_owned).collect();
        assert!(query.aim(words));
        query
    }

    #[test]
    fn what_scripts_ask_for_is_where_tilt_has_it() {
        for (kind, name, path, expected) in [
            ("uiresource", "web", "{.status.updateStatus}", "ok"),
            ("uiresources", "off", "{.status.disableStatus.state}", "Disabled"),
            ("uiresource", "web", "{.status.conditions[?(@.type=='Ready')].reason}", "RuntimePending"),
            ("kd", "web", "'{.status.pods[0].name}'", "web-1"),
            ("uiresource", "(Tiltfile)", "{.status.updateStatus}", "ok"),
        ] {
            let query = query(kind, &[name], &format!("jsonpath={path}"));
            assert_eq!(answer(&query, &status()).as_deref(), Ok(expected), "{kind} {name} {path}");
        }
    }

    #[test]
    fn names_are_those_of_kubectl_and_what_is_absent_is_said() {
        let all = answer(&query("uiresource", &[], "name"), &status()).expect("an answer");
        assert_eq!(all, "uiresource.tilt.dev/(Tiltfile)\nuiresource.tilt.dev/web\nuiresource.tilt.dev/off\n");
        let missing = Query { ignores_absence: true, ..query("uiresource", &["x"], "json") };
        assert_eq!(answer(&missing, &status()), Ok(String::new()));
        let error = answer(&Query { ignores_absence: false, ..missing }, &status());
        assert_eq!(error, Err("uiresource.tilt.dev \"x\" not found".to_owned()));
        let list = answer(&query("uiresource", &[], "json"), &status()).expect("an answer");
        let list: Value = serde_json::from_str(&list).expect("JSON");
        assert_eq!(list["items"].as_array().map(Vec::len), Some(3));
    }
}
