//! Streams of JSON objects, which kubectl takes too: what `jsonnet`, `kubectl get -o json` and the like print.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::parse::Document;
use super::scalar::float_value;
use crate::diagnostic::{Position, Span};

/// The documents of a stream that consists of JSON objects only; `None` when it is anything else, such as YAML in
/// flow style.
pub(super) fn parse_json_stream(text: &str, file: &Arc<Path>) -> Option<Vec<Document>> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Map<String, Value>>();
    let mut cursor = Cursor { text, offset: 0, position: Position { line: 1, column: 1 } };
    let mut documents = Vec::new();
    loop {
        let before = stream.byte_offset();
        let Some(next) = stream.next() else { break };
        let map = next.ok()?;
        let start = before + text[before..].len() - text[before..].trim_start().len();
        let start = cursor.advance(start);
        let end = cursor.advance(stream.byte_offset());
        documents
            .push(Document { value: normalise(Value::Object(map)), span: Span::new(Arc::clone(file), start, end) });
    }
    Some(documents)
}

/// Whole numbers are integers however they were written, as in YAML.
fn normalise(value: Value) -> Value {
    match value {
        Value::Number(number) if !number.is_i64() => {
            number.as_f64().and_then(float_value).unwrap_or(Value::Number(number))
        }
        Value::Array(items) => items.into_iter().map(normalise).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, normalise(value))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// Turns growing byte offsets into positions.
struct Cursor<'t> {
    text: &'t str,
    offset: usize,
    position: Position,
}

impl Cursor<'_> {
    fn advance(&mut self, offset: usize) -> Position {
        for c in self.text[self.offset..offset].chars() {
            if c == '\n' {
                self.position.line += 1;
                self.position.column = 1;
            } else {
                self.position.column += 1;
            }
        }
        self.offset = offset;
        self.position
    }
}
