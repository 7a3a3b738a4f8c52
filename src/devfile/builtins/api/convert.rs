//! Arguments to checked fields: values of the language to JSON, by the shape that is wanted.

use std::path::Path;

use serde_json::{Map, Value as Json};
use starlark::values::Value;
use starlark::values::dict::DictRef;

use super::schema::{Field, FieldType, Shape, shape};
use crate::devfile::language::arguments::{integer_of, list_or_tuple, text_of};
use crate::devfile::language::binding::Call;
use crate::devfile::language::failure::{Failure, Outcome};
use crate::devfile::language::go_duration::parse_duration;
use crate::devfile::values::api_value::ApiValue;
use crate::diagnostic::did_you_mean;

/// The fields of `shape` that the call gives, under their names in the configuration.
pub(super) fn fields_of_call(call: &Call<'_, '_, '_, '_>, shape: &Shape) -> Outcome<Map<String, Json>> {
    let mut fields = Map::new();
    for field in &shape.fields {
        let reader = Reader { call, parameter: &field.name };
        reader.field(field, call.get(&field.name), "", &mut fields)?;
    }
    Ok(fields)
}

/// The same under their names in the API; what is empty is as good as absent there.
pub(super) fn to_api(fields: &Map<String, Json>, shape: &Shape) -> Map<String, Json> {
    let mut api = Map::new();
    for field in &shape.fields {
        let Some(value) = fields.get(&field.name) else { continue };
        let value = value_to_api(value, &field.kind);
        // An explicit empty text is a value of its own where absence has a default.
        if !is_empty(&value) || field.name.ends_with("_string") {
            api.insert(field.json.clone(), value);
        }
    }
    api
}

fn value_to_api(value: &Json, kind: &FieldType) -> Json {
    match (value, kind) {
        (Json::Array(items), FieldType::List(inner)) => {
            Json::Array(items.iter().map(|item| value_to_api(item, inner)).collect())
        }
        (Json::Object(fields), FieldType::Part(part)) => {
            shape(part).map_or(Json::Null, |shape| Json::Object(to_api(fields, shape)))
        }
        _ => value.clone(),
    }
}

fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Bool(value) => !value,
        Json::Number(number) => number.as_i64() == Some(0),
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        // A part that is there but empty may mean something: `hidden={}` chooses a kind of input.
        Json::Object(_) => false,
    }
}

struct Reader<'r, 'c, 'v, 'a, 'e> {
    call: &'r Call<'c, 'v, 'a, 'e>,
    parameter: &'r str,
}

impl<'v> Reader<'_, '_, 'v, '_, '_> {
    fn field(
        &self,
        field: &Field,
        value: Option<Value<'v>>,
        place: &str,
        fields: &mut Map<String, Json>,
    ) -> Outcome<()> {
        match value.filter(|value| !value.is_none()) {
            Some(value) => {
                fields.insert(field.name.clone(), self.value(&field.kind, value, place)?);
            }
            None if field.defaults_to_dir => {
                fields.insert(field.name.clone(), json_path(&self.call.session.dir()));
            }
            None => {}
        }
        Ok(())
    }

    /// `place` is where in the argument the value is: `.handler.exec`, `[2]`.
    fn value(&self, kind: &FieldType, value: Value<'v>, place: &str) -> Outcome<Json> {
        let mismatch = |want: &str| Err(self.mismatch(value, want, place));
        match kind {
            FieldType::Text => match value.unpack_str() {
                Some(text) => Ok(text.into()),
                None => mismatch("string"),
            },
            FieldType::TextOrBlob => match text_of(value) {
                Some(text) => Ok(text.into()),
                None => mismatch("string or blob"),
            },
            FieldType::Integer => match integer_of(value).and_then(|number| i32::try_from(number).ok()) {
                Some(number) => Ok(number.into()),
                None => mismatch("int of 32 bits"),
            },
            FieldType::Boolean => match value.unpack_bool() {
                Some(value) => Ok(value.into()),
                None => mismatch("bool"),
            },
            FieldType::Path => match value.unpack_str() {
                Some(_) => Ok(json_path(&self.call.path_of(self.parameter, value)?)),
                None => mismatch("path | string"),
            },
            FieldType::Duration => match value.unpack_str() {
                Some("") => Ok("".into()),
                Some(text) if parse_duration(text).is_some() => Ok(text.into()),
                Some(text) => Err(self.refuse(place, format_args!("`{text}` is no duration such as `1m30s`"))),
                None => mismatch("string such as `1m30s`"),
            },
            FieldType::Time => match value.unpack_str() {
                Some("") => Ok("".into()),
                Some(text) if chrono::DateTime::parse_from_rfc3339(text).is_ok() => Ok(text.into()),
                Some(text) => {
                    Err(self.refuse(place, format_args!("`{text}` is no moment such as `2026-01-31T12:00:00Z`")))
                }
                None => mismatch("string such as `2026-01-31T12:00:00Z`"),
            },
            FieldType::Dictionary => {
                let texts = self.call.dictionary_of(self.parameter, value)?;
                Ok(Json::Object(texts.into_iter().map(|(key, value)| (key, value.into())).collect()))
            }
            FieldType::List(inner) => {
                // One path stands for a list of one, as in all lists of paths.
                if **inner == FieldType::Path && value.unpack_str().is_some() {
                    return Ok(Json::Array(vec![self.value(inner, value, place)?]));
                }
                let Some(elements) = list_or_tuple(value) else {
                    return mismatch("a list");
                };
                elements
                    .into_iter()
                    .enumerate()
                    .map(|(index, element)| self.value(inner, element, &format!("{place}[{index}]")))
                    .collect::<Outcome<Vec<Json>>>()
                    .map(Json::Array)
            }
            FieldType::Part(part) => self.part(part, value, place),
        }
    }

    fn part(&self, part: &str, value: Value<'v>, place: &str) -> Outcome<Json> {
        let want = format!("v1alpha1.{part}(…) or a dict of its fields");
        if let Some(value) = ApiValue::from_value(value) {
            return if value.0.shape == part {
                Ok(Json::Object(value.0.fields.clone()))
            } else {
                let got = &value.0.shape;
                Err(self.refuse(place, format_args!("got a v1alpha1.{got}, want {want}")))
            };
        }
        let Some(dict) = DictRef::from_value(value) else { return Err(self.mismatch(value, &want, place)) };
        let shape = shape(part).expect("a test checks that every named shape exists");
        let mut given: Vec<(&str, Value<'v>)> = Vec::new();
        for (key, value) in dict.iter() {
            let known = key.unpack_str().filter(|name| shape.field(name).is_some());
            given.push((known.ok_or_else(|| self.unexpected(shape, key, place))?, value));
        }
        let mut fields = Map::new();
        for field in &shape.fields {
            let value = given.iter().find(|(name, _)| *name == field.name).map(|(_, value)| *value);
            self.field(field, value, &format!("{place}.{}", field.name), &mut fields)?;
        }
        Ok(Json::Object(fields))
    }

    fn unexpected(&self, shape: &Shape, key: Value<'v>, place: &str) -> Failure {
        let name = key.unpack_str().map_or_else(|| key.to_repr(), str::to_owned);
        let names: Vec<&str> = shape.fields.iter().map(|field| field.name.as_str()).collect();
        let help = match did_you_mean(&name, names.iter().copied()) {
            Some(suggestion) => format!("did you mean `{suggestion}`?"),
            None => format!("a {} has {}", shape.name, names.join(", ")),
        };
        self.refuse(place, format_args!("Unexpected attribute name: {name}")).help(help)
    }

    fn mismatch(&self, value: Value<'v>, want: &str, place: &str) -> Failure {
        let got = if value.is_none() { "None" } else { value.get_type() };
        self.refuse(place, format_args!("got {got}, want {want}"))
    }

    fn refuse(&self, place: &str, problem: impl std::fmt::Display) -> Failure {
        if place.is_empty() {
            self.call.bad_argument(self.parameter, problem)
        } else {
            self.call
                .failure(format_args!("for parameter `{}`, at `{}{place}`: {problem}", self.parameter, self.parameter))
                .about(self.parameter)
        }
    }
}

fn json_path(path: &Path) -> Json {
    path.to_string_lossy().into_owned().into()
}
