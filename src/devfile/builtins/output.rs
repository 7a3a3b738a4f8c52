//! `print`, `warn`, `fail`, `exit`.

use starlark::values::Value;

use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::{Failure, Outcome};
use crate::devfile::language::show;
use crate::diagnostic::Diagnostic;

fn print<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let separator = call.optional_string("sep")?.unwrap_or(" ");
    let texts: Vec<String> = call.rest.iter().map(|value| show::text(*value)).collect();
    call.session.log.info(texts.join(separator));
    Ok(Value::new_none())
}

fn warn<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    call.session.report(Diagnostic::warning(call.string("msg")?).at(call.span.clone()));
    Ok(Value::new_none())
}

fn fail<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    Err(Failure::new(call.string("msg")?))
}

fn exit<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    if let Some(code) = call.get("code").filter(|code| !code.is_none()) {
        call.session.log.info(show::repr(code));
    }
    call.session.state().exited = true;
    Err(Failure::new("the configuration has called `exit`"))
}

pub(crate) const DEFINITIONS: &[Definition] = &[
    Definition { signature: "print(*args, sep: str = \" \")", body: print },
    Definition { signature: "warn(msg: str)", body: warn },
    Definition { signature: "fail(msg: str)", body: fail },
    Definition { signature: "exit(code = unset)", body: exit },
];
