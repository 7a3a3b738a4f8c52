//! Whole projects as files: `tests/devfiles/assembled/NAME/Devfile` with what `devloop config --json` says of it in
//! `expected.json`, but for what is empty. Cases whose name begins with `error_` have errors and the exit code for that.
//!
//! `DEVLOOP_UPDATE_EXPECTED=1` writes what comes out instead of comparing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::devloop::binary;

#[test]
fn projects_are_assembled_as_they_are_declared() {
    let update = std::env::var_os("DEVLOOP_UPDATE_EXPECTED").is_some();
    let mut failures = String::new();
    for folder in cases() {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let (code, text) = config_json(&folder);
        let wanted = if name.starts_with("error_") { 5 } else { 0 };
        assert_eq!(code, Some(wanted), "{name}:\n{text}");
        let file = folder.join("expected.json");
        if update {
            std::fs::write(&file, &text).expect("the expected output can be written");
            continue;
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        if expected != text {
            let diff = similar::TextDiff::from_lines(&expected, &text);
            let _ = writeln!(failures, "{name}:\n{}", diff.unified_diff());
        }
    }
    assert!(failures.is_empty(), "DEVLOOP_UPDATE_EXPECTED=1 accepts what comes out\n{failures}");
}

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/devfiles/assembled");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root)
        .expect("the folder of the cases")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    folders.sort();
    folders
}

/// Without a cluster, an engine or anything of the user's.
fn config_json(folder: &Path) -> (Option<i32>, String) {
    let home = tempfile::tempdir().expect("a folder");
    let output = Command::new(binary())
        .args(["config", "--json"])
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut value: Value = serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("{}: {error}\n{text}{}", folder.display(), String::from_utf8_lossy(&output.stderr))
    });
    if let Some(map) = value.as_object_mut() {
        // It depends on the folder that the tests lie in.
        map.remove("project");
    }
    // The other settings have tests of their own, and mostly their defaults.
    if let Some(settings) = value.get_mut("settings").and_then(Value::as_object_mut) {
        settings.retain(|key, _| key == "default_registry");
    }
    prune(&mut value);
    let text = serde_json::to_string_pretty(&value).expect("JSON");
    let root = folder.display().to_string();
    (output.status.code(), text.replace(&format!("{root}/"), "").replace(&root, "$ROOT") + "\n")
}

/// Drops what is empty, so that one sees what is there.
fn prune(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(prune);
            fields.retain(|key, field| !is_empty(field) || key == "container_args");
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
