//! What the constructors of `v1alpha1` return: a frozen mapping from the names of the given fields to their values.

#![expect(clippy::unnecessary_wraps, reason = "methods of the language return results")]

use serde_json::{Map, Value as Json};
use starlark::environment::{Methods, MethodsBuilder, MethodsStatic};
use starlark::starlark_module;
use starlark::values::dict::AllocDict;
use starlark::values::{Heap, Value};

use super::plain_value;
use crate::devfile::language::failure::Failure;

/// A part of an API object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The constructor's name.
    pub shape: String,
    /// The given fields, checked, under their names in the configuration.
    pub fields: Map<String, Json>,
}

plain_value! {
    /// A part of an API object.
    ApiValue(Part), "dict", {
        fn get_methods() -> Option<&'static Methods> {
            static METHODS: MethodsStatic = MethodsStatic::new("api_value", methods);
            Some(METHODS.methods())
        }

        fn at(&self, index: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
            let field = index.unpack_str().and_then(|name| self.0.fields.get(name));
            field.map(|value| from_json(value, heap)).ok_or_else(|| missing(&self.0, index).into())
        }

        fn is_in(&self, other: Value<'v>) -> starlark::Result<bool> {
            Ok(other.unpack_str().is_some_and(|name| self.0.fields.contains_key(name)))
        }

        fn length(&self) -> starlark::Result<i32> {
            Ok(i32::try_from(self.0.fields.len()).unwrap_or(i32::MAX))
        }

        fn to_bool(&self) -> bool {
            !self.0.fields.is_empty()
        }

        fn equals(&self, other: Value<'v>) -> starlark::Result<bool> {
            Ok(ApiValue::from_value(other).is_some_and(|other| other.0 == self.0))
        }

        fn iterate_collect(&self, heap: Heap<'v>) -> starlark::Result<Vec<Value<'v>>> {
            Ok(self.0.fields.keys().map(|name| heap.alloc(name.as_str())).collect())
        }
    }
}

impl std::fmt::Display for ApiValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.0.shape, Json::Object(self.0.fields.clone()))
    }
}

fn missing(part: &Part, index: Value<'_>) -> Failure {
    let names: Vec<&str> = part.fields.keys().map(String::as_str).collect();
    let failure = Failure::new(format!("`v1alpha1.{}`: key {} is not there", part.shape, index.to_repr()));
    if names.is_empty() { failure } else { failure.help(format!("what was given is {}", names.join(", "))) }
}

/// A value of the language for one of JSON.
pub(crate) fn from_json<'v>(value: &Json, heap: Heap<'v>) -> Value<'v> {
    match value {
        Json::Null => Value::new_none(),
        Json::Bool(value) => Value::new_bool(*value),
        Json::Number(number) => number.as_i64().map_or_else(Value::new_none, |number| heap.alloc(number)),
        Json::String(text) => heap.alloc(text.as_str()),
        Json::Array(items) => heap.alloc(items.iter().map(|item| from_json(item, heap)).collect::<Vec<_>>()),
        Json::Object(fields) => heap
            .alloc(AllocDict(fields.iter().map(|(name, value)| (heap.alloc(name.as_str()), from_json(value, heap))))),
    }
}

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    fn get<'v>(
        this: &ApiValue,
        #[starlark(require = pos)] key: Value<'v>,
        #[starlark(require = pos)] default: Option<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let field = key.unpack_str().and_then(|name| this.0.fields.get(name));
        Ok(field.map_or_else(|| default.unwrap_or_else(Value::new_none), |value| from_json(value, heap)))
    }

    fn keys<'v>(this: &ApiValue, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        let names: Vec<Value<'v>> = this.0.fields.keys().map(|name| heap.alloc(name.as_str())).collect();
        Ok(heap.alloc(names))
    }

    fn values<'v>(this: &ApiValue, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        let values: Vec<Value<'v>> = this.0.fields.values().map(|value| from_json(value, heap)).collect();
        Ok(heap.alloc(values))
    }

    fn items<'v>(this: &ApiValue, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        let fields = this.0.fields.iter();
        let items: Vec<(Value<'v>, Value<'v>)> =
            fields.map(|(name, value)| (heap.alloc(name.as_str()), from_json(value, heap))).collect();
        Ok(heap.alloc(items))
    }
}
