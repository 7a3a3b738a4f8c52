//! `workload_to_resource_function`.

use starlark::values::Value;

use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::devfile::language::session::WorkloadFunctionCall;

fn workload_to_resource_function<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let function = call.get("func").expect("it is required");
    // Builtins have no such list: what they do depends on where they are called.
    let Some(parameters) = function.parameters_spec() else {
        return Err(call.mismatch("func", function, "a function that is made by `def` or `lambda`"));
    };
    let count = parameters.len();
    if count != 1 {
        let name = function.function_name().unwrap_or("the function");
        return call.refuse_argument("func", format_args!("it must take 1 argument, and `{name}` takes {count}"));
    }
    // Kept with the globals of the file that is executing, so that it lives until the workloads are known.
    call.eval.module().set_extra_value(function);
    let file = call.session.devfile();
    let registered = WorkloadFunctionCall { file, span: call.span.clone() };
    call.session.state().workload_function = Some(registered);
    Ok(Value::new_none())
}

pub(crate) const DEFINITIONS: &[Definition] =
    &[Definition { signature: "workload_to_resource_function(func: function)", body: workload_to_resource_function }];
