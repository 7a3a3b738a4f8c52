//! `sync`, `run`, `fall_back_on`, `restart_container`, `restart_process`, `initial_sync`, and the lists of them.

use starlark::values::{AllocValue, Value};

use crate::devfile::language::arguments::list_or_tuple;
use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::devfile::language::session::StepUse;
use crate::devfile::values::live_update_step::{
    FallBackOnStep, InitialSyncStep, RestartContainerStep, RestartProcessStep, RunStep, Step, StepKind, SyncStep,
    step_of,
};
use crate::project::{ExitPolicy, LiveUpdate, RestartProcess, Run, Sync};

/// Where the script of `restart_process()` leaves its process id when nothing else is said.
const RESTART_FILE: &str = "/tmp/.restart-proc";

/// The `live_update=` of a call; `None` without steps. A step alone is a list of one, as in Tilt.
pub(crate) fn steps(call: &Call<'_, '_, '_, '_>) -> Outcome<Option<LiveUpdate>> {
    let Some(value) = call.get("live_update").filter(|value| !value.is_none()) else { return Ok(None) };
    let elements = match step_of(value) {
        Some(_) => vec![value],
        None => {
            list_or_tuple(value).ok_or_else(|| call.mismatch("live_update", value, "a list of live update steps"))?
        }
    };
    if elements.is_empty() {
        return Ok(None);
    }
    let mut live_update = LiveUpdate::default();
    let mut reached = 0;
    for element in elements {
        let step = step_of(element).ok_or_else(|| {
            call.bad_argument(
                "live_update",
                format_args!("`{}` is of type {}, want a live update step", element.to_str(), element.get_type()),
            )
            .help("the steps are `sync`, `run`, `fall_back_on`, `restart_process`, `restart_container` and `initial_sync`")
        })?;
        let (rank, rule) = order(&step.kind);
        let repeated = rank == reached
            && !matches!(step.kind, StepKind::FallBackOn(_) | StepKind::Sync { .. } | StepKind::Run { .. });
        if rank < reached || repeated {
            return Err(call.failure(rule).related(step.span.clone(), "this step is out of order"));
        }
        reached = rank;
        add(call, &mut live_update, step);
        if let Some(used) = call.session.state().steps.get_mut(&step.span) {
            used.used = true;
        }
    }
    if live_update.syncs.is_empty() && live_update.runs.is_empty() {
        return call.fail("`live_update` needs at least one `sync` or `run` step");
    }
    Ok(Some(live_update))
}

/// The place of a step in the list, and what to say about one at the wrong place.
fn order(kind: &StepKind) -> (u8, &'static str) {
    match kind {
        StepKind::InitialSync => (1, "`initial_sync` must be the first step, once"),
        StepKind::FallBackOn(_) => (2, "`fall_back_on` steps must come before all `sync` and `run` steps"),
        StepKind::Sync { .. } => (3, "`sync` steps must come before all `run` steps"),
        StepKind::Run { .. } => (4, "`run` steps must come before `restart_process` and `restart_container`"),
        StepKind::RestartContainer => {
            (5, "`restart_container` must be the last step, once, and not beside `restart_process`")
        }
        StepKind::RestartProcess { .. } => {
            (5, "`restart_process` must be the last step, once, and not beside `restart_container`")
        }
    }
}

fn add(call: &Call<'_, '_, '_, '_>, live_update: &mut LiveUpdate, step: &Step) {
    let origin = step.span.clone();
    match &step.kind {
        StepKind::InitialSync => live_update.initial_sync = Some(origin),
        StepKind::FallBackOn(paths) => {
            live_update.fall_back_on.extend(paths.iter().map(|path| (path.clone(), origin.clone())));
        }
        StepKind::Sync { local, remote } => {
            live_update.syncs.push(Sync { local: local.clone(), remote: remote.clone(), origin });
        }
        StepKind::Run { argv, triggers, echo_off } => live_update.runs.push(Run {
            argv: argv.clone(),
            // Triggers are relative to where the step is used, not to where it was made.
            triggers: triggers.iter().map(|trigger| call.session.resolve(trigger)).collect(),
            echo_off: *echo_off,
            origin,
        }),
        StepKind::RestartContainer => live_update.restart_container = Some(origin),
        StepKind::RestartProcess { triggers, exit_policy, file } => {
            live_update.restart_process = Some(RestartProcess {
                triggers: triggers.iter().map(|trigger| call.session.resolve(trigger)).collect(),
                file: file.clone(),
                exit_policy: *exit_policy,
                origin,
            });
        }
    }
}

/// A new step, noted as not used yet.
fn step<'v, T: AllocValue<'v>>(call: &Call<'_, 'v, '_, '_>, kind: StepKind, wrap: impl FnOnce(Step) -> T) -> Value<'v> {
    let builtin = call.signature.name.clone();
    call.session.state().steps.entry(call.span.clone()).or_insert(StepUse { builtin, used: false });
    call.heap().alloc(wrap(Step { span: call.span.clone(), kind }))
}

fn initial_sync<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    Ok(step(call, StepKind::InitialSync, InitialSyncStep))
}

fn fall_back_on<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    Ok(step(call, StepKind::FallBackOn(call.paths("paths")?), FallBackOnStep))
}

fn sync<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let local = call.session.resolve(call.string("local_path")?);
    let remote = call.string("remote_path")?.to_owned();
    if !remote.starts_with('/') {
        return Err(call
            .bad_argument("remote_path", format_args!("`{remote}` is not absolute"))
            .help("name the whole path in the container, for example `/app`"));
    }
    Ok(step(call, StepKind::Sync { local, remote }, SyncStep))
}

fn run<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let Some(argv) = call.argv("cmd")? else { return call.refuse_argument("cmd", "the command must not be empty") };
    let triggers = call.string_or_sequence("trigger")?.unwrap_or_default();
    let echo_off = call.boolean("echo_off")?.unwrap_or(false);
    Ok(step(call, StepKind::Run { argv, triggers, echo_off }, RunStep))
}

fn restart_container<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    Ok(step(call, StepKind::RestartContainer, RestartContainerStep))
}

fn restart_process<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let triggers = call.string_or_sequence("trigger")?.unwrap_or_default();
    let exit_policy = match call.optional_string("exit_policy")? {
        None => ExitPolicy::default(),
        Some(given) => {
            [ExitPolicy::Restart, ExitPolicy::Continue].into_iter().find(|policy| policy.as_str() == given).ok_or_else(
                || call.bad_argument("exit_policy", format_args!("got `{given}`, want `restart` or `continue`")),
            )?
        }
    };
    let file = call.optional_string("restart_file")?.unwrap_or(RESTART_FILE).to_owned();
    if !file.starts_with('/') {
        return Err(call
            .bad_argument("restart_file", format_args!("`{file}` is not absolute"))
            .help("name a file that the container's user may write, for example `/tmp/.restart`"));
    }
    Ok(step(call, StepKind::RestartProcess { triggers, exit_policy, file }, RestartProcessStep))
}

pub(crate) const DEFINITIONS: &[Definition] = &[
    Definition { signature: "initial_sync()", body: initial_sync },
    Definition { signature: "fall_back_on(paths: path list)", body: fall_back_on },
    Definition { signature: "sync(local_path: str, remote_path: str)", body: sync },
    Definition { signature: "run(cmd: cmd, trigger = [], echo_off: bool = False)", body: run },
    Definition { signature: "restart_container()", body: restart_container },
    Definition {
        signature: "restart_process(trigger = [], exit_policy: str = 'restart', restart_file: str = '/tmp/.restart-proc')",
        body: restart_process,
    },
];
