//! `version_settings`.

use starlark::values::Value;

use super::version_range::VersionRange;
use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::project::TILT_VERSION;

fn version_settings<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let check_updates = call.boolean("check_updates")?;
    let constraint = call.string("constraint")?;
    if !constraint.is_empty() {
        let range = VersionRange::parse(constraint).map_err(|part| {
            call.bad_argument("constraint", format_args!("`{part}` is no range of versions"))
                .help("write it like \">=0.30.0\" or \"<1.0 || >=1.2\"")
        })?;
        if !range.contains(&TILT_VERSION) {
            return Err(call
                .bad_argument("constraint", format_args!("`{constraint}` is not satisfied by version {TILT_VERSION}"))
                .help(format!("devloop reads configurations as Tilt {TILT_VERSION} does, and compares with that")));
        }
    }
    if let Some(check_updates) = check_updates {
        call.session.state().declarations.settings.check_updates = check_updates;
    }
    Ok(Value::new_none())
}

pub(crate) const DEFINITIONS: &[Definition] = &[Definition {
    signature: "version_settings(check_updates: bool = True, constraint: str = \"\")",
    body: version_settings,
}];
