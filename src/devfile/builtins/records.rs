//! `struct` and `module`.

use starlark::values::Value;

use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::devfile::values::structure::{RecordModule, Structure};

fn structure<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let fields = std::mem::take(&mut call.keywords);
    Ok(call.heap().alloc(Structure::new(fields)))
}

fn module<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let name = call.string("name")?.to_owned();
    let fields = std::mem::take(&mut call.keywords);
    Ok(call.heap().alloc(RecordModule::new(name, fields)))
}

pub(crate) const DEFINITIONS: &[Definition] = &[
    Definition { signature: "struct(**kwargs)", body: structure },
    Definition { signature: "module(name: str, **kwargs)", body: module },
];
