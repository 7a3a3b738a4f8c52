//! `include`.

use starlark::values::Value;

use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::evaluate;
use crate::devfile::language::failure::Outcome;

fn include<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    evaluate::load(call.session, call.string("path")?)?;
    Ok(Value::new_none())
}

pub(crate) const DEFINITIONS: &[Definition] = &[Definition { signature: "include(path: str)", body: include }];
