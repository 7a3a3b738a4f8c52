//! `local`.

use starlark::values::Value;

use super::k8s_context::require_allowed;
use super::local_process::{self, Finished};
use crate::devfile::applied::applied_objects;
use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::{Failure, Outcome};
use crate::devfile::values::blob::Blob;
use crate::project::CommandLine;

/// How many of the last lines of a failed command's errors are quoted.
const QUOTED_LINES: usize = 5;

/// How much of a command goes to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Echo {
    /// The command itself.
    pub command: bool,
    /// What it writes.
    pub output: bool,
}

fn local<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let Some(command) = call.command("command", "dir", "env")? else {
        return call.refuse_argument("command", "the command must not be empty");
    };
    call.check_windows_command("command_bat")?;
    let quiet = call.boolean("quiet")?.unwrap_or(false);
    let echo_off = call.boolean("echo_off")?.unwrap_or(false);
    let stdin = call.text("stdin")?;
    require_allowed(call)?;
    let finished = run(call, &command, stdin.as_deref(), Echo { command: !echo_off, output: !quiet })?;
    register(call, &finished.applied)?;
    Ok(call.heap().alloc(Blob::new(finished.stdout, format!("local: {command}"))))
}

/// Registers what a command has applied (decision 13), as if the configuration had done it itself. Of two with one name the
/// later one counts, as it does for objects that are applied.
fn register(call: &Call<'_, '_, '_, '_>, applied: &str) -> Outcome<()> {
    let objects = applied_objects(applied, &call.span)
        .map_err(|problem| call.failure(format_args!("the objects that its command has applied: {problem}")))?;
    let mut state = call.session.state();
    let known = &mut state.declarations.api_objects;
    for object in objects {
        match known.iter_mut().find(|it| it.kind == object.kind && it.name == object.name) {
            Some(earlier) => *earlier = object,
            None => known.push(object),
        }
    }
    Ok(())
}

/// Runs a command that must succeed.
pub(crate) fn run(
    call: &Call<'_, '_, '_, '_>,
    command: &CommandLine,
    stdin: Option<&str>,
    echo: Echo,
) -> Outcome<Finished> {
    let log = &call.session.log;
    if echo.command {
        log.info(format!("local: {command}"));
    }
    let mut silent = true;
    let finished = local_process::run(call.session, command, stdin, |line| {
        silent = false;
        if echo.output {
            log.info(format!(" → {line}"));
        }
    })
    .map_err(|failure| failure.context(&format!("`{}`", call.signature.name)))?;
    if silent && echo.command && echo.output {
        log.info(" → (no output)");
    }
    if finished.status.success() {
        return Ok(finished);
    }
    Err(failed(call, command, &finished, echo))
}

fn failed(call: &Call<'_, '_, '_, '_>, command: &CommandLine, finished: &Finished, echo: Echo) -> Failure {
    let mut failure = call.failure(format_args!("command `{command}` failed: {}", finished.ending()));
    if echo.output {
        // The whole of it is in the log.
        let lines: Vec<&str> = finished.stderr.lines().collect();
        for line in &lines[lines.len().saturating_sub(QUOTED_LINES)..] {
            failure = failure.help(format!("stderr: {line}"));
        }
    } else {
        for (name, text) in [("stdout", &finished.stdout), ("stderr", &finished.stderr)] {
            for line in text.lines() {
                failure = failure.help(format!("{name}: {line}"));
            }
        }
    }
    failure
}

pub(crate) const DEFINITIONS: &[Definition] = &[Definition {
    signature: "local(command: cmd, quiet: bool = False, command_bat: cmd = unset, echo_off: bool = False, \
                env: dict = {}, dir: path = exec dir, stdin: str | Blob = unset)",
    body: local,
}];
