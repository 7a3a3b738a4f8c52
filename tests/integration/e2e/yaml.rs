//! Our reading of YAML against kubectl's own: `kubectl create --dry-run=client -o json` prints what it understood.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use devloop::yaml::parse_documents;
use serde_json::Value;

/// An object of a known kind; kubectl passes the additional field `probe` on as it is.
const HEAD: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: probe}\n";

fn kubectl(text: &str) -> Result<Value, String> {
    let mut child = Command::new("kubectl")
        .args(["create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubectl is on PATH");
    child.stdin.take().expect("piped").write_all(text.as_bytes()).expect("kubectl reads its input");
    let output = child.wait_with_output().expect("kubectl ends");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).expect("kubectl prints JSON"))
}

fn devloop(text: &str) -> Result<Value, String> {
    let parsed = parse_documents(text, &Arc::from(Path::new("/probe.yaml")));
    match parsed.diagnostics.into_iter().find(devloop::diagnostic::Diagnostic::is_error) {
        Some(error) => Err(error.message),
        None => Ok(parsed.documents.into_iter().next().map_or(Value::Null, |document| document.value)),
    }
}

/// Numbers as kubectl prints them: it has no integers above 64 bits.
fn comparable(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::from(number.as_f64()),
        Value::Array(items) => items.iter().map(comparable).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), comparable(value))).collect(),
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}

fn differences(cases: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut differences = Vec::new();
    for case in cases {
        let text = format!("{HEAD}{case}");
        let (ours, theirs) = (devloop(&text), kubectl(&text));
        let same = match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) => {
                // kubectl adds the namespace.
                let mut ours = ours.clone();
                let mut theirs = theirs.clone();
                for value in [&mut ours, &mut theirs] {
                    value.as_object_mut().expect("an object").remove("metadata");
                }
                comparable(&ours) == comparable(&theirs)
            }
            (Err(_), Err(_)) => true,
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        };
        if !same {
            differences.push(format!("{case}\n  ours:   {ours:?}\n  theirs: {theirs:?}"));
        }
    }
    differences
}

#[test]
#[ignore = "needs cluster (kubectl asks it for its kinds)"]
fn scalars_mean_what_kubectl_makes_of_them() {
    let words = [
        "",
        "~",
        "null",
        "Null",
        "NULL",
        "nULL",
        "y",
        "Y",
        "yes",
        "Yes",
        "YES",
        "yEs",
        "n",
        "N",
        "no",
        "NO",
        "on",
        "On",
        "ON",
        "off",
        "OFF",
        "true",
        "True",
        "TRUE",
        "tRUE",
        "false",
        "False",
        "FALSE",
        "0",
        "00",
        "0644",
        "0o644",
        "0O17",
        "012",
        "089",
        "08",
        "-012",
        "+12",
        "-0",
        "+0",
        "1_000",
        "1__0",
        "1_",
        "_1",
        "0x1F",
        "0X1f",
        "-0x1F",
        "0x",
        "0xg",
        "0b101",
        "0B11",
        "-0b101",
        "0b2",
        "1e3",
        "1E3",
        "1e+3",
        "1e-3",
        "1.5e3",
        "1e",
        "e1",
        "1.",
        ".5",
        "-.5",
        "+.5",
        ".5e2",
        ".",
        "..",
        "1.2.3",
        "1.0",
        "0.1",
        "-1.5",
        "1e300",
        "1e999",
        "1:30",
        "1:30:45",
        "190:20:30.15",
        "2001-01-01",
        "2001-01-01T00:00:00Z",
        "2001-1-1",
        "'0644'",
        "\"yes\"",
        "'~'",
        ".nan.",
        "nan",
        "inf",
        "Infinity",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "-9223372036854775809",
        "123456789012345678901234567890",
        "0777777777777777777777777",
        "!!str 0644",
        "!!str yes",
        "!!int '12'",
        "!!int 0x10",
        "!!float 3",
        "!!float '1.5'",
        "!!bool yes",
        "!!null ''",
        "!!binary aGVsbG8=",
        "!own 12",
        "! 12",
        "!!str",
        "a b",
        "a:b",
        "a#b",
        "a #b",
        "-a",
        "?a",
        "<<",
        "=",
        "0.",
        "1_0.5",
        "0x_1F",
        "1e1_0",
        "+1e3",
        "--1",
        "+-1",
        "1,000",
        "0d10",
        "123abc",
        "٣",
        "é",
        "\"\\u00e9\\x41\\n\"",
        "'it''s'",
    ];
    assert_eq!(differences(words.iter().map(|word| format!("probe: {word}\n"))), Vec::<String>::new());
}

#[test]
#[ignore = "needs cluster (kubectl asks it for its kinds)"]
fn refusals_are_the_same() {
    let refused = [
        "probe: .inf\n",
        "probe: -.inf\n",
        "probe: .nan\n",
        "probe: !!int x\n",
        "probe: !!bool 1\n",
        "probe: !!binary '%'\n",
        "probe: *nowhere\n",
        "probe: &a [*a]\n",
        "~: x\n",
        "? [a]\n: b\n",
        "probe: {<<: 1}\n",
        "probe: [1, 2\n",
        "probe: a: b\n",
        "probe:\n\tx: 1\n",
        "probe: @x\n",
        "probe: `x`\n",
        "probe: 'x\n",
        "probe: %x\n",
        "probe: {{ .Values.x }}\n",
    ];
    assert_eq!(differences(refused.map(str::to_owned)), Vec::<String>::new());
}

#[test]
#[ignore = "needs cluster (kubectl asks it for its kinds)"]
fn structures_mean_what_kubectl_makes_of_them() {
    let structures = [
        "1: a\n",
        "yes: a\n",
        "089: a\n",
        "1.5: a\n",
        "1e6: a\n",
        "0x10: a\n",
        "1_0: a\n",
        "-5: a\n",
        "0.00001: a\n",
        "'1': a\n",
        "probe: 1\nprobe: 2\n",
        "x: &x {a: 1, b: 2}\nz: {<<: *x, b: 5}\n",
        "x: &x {a: 1, b: 2}\nz: {b: 5, <<: *x}\n",
        "x: &x {a: 1}\nw: &w {a: 2, c: 3}\nz: {<<: [*x, *w]}\n",
        "z: {<<: {a: 1}, c: 2}\n",
        "z: {<<: [{a: 1}, {a: 2, b: 3}]}\n",
        "z: {'<<': 1}\n",
        "z: {!!str <<: 1}\n",
        "x: &x [1, *y]\n",
        "x: &x 0644\nz: *x\nw: {*x : 1}\n",
        "z: |\n  a\n\n  b\n\nw: 1\n",
        "z: |-\n  a\n\n",
        "z: |+\n  a\n\n",
        "z: >\n  a\n  b\n\n  c\n   d\n  e\n",
        "z: >-\n  a\n  b\n",
        "z: |2\n   a\n  b\n",
        "z: |\n\n\n  a\n",
        "z: |\nw: 1\n",
        "z: a\n  b\n  c\n",
        "z: \"a\n  b\\\n  c\n\n  d\"\n",
        "z: 'a\n  b\n\n  c'\n",
        "z:\n- a\n- - b\n  - c\n-\n- d: 1\n  e: 2\n",
        "z: [a, b: c, {d: e}, ]\n",
        "z: {a, b: , c: 1, \"d\": 2, 'e':3}\n",
        "z: {\"a\":1,\"b\":[1,2]}\n",
        "? z\n: a\n",
        "z: # comment\n  a # b\n",
        "z: !!map {a: 1}\nw: !!seq [a]\n",
        "z: a\r\nw: |\r\n  x\r\n  y\r\n",
        "z: \ta\n",
        "z: http://a:1/b#c\n",
        "z: {{a: 1}: 2}\n",
        "z: &a\nw: *a\n",
        // Not `\\/`: go-yaml refuses it, YAML 1.2 and JSON have it.
        "z: \"\\e\\0\\_\\N\"\n",
        "z: 日本\n",
    ];
    assert_eq!(differences(structures.map(str::to_owned)), Vec::<String>::new());
}
