//! `probe` and its actions, and `link`.

use std::time::Duration;

use starlark::values::Value;

use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::devfile::values::actions::{ActionValue, ProbeValue, UncheckedProbe, action_name};
use crate::devfile::values::link::LinkValue;
use crate::project::{Probe, ProbeAction};

/// The `readiness_probe` of a call, with its defaults resolved.
pub(crate) fn readiness_probe(call: &Call<'_, '_, '_, '_>) -> Outcome<Option<Probe>> {
    let Some(value) = call.get("readiness_probe").filter(|value| !value.is_none()) else { return Ok(None) };
    let Some(probe) = ProbeValue::from_value(value) else {
        return Err(call.mismatch("readiness_probe", value, "a probe or None"));
    };
    let probe = &probe.0;
    let seconds = |given: i32, default: u64| match u64::try_from(given) {
        Ok(given) if given > 0 => Duration::from_secs(given),
        _ => Duration::from_secs(default),
    };
    let count = |given: i32, default: u32| u32::try_from(given).ok().filter(|given| *given > 0).unwrap_or(default);
    Ok(Some(Probe {
        initial_delay: seconds(probe.initial_delay_secs, 0),
        timeout: seconds(probe.timeout_secs, 1),
        period: seconds(probe.period_secs, 10),
        success_threshold: count(probe.success_threshold, 1),
        failure_threshold: count(probe.failure_threshold, 3),
        action: probe.action.clone(),
    }))
}

fn small(call: &Call<'_, '_, '_, '_>, parameter: &str) -> Outcome<i32> {
    let number = call.integer(parameter)?.unwrap_or_default();
    i32::try_from(number).map_err(|_| call.bad_argument(parameter, format_args!("{number} is not a 32-bit number")))
}

fn probe<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let mut actions = Vec::new();
    for parameter in ["exec", "http_get", "tcp_socket"] {
        let Some(value) = call.get(parameter).filter(|value| !value.is_none()) else { continue };
        match ActionValue::from_value(value) {
            Some(action) if action_name(&action.0) == parameter => actions.push(action.0.clone()),
            Some(action) => {
                let got = action_name(&action.0);
                return call
                    .refuse_argument(parameter, format_args!("got {got}_action(…), want {parameter}_action(…)"));
            }
            None => return Err(call.mismatch(parameter, value, &format!("{parameter}_action(…)"))),
        }
    }
    let Ok([action]) = <[ProbeAction; 1]>::try_from(actions) else {
        return call.fail("exactly one of exec, http_get, or tcp_socket must be specified");
    };
    let probe = UncheckedProbe {
        initial_delay_secs: small(call, "initial_delay_secs")?,
        timeout_secs: small(call, "timeout_secs")?,
        period_secs: small(call, "period_secs")?,
        success_threshold: small(call, "success_threshold")?,
        failure_threshold: small(call, "failure_threshold")?,
        action,
    };
    Ok(call.heap().alloc(ProbeValue(probe)))
}

fn exec_action<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let command = call.sequence("command")?.unwrap_or_default();
    Ok(call.heap().alloc(ActionValue(ProbeAction::Exec { command })))
}

fn or_default(text: &str, default: &str) -> String {
    if text.is_empty() { default.to_owned() } else { text.to_owned() }
}

fn http_get_action<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let action = ProbeAction::HttpGet {
        host: or_default(call.string("host")?, "localhost"),
        port: small(call, "port")?,
        scheme: or_default(call.string("scheme")?, "http"),
        path: call.string("path")?.to_owned(),
    };
    Ok(call.heap().alloc(ActionValue(action)))
}

fn tcp_socket_action<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let action =
        ProbeAction::TcpSocket { host: or_default(call.string("host")?, "localhost"), port: small(call, "port")? };
    Ok(call.heap().alloc(ActionValue(action)))
}

fn link<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let link = call.link("url", call.string("url")?, call.string("name")?.to_owned())?;
    Ok(call.heap().alloc(LinkValue(link)))
}

pub(crate) const DEFINITIONS: &[Definition] = &[
    Definition {
        signature: "probe(initial_delay_secs: int = 0, timeout_secs: int = 0, period_secs: int = 0, \
                    success_threshold: int = 0, failure_threshold: int = 0, exec = unset, http_get = unset, \
                    tcp_socket = unset)",
        body: probe,
    },
    Definition { signature: "exec_action(command: sequence[str])", body: exec_action },
    Definition {
        signature: "http_get_action(port: int, host: str = \"\", scheme: str = \"\", path: str = \"\")",
        body: http_get_action,
    },
    Definition { signature: "tcp_socket_action(port: int, host: str = \"\")", body: tcp_socket_action },
    Definition { signature: "link(url: str, name: str = \"\")", body: link },
];
