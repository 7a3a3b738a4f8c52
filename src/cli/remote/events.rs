//! `events`: what happened, and what happens.

use super::target;
use crate::cli::args::EventsArgs;
use crate::cli::common;
use crate::cli::error::CommandError;
use crate::cli::exit_code::ExitCode;
use crate::control::{EventQuery, Request};
use crate::journal::Entry;

pub(in crate::cli) fn events(arguments: &EventsArgs) -> Result<ExitCode, CommandError> {
    let query = EventQuery { resources: arguments.resources.clone(), after: arguments.after, follow: arguments.follow };
    let mut replies = target::ask(&arguments.target, &Request::Events(query))?;
    while let Some(event) = replies.next().map_err(target::explain)? {
        let text = match serde_json::from_value::<Entry>(event.clone()) {
            Ok(entry) if !arguments.json => render(&entry),
            Err(_) if event["event"] == "missed" && !arguments.json => {
                format!("{} earlier events are no longer kept\n", event["count"])
            }
            Ok(_) | Err(_) => format!("{event}\n"),
        };
        common::print_out(&text)?;
    }
    Ok(ExitCode::Ok)
}

fn render(entry: &Entry) -> String {
    let time = entry.time.with_timezone(&chrono::Local).format("%H:%M:%S%.3f");
    let name = entry.happening.resource().map_or("", |name| name.as_str());
    format!("{:>6}  {time}  {name:>16}  {}\n", entry.cursor, entry.happening)
}
