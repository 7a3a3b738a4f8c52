//! `v1alpha1.*`: functions that register API objects, and the constructors of their parts (reference §2.15).

mod convert;
pub(crate) mod schema;
mod validate;

use serde_json::Value as Json;
use starlark::values::Value;

use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::devfile::values::api_value::{ApiValue, Part};
use crate::devfile::values::namespace::{Member, Namespace};
use crate::project::ApiObject;
use schema::{CONSTRUCTORS, OBJECTS, shape};

/// The module.
pub(crate) fn namespace() -> Namespace {
    let objects = OBJECTS.iter().map(|(_, signature)| Definition { signature, body: register });
    let constructors = CONSTRUCTORS.iter().map(|signature| Definition { signature, body: construct });
    Namespace::new("v1alpha1", objects.chain(constructors).map(Member::Function).collect())
}

/// The name of the called function without the module.
fn function<'c>(call: &Call<'c, '_, '_, '_>) -> &'c str {
    call.signature.name.rsplit('.').next().unwrap_or_default()
}

fn construct<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let shape = shape(function(call)).expect("every function of the module has a shape");
    let fields = convert::fields_of_call(call, shape)?;
    Ok(call.heap().alloc(ApiValue(Part { shape: shape.name.clone(), fields })))
}

fn register<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let shape = shape(function(call)).expect("every function of the module has a shape");
    let kind = OBJECTS
        .iter()
        .find(|(_, signature)| signature.starts_with(&format!("{}(", call.signature.name)))
        .map(|(kind, _)| *kind)
        .expect("it is one of the objects");
    let name = call.name("name")?;
    if name.is_empty() {
        return call.refuse_argument("name", "it must not be empty");
    }
    let labels = call.dictionary("labels")?;
    let annotations = call.dictionary("annotations")?;
    let fields = convert::fields_of_call(call, shape)?;
    validate::validate(call, kind, &fields)?;
    let spec = Json::Object(convert::to_api(&fields, shape));
    let object = ApiObject { kind, name, labels, annotations, spec, origin: call.span.clone() };
    let mut state = call.session.state();
    let objects = &mut state.declarations.api_objects;
    match objects.iter().find(|known| known.kind == kind && known.name == object.name) {
        Some(known) if known.same_content(&object) => {}
        Some(known) => {
            return Err(call
                .failure(format_args!("the {kind} `{}` is already registered with other contents", object.name))
                .related(known.origin.clone(), "registered here"));
        }
        None => objects.push(object),
    }
    Ok(Value::new_none())
}
