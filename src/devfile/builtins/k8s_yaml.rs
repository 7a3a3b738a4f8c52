//! `k8s_yaml` and `filter_yaml`.

use starlark::values::Value;

use super::k8s_kind::matcher;
use super::objects::objects_of;
use crate::devfile::declarations::ObjectDeclaration;
use crate::devfile::language::binding::Call;
use crate::devfile::language::builtin::Definition;
use crate::devfile::language::failure::Outcome;
use crate::devfile::values::blob::Blob;
use crate::k8s::Object;
use crate::yaml::{KeyOrder, to_yaml_with};

fn k8s_yaml<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let allow_duplicates = call.boolean("allow_duplicates")?.unwrap_or(false);
    let (objects, has_file) = objects_of(call)?;
    // An empty file is fine, an empty result of a command is not.
    if objects.is_empty() && !has_file {
        return Err(call
            .failure("Empty YAML passed to k8s_yaml")
            .help("it has no Kubernetes object in it; where that may happen, look before you call: `if str(yaml):`"));
    }
    if let Some(nameless) = objects.iter().find(|object| object.id.name.is_empty()) {
        let kind = &nameless.id.kind;
        return Err(call
            .failure(format_args!("this {kind} has `metadata.generateName`, which cannot be applied"))
            .help("give it a `metadata.name`, or take it out with `filter_yaml(…)`")
            .at(nameless.origin.clone()));
    }
    let site = call.session.call_site(call.span.clone());
    let declared = objects.into_iter().map(|object| ObjectDeclaration { object, call: site.clone(), allow_duplicates });
    call.session.state().declarations.objects.extend(declared);
    Ok(Value::new_none())
}

fn filter_yaml<'v>(call: &mut Call<'_, 'v, '_, '_>) -> Outcome<Value<'v>> {
    let matcher = matcher(call)?;
    let labels = call.dictionary("labels")?;
    let has_labels = |object: &Object| {
        labels.iter().all(|(key, wanted)| {
            let found = object.value.pointer("/metadata/labels").and_then(|labels| labels.get(key));
            found.and_then(serde_json::Value::as_str) == Some(wanted)
        })
    };
    // Nothing in, nothing out: what one call leaves over is often filtered again.
    let (objects, _) = objects_of(call)?;
    let (matching, mut rest): (Vec<Object>, Vec<Object>) =
        objects.into_iter().partition(|object| matcher.matches(&object.id));
    let (matching, unlabelled): (Vec<Object>, Vec<Object>) = matching.into_iter().partition(has_labels);
    rest.extend(unlabelled);
    let heap = call.heap();
    let blob = |objects| heap.alloc(Blob::new(serialize(objects), "filter_yaml"));
    Ok(heap.alloc((blob(matching), blob(rest))))
}

/// Objects as one text, without status.
pub(super) fn serialize(objects: Vec<Object>) -> String {
    let documents: Vec<String> = objects
        .into_iter()
        .map(|mut object| {
            if let Some(map) = object.value.as_object_mut() {
                map.shift_remove("status");
            }
            let text = to_yaml_with(&object.value, KeyOrder::Sorted);
            if text.ends_with('\n') { text } else { text + "\n" }
        })
        .collect();
    documents.join("---\n")
}

pub(crate) const DEFINITIONS: &[Definition] = &[
    Definition { signature: "k8s_yaml(yaml, allow_duplicates: bool = False)", body: k8s_yaml },
    Definition {
        signature: "filter_yaml(yaml, labels: dict = {}, name: str = \"\", namespace: str = \"\", kind: str = \"\", \
                    api_version: str = \"\")",
        body: filter_yaml,
    },
];
