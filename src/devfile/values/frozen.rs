//! Values that a configuration gets but cannot change.

use starlark::environment::Module;
use starlark::values::{Heap, OwnedFrozenValue, Value};

use crate::devfile::language::failure::{Failure, Outcome};

/// A name that no configuration sees.
const NAME: &str = "value";

/// Makes a value and freezes it.
pub(crate) fn frozen(make: impl for<'v> FnOnce(Heap<'v>) -> Value<'v>) -> Outcome<OwnedFrozenValue> {
    Module::with_temp_heap(|module| {
        module.set(NAME, make(module.heap()));
        let module = module.freeze().map_err(|error| Failure::new(format!("cannot keep a value: {error:?}")))?;
        module.get(NAME).map_err(|error| Failure::new(format!("cannot keep a value: {error:?}")))
    })
}
