//! `status`, `ports` and `why`: how things stand, and for which reason.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::layout::{align, list, one_line, text};
use super::target;
use crate::cli::args::{StatusArgs, WhyArgs};
use crate::cli::common;
use crate::cli::error::CommandError;
use crate::cli::exit_code::ExitCode;
use crate::control::{Request, ResourceAnswer, WhyAnswer};
use crate::diagnostic::did_you_mean;

/// `status`: a row per resource; 0 when nothing has failed.
pub(in crate::cli) fn status(arguments: &StatusArgs) -> Result<ExitCode, CommandError> {
    let mut answer = target::answer(&arguments.target, &Request::Status)?;
    if !arguments.resources.is_empty() {
        let chosen: Result<Vec<Value>, CommandError> =
            arguments.resources.iter().map(|name| resource(&answer, name).cloned()).collect();
        answer["resources"] = Value::Array(chosen?);
    }
    if arguments.json {
        common::print_out(&format!("{answer}\n"))?;
    } else {
        common::print_out(&table(&answer))?;
    }
    let failed = resources(&answer).any(|it| it["update"] == "error" || it["runtime"] == "error");
    let failed = failed || answer["config"]["state"] == "failed";
    Ok(if failed { ExitCode::Failed } else { ExitCode::Ok })
}

/// `ports`: where everything listens.
pub(in crate::cli) fn ports(arguments: &StatusArgs) -> Result<ExitCode, CommandError> {
    let answer = target::answer(&arguments.target, &Request::Status)?;
    let mut rows: Vec<Value> = Vec::new();
    for resource in resources(&answer) {
        let wanted =
            arguments.resources.is_empty() || arguments.resources.iter().any(|name| resource["name"] == **name);
        for port in resource["ports"].as_array().into_iter().flatten().filter(|_| wanted) {
            let mut row = port.clone();
            row["resource"] = resource["name"].clone();
            rows.push(row);
        }
    }
    if arguments.json {
        common::print_out(&format!("{}\n", Value::Array(rows)))?;
        return Ok(ExitCode::Ok);
    }
    let cells = rows.iter().map(|row| {
        let state = match row["error"].as_str() {
            Some(error) => error.to_owned(),
            None => text(&row["state"]),
        };
        vec![text(&row["resource"]), text(&row["url"]), state]
    });
    common::print_out(&align(&["RESOURCE", "URL", "STATE"], cells.collect()))?;
    Ok(ExitCode::Ok)
}

/// `why`: everything that explains the state of one resource.
pub(in crate::cli) fn why(arguments: &WhyArgs) -> Result<ExitCode, CommandError> {
    let answer = target::answer(&arguments.target, &Request::Status)?;
    let resource = resource(&answer, &arguments.resource)?;
    if arguments.json {
        let resource: ResourceAnswer = serde_json::from_value(resource.clone())
            .map_err(|error| CommandError::failed(format!("the running devloop is of another version: {error}")))?;
        common::print_out(&format!("{}\n", json!(WhyAnswer::from(resource))))?;
        return Ok(ExitCode::Ok);
    }
    common::print_out(&explanation(&answer, resource))?;
    Ok(ExitCode::Ok)
}

fn resources(answer: &Value) -> impl Iterator<Item = &Value> {
    answer["resources"].as_array().into_iter().flatten()
}

fn resource<'a>(answer: &'a Value, name: &str) -> Result<&'a Value, CommandError> {
    resources(answer).find(|resource| resource["name"] == name).ok_or_else(|| {
        let error = CommandError::failed(format!("there is no resource `{name}`"));
        let known: Vec<&str> = resources(answer).filter_map(|it| it["name"].as_str()).collect();
        match did_you_mean(name, known.iter().copied()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("there are {}", known.join(", "))),
        }
    })
}

fn table(answer: &Value) -> String {
    let mut out = String::new();
    let config = &answer["config"];
    if config["state"] != "loaded" {
        let _ = writeln!(out, "configuration: {}", text(&config["state"]));
    }
    for diagnostic in config["diagnostics"].as_array().into_iter().flatten().filter(|it| it["error"] == true) {
        let _ =
            writeln!(out, "  {}:{}: {}", text(&diagnostic["file"]), diagnostic["line"], text(&diagnostic["message"]));
    }
    for (name, connection) in [("Docker engine", &answer["docker"]), ("cluster", &answer["cluster"])] {
        if connection["state"] == "lost" {
            let _ = writeln!(out, "{name}: {}", text(&connection["error"]));
        }
    }
    let rows = resources(answer).map(|resource| {
        let runtime = match resource["pod"]["status"].as_str() {
            Some(status) => format!("{status} {}/{}", resource["ready_pods"], resource["pods"]),
            None => text(&resource["runtime"]),
        };
        let update = if resource["enabled"] == false { "disabled".to_owned() } else { text(&resource["update"]) };
        vec![text(&resource["name"]), update, runtime, summary(resource)]
    });
    out.push_str(&align(&["RESOURCE", "UPDATE", "RUNTIME", "WHY"], rows.collect()));
    out
}

/// The one thing that matters most now.
fn summary(resource: &Value) -> String {
    if let Some(step) = resource["current"]["step"].as_str() {
        return one_line(step);
    }
    if resource["update"] == "error" {
        return one_line(&text(&resource["history"][0]["error"]));
    }
    if let Some(hold) = resource["waits"]["text"].as_str() {
        return one_line(hold);
    }
    one_line(&text(&resource["message"]))
}

fn explanation(answer: &Value, resource: &Value) -> String {
    let mut out = String::new();
    let mut say = |what: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(out, "{what:<12} {value}");
        }
    };
    say("resource", text(&resource["name"]));
    if resource["enabled"] == false {
        say("disabled", "it is not part of the selection; `devloop enable` it".to_owned());
    }
    say("update", text(&resource["update"]));
    say("runtime", text(&resource["runtime"]));
    say("", text(&resource["message"]));
    say("waits", text(&resource["waits"]["text"]));
    for name in resource["waits"]["on"].as_array().into_iter().flatten() {
        if let Some(on) = resources(answer).find(|it| it["name"] == *name) {
            let state = format!("update {}, runtime {}", text(&on["update"]), text(&on["runtime"]));
            say("  on", format!("{}: {state} {}", text(name), summary(on)));
        }
    }
    if let Some(step) = resource["current"]["step"].as_str() {
        say("now", format!("{step}, for {:.1} s", resource["current"]["seconds"].as_f64().unwrap_or_default()));
        say("because", list(&resource["current"]["reasons"]));
    } else if resource["update"] == "pending" {
        say("because", list(&resource["reasons"]));
    }
    say("changed", list(&resource["pending_files"]));
    for record in resource["history"].as_array().into_iter().flatten() {
        let ago = record["seconds_ago"].as_f64().unwrap_or_default();
        let took = record["seconds"].as_f64().unwrap_or_default();
        let line = format!(
            "{ago:.0} s ago: {} update, {}, {took:.2} s; {}",
            text(&record["kind"]),
            text(&record["outcome"]),
            list(&record["reasons"])
        );
        say("history", line);
        say("  no live update:", text(&record["rebuild_reason"]));
        say("  error", one_line(&text(&record["error"])));
    }
    out
}
