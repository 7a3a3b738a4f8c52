//! What the tools ask a session, and the short form of its answers.

use std::path::Path;

use serde_json::{Value, json};

use super::parameters::{AfterEdit, Exec, Logs};
use crate::cli::args::TargetArgs;
use crate::cli::error::CommandError;
use crate::cli::remote;
use crate::control::{
    Action, LogAnswer, LogQuery, Request, ResourceAnswer, StatusAnswer, WaitAnswer, WaitFor, WaitQuery,
};
use crate::logs::strip_colors;

/// Lines of an answer when nothing else is said, and at most.
const LINES: usize = 50;
const MOST_LINES: usize = 500;
/// Longer lines are cut: one of a minified file would fill the answer.
const LINE_LENGTH: usize = 400;
/// The end of what a command writes.
const OUTPUT: usize = 8_000;
/// Updates that `why` tells of.
const UPDATES: usize = 3;
const SECONDS: u64 = 120;

fn state(target: &TargetArgs) -> Result<StatusAnswer, CommandError> {
    understood(remote::answer(target, &Request::Status)?)
}

fn understood<T: serde::de::DeserializeOwned>(answer: Value) -> Result<T, CommandError> {
    serde_json::from_value(answer).map_err(|error| {
        CommandError::failed(format!("the running devloop is of another version: {error}"))
            .hint("end it with `devloop quit`, and start it again")
    })
}

/// The wanted ones of `resources`, all of which must exist.
fn chosen(status: StatusAnswer, names: &[String]) -> Result<Vec<ResourceAnswer>, CommandError> {
    if let Some(unknown) = names.iter().find(|name| !status.resources.iter().any(|it| it.name == **name)) {
        let known: Vec<&str> = status.resources.iter().map(|it| it.name.as_str()).collect();
        return Err(CommandError::failed(format!("there is no resource `{unknown}`"))
            .hint(format!("there are {}", known.join(", "))));
    }
    let wanted = |it: &ResourceAnswer| names.is_empty() || names.contains(&it.name);
    Ok(status.resources.into_iter().filter(wanted).collect())
}

pub(super) fn list(target: &TargetArgs) -> Result<Value, CommandError> {
    let status = state(target)?;
    let row = |it: &ResourceAnswer| {
        let mut row = json!({"name": it.name, "kind": it.kind});
        let facts: [(&str, Value, bool); 4] = [
            ("labels", json!(it.labels), !it.labels.is_empty()),
            ("depends_on", json!(it.resource_deps), !it.resource_deps.is_empty()),
            ("enabled", json!(false), !it.enabled),
            ("trigger", json!("manual"), it.trigger_mode == "manual"),
        ];
        for (name, value, says_something) in facts {
            if says_something {
                row[name] = value;
            }
        }
        row
    };
    Ok(json!({
        "entry_file": status.entry_file,
        "context": status.context,
        "namespace": status.namespace,
        "resources": status.resources.iter().map(row).collect::<Vec<_>>(),
    }))
}

pub(super) fn status(target: &TargetArgs, names: &[String]) -> Result<Value, CommandError> {
    let status = state(target)?;
    let config = json!({
        "state": status.config.state,
        "problems": status.config.diagnostics.iter().map(|it| json!({
            "error": it.error, "file": it.file, "line": it.line, "message": it.message, "help": it.help,
        })).collect::<Vec<_>>(),
    });
    let mut answer = json!({"configuration": config});
    for (name, connection) in [("docker", &status.docker), ("cluster", &status.cluster)] {
        if connection.state == "lost" {
            answer[name] = json!(connection);
        }
    }
    answer["resources"] = chosen(status, names)?.iter().map(row).collect();
    Ok(answer)
}

/// One resource in a row.
fn row(it: &ResourceAnswer) -> Value {
    if !it.enabled {
        return json!({"name": it.name, "enabled": false});
    }
    let mut row = json!({"name": it.name, "update": it.update, "runtime": it.runtime});
    let error = it.history.first().and_then(|record| record.error.clone()).filter(|_| it.update == "error");
    let step = it.current.as_ref().map(|current| current.step.clone());
    let waits = it.waits.as_ref().map(|waits| waits.text.clone());
    if let Some(why) = error.or(step).or(waits).or_else(|| Some(it.message.clone()).filter(|text| !text.is_empty())) {
        row["why"] = cut(&why, LINE_LENGTH).into();
    }
    if it.pending_file_count > 0 {
        row["pending_files"] = it.pending_file_count.into();
    }
    row
}

pub(super) fn why(target: &TargetArgs, name: &str) -> Result<Value, CommandError> {
    let resources = chosen(state(target)?, &[name.to_owned()])?;
    let Some(it) = resources.into_iter().next() else {
        return Err(CommandError::failed(format!("there is no resource `{name}`")));
    };
    let updates: Vec<Value> = it
        .history
        .iter()
        .take(UPDATES)
        .map(|record| {
            json!({
                "kind": record.kind,
                "outcome": record.outcome,
                "reasons": record.reasons,
                "seconds_ago": record.seconds_ago.round(),
                "seconds": record.seconds,
                "no_live_update_because": record.rebuild_reason,
                "error": record.error.as_deref().map(|text| cut(text, 4 * LINE_LENGTH)),
            })
        })
        .collect();
    Ok(json!({
        "state": row(&it),
        "runtime_message": it.message,
        "waits": it.waits,
        "pending_files": it.pending_files,
        "reasons": it.reasons,
        "pod": it.pod,
        "updates": updates,
    }))
}

pub(super) fn logs(target: &TargetArgs, query: &Logs) -> Result<Value, CommandError> {
    let limit = query.limit.unwrap_or(LINES).clamp(1, MOST_LINES);
    let request = LogQuery {
        resources: query.resources.clone(),
        source: query.source.clone(),
        level: query.level.clone(),
        contains: query.contains.clone(),
        after: query.after,
        // From a cursor on nothing is passed over.
        tail: query.after.is_none().then_some(limit),
        ..LogQuery::default()
    };
    let mut replies = remote::ask(target, &Request::Logs(request))?;
    let mut lines: Vec<LogAnswer> = Vec::new();
    let mut more = false;
    while let Some(reply) = replies.next().map_err(remote::explain)? {
        if lines.len() == limit {
            more = true;
            break;
        }
        lines.push(understood(reply)?);
    }
    let cursor = lines.last().map(|line| line.sequence).or(query.after);
    Ok(json!({"lines": texts(&lines), "cursor": cursor, "more": more}))
}

/// Lines as a person would read them.
fn texts(lines: &[LogAnswer]) -> Vec<String> {
    let text = |line: &LogAnswer| {
        let message = cut(&strip_colors(&line.message), LINE_LENGTH);
        match &line.resource {
            Some(resource) => format!("{resource} | {message}"),
            None => message,
        }
    };
    lines.iter().map(text).collect()
}

pub(super) fn wait_after_edit(target: &TargetArgs, query: &AfterEdit) -> Result<Value, CommandError> {
    let query = WaitQuery {
        resources: Vec::new(),
        condition: WaitFor::Ready,
        after: Some(remote::edited(Path::new(&query.path))?),
        timeout_ms: Some(query.timeout_seconds.unwrap_or(SECONDS).saturating_mul(1_000)),
    };
    let answer: WaitAnswer = understood(remote::answer(target, &Request::Wait(query))?)?;
    let newest = |it: &ResourceAnswer| {
        let mut row = row(it);
        if let Some(record) = it.history.first() {
            row["newest_update"] = json!({"kind": record.kind, "outcome": record.outcome, "seconds": record.seconds});
        }
        row
    };
    let first = answer.logs.len().saturating_sub(LINES);
    let lines = &answer.logs[first..];
    Ok(json!({
        "outcome": answer.outcome,
        "seconds": answer.seconds,
        "failures": answer.failures.iter().map(|it| json!({
            "resource": it.resource, "error": cut(&it.error, 4 * LINE_LENGTH),
        })).collect::<Vec<_>>(),
        "resources": answer.resources.iter().map(newest).collect::<Vec<_>>(),
        "log": texts(lines),
        "cursor": lines.last().map(|line| line.sequence),
    }))
}

pub(super) fn act(target: &TargetArgs, action: Action, resources: Vec<String>) -> Result<Value, CommandError> {
    remote::answer(target, &Request::Act { action, resources })
}

pub(super) fn exec(target: &TargetArgs, query: &Exec) -> Result<Value, CommandError> {
    if query.command.is_empty() {
        return Err(CommandError::failed("no command is named"));
    }
    let place = remote::find(target, &query.resource, query.container.as_deref())?;
    let output = place.output(&query.command)?;
    let text = |bytes: &[u8]| end(&strip_colors(&String::from_utf8_lossy(bytes)), OUTPUT);
    Ok(json!({
        "container": place.container.to_string(),
        "exit_code": output.exit_code,
        "stdout": text(&output.stdout),
        "stderr": text(&output.stderr),
    }))
}

pub(super) fn ports(target: &TargetArgs, names: &[String]) -> Result<Value, CommandError> {
    let resources = chosen(state(target)?, names)?;
    let rows = resources.iter().flat_map(|it| {
        it.ports.iter().map(|port| {
            json!({"resource": it.name, "url": port.url, "container_port": port.container, "state": port.state, "error": port.error})
        })
    });
    Ok(json!({"ports": rows.collect::<Vec<_>>()}))
}

/// The beginning of a text.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    format!("{}… ({} bytes more)", &text[..text.floor_char_boundary(most)], text.len() - most)
}

/// The end of a text.
fn end(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let start = text.ceil_char_boundary(text.len() - most);
    format!("({start} bytes before) …{}", &text[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_at_a_character_and_say_so() {
        assert_eq!(cut("short", 10), "short");
        assert_eq!(cut("ööööö", 3), "ö… (7 bytes more)");
        assert_eq!(end("ööööö", 3), "(8 bytes before) …ö");
    }
}
