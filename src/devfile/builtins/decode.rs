//! `decode_json`, `decode_yaml`, `decode_yaml_stream`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;
use starlark::values::dict::AllocDict;
use starlark::values::list::AllocList;
use starlark::values::{Heap, Value};

use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::{Failure, Outcome};
use crate::diagnostic::{Diagnostic, Position, Span};
use crate::yaml;

/// A value of the language for a JSON value; `None` for a number that has no place in it.
pub(crate) fn value<'v>(heap: Heap<'v>, json: &Json) -> Option<Value<'v>> {
    Some(match json {
        Json::Null => Value::new_none(),
        Json::Bool(flag) => Value::new_bool(*flag),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => heap.alloc(integer),
            (None, Some(float)) if number.is_f64() => heap.alloc(float),
            _ => return None,
        },
        Json::String(text) => heap.alloc(text.as_str()),
        Json::Array(items) => {
            let items: Option<Vec<Value<'v>>> = items.iter().map(|item| value(heap, item)).collect();
            heap.alloc(AllocList(items?))
        }
        Json::Object(map) => {
            let entries: Option<Vec<(&str, Value<'v>)>> =
                map.iter().map(|(key, item)| Some((key.as_str(), value(heap, item)?))).collect();
            heap.alloc(AllocDict(entries?))
        }
    })
}

/// One JSON text.
pub(crate) fn json<'v>(call: &Call<'_, 'v, '_, '_>, text: &str, file: Option<&Path>) -> Outcome<Value<'v>> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Json>();
    let decoded = match stream.next() {
        Some(Ok(decoded)) => decoded,
        Some(Err(error)) => return Err(json_error(call, &error, file).into()),
        None => return Err(in_file(call, file, "the JSON text is empty")),
    };
    if stream.next().is_some() {
        return Err(in_file(call, file, "found multiple JSON values"));
    }
    if let Some(number) = number_without_place(text) {
        let problem = format!("the number `{number}` is no integer of 64 bits and has no decimal point");
        return Err(in_file(call, file, &problem).help("write a float with a point: `1.0e3`"));
    }
    value(call.heap(), &decoded).ok_or_else(|| in_file(call, file, "a number is out of the range of 64 bits"))
}

/// A failure that names the file, where the text comes from one (reference §2.2).
fn in_file(call: &Call<'_, '_, '_, '_>, file: Option<&Path>, problem: &str) -> Failure {
    match file {
        Some(file) => call.failure(format_args!("`{}`: {problem}", file.display())),
        None => call.failure(problem),
    }
}

/// The first number of a JSON text that is neither an integer of 64 bits nor written with a point (reference §2.2).
fn number_without_place(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        rest =
            &rest[rest.find(|character: char| character == '"' || character == '-' || character.is_ascii_digit())?..];
        if let Some(string) = rest.strip_prefix('"') {
            let mut escaped = false;
            let end = string.find(|character: char| {
                let is_end = character == '"' && !escaped;
                escaped = character == '\\' && !escaped;
                is_end
            })?;
            rest = &string[end + 1..];
            continue;
        }
        let is_part = |character: char| character.is_ascii_digit() || "+-.eE".contains(character);
        let (number, behind) = rest.split_at(rest.find(|character| !is_part(character)).unwrap_or(rest.len()));
        if !number.contains('.') && number.parse::<i64>().is_err() {
            return Some(number);
        }
        rest = behind;
    }
}

fn json_error(call: &Call<'_, '_, '_, '_>, error: &serde_json::Error, file: Option<&Path>) -> Diagnostic {
    let text = error.to_string();
    let problem = text.split(" at line ").next().unwrap_or(&text);
    let name = &call.signature.name;
    let position = Position {
        line: u32::try_from(error.line()).unwrap_or(u32::MAX),
        column: u32::try_from(error.column().max(1)).unwrap_or(u32::MAX),
    };
    match file {
        Some(file) => {
            let end = Position { column: position.column + 1, ..position };
            Diagnostic::error(format!("`{name}`: invalid JSON: {problem}"))
                .at(Span::new(file, position, end))
                .related(call.span.clone(), "read by this call")
        }
        None => Diagnostic::error(format!(
            "`{name}`: invalid JSON in line {}, column {}: {problem}",
            position.line, position.column
        ))
        .at(call.span.clone()),
    }
}

fn parse(call: &Call<'_, '_, '_, '_>, text: &str, file: Option<&Path>) -> Outcome<Vec<Json>> {
    let label: Arc<Path> = file.map_or_else(|| Arc::from(PathBuf::from("<text>")), Arc::from);
    let parsed = match file {
        Some(_) => call.session.cache.documents(&label, text),
        None => yaml::parse_documents(text, &label),
    };
    for mut diagnostic in parsed.diagnostics {
        diagnostic.message = format!("`{}`: {}", call.signature.name, diagnostic.message);
        if file.is_none() {
            let place = diagnostic.primary.replace(call.span.clone());
            if let Some(line) = place.map(|place| place.start.line).filter(|line| *line > 0) {
                diagnostic.help.push(format!("in line {line} of the text"));
            }
        }
        if diagnostic.is_error() {
            return Err(diagnostic.into());
        }
        call.session.report(diagnostic);
    }
    Ok(parsed.documents.into_iter().map(|document| document.value).filter(|value| !value.is_null()).collect())
}

/// One YAML document; `stream` is the builtin that reads several.
pub(crate) fn single<'v>(
    call: &Call<'_, 'v, '_, '_>,
    text: &str,
    file: Option<&Path>,
    stream: &str,
) -> Outcome<Value<'v>> {
    match &parse(call, text, file)?[..] {
        [] => Ok(Value::new_none()),
        [document] => decoded(call, document, file),
        _ => Err(in_file(call, file, "the text holds several YAML documents")
            .help(format!("use `{stream}` to get all of them"))),
    }
}

/// All documents that are not empty.
pub(crate) fn documents<'v>(call: &Call<'_, 'v, '_, '_>, text: &str, file: Option<&Path>) -> Outcome<Value<'v>> {
    let values: Outcome<Vec<Value<'v>>> =
        parse(call, text, file)?.iter().map(|document| decoded(call, document, file)).collect();
    Ok(call.heap().alloc(AllocList(values?)))
}

fn decoded<'v>(call: &Call<'_, 'v, '_, '_>, document: &Json, file: Option<&Path>) -> Outcome<Value<'v>> {
    value(call.heap(), document).ok_or_else(|| in_file(call, file, "a number is out of the range of 64 bits"))
}

fn decode_json<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let text = call.text("json")?.unwrap_or_default();
    json(call, &text, None)
}

fn decode_yaml<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let text = call.text("yaml")?.unwrap_or_default();
    single(call, &text, None, "decode_yaml_stream")
}

fn decode_yaml_stream<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let text = call.text("yaml")?.unwrap_or_default();
    documents(call, &text, None)
}

pub(crate) const DEFINITIONS: &[Definition] = &[
    Definition { signature: "decode_json(json: str | Blob)", body: decode_json },
    Definition { signature: "decode_yaml(yaml: str | Blob)", body: decode_yaml },
    Definition { signature: "decode_yaml_stream(yaml: str | Blob)", body: decode_yaml_stream },
];

#[cfg(test)]
mod tests {
    use super::number_without_place;

    #[test]
    fn numbers_are_integers_of_64_bits_or_have_a_point() {
        for (text, found) in [
            (r#"{"a": 1, "1e3": -2.5e3, "b\\": [9223372036854775807, -9223372036854775808, 0.0]}"#, None),
            (r#"["x\"1e3", 1e3]"#, Some("1e3")),
            ("[1, 9223372036854775808]", Some("9223372036854775808")),
            ("-1E-2", Some("-1E-2")),
            ("null", None),
        ] {
            assert_eq!(number_without_place(text), found, "{text}");
        }
    }
}
