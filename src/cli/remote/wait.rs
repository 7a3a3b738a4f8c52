//! `wait`: until resources are ready, or what a file holds has landed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::target;
use crate::cli::args::WaitArgs;
use crate::cli::common;
use crate::cli::error::CommandError;
use crate::cli::exit_code::ExitCode;
use crate::control::{Request, WaitQuery};
use crate::diagnostic::count;

pub(in crate::cli) fn wait(arguments: &WaitArgs) -> Result<ExitCode, CommandError> {
    let milliseconds = |limit: Duration| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    let query = WaitQuery {
        resources: arguments.resources.clone(),
        condition: arguments.condition.into(),
        after: arguments.after.as_deref().map(edited).transpose()?,
        timeout_ms: Some(arguments.timeout).filter(|limit| !limit.is_zero()).map(milliseconds),
    };
    let answer = target::answer(&arguments.target, &Request::Wait(query))?;
    let text = if arguments.json { format!("{answer}\n") } else { render(&answer) };
    common::print_out(&text)?;
    Ok(if answer["outcome"] == "reached" { ExitCode::Ok } else { ExitCode::Failed })
}

/// The path of a file that was edited, as the session knows it.
pub(in crate::cli) fn edited(path: &Path) -> Result<PathBuf, CommandError> {
    let path = common::current_dir()?.join(path);
    // The folders in front of it may be symlinks; the file itself may be gone, which is a change too.
    Ok(match (path.parent().map(std::fs::canonicalize), path.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => path,
    })
}

/// Lines of the log that are shown of what has failed.
const LAST_LINES: usize = 20;

fn render(answer: &Value) -> String {
    let mut text = String::new();
    for resource in answer["resources"].as_array().into_iter().flatten() {
        let name = resource["name"].as_str().unwrap_or_default();
        let newest = &resource["history"][0];
        let done = match newest["kind"].as_str() {
            Some("live") => format!("live update of {} in {:.3} s", files(newest), seconds(newest)),
            Some(_) if newest["reasons"][0] == "Initial Build" => format!("first update in {:.1} s", seconds(newest)),
            Some(_) => format!("full update in {:.1} s", seconds(newest)),
            None => "nothing to update".to_owned(),
        };
        let runtime = resource["runtime"].as_str().unwrap_or_default();
        let _ = writeln!(text, "{name}: {done}; {runtime}");
    }
    for failure in answer["failures"].as_array().into_iter().flatten() {
        let (name, why) = (&failure["resource"], failure["error"].as_str().unwrap_or_default());
        let _ = writeln!(text, "{}: failed: {why}", name.as_str().unwrap_or_default());
        let lines: Vec<&Value> =
            answer["logs"].as_array().into_iter().flatten().filter(|it| it["resource"] == *name).collect();
        for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
            let _ = writeln!(text, "  {}", line["message"].as_str().unwrap_or_default());
        }
    }
    let outcome = answer["outcome"].as_str().unwrap_or_default();
    let _ = writeln!(text, "{outcome} after {:.3} s", answer["seconds"].as_f64().unwrap_or_default());
    text
}

fn files(record: &Value) -> String {
    count(record["files"].as_u64().unwrap_or_default() as usize, "file")
}

fn seconds(record: &Value) -> f64 {
    record["seconds"].as_f64().unwrap_or_default()
}
