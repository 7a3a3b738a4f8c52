//! `analytics_settings`, `experimental_analytics_report`, `experimental_telemetry_cmd`, `experimental_metrics_settings`,
//! `set_team`: checked like all others, and without effect, because devloop reports nothing to anybody.

use starlark::values::Value;

use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::diagnostic::Diagnostic;

fn analytics_settings<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let enable = call.boolean("enable")?;
    call.session.state().declarations.settings.analytics = enable;
    Ok(Value::new_none())
}

fn experimental_analytics_report<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    call.dictionary("tags")?;
    Ok(Value::new_none())
}

fn experimental_telemetry_cmd<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    call.check_windows_command("cmd_bat")?;
    call.duration("period")?;
    call.dir("dir")?;
    if call.argv("cmd")?.is_none() {
        return call.refuse_argument("cmd", "the command must not be empty");
    }
    let mut state = call.session.state();
    if let Some(first) = state.declarations.telemetry_call.replace(call.span.clone()) {
        return Err(call.failure("it can be called only once").related(first, "first called here"));
    }
    Ok(Value::new_none())
}

fn experimental_metrics_settings<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let message = "`experimental_metrics_settings` is deprecated: it has no effect";
    call.session.report(Diagnostic::warning(message).at(call.span.clone()));
    Ok(Value::new_none())
}

fn set_team<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let team = call.string("team_id")?;
    if team.is_empty() {
        return call.refuse_argument("team_id", "it must not be empty");
    }
    let mut state = call.session.state();
    if let Some(first) = state.declarations.team_call.replace(call.span.clone()) {
        return Err(call.failure("it can be called only once").related(first, "first called here"));
    }
    state.declarations.settings.team = Some(team.to_owned());
    Ok(Value::new_none())
}

pub(crate) const DEFINITIONS: &[Definition] = &[
    Definition { signature: "analytics_settings(enable: bool)", body: analytics_settings },
    Definition { signature: "experimental_analytics_report(tags: dict)", body: experimental_analytics_report },
    Definition {
        signature: "experimental_telemetry_cmd(cmd: cmd, cmd_bat: cmd = unset, period: duration = \"60s\", \
                    dir: path = exec dir)",
        body: experimental_telemetry_cmd,
    },
    Definition { signature: "experimental_metrics_settings(*args, **kwargs)", body: experimental_metrics_settings },
    Definition { signature: "set_team(team_id: str)", body: set_team },
];
