//! What configurations may call and this version does not have: an error that says so instead of an unknown name.

use starlark::values::Value;

use crate::devfile::language::arguments::not_in_this_version;
use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;

/// Ends the run with an error that names the builtin.
pub(crate) fn refuse<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    Err(not_in_this_version(&call.signature.name))
}

macro_rules! unavailable {
    ($($name:literal),* $(,)?) => {
        /// The builtins of the reference that are missing.
        pub(crate) const DEFINITIONS: &[Definition] =
            &[$(Definition { signature: concat!($name, "(*args, **kwargs)"), body: refuse }),*];
    };
}

unavailable![];
