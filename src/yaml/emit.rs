//! Values to YAML in block style that every reader, also of YAML 1.1, takes for the same values.

use std::fmt::Write as _;

use serde_json::{Number, Value};

use super::scalar::{Scalar, resolve};

/// In which order the keys of mappings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrder {
    /// As they stand in the value.
    Kept,
    /// By their bytes, as kubectl and kustomize print them.
    Sorted,
}

/// One document in block style, keys in their order, without `---`.
pub fn to_yaml(value: &Value) -> String {
    to_yaml_with(value, KeyOrder::Kept)
}

/// One document in block style, without `---`.
pub fn to_yaml_with(value: &Value, order: KeyOrder) -> String {
    let mut writer = Writer { text: String::new(), order };
    match value {
        Value::Object(map) if !map.is_empty() => writer.mapping(map, 0),
        Value::Array(items) if !items.is_empty() => writer.sequence(items, 0),
        _ => {
            writer.scalar(value, 0);
            writer.text.push('\n');
        }
    }
    writer.text
}

struct Writer {
    text: String,
    order: KeyOrder,
}

impl Writer {
    fn mapping(&mut self, map: &serde_json::Map<String, Value>, indent: usize) {
        let mut entries: Vec<(&String, &Value)> = map.iter().collect();
        if self.order == KeyOrder::Sorted {
            entries.sort_by_key(|(key, _)| *key);
        }
        for (index, (key, value)) in entries.into_iter().enumerate() {
            // The first key of a mapping in a sequence stands behind the dash.
            if index > 0 || !self.text.ends_with("- ") {
                self.indent(indent);
            }
            self.key(key, indent);
            self.value(value, indent);
        }
    }

    fn key(&mut self, key: &str, indent: usize) {
        let quoted = if is_plain(key) { key.to_owned() } else { quoted(key) };
        if quoted.chars().count() > 1000 {
            // Parsers look for the `:` of a simple key within 1024 characters only.
            let _ = writeln!(self.text, "? {quoted}");
            self.indent(indent);
        } else {
            self.text.push_str(&quoted);
        }
        self.text.push(':');
    }

    /// The value behind a `key:`.
    fn value(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                self.text.push('\n');
                self.mapping(map, indent + 2);
            }
            Value::Array(items) if !items.is_empty() => {
                self.text.push('\n');
                self.sequence(items, indent);
            }
            _ => {
                self.text.push(' ');
                self.scalar(value, indent);
                self.end_line();
            }
        }
    }

    fn sequence(&mut self, items: &[Value], indent: usize) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 || !self.text.ends_with("- ") {
                self.indent(indent);
            }
            self.text.push_str("- ");
            match item {
                Value::Object(map) if !map.is_empty() => self.mapping(map, indent + 2),
                Value::Array(items) if !items.is_empty() => self.sequence(items, indent + 2),
                _ => {
                    self.scalar(item, indent);
                    self.end_line();
                }
            }
        }
    }

    fn scalar(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Null => self.text.push_str("null"),
            Value::Bool(value) => self.text.push_str(if *value { "true" } else { "false" }),
            Value::Number(number) => self.text.push_str(&number_text(number)),
            Value::String(text) if is_plain(text) => self.text.push_str(text),
            Value::String(text) if suits_literal_block(text) => self.literal_block(text, indent + 2),
            Value::String(text) => self.text.push_str(&quoted(text)),
            Value::Array(_) => self.text.push_str("[]"),
            Value::Object(_) => self.text.push_str("{}"),
        }
    }

    fn literal_block(&mut self, text: &str, indent: usize) {
        self.text.push('|');
        let body = match text.strip_suffix('\n') {
            None => {
                self.text.push('-');
                text
            }
            Some(body) if body.ends_with('\n') => {
                self.text.push('+');
                body
            }
            Some(body) => body,
        };
        for line in body.split('\n') {
            self.text.push('\n');
            if !line.is_empty() {
                self.indent(indent);
                self.text.push_str(line);
            }
        }
    }

    fn end_line(&mut self) {
        self.text.push('\n');
    }

    fn indent(&mut self, indent: usize) {
        self.text.extend(std::iter::repeat_n(' ', indent));
    }
}

/// A form of a number that readers of YAML 1.1 take for a number: an exponent needs a point before and a sign.
fn number_text(number: &Number) -> String {
    let text = number.to_string();
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['-', '+']) { "" } else { "+" };
    format!("{mantissa}{point}e{sign}{exponent}")
}

/// Whether a string can stand unquoted in block style: the rule of the emitters in Go, whose text Tilt's `encode_yaml`
/// returns.
fn is_plain(text: &str) -> bool {
    let mut chars = text.chars();
    let starts_well = match chars.next() {
        None => false,
        Some('-' | '?' | ':') => chars.next().is_some_and(|second| second != ' '),
        Some(first) => !"#,[]{}&*!|>'\"%@` ".contains(first),
    };
    starts_well
        && text != "="
        && !text.starts_with("---")
        && !text.starts_with("...")
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && text.chars().all(is_printable)
        && is_text(text)
}

/// Whether every reader takes the unquoted text for a string.
fn is_text(text: &str) -> bool {
    resolve(text) == Scalar::Text && text != "<<" && !is_base_60(text) && !is_timestamp(text)
}

/// In single quotes where punctuation is the reason, in double quotes where the text would mean something else, or has
/// characters that need an escape.
fn quoted(text: &str) -> String {
    if is_text(text) && text.chars().all(is_printable) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        double_quoted(text)
    }
}

/// `1:30` and the like: 90 for readers of YAML 1.1 other than kubectl's.
fn is_base_60(text: &str) -> bool {
    text.contains(':')
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'_' | b'-' | b'+'))
}

/// Whether it begins like a date, which many readers make a date of.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 8 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-' && bytes[5].is_ascii_digit()
}

/// Whether a text of several lines reads well as a literal block, and survives it unchanged.
fn suits_literal_block(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && text.split('\n').all(|line| !line.starts_with('\t') && !line.ends_with([' ', '\t']))
        && text.chars().all(|c| c == '\n' || c == '\t' || is_printable(c))
}

fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn double_quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            _ if is_printable(c) => quoted.push(c),
            _ => {
                let code = u32::from(c);
                let _ = if code <= 0xff {
                    write!(quoted, "\\x{code:02x}")
                } else if code <= 0xffff {
                    write!(quoted, "\\u{code:04x}")
                } else {
                    write!(quoted, "\\U{code:08x}")
                };
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::yaml::parse_documents;

    fn reread(text: &str) -> Value {
        let parsed = parse_documents(text, &Arc::from(Path::new("/a.yaml")));
        assert_eq!(parsed.diagnostics, [], "{text}");
        parsed.documents.into_iter().next().map_or(Value::Null, |document| document.value)
    }

    #[test]
    fn objects_read_like_kubectl_prints_them() {
        let value = json!({
            "kind": "Pod", "apiVersion": "v1",
            "spec": {"containers": [{"name": "a", "args": [["x"], [], {}], "command": ["sh", "-c", "a\nb\n"]}]},
            "data": {"on": "yes", "mode": "0644", "when": "2001-01-01", "long": 1e30, "time": "1:30", "url": "http://a:1/"},
        });
        insta::assert_snapshot!(to_yaml_with(&value, KeyOrder::Sorted), @r#"
        apiVersion: v1
        data:
          long: 1.0e+30
          mode: "0644"
          "on": "yes"
          time: "1:30"
          url: http://a:1/
          when: "2001-01-01"
        kind: Pod
        spec:
          containers:
          - args:
            - - x
            - []
            - {}
            command:
            - sh
            - -c
            - |
              a
              b
            name: a
        "#);
        assert_eq!(reread(&to_yaml(&value)), value);
    }

    #[test]
    fn texts_survive() {
        for text in [
            "",
            " ",
            "a ",
            " a",
            "-",
            "- a",
            "a: b",
            "a #b",
            "#a",
            "&a",
            "*a",
            "!a",
            "%a",
            "@a",
            "`a",
            "|",
            ">",
            "null",
            "~",
            "y",
            "0x1",
            "089",
            "1_0",
            ".5",
            "+1",
            "-1",
            "--",
            "---",
            "--- a",
            "...",
            "a\n",
            "a\n\n",
            "\na",
            "a\nb",
            "a\n b\n\n",
            " a\nb",
            "a\tb",
            "\ta",
            "a\r\nb",
            "a\u{85}b",
            "\u{feff}",
            "a\u{2028}b",
            "\u{7}",
            "é",
            "日本語: x",
            "{a}",
            "a,b",
            "a]",
            "?",
            "? a",
            "a?",
            ":",
            ":a",
            "a:",
            "<<",
            "=",
            "\"",
            "'",
            "it's",
            "\\",
            "a\n\tb\n",
            "a\nb ",
            "🙂",
            "\n",
            "\n\n",
        ] {
            let value = json!({"key": text, "list": [text, {"nested": text}], text: 1});
            assert_eq!(reread(&to_yaml(&value)), value, "{}", to_yaml(&value));
            assert_eq!(reread(&to_yaml(&json!(text))), json!(text));
        }
        let long = "k".repeat(2000);
        assert_eq!(reread(&to_yaml(&json!({&long: {"a": 1}}))), json!({&long: {"a": 1}}));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "[a-z0-9:#&*!|>'\"%@`{}\\[\\],?. \n\t_~=<+-]{0,12}",
            any::<String>().prop_map(|text| text.replace('\u{0}', "")),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(|number| crate::yaml::scalar::float_value(number).unwrap_or(Value::Null)),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::hash_map(text.clone(), inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value in any_value()) {
            let text = to_yaml(&value);
            prop_assert_eq!(reread(&text), value, "{}", text);
        }
    }
}
