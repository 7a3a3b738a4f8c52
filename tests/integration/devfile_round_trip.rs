//! Random values through `encode_json`, `encode_yaml` and back: what comes back is equal.

use std::fmt::Write as _;

use devloop::devfile::{Evaluation, evaluate};
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::devfile::options;

/// A value as it is written in the language.
fn literal() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("None".to_owned()),
        any::<bool>().prop_map(|flag| if flag { "True" } else { "False" }.to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<i32>().prop_map(|number| format!("{:?}", f64::from(number) / 8.0)),
        text(),
        proptest::sample::select(vec![
            "yes",
            "null",
            "~",
            "0x1f",
            "1e3",
            "1:30",
            " a",
            "a: b",
            "#",
            "- x",
            "---",
            "2020-01-01",
            ""
        ])
        .prop_map(|text| format!("{text:?}")),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(|items| format!("[{}]", items.join(", "))),
            proptest::collection::hash_map(text(), inner, 0..6).prop_map(|entries| {
                let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                format!("{{{}}}", entries.join(", "))
            }),
        ]
    })
}

/// A string as it is written in the language, with any character in it that YAML can hold.
fn text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| {
        let mut literal = "\"".to_owned();
        for character in text.chars() {
            let _ = write!(literal, "\\U{:08x}", u32::from(character));
        }
        literal + "\""
    })
}

fn run(script: &str) -> Evaluation {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("Devfile"), script).expect("it can be written");
    evaluate(options(folder.path(), &CancellationToken::new()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_encoded_comes_back(values in proptest::collection::vec(literal(), 1..6)) {
        let script = format!(
            "values = [{}]\n\
             for value in values:\n\
             \x20   json = encode_json(value)\n\
             \x20   if decode_json(json) != value: fail('JSON: ' + json)\n\
             \x20   yaml = encode_yaml(value)\n\
             \x20   if decode_yaml(yaml) != value: fail('YAML: ' + str(yaml))\n\
             whole = [value for value in values if value != None]\n\
             if decode_yaml_stream(encode_yaml_stream(whole)) != whole: fail('stream')\n",
            values.join(", ")
        );
        let problems: Vec<String> = run(&script).diagnostics.into_iter().map(|problem| problem.message).collect();
        prop_assert!(problems.is_empty(), "{problems:?}\n{script}");
    }
}
