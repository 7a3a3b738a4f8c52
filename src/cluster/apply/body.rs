//! What is sent to the cluster for an object: the user's, without what only the server may set.

use std::collections::HashSet;

use base64::Engine as _;
use serde_json::{Map, Value};

use crate::k8s::{MANAGED_BY, MANAGED_BY_LABEL, ObjectId, PROJECT_LABEL, RESOURCE_LABEL};

/// Fields of `metadata` that belong to the server; exported manifests carry them along.
const SERVER_FIELDS: [&str; 7] =
    ["creationTimestamp", "deletionTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"];

/// The object as it is applied: without status and server fields, in its namespace.
pub(super) fn body_of(value: &Value, id: &ObjectId) -> Value {
    let mut body = value.clone();
    let Some(object) = body.as_object_mut() else { return body };
    object.shift_remove("status");
    if let Some(metadata) = object.entry("metadata").or_insert_with(|| Value::Object(Map::new())).as_object_mut() {
        for field in SERVER_FIELDS {
            metadata.shift_remove(field);
        }
        match &id.namespace {
            Some(namespace) => metadata.insert("namespace".to_owned(), Value::String(namespace.clone())),
            None => metadata.shift_remove("namespace"),
        };
    }
    if id.kind == "Secret" && id.group().is_empty() {
        encode_string_data(object);
    }
    match (id.group(), id.kind.as_str()) {
        ("", "Service") => body.get_mut("spec").into_iter().for_each(set_protocols),
        ("" | "apps" | "batch" | "extensions", _) => set_container_protocols(&mut body),
        _ => {}
    }
    body
}

/// Ports are told apart by number and protocol, and API servers before 1.21 do not know its default when they apply.
fn set_protocols(holder: &mut Value) {
    for port in holder.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(port) = port.as_object_mut().filter(|port| port.get("protocol").is_none_or(Value::is_null)) {
            port.insert("protocol".to_owned(), "TCP".into());
        }
    }
}

/// Containers wherever the kind has its pod template.
fn set_container_protocols(value: &mut Value) {
    let Some(fields) = value.as_object_mut() else { return };
    for (name, field) in fields.iter_mut() {
        match name.as_str() {
            "containers" | "initContainers" => field.as_array_mut().into_iter().flatten().for_each(set_protocols),
            "spec" | "template" | "jobTemplate" => set_container_protocols(field),
            _ => {}
        }
    }
}

/// Moves `stringData` to `data`: the server forgets who set `stringData`, so that removed keys would stay for ever.
fn encode_string_data(secret: &mut Map<String, Value>) {
    let Some(Value::Object(texts)) = secret.shift_remove("stringData") else { return };
    let Some(data) = secret.entry("data").or_insert_with(|| Value::Object(Map::new())).as_object_mut() else { return };
    for (key, value) in texts {
        let text = match value {
            Value::String(text) => text,
            Value::Null => String::new(),
            // Refused by the server under the name that the user wrote.
            other => {
                data.insert(key, other);
                continue;
            }
        };
        data.insert(key, Value::String(base64::engine::general_purpose::STANDARD.encode(text)));
    }
}

/// Takes our labels off an object that somebody else created, so that nothing takes it for ours.
pub(super) fn remove_our_labels(body: &mut Value) {
    let Some(labels) = body["metadata"]["labels"].as_object_mut() else { return };
    labels.shift_remove(PROJECT_LABEL);
    labels.shift_remove(RESOURCE_LABEL);
    if labels.get(MANAGED_BY_LABEL).and_then(Value::as_str) == Some(MANAGED_BY) {
        labels.shift_remove(MANAGED_BY_LABEL);
    }
}

/// Keeps the last of environment variables (and ports) that are there twice, which is what a plain create means by
/// them; a server-side apply refuses them. Whether there was one.
pub(super) fn remove_duplicates(value: &mut Value) -> bool {
    let mut found = false;
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if let Value::Array(items) = field {
                    found |= match name.as_str() {
                        "env" => keep_last(items, |item| item["name"].as_str().map(str::to_owned)),
                        "ports" => keep_last(items, |item| {
                            let port = item.get("containerPort")?;
                            Some(format!("{port}/{}", item["protocol"].as_str().unwrap_or("TCP")))
                        }),
                        _ => false,
                    };
                }
                found |= remove_duplicates(field);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| found |= remove_duplicates(item)),
        _ => {}
    }
    found
}

fn keep_last(items: &mut Vec<Value>, key: impl Fn(&Value) -> Option<String>) -> bool {
    let before = items.len();
    let mut seen = HashSet::new();
    let mut kept: Vec<Value> =
        items.drain(..).rev().filter(|item| key(item).is_none_or(|key| seen.insert(key))).collect();
    kept.reverse();
    *items = kept;
    items.len() != before
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id(kind: &str, namespace: Option<&str>) -> ObjectId {
        ObjectId {
            api_version: "v1".into(),
            kind: kind.into(),
            namespace: namespace.map(str::to_owned),
            name: "x".into(),
        }
    }

    #[test]
    fn server_fields_go_and_the_namespace_is_set() {
        let value =
            json!({"metadata": {"name": "x", "uid": "1", "resourceVersion": "2", "namespace": "old"}, "status": {}});
        assert_eq!(
            body_of(&value, &id("Service", Some("dev"))),
            json!({"metadata": {"name": "x", "namespace": "dev"}})
        );
        assert_eq!(body_of(&value, &id("Namespace", None)), json!({"metadata": {"name": "x"}}));
    }

    #[test]
    fn string_data_wins_over_data_as_on_the_server() {
        let value = json!({"metadata": {}, "data": {"a": "b2xk", "b": "Yg=="}, "stringData": {"a": "new"}});
        let body = body_of(&value, &id("Secret", Some("dev")));
        assert_eq!(body["data"], json!({"a": "bmV3", "b": "Yg=="}));
        assert!(body.get("stringData").is_none());
    }

    #[test]
    fn ports_get_the_protocol_that_is_the_default() {
        let service = json!({"metadata": {}, "spec": {"ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}]}});
        let body = body_of(&service, &id("Service", Some("dev")));
        assert_eq!(body["spec"]["ports"], json!([{"port": 80, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]));
        let pods = json!({"spec": {"containers": [{"ports": [{"containerPort": 80}]}]}});
        let job = json!({"metadata": {}, "spec": {"jobTemplate": {"spec": {"template": pods}}}});
        let id = ObjectId { api_version: "batch/v1beta1".into(), ..id("CronJob", Some("dev")) };
        let container = &body_of(&job, &id)["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["ports"][0]["protocol"], "TCP");
    }

    #[test]
    fn of_duplicates_the_last_is_kept() {
        let mut value = json!({"containers": [{"env": [{"name": "A", "value": "1"}, {"name": "B"}, {"name": "A", "value": "2"}],
            "ports": [{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}]}]});
        assert!(remove_duplicates(&mut value));
        assert_eq!(value["containers"][0]["env"], json!([{"name": "B"}, {"name": "A", "value": "2"}]));
        assert_eq!(value["containers"][0]["ports"].as_array().unwrap().len(), 2);
        assert!(!remove_duplicates(&mut value));
    }

    #[test]
    fn labels_of_the_user_stay_on_adopted_objects() {
        let mut body = json!({"metadata": {"labels": {MANAGED_BY_LABEL: "Helm", PROJECT_LABEL: "p", "app": "x"}}});
        remove_our_labels(&mut body);
        assert_eq!(body["metadata"]["labels"], json!({MANAGED_BY_LABEL: "Helm", "app": "x"}));
    }
}
