//! `encode_json`, `encode_yaml`, `encode_yaml_stream`.

use serde_json::{Map, Number, Value as Json};
use starlark::values::dict::DictRef;
use starlark::values::float::StarlarkFloat;
use starlark::values::list::ListRef;
use starlark::values::{Value, ValueLike as _};

use crate::devfile::language::arguments::{article, integer_of};
use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::devfile::values::blob::Blob;
use crate::yaml::{KeyOrder, to_yaml_with};

/// How deep values may be nested: also what ends a list that contains itself.
const MAX_DEPTH: usize = 200;

/// Floats below this in size are exact integers when they have no fraction.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// The JSON value, keys sorted, of a value that has one.
fn encode<'v>(call: &Call<'_, 'v, '_, '_>, value: Value<'v>, depth: usize) -> Outcome<Json> {
    if depth > MAX_DEPTH {
        return call.fail("the value is nested too deeply, or contains itself");
    }
    if value.is_none() {
        return Ok(Json::Null);
    }
    if let Some(flag) = value.unpack_bool() {
        return Ok(Json::Bool(flag));
    }
    if let Some(text) = value.unpack_str() {
        return Ok(Json::String(text.to_owned()));
    }
    if let Some(integer) = integer_of(value) {
        return Ok(Json::Number(integer.into()));
    }
    if let Some(StarlarkFloat(float)) = value.downcast_ref::<StarlarkFloat>() {
        if float.fract() == 0.0 && float.abs() < MAX_EXACT {
            return Ok(Json::Number((*float as i64).into()));
        }
        return match Number::from_f64(*float) {
            Some(number) => Ok(Json::Number(number)),
            None => call.fail(format_args!("{float} cannot be encoded")),
        };
    }
    if let Some(list) = ListRef::from_value(value) {
        return list.iter().map(|item| encode(call, item, depth + 1)).collect();
    }
    if let Some(dict) = DictRef::from_value(value) {
        let mut entries = Vec::with_capacity(dict.len());
        for (key, item) in dict.iter() {
            let Some(text) = key.unpack_str() else {
                return call.fail(format_args!(
                    "the key `{}` is {}; only strings can be keys",
                    key.to_str(),
                    article(key.get_type())
                ));
            };
            entries.push((text.to_owned(), encode(call, item, depth + 1)?));
        }
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        return Ok(Json::Object(Map::from_iter(entries)));
    }
    let help = match value.get_type() {
        "tuple" => Some("make a list of it: `list(…)`"),
        "blob" => Some("make a string of it: `str(…)`"),
        "int" => Some("only integers of 64 bits can be encoded"),
        _ => None,
    };
    Err(call
        .failure(format_args!("{} cannot be encoded: `{}`", article(value.get_type()), value.to_repr()))
        .maybe_help(help.map(str::to_owned)))
}

fn encode_json<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let json = encode(call, argument(call, "obj"), 0)?;
    let text = serde_json::to_string_pretty(&json).map_err(|error| call.failure(error))?;
    // What must not stand in a script element of a page never stands in the text.
    let escaped = text
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029");
    Ok(call.heap().alloc(escaped + "\n"))
}

fn yaml(json: &Json) -> String {
    let text = to_yaml_with(json, KeyOrder::Sorted);
    if text.ends_with('\n') { text } else { text + "\n" }
}

fn encode_yaml<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let json = encode(call, argument(call, "obj"), 0)?;
    Ok(call.heap().alloc(Blob::new(yaml(&json), "encode_yaml")))
}

fn encode_yaml_stream<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let value = argument(call, "objs");
    let Some(list) = ListRef::from_value(value) else { return Err(call.mismatch("objs", value, "list")) };
    let documents: Outcome<Vec<String>> = list.iter().map(|item| Ok(yaml(&encode(call, item, 0)?))).collect();
    Ok(call.heap().alloc(Blob::new(documents?.join("---\n"), "encode_yaml_stream")))
}

fn argument<'v>(call: &Call<'_, 'v, '_, '_>, parameter: &str) -> Value<'v> {
    call.get(parameter).unwrap_or_else(Value::new_none)
}

pub(crate) const DEFINITIONS: &[Definition] = &[
    Definition { signature: "encode_json(obj)", body: encode_json },
    Definition { signature: "encode_yaml(obj)", body: encode_yaml },
    Definition { signature: "encode_yaml_stream(objs: list)", body: encode_yaml_stream },
];
