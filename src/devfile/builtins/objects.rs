//! YAML texts of a configuration, and the Kubernetes objects in them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use starlark::values::Value;

use crate::devfile::language::arguments::sequence_of;
use crate::devfile::language::binding::Call;
use crate::devfile::language::failure::{Failure, Outcome};
use crate::devfile::values::blob::Blob;
use crate::diagnostic::Diagnostic;
use crate::k8s::{Object, parse_objects};

/// Where a text comes from.
enum Origin {
    /// A file of the user.
    File(PathBuf),
    /// A Blob; its source.
    Blob(String),
}

/// The objects in the argument `yaml`, in order, and whether a file is among its elements. `None` has no elements.
pub(crate) fn objects_of(call: &Call<'_, '_, '_, '_>) -> Outcome<(Vec<Object>, bool)> {
    let mut objects = Vec::new();
    let mut has_file = false;
    let Some(value) = call.get("yaml").filter(|value| !value.is_none()) else { return Ok((objects, has_file)) };
    let elements = match one(call, value)? {
        Some(source) => vec![source],
        None => sequence_of(value, call.heap())
            .ok_or_else(|| mismatch(call, value))?
            .into_iter()
            .map(|element| one(call, element)?.ok_or_else(|| mismatch(call, element)))
            .collect::<Outcome<_>>()?,
    };
    for (text, origin) in elements {
        has_file |= matches!(origin, Origin::File(_));
        parse(call, &text, &origin, &mut objects)?;
    }
    Ok((objects, has_file))
}

fn mismatch<'v>(call: &Call<'_, 'v, '_, '_>, value: Value<'v>) -> Failure {
    call.mismatch("yaml", value, "a path, a blob, or a sequence of them")
}

fn one<'v>(call: &Call<'_, 'v, '_, '_>, value: Value<'v>) -> Outcome<Option<(String, Origin)>> {
    if let Some(blob) = Blob::from_value(value) {
        return Ok(Some((blob.0.text.clone(), Origin::Blob(blob.0.source.clone()))));
    }
    let Some(path) = value.unpack_str() else { return Ok(None) };
    if path.contains('\n') {
        return Err(call
            .bad_argument("yaml", "the string is not a path but a text of several lines")
            .help("wrap texts in `blob(…)`"));
    }
    let path = call.session.resolve(path);
    let text = call.session.read(&path).map_err(|failure| failure.context(&format!("`{}`", call.signature.name)))?;
    Ok(Some((text, Origin::File(path))))
}

fn parse(call: &Call<'_, '_, '_, '_>, text: &str, origin: &Origin, objects: &mut Vec<Object>) -> Outcome<()> {
    let file: Arc<Path> = match origin {
        Origin::File(path) => Arc::from(path.as_path()),
        Origin::Blob(source) => Arc::from(PathBuf::from(format!("<{source}>"))),
    };
    let parsed = match origin {
        Origin::File(_) => call.session.cache.objects(&file, text),
        Origin::Blob(_) => parse_objects(text, &file),
    };
    let mut failure = None;
    for diagnostic in parsed.diagnostics {
        let diagnostic = placed(call, text, origin, diagnostic);
        if diagnostic.is_error() {
            // The last one ends the run, the others are reported all the same.
            if let Some(earlier) = failure.replace(diagnostic) {
                call.session.report(earlier);
            }
        } else {
            call.session.report(diagnostic);
        }
    }
    if let Some(diagnostic) = failure {
        return Err(diagnostic.into());
    }
    objects.extend(parsed.objects.into_iter().map(|mut object| {
        if matches!(origin, Origin::Blob(_)) {
            object.origin = call.span.clone();
        }
        object
    }));
    Ok(())
}

/// A diagnostic about a text that has no file points at the call, and quotes the text.
fn placed(call: &Call<'_, '_, '_, '_>, text: &str, origin: &Origin, mut diagnostic: Diagnostic) -> Diagnostic {
    diagnostic.message = format!("`{}`: {}", call.signature.name, diagnostic.message);
    let Origin::Blob(source) = origin else {
        return diagnostic.related(call.span.clone(), "read by this call");
    };
    if let Some(place) = diagnostic.primary.replace(call.span.clone())
        && place.start.line > 0
    {
        let line = text.lines().nth(place.start.line as usize - 1).unwrap_or_default();
        let quoted = if line.trim().is_empty() { String::new() } else { format!(": `{}`", line.trim()) };
        diagnostic.help.push(format!("in the text of `{source}`, line {}{quoted}", place.start.line));
    }
    diagnostic.related.retain(|related| related.span.file.is_absolute());
    diagnostic
}
