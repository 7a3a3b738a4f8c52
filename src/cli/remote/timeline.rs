//! `timeline`: where the time went.

use super::target;
use crate::cli::args::TimelineArgs;
use crate::cli::common;
use crate::cli::error::CommandError;
use crate::cli::exit_code::ExitCode;
use crate::control::{EventQuery, Request, SCHEMA, TimelineAnswer};
use crate::journal::{Entry, Timeline, trace};
use crate::ui::gantt;

pub(in crate::cli) fn timeline(arguments: &TimelineArgs) -> Result<ExitCode, CommandError> {
    let query = EventQuery { resources: Vec::new(), after: 0, follow: false };
    let mut replies = target::ask(&arguments.target, &Request::Events(query))?;
    let mut entries: Vec<Entry> = Vec::new();
    while let Some(event) = replies.next().map_err(target::explain)? {
        // What is no entry says how many are missing.
        entries.extend(serde_json::from_value(event));
    }
    let Some(mut timeline) = Timeline::of(&entries) else {
        return Err(CommandError::failed("nothing has happened yet"));
    };
    if !arguments.all {
        timeline = timeline.newest();
    }
    if !arguments.resources.is_empty() {
        let names = &arguments.resources;
        timeline.spans.retain(|span| {
            span.resource.as_ref().is_some_and(|name| names.iter().any(|wanted| wanted == name.as_str()))
        });
    }
    if let Some(path) = &arguments.trace {
        std::fs::write(path, format!("{}\n", trace(&timeline)))
            .map_err(|error| CommandError::failed(format!("cannot write {}: {error}", path.display())))?;
    }
    let text = if arguments.json {
        format!("{}\n", serde_json::json!(TimelineAnswer { timeline, schema: SCHEMA }))
    } else {
        gantt::gantt(&timeline, common::terminal_columns())
    };
    common::print_out(&text)?;
    Ok(ExitCode::Ok)
}
