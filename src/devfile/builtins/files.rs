//! `blob`, `read_file`, `read_json`, `read_yaml`, `read_yaml_stream`, `listdir`, `watch_file`.

use std::path::{Path, PathBuf};

use starlark::values::Value;
use starlark::values::list::ListRef;

use super::decode::{documents, json, single};
use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::devfile::values::blob::Blob;

fn blob<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    Ok(call.heap().alloc(Blob::new(call.string("input")?, "Devfile blob() call")))
}

/// Whether there is no such file. Other reasons why it cannot be read are errors, default or not (reference §2.2).
fn is_missing(path: &Path) -> bool {
    std::fs::metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// The path and the text of the file; no text when it is missing.
fn read(call: &Call<'_, '_, '_, '_>) -> Outcome<(PathBuf, Option<String>)> {
    let path = call.dir("paths")?;
    if path.is_dir() {
        return call.fail(format_args!("`{}` is a folder", path.display()));
    }
    if is_missing(&path) && call.get("default").is_some() {
        call.session.watch(&path);
        return Ok((path, None));
    }
    let text = call.session.read(&path).map_err(|failure| failure.context(&format!("`{}`", call.signature.name)))?;
    Ok((path, Some(text)))
}

fn read_file<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let default = match call.get("default") {
        Some(value) if !value.is_none() => call.text("default")?,
        _ => None,
    };
    let path = call.dir("paths")?;
    if let Some(default) = default
        && is_missing(&path)
    {
        call.session.watch(&path);
        return Ok(call.heap().alloc(Blob::new(default, format!("file: {}", path.display()))));
    }
    if path.is_dir() {
        return call.fail(format_args!("`{}` is a folder", path.display()));
    }
    let text = call.session.read(&path).map_err(|failure| failure.context("`read_file`"))?;
    Ok(call.heap().alloc(Blob::new(text, format!("file: {}", path.display()))))
}

fn default<'v>(call: &Call<'_, 'v, '_, '_>) -> Value<'v> {
    call.get("default").unwrap_or_else(Value::new_none)
}

fn read_json<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    match read(call)? {
        (path, Some(text)) => json(call, &text, Some(&path)),
        (_, None) => Ok(default(call)),
    }
}

fn read_yaml<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    match read(call)? {
        (path, Some(text)) => single(call, &text, Some(&path), "read_yaml_stream"),
        (_, None) => Ok(default(call)),
    }
}

fn read_yaml_stream<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    if let Some(value) = call.get("default").filter(|value| ListRef::from_value(*value).is_none()) {
        return Err(call.mismatch("default", value, "list"));
    }
    match read(call)? {
        (path, Some(text)) => documents(call, &text, Some(&path)),
        (_, None) => Ok(default(call)),
    }
}

fn listdir<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let dir = call.dir("dir")?;
    let recursive = call.boolean("recursive")?.unwrap_or(false);
    let mut files = Vec::new();
    walk(&dir, recursive, &mut files);
    if recursive {
        call.session.watch(dir);
    }
    Ok(call.heap().alloc(files))
}

/// All that is no folder below `dir`, in lexical order; links to folders are not followed.
fn walk(dir: &Path, recursive: bool, files: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            files.push(entry.path().to_string_lossy().into_owned());
        } else if recursive {
            walk(&entry.path(), recursive, files);
        }
    }
}

fn watch_file<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let path = call.dir("paths")?;
    call.session.watch(path);
    Ok(Value::new_none())
}

pub(crate) const DEFINITIONS: &[Definition] = &[
    Definition { signature: "blob(input: str)", body: blob },
    Definition { signature: "read_file(paths: path, default: str = unset)", body: read_file },
    Definition { signature: "read_json(paths: path, default = unset)", body: read_json },
    Definition { signature: "read_yaml(paths: path, default = unset)", body: read_yaml },
    Definition { signature: "read_yaml_stream(paths: path, default: list = unset)", body: read_yaml_stream },
    Definition { signature: "listdir(dir: path, recursive: bool = False)", body: listdir },
    Definition { signature: "watch_file(paths: path)", body: watch_file },
];
