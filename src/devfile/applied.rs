//! Objects of the API as `tilt apply` takes them: an older way of public extensions to register what `v1alpha1` does now.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::diagnostic::Span;
use crate::project::{ApiKind, ApiObject};
use crate::yaml::parse_documents;

/// What all objects of the API have in `apiVersion`.
const API_VERSION: &str = "tilt.dev/v1alpha1";

/// The kinds that can be registered this way.
const KINDS: [ApiKind; 4] = [ApiKind::Cmd, ApiKind::ConfigMap, ApiKind::FileWatch, ApiKind::UiButton];

/// Reads the objects of a YAML text. `origin` is the call that they count as registered by.
///
/// # Errors
///
/// What is wrong with the text, or which object cannot be registered and why.
pub fn applied_objects(text: &str, origin: &Span) -> Result<Vec<ApiObject>, String> {
    let parsed = parse_documents(text, &Arc::from(Path::new("<applied objects>")));
    if let Some(problem) = parsed.diagnostics.iter().find(|diagnostic| diagnostic.is_error()) {
        return Err(format!("it is not YAML: {}", problem.message));
    }
    let documents = parsed.documents.into_iter().map(|document| document.value).filter(|value| !value.is_null());
    documents.map(|value| object(&value, origin)).collect()
}

fn object(value: &Json, origin: &Span) -> Result<ApiObject, String> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text(&value["apiVersion"]), text(&value["kind"]));
    let known = KINDS.into_iter().find(|known| version == API_VERSION && known.to_string() == kind);
    let Some(kind) = known else {
        let kinds: Vec<String> = KINDS.iter().map(ToString::to_string).collect();
        return Err(format!("`{version}` `{kind}` cannot be applied: known are {API_VERSION} {}", kinds.join(", ")));
    };
    let metadata = &value["metadata"];
    let name = text(&metadata["name"]);
    if name.is_empty() {
        return Err(format!("a {kind} has no `metadata.name`"));
    }
    let texts = |value: &Json| -> BTreeMap<String, String> {
        let pairs = value.as_object().into_iter().flatten();
        pairs.map(|(key, value)| (key.clone(), text(value))).collect()
    };
    let spec = match kind {
        ApiKind::ConfigMap => serde_json::json!({ "data": value["data"] }),
        _ => value["spec"].clone(),
    };
    let (labels, annotations) = (texts(&metadata["labels"]), texts(&metadata["annotations"]));
    Ok(ApiObject { kind, name, labels, annotations, spec, origin: origin.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<ApiObject>, String> {
        applied_objects(text, &Span::file("/p/Tiltfile"))
    }

    #[test]
    fn documents_are_objects_and_an_empty_one_is_none() {
        let text = "apiVersion: tilt.dev/v1alpha1\nkind: UIButton\nmetadata: {name: b, annotations: {a: c}}\n\
                    spec: {text: Go}\n---\n---\napiVersion: tilt.dev/v1alpha1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {k: v}\n";
        let objects = read(text).expect("objects");
        assert_eq!(
            objects.iter().map(|it| (it.kind, it.name.as_str())).collect::<Vec<_>>(),
            [(ApiKind::UiButton, "b"), (ApiKind::ConfigMap, "m")]
        );
        assert_eq!(objects[0].annotations["a"], "c");
        assert_eq!(objects[1].spec["data"]["k"], "v");
    }

    #[test]
    fn what_cannot_be_registered_is_named() {
        let error = read("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n").expect_err("no such object");
        assert!(error.starts_with("`v1` `Pod` cannot be applied"), "{error}");
        let error = read("apiVersion: tilt.dev/v1alpha1\nkind: Cmd\n").expect_err("no name");
        assert_eq!(error, "a Cmd has no `metadata.name`");
    }
}
