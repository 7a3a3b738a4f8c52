//! `args`: the arguments of the running configuration.

use serde_json::{Value, json};

use super::target;
use crate::cli::args::ArgsArgs;
use crate::cli::common;
use crate::cli::error::CommandError;
use crate::cli::exit_code::ExitCode;
use crate::control::Request;

pub(in crate::cli) fn args(arguments: &ArgsArgs) -> Result<ExitCode, CommandError> {
    let args: Vec<String> = arguments.resources.iter().chain(&arguments.rest).cloned().collect();
    let answer = if args.is_empty() && !arguments.clear {
        let status = target::answer(&arguments.target, &Request::Status)?;
        json!({"args": status["config"]["args"], "changed": false})
    } else {
        target::answer(&arguments.target, &Request::Args { args })?
    };
    if arguments.json {
        common::print_out(&format!("{answer}\n"))?;
        return Ok(ExitCode::Ok);
    }
    let words: Vec<&str> = answer["args"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let shown = if words.is_empty() { "none".to_owned() } else { words.join(" ") };
    let change = if answer["changed"] == true { " (changed: the configuration is evaluated again)" } else { "" };
    common::print_out(&format!("arguments: {shown}{change}\n"))?;
    Ok(ExitCode::Ok)
}
