//! YAML out: the same text as Go's, which reads back as the same value.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::emit::{KeyOrder, to_yaml, to_yaml_with};
use super::parse::parse_documents;

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
      long: 1e+30
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
        any::<f64>().prop_map(|number| super::scalar::float_value(number).unwrap_or(Value::Null)),
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

/// The texts that sigs.k8s.io/yaml 1.3 over go-yaml 2.4 writes: one pair of a value and its text per line, as JSON.
#[test]
fn texts_are_those_of_go() {
    for line in include_str!("emit_cases.txt").lines() {
        let (value, expected): (Value, String) = serde_json::from_str(line).expect(line);
        assert_eq!(to_yaml_with(&value, KeyOrder::Sorted), expected, "{line}");
    }
}

#[test]
fn a_key_that_would_merge_gets_quotes() {
    assert_eq!(to_yaml(&json!({"<<": "<<"})), "\"<<\": <<\n");
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(value in any_value()) {
        let text = to_yaml(&value);
        prop_assert_eq!(reread(&text), value, "{}", text);
    }
}
