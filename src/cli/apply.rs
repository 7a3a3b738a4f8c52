//! `apply -f`: registers objects of the API from a command of the configuration (decision 13).

use std::io::{Read as _, Write as _};

use super::args::ApplyArgs;
use super::common;
use super::error::CommandError;
use super::exit_code::ExitCode;
use crate::devfile::applied_objects;
use crate::diagnostic::Span;
use crate::process::APPLIED;

pub(super) fn apply(arguments: &ApplyArgs) -> Result<ExitCode, CommandError> {
    let Some(taker) = std::env::var_os(APPLIED) else {
        return Err(CommandError::failed(
            "objects can be applied only by commands of a configuration while it is evaluated",
        )
        .hint("in the Devfile, `v1alpha1.ui_button`, `v1alpha1.cmd` and their like register objects"));
    };
    let name = arguments.file.display();
    let unreadable = |error: std::io::Error| CommandError::failed(format!("cannot read `{name}`: {error}"));
    let mut text = String::new();
    if arguments.file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).map_err(unreadable)?;
    } else {
        text = std::fs::read_to_string(&arguments.file).map_err(unreadable)?;
    }
    let objects = applied_objects(&text, &Span::file(&arguments.file)).map_err(CommandError::failed)?;
    std::fs::OpenOptions::new()
        .append(true)
        .open(&taker)
        .and_then(|mut file| file.write_all(format!("---\n{text}\n").as_bytes()))
        .map_err(|error| CommandError::failed(format!("the objects cannot be handed over: {error}")))?;
    let lines = objects
        .iter()
        .map(|object| format!("{}.tilt.dev/{} created\n", object.kind.to_string().to_lowercase(), object.name));
    common::print_out(&lines.collect::<String>())?;
    Ok(ExitCode::Ok)
}
