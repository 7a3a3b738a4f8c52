//! API objects to what a session runs (reference §2.15).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value as Json;

use crate::diagnostic::Diagnostic;
use crate::project::{
    ApiCommand, ApiKind, ApiObject, ApiRuntime, Button, ButtonInput, ButtonInputKind, CommandLine, PathFilter,
    PatternSet, Probe, ProbeAction, ResourceName, StartOn, WatchedTree,
};

/// The annotation that says whose log a command writes to.
const RESOURCE: &str = "tilt.dev/resource";

/// What of the objects is run.
pub(super) fn api_runtime(objects: &[ApiObject], problems: &mut Vec<Diagnostic>) -> ApiRuntime {
    let mut runtime = ApiRuntime::default();
    let of = |kind: ApiKind| objects.iter().filter(move |object| object.kind == kind);
    for object in of(ApiKind::FileWatch) {
        let trees = match disabled(object, objects) {
            Some(_) => Vec::new(),
            None => watched(object, problems),
        };
        runtime.file_watches.insert(object.name.clone(), trees);
    }
    for object in of(ApiKind::UiButton) {
        runtime.buttons.insert(object.name.clone(), Arc::new(button(object)));
    }
    for object in of(ApiKind::Cmd) {
        let command = command(object, objects);
        check_names(object, "fileWatches", "file watch", &command.file_watches, &runtime.file_watches, problems);
        let buttons: Vec<String> =
            command.start_on.iter().flat_map(|start| &start.buttons).chain(&command.restart_buttons).cloned().collect();
        check_names(object, "uiButtons", "button", &buttons, &runtime.buttons, problems);
        runtime.commands.insert(object.name.clone(), Arc::new(command));
    }
    runtime
}

/// A name of nothing is no error: another configuration may bring what it means.
pub(super) fn check_names<T>(
    object: &ApiObject,
    field: &str,
    what: &str,
    names: &[String],
    known: &IndexMap<String, T>,
    problems: &mut Vec<Diagnostic>,
) {
    for name in names.iter().filter(|name| !known.contains_key(*name)) {
        let suggestion = crate::diagnostic::did_you_mean(name, known.keys().map(String::as_str));
        let text =
            format!("the {} `{}` names a {what} that is not declared: `{name}` in `{field}`", object.kind, object.name);
        let mut diagnostic = Diagnostic::warning(text).at(object.origin.clone());
        diagnostic.help.extend(suggestion.map(|suggestion| format!("did you mean `{suggestion}`?")));
        problems.push(diagnostic);
    }
}

pub(super) fn text(value: &Json, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

pub(super) fn texts(value: &Json) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

pub(super) fn resource_of(object: &ApiObject) -> Option<ResourceName> {
    object.annotations.get(RESOURCE).filter(|name| !name.is_empty()).map(|name| ResourceName::from(name.as_str()))
}

fn command(object: &ApiObject, objects: &[ApiObject]) -> ApiCommand {
    let spec = &object.spec;
    ApiCommand {
        name: object.name.clone(),
        command: command_line(spec),
        readiness_probe: probe(&spec["readinessProbe"]),
        file_watches: texts(&spec["restartOn"]["fileWatches"]),
        restart_buttons: texts(&spec["restartOn"]["uiButtons"]),
        start_on: spec.get("startOn").map(|start| StartOn {
            after: start["startAfter"].as_str().and_then(|moment| moment.parse().ok()),
            buttons: texts(&start["uiButtons"]),
        }),
        resource: resource_of(object),
        disabled: disabled(object, objects),
    }
}

/// `args`, `dir` and `env` of an object or a part of one.
pub(super) fn command_line(spec: &Json) -> CommandLine {
    let pair = |entry: String| match entry.split_once('=') {
        Some((key, value)) => (key.to_owned(), value.to_owned()),
        None => (entry, String::new()),
    };
    CommandLine {
        argv: texts(&spec["args"]),
        dir: PathBuf::from(text(spec, "dir")),
        env: texts(&spec["env"]).into_iter().map(pair).collect(),
    }
}

fn probe(value: &Json) -> Option<Probe> {
    let handler = value.get("handler")?;
    let number =
        |value: &Json, field: &str| i32::try_from(value[field].as_i64().unwrap_or_default()).unwrap_or_default();
    let or = |given: String, default: &str| if given.is_empty() { default.to_owned() } else { given };
    let action = if let Some(exec) = handler.get("exec") {
        ProbeAction::Exec { command: texts(&exec["command"]) }
    } else if let Some(get) = handler.get("httpGet") {
        ProbeAction::HttpGet {
            host: or(text(get, "host"), "localhost"),
            port: number(get, "port"),
            scheme: or(text(get, "scheme"), "http").to_lowercase(),
            path: text(get, "path"),
        }
    } else {
        let socket = handler.get("tcpSocket")?;
        ProbeAction::TcpSocket { host: or(text(socket, "host"), "localhost"), port: number(socket, "port") }
    };
    let count =
        |field: &str, default: u32| u32::try_from(number(value, field)).ok().filter(|it| *it > 0).unwrap_or(default);
    let seconds = |field: &str, default: u32| Duration::from_secs(u64::from(count(field, default)));
    Some(Probe {
        initial_delay: seconds("initialDelaySeconds", 0),
        timeout: seconds("timeoutSeconds", 1),
        period: seconds("periodSeconds", 10),
        success_threshold: count("successThreshold", 1),
        failure_threshold: count("failureThreshold", 3),
        action,
    })
}

fn button(object: &ApiObject) -> Button {
    let spec = &object.spec;
    let location = &spec["location"];
    // Tilt's own extensions write `Resource`; its documentation also has `resource`.
    let belongs = text(location, "componentType").eq_ignore_ascii_case("resource");
    Button {
        name: object.name.clone(),
        text: text(spec, "text"),
        resource: belongs.then(|| ResourceName::from(text(location, "componentID").as_str())),
        disabled: spec["disabled"].as_bool().unwrap_or_default(),
        requires_confirmation: spec["requiresConfirmation"].as_bool().unwrap_or_default(),
        inputs: spec["inputs"].as_array().into_iter().flatten().map(input).collect(),
    }
}

fn input(value: &Json) -> ButtonInput {
    let own = |part: &Json, field: &str, default: &str| part[field].as_str().unwrap_or(default).to_owned();
    let kind = if let Some(part) = value.get("bool") {
        ButtonInputKind::Boolean {
            default: part["defaultValue"].as_bool().unwrap_or_default(),
            true_text: own(part, "trueString", "true"),
            false_text: own(part, "falseString", "false"),
        }
    } else if let Some(part) = value.get("hidden") {
        ButtonInputKind::Hidden { value: text(part, "value") }
    } else if let Some(part) = value.get("choice") {
        ButtonInputKind::Choice { choices: texts(&part["choices"]) }
    } else {
        let part = &value["text"];
        ButtonInputKind::Text { default: text(part, "defaultValue"), placeholder: text(part, "placeholder") }
    };
    ButtonInput { name: text(value, "name"), label: text(value, "label"), kind }
}

fn watched(object: &ApiObject, problems: &mut Vec<Diagnostic>) -> Vec<WatchedTree> {
    let mut sets = Vec::new();
    for ignore in object.spec["ignores"].as_array().into_iter().flatten() {
        let base = text(ignore, "basePath");
        // Without patterns the whole path is meant.
        let patterns = match texts(&ignore["patterns"]) {
            patterns if patterns.is_empty() => vec!["**".to_owned()],
            patterns => patterns,
        };
        match PatternSet::from_parameter(Path::new(&base), "ignores=", &patterns) {
            Ok(set) => sets.push(set),
            Err(error) => problems.push(Diagnostic::error(error.to_string()).at(object.origin.clone())),
        }
    }
    let filter = Arc::new(PathFilter { sets });
    let paths = texts(&object.spec["watchedPaths"]);
    paths.into_iter().map(|path| WatchedTree { root: PathBuf::from(path), filter: Arc::clone(&filter) }).collect()
}

/// Why an object is switched off; `None` when it is not.
pub(super) fn disabled(object: &ApiObject, objects: &[ApiObject]) -> Option<String> {
    let source = object.spec.get("disableSource")?;
    let switched = |reference: &Json| -> Result<bool, String> {
        let (name, key) = (text(reference, "name"), text(reference, "key"));
        let map = objects.iter().find(|object| object.kind == ApiKind::ConfigMap && object.name == name);
        let map = map.ok_or_else(|| format!("the config map `{name}` is not declared"))?;
        let value = map.spec["data"][&key].as_str().ok_or_else(|| format!("the config map `{name}` has no `{key}`"))?;
        match value {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
            _ => Err(format!("`{key}` of the config map `{name}` is neither true nor false: `{value}`")),
        }
    };
    let result = if let Some(reference) = source.get("configMap") {
        switched(reference)
    } else if let Some(references) = source.get("everyConfigMap").and_then(Json::as_array) {
        references.iter().try_fold(true, |all, reference| Ok(all && switched(reference)?))
    } else {
        Err("its disable source names no config map".to_owned())
    };
    match result {
        Ok(false) => None,
        Ok(true) => Some("a config map switches it off".to_owned()),
        Err(problem) => Some(problem),
    }
}
