//! `logs`: what has been written, and what comes.

use serde_json::Value;

use super::target;
use crate::cli::args::LogsArgs;
use crate::cli::common;
use crate::cli::error::CommandError;
use crate::cli::exit_code::ExitCode;
use crate::control::{LogQuery, Request};

pub(in crate::cli) fn logs(arguments: &LogsArgs) -> Result<ExitCode, CommandError> {
    let query = LogQuery {
        resources: arguments.resources.clone(),
        source: arguments.source.clone(),
        level: arguments.level.clone(),
        since_ms: arguments.since.map(|since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
        tail: arguments.tail,
        after: arguments.after,
        contains: arguments.grep.clone(),
        follow: arguments.follow,
    };
    let mut replies = target::ask(&arguments.target, &Request::Logs(query))?;
    let prefix = arguments.resources.len() != 1;
    while let Some(line) = replies.next().map_err(target::explain)? {
        let text = if arguments.json { format!("{line}\n") } else { render(&line, prefix) };
        common::print_out(&text)?;
    }
    Ok(ExitCode::Ok)
}

/// As `devloop up --headless` prints it.
fn render(line: &Value, prefix: bool) -> String {
    let text = line["message"].as_str().unwrap_or_default();
    match line["resource"].as_str() {
        Some(resource) if prefix => format!("{resource:>12} │ {text}\n"),
        _ => format!("{text}\n"),
    }
}
