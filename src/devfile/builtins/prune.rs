//! `docker_prune_settings`.

use std::time::Duration;

use starlark::values::Value;

use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::project::PruneFrequency;

/// A number from 0 on.
fn count(call: &Call<'_, '_, '_, '_>, parameter: &str) -> Outcome<Option<u64>> {
    let Some(number) = call.integer(parameter)? else { return Ok(None) };
    match u64::try_from(number) {
        Ok(number) => Ok(Some(number)),
        Err(_) => call.refuse_argument(parameter, format_args!("got {number}, want 0 or more")),
    }
}

/// The same, with 0 for the default.
fn positive(call: &Call<'_, '_, '_, '_>, parameter: &str) -> Outcome<Option<u64>> {
    Ok(count(call, parameter)?.filter(|number| *number > 0))
}

fn docker_prune_settings<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let disable = call.boolean("disable")?.unwrap_or(false);
    let minutes = positive(call, "max_age_mins")?;
    let builds = positive(call, "num_builds")?;
    let hours = positive(call, "interval_hrs")?;
    let keep_recent = count(call, "keep_recent")?;
    if builds.is_some() && hours.is_some() {
        return Err(call
            .failure("`num_builds` and `interval_hrs` exclude each other")
            .help("prune after a number of builds, or after a number of hours"));
    }
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let mut state = call.session.state();
    let prune = &mut state.declarations.settings.prune;
    prune.disabled = disable;
    if let Some(minutes) = minutes {
        prune.max_age = Duration::from_secs(minutes.saturating_mul(60));
    }
    if let Some(builds) = builds {
        prune.frequency = PruneFrequency::Builds(size(builds));
    }
    if let Some(hours) = hours {
        prune.frequency = PruneFrequency::Interval(Duration::from_secs(hours.saturating_mul(3600)));
    }
    if let Some(keep) = keep_recent {
        prune.keep_recent = size(keep);
    }
    Ok(Value::new_none())
}

pub(crate) const DEFINITIONS: &[Definition] = &[Definition {
    signature: "docker_prune_settings(disable: bool = False, max_age_mins: int = 0, num_builds: int = 0, \
                interval_hrs: int = 0, keep_recent: int = unset)",
    body: docker_prune_settings,
}];
