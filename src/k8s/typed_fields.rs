//! Values of a wrong type in the objects that people write most, told with their place when the YAML is read and not by the
//! API server when it is applied. Tilt refuses them as early, because it decodes these kinds into Go's types.

use serde_json::{Map, Value};

/// What a field must hold. `null` always passes, as it does in Go.
#[derive(Clone, Copy)]
enum Type {
    Text,
    Integer,
    Texts,
    TextsByName,
    Fields(&'static [(&'static str, Type)]),
    ListOf(&'static [(&'static str, Type)]),
}

use Type::{Fields, Integer, ListOf, Text, Texts, TextsByName};

/// A field that holds something else.
#[derive(Debug, PartialEq)]
pub(super) struct WrongType<'v> {
    /// Where, as a JSON pointer.
    pub(super) pointer: String,
    /// Where, as people write it: `spec.containers[0].env[1].value`.
    pub(super) path: String,
    /// What belongs there.
    pub(super) expected: &'static str,
    /// What is there.
    pub(super) found: &'v Value,
}

const CONTAINER: &[(&str, Type)] = &[
    ("name", Text),
    ("image", Text),
    ("imagePullPolicy", Text),
    ("workingDir", Text),
    ("env", ListOf(&[("name", Text), ("value", Text)])),
    ("command", Texts),
    ("args", Texts),
    ("ports", ListOf(&[("name", Text), ("containerPort", Integer), ("hostPort", Integer), ("protocol", Text)])),
    ("volumeMounts", ListOf(&[("name", Text), ("mountPath", Text), ("subPath", Text)])),
];

const POD_SPEC: &[(&str, Type)] = &[
    ("containers", ListOf(CONTAINER)),
    ("initContainers", ListOf(CONTAINER)),
    ("volumes", ListOf(&[("name", Text)])),
    ("nodeSelector", TextsByName),
    ("serviceAccountName", Text),
    ("restartPolicy", Text),
    ("terminationGracePeriodSeconds", Integer),
];

const TEMPLATE: &[(&str, Type)] =
    &[("metadata", Fields(&[("labels", TextsByName), ("annotations", TextsByName)])), ("spec", Fields(POD_SPEC))];

const JOB_SPEC: &[(&str, Type)] = &[
    ("parallelism", Integer),
    ("completions", Integer),
    ("backoffLimit", Integer),
    ("activeDeadlineSeconds", Integer),
    ("ttlSecondsAfterFinished", Integer),
    ("template", Fields(TEMPLATE)),
];

const WORKLOAD: &[(&str, Type)] = &[(
    "spec",
    Fields(&[
        ("replicas", Integer),
        ("minReadySeconds", Integer),
        ("revisionHistoryLimit", Integer),
        ("serviceName", Text),
        ("selector", Fields(&[("matchLabels", TextsByName)])),
        ("template", Fields(TEMPLATE)),
    ]),
)];

const SERVICE: &[(&str, Type)] = &[(
    "spec",
    Fields(&[
        ("type", Text),
        ("clusterIP", Text),
        ("externalName", Text),
        ("selector", TextsByName),
        ("ports", ListOf(&[("name", Text), ("port", Integer), ("nodePort", Integer), ("protocol", Text)])),
    ]),
)];

const CRON_JOB: &[(&str, Type)] = &[(
    "spec",
    Fields(&[("schedule", Text), ("concurrencyPolicy", Text), ("jobTemplate", Fields(&[("spec", Fields(JOB_SPEC))]))]),
)];

/// The first field of the object whose value no version of its kind can hold; `None` for kinds that are not known here.
pub(super) fn wrong_type<'v>(api_version: &str, kind: &str, object: &'v Map<String, Value>) -> Option<WrongType<'v>> {
    let fields: &[(&str, Type)] = match (api_version, kind) {
        ("apps/v1", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet") => WORKLOAD,
        ("v1", "Pod") => &[("spec", Fields(POD_SPEC))],
        ("v1", "Service") => SERVICE,
        ("v1", "ConfigMap") => &[("data", TextsByName), ("binaryData", TextsByName)],
        ("v1", "Secret") => &[("type", Text), ("data", TextsByName), ("stringData", TextsByName)],
        ("batch/v1", "Job") => &[("spec", Fields(JOB_SPEC))],
        ("batch/v1", "CronJob") => CRON_JOB,
        _ => return None,
    };
    in_fields(object, fields)
}

fn in_fields<'v>(object: &'v Map<String, Value>, fields: &[(&str, Type)]) -> Option<WrongType<'v>> {
    fields.iter().find_map(|(name, expected)| below_field(name, in_value(object.get(*name)?, *expected)?))
}

fn in_value(value: &Value, expected: Type) -> Option<WrongType<'_>> {
    let wrong = |expected| Some(WrongType { pointer: String::new(), path: String::new(), expected, found: value });
    match (expected, value) {
        (_, Value::Null) | (Text, Value::String(_)) => None,
        (Text, _) => wrong("text"),
        (Integer, Value::Number(number)) if number.as_i64().is_some() => None,
        (Integer, _) => wrong("a whole number"),
        (Texts, Value::Array(items)) => in_items(items, |item| in_value(item, Text)),
        (TextsByName, Value::Object(map)) => {
            map.iter().find_map(|(name, value)| below_field(name, in_value(value, Text)?))
        }
        (Fields(fields), Value::Object(map)) => in_fields(map, fields),
        (ListOf(fields), Value::Array(items)) => in_items(items, |item| in_value(item, Fields(fields))),
        (Texts | ListOf(_), _) => wrong("a list"),
        (TextsByName | Fields(_), _) => wrong("a mapping"),
    }
}

fn in_items<'v>(items: &'v [Value], check: impl Fn(&'v Value) -> Option<WrongType<'v>>) -> Option<WrongType<'v>> {
    items.iter().enumerate().find_map(|(index, item)| below(&format!("[{index}]"), &index.to_string(), check(item)?))
}

fn below_field<'v>(name: &str, wrong: WrongType<'v>) -> Option<WrongType<'v>> {
    below(name, &name.replace('~', "~0").replace('/', "~1"), wrong)
}

#[expect(clippy::unnecessary_wraps, reason = "the last step of chains of `?`")]
fn below<'v>(step: &str, token: &str, wrong: WrongType<'v>) -> Option<WrongType<'v>> {
    let WrongType { pointer, path, expected, found } = wrong;
    let point = if path.is_empty() || path.starts_with('[') { "" } else { "." };
    Some(WrongType { pointer: format!("/{token}{pointer}"), path: format!("{step}{point}{path}"), expected, found })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(api_version: &str, kind: &str, object: &Value) -> Option<String> {
        let wrong = wrong_type(api_version, kind, object.as_object()?)?;
        assert_eq!(object.pointer(&wrong.pointer), Some(wrong.found));
        Some(format!("{}: {}", wrong.path, wrong.expected))
    }

    #[test]
    fn the_first_wrong_field_is_told() {
        let deployment = json!({"spec": {"replicas": 1, "template": {"spec": {"containers": [
            {"name": "a", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": 2}], "args": ["a", 1]},
        ]}}}});
        assert_eq!(
            check("apps/v1", "Deployment", &deployment).as_deref(),
            Some("spec.template.spec.containers[0].env[1].value: text")
        );
        assert_eq!(check("example.dev/v1", "Deployment", &deployment), None);
        assert_eq!(
            check("v1", "ConfigMap", &json!({"data": {"a/b": "x", "c/d": true}})).as_deref(),
            Some("data.c/d: text")
        );
        assert_eq!(
            check("v1", "Pod", &json!({"spec": {"containers": [{"args": ["a", 1]}]}})).as_deref(),
            Some("spec.containers[0].args[1]: text")
        );
        assert_eq!(
            check("v1", "Service", &json!({"spec": {"ports": {"port": 80}}})).as_deref(),
            Some("spec.ports: a list")
        );
        assert_eq!(
            check("batch/v1", "CronJob", &json!({"spec": {"jobTemplate": {"spec": {"backoffLimit": "3"}}}})).as_deref(),
            Some("spec.jobTemplate.spec.backoffLimit: a whole number")
        );
    }

    #[test]
    fn nothing_is_asked_of_fields_that_are_not_there() {
        for object in [
            json!({}),
            json!({"spec": null}),
            json!({"spec": {"replicas": null, "template": {"spec": {"containers": null}}}}),
            json!({"spec": {"other": {"replicas": "x"}, "template": {"spec": {"containers": [null, {}]}}}}),
        ] {
            assert_eq!(check("apps/v1", "Deployment", &object), None, "{object}");
        }
    }
}
