//! `enable_feature`, `disable_feature`, `disable_snapshots`.

use starlark::values::Value;

use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::diagnostic::{Diagnostic, did_you_mean};

/// Switches that there are.
const ACTIVE: [&str; 2] = ["snapshots", "cluster_refresh"];

/// Switches that once were: naming one is no error, and does nothing.
const OBSOLETE: [&str; 9] = [
    "bulk_disable_resources",
    "disable_resources",
    "events",
    "facets",
    "labels",
    "live_update_v2",
    "multiple_containers_per_pod",
    "offline_snapshot_creation",
    "update_history",
];

fn set<'v>(call: &Call<'_, 'v, '_, '_>, name: &str, on: bool) -> Outcome<Value<'v>> {
    let mut state = call.session.state();
    let features = &mut state.declarations.settings.features;
    match name {
        "snapshots" => features.snapshots = on,
        "cluster_refresh" => features.cluster_refresh = on,
        name if OBSOLETE.contains(&name) => {
            let message = format!("`{}`: the feature `{name}` is obsolete: this has no effect", call.signature.name);
            state.diagnostics.push(Diagnostic::warning(message).at(call.span.clone()));
        }
        name => {
            let names = ACTIVE.map(|name| format!("`{name}`")).join(", ");
            let help = match did_you_mean(name, ACTIVE) {
                Some(suggestion) => format!("did you mean `{suggestion}`?"),
                None => format!("the features are {names}"),
            };
            return Err(call.bad_argument("msg", format_args!("unknown feature `{name}`")).help(help));
        }
    }
    Ok(Value::new_none())
}

fn enable_feature<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    set(call, call.string("msg")?, true)
}

fn disable_feature<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    set(call, call.string("msg")?, false)
}

fn disable_snapshots<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    set(call, "snapshots", false)
}

pub(crate) const DEFINITIONS: &[Definition] = &[
    Definition { signature: "enable_feature(msg: str)", body: enable_feature },
    Definition { signature: "disable_feature(msg: str)", body: disable_feature },
    Definition { signature: "disable_snapshots()", body: disable_snapshots },
];
