//! `include` and `load_dynamic`.

use starlark::values::Value;
use starlark::values::dict::AllocDict;

use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::evaluate;
use crate::devfile::language::failure::Outcome;
use crate::devfile::language::globals;
use crate::devfile::values::frozen::frozen;

fn include<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    evaluate::load(call.session, call.string("path")?)?;
    Ok(Value::new_none())
}

fn load_dynamic<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let path = call.text("path")?.unwrap_or_default();
    let module = evaluate::load(call.session, &path)?;
    let globals = globals::defined(&module);
    let dict = frozen(|heap| {
        let entries = globals.iter().map(|(name, value)| (name.as_str(), heap.access_owned_frozen_value(value)));
        heap.alloc(AllocDict(entries))
    })?;
    Ok(call.heap().access_owned_frozen_value(&dict))
}

pub(crate) const DEFINITIONS: &[Definition] = &[
    Definition { signature: "include(path: str)", body: include },
    Definition { signature: "load_dynamic(path: str | Blob)", body: load_dynamic },
];
