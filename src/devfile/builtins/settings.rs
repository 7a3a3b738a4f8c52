//! `trigger_mode`, `update_settings`, `ci_settings`, `watch_settings`, `secret_settings`.

use std::sync::Arc;
use std::time::Duration;

use starlark::values::Value;

use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::diagnostic::Spanned;
use crate::project::PatternSet;

fn trigger_mode<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let Some(mode) = call.trigger_mode("trigger_mode")? else { return Ok(Value::new_none()) };
    let mut state = call.session.state();
    if let Some(first) = &state.declarations.default_trigger_mode {
        return Err(call.failure("it can be called only once").related(first.span.clone(), "first called here"));
    }
    state.declarations.default_trigger_mode = Some(Spanned { value: mode, span: call.span.clone() });
    Ok(Value::new_none())
}

/// A number from 1 on; `None` is not given.
fn positive(call: &Call<'_, '_, '_, '_>, parameter: &str) -> Outcome<Option<u64>> {
    if call.get(parameter).is_none_or(Value::is_none) {
        return Ok(None);
    }
    let number = call.integer(parameter)?.unwrap_or_default();
    match u64::try_from(number) {
        Ok(number) if number > 0 => Ok(Some(number)),
        _ => call.refuse_argument(parameter, format_args!("got {number}, want at least 1")),
    }
}

fn update_settings<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let parallel = positive(call, "max_parallel_updates")?;
    let timeout = positive(call, "k8s_upsert_timeout_secs")?;
    let suppressed = call.strings("suppress_unused_image_warnings")?;
    let server_side = call.string("k8s_server_side_apply")?;
    // Every apply is server-side here, so the choice is checked and has no effect.
    if !matches!(server_side, "" | "true" | "false" | "auto") {
        return call.refuse_argument(
            "k8s_server_side_apply",
            format_args!("got `{server_side}`, want `true`, `false` or `auto`"),
        );
    }
    let mut state = call.session.state();
    let declarations = &mut state.declarations;
    if let Some(parallel) = parallel {
        declarations.settings.max_parallel_updates = usize::try_from(parallel).unwrap_or(usize::MAX);
    }
    if let Some(seconds) = timeout {
        declarations.settings.k8s_upsert_timeout = Duration::from_secs(seconds);
    }
    declarations.suppressed_unused_images.extend(suppressed);
    Ok(Value::new_none())
}

fn ci_settings<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    // Zero switches a limit off.
    let limit = |duration: Duration| (!duration.is_zero()).then_some(duration);
    let grace = call.duration("k8s_grace_period")?;
    let timeout = call.duration("timeout")?;
    let readiness = call.duration("readiness_timeout")?;
    let mut state = call.session.state();
    let ci = &mut state.declarations.settings.ci;
    if let Some(grace) = grace {
        ci.k8s_grace_period = limit(grace);
    }
    if let Some(timeout) = timeout {
        ci.timeout = Some(limit(timeout));
    }
    if let Some(readiness) = readiness {
        ci.readiness_timeout = limit(readiness);
    }
    Ok(Value::new_none())
}

fn watch_settings<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let patterns = call.strings("ignore")?;
    if !patterns.is_empty() {
        let set = PatternSet::from_parameter(&call.session.dir(), "watch_settings(ignore=)", &patterns)
            .map_err(|error| call.bad_argument("ignore", format_args!("{error}")))?;
        call.session.state().declarations.global_ignores.push(Arc::new(set));
    }
    Ok(Value::new_none())
}

fn secret_settings<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let disable = call.boolean("disable_scrub")?.unwrap_or(false);
    call.session.state().declarations.settings.mask_secrets = !disable;
    Ok(Value::new_none())
}

pub(crate) const DEFINITIONS: &[Definition] = &[
    Definition { signature: "trigger_mode(trigger_mode: TriggerMode)", body: trigger_mode },
    Definition {
        signature: "update_settings(max_parallel_updates: int = unset, k8s_upsert_timeout_secs: int = unset, \
                    suppress_unused_image_warnings: strs = [], k8s_server_side_apply: str = \"\")",
        body: update_settings,
    },
    Definition {
        signature: "ci_settings(k8s_grace_period: duration = unset, timeout: duration = unset, \
                    readiness_timeout: duration = unset)",
        body: ci_settings,
    },
    Definition { signature: "watch_settings(ignore: strs = [])", body: watch_settings },
    Definition { signature: "secret_settings(disable_scrub: bool)", body: secret_settings },
];
