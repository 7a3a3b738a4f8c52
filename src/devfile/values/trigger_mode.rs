//! `TRIGGER_MODE_AUTO` and `TRIGGER_MODE_MANUAL`.

use std::hash::Hash as _;

use starlark::collections::StarlarkHasher;
use starlark::values::Value;

use super::plain_value;
use crate::project::TriggerMode;

plain_value! {
    /// A trigger mode.
    TriggerModeValue(TriggerMode), "TriggerMode", {
        fn write_hash(&self, hasher: &mut StarlarkHasher) -> starlark::Result<()> {
            self.0.hash(hasher);
            Ok(())
        }

        fn equals(&self, other: Value<'v>) -> starlark::Result<bool> {
            Ok(TriggerModeValue::from_value(other).is_some_and(|other| other.0 == self.0))
        }
    }
}

impl std::fmt::Display for TriggerModeValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            TriggerMode::Auto => "TRIGGER_MODE_AUTO",
            TriggerMode::Manual => "TRIGGER_MODE_MANUAL",
        })
    }
}
