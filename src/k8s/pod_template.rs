//! Pod templates in objects of Kubernetes' own kinds.

use std::collections::BTreeMap;

use serde_json::Value;

use super::images::{is_known_kind, pod_spec_pointers};
use super::object::Object;

/// The labels of each pod template of `object`; empty when it has none. A bare Pod is no template.
pub fn pod_template_labels(object: &Object) -> Vec<BTreeMap<String, String>> {
    if !is_known_kind(object) {
        return Vec::new();
    }
    pod_spec_pointers(&object.value)
        .iter()
        .filter_map(|spec| spec.strip_suffix("/spec").filter(|template| !template.is_empty()))
        .map(|template| text_map(object.value.pointer(&format!("{template}/metadata/labels"))))
        .collect()
}

/// The selector of a Service; empty for other kinds and for Services without one.
pub fn service_selector(object: &Object) -> BTreeMap<String, String> {
    if object.id.kind != "Service" || object.id.api_version != "v1" {
        return BTreeMap::new();
    }
    text_map(object.value.pointer("/spec/selector"))
}

fn text_map(value: Option<&Value>) -> BTreeMap<String, String> {
    let entries = value.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}
