//! The shapes of `v1alpha1.*`: each is its documented signature, whose types are also what its arguments are checked by.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::project::ApiKind;

/// The functions that register an object, with the kind that each makes. All begin with name, labels and annotations.
pub(crate) const OBJECTS: &[(ApiKind, &str)] = &[
    (
        ApiKind::Cmd,
        "v1alpha1.cmd(name: str, labels: dict[str, str] = {}, annotations: dict[str, str] = {}, args: list[str] = [], \
         dir: path = exec dir, env: list[str] = [], readiness_probe: probe = None, restart_on: restart_on_spec = None, \
         start_on: start_on_spec = None, disable_source: disable_source = None)",
    ),
    (
        ApiKind::ConfigMap,
        "v1alpha1.config_map(name: str, labels: dict[str, str] = {}, annotations: dict[str, str] = {}, \
         data: dict[str, str] = {})",
    ),
    (
        ApiKind::Extension,
        "v1alpha1.extension(name: str, labels: dict[str, str] = {}, annotations: dict[str, str] = {}, \
         repo_name: str = \"\", repo_path: str = \"\", args: list[str] = [])",
    ),
    (
        ApiKind::ExtensionRepo,
        "v1alpha1.extension_repo(name: str, labels: dict[str, str] = {}, annotations: dict[str, str] = {}, \
         url: str = \"\", ref: str = \"\", load_host: str = \"\", git_subpath: str = \"\")",
    ),
    (
        ApiKind::FileWatch,
        "v1alpha1.file_watch(name: str, labels: dict[str, str] = {}, annotations: dict[str, str] = {}, \
         watched_paths: list[path] = [], ignores: list[ignore_def] = [], disable_source: disable_source = None)",
    ),
    (
        ApiKind::KubernetesApply,
        "v1alpha1.kubernetes_apply(name: str, labels: dict[str, str] = {}, annotations: dict[str, str] = {}, \
         yaml: str | Blob = \"\", image_maps: list[str] = [], image_locators: list[kubernetes_image_locator] = [], \
         timeout: duration = \"\", kubernetes_discovery_template_spec: kubernetes_discovery_template_spec = None, \
         port_forward_template_spec: port_forward_template_spec = None, \
         pod_log_stream_template_spec: pod_log_stream_template_spec = None, discovery_strategy: str = \"\", \
         disable_source: disable_source = None, apply_cmd: kubernetes_apply_cmd = None, \
         restart_on: restart_on_spec = None, delete_cmd: kubernetes_apply_cmd = None, cluster: str = \"\", \
         server_side_apply: str = \"\")",
    ),
    (
        ApiKind::KubernetesDiscovery,
        "v1alpha1.kubernetes_discovery(name: str, labels: dict[str, str] = {}, annotations: dict[str, str] = {}, \
         watches: list[kubernetes_watch_ref] = [], extra_selectors: list[label_selector] = [], \
         port_forward_template_spec: port_forward_template_spec = None, \
         pod_log_stream_template_spec: pod_log_stream_template_spec = None, cluster: str = \"\")",
    ),
    (
        ApiKind::UiButton,
        "v1alpha1.ui_button(name: str, labels: dict[str, str] = {}, annotations: dict[str, str] = {}, \
         location: ui_component_location = None, text: str = \"\", icon_name: str = \"\", icon_svg: str | Blob = \"\", \
         disabled: bool = False, requires_confirmation: bool = False, inputs: list[ui_input_spec] = [])",
    ),
];

/// The functions that make a part of an object.
pub(crate) const CONSTRUCTORS: &[&str] = &[
    "v1alpha1.config_map_disable_source(name: str = \"\", key: str = \"\")",
    "v1alpha1.disable_source(config_map: config_map_disable_source = None, \
     every_config_map: list[config_map_disable_source] = [])",
    "v1alpha1.exec_action(command: list[str] = [])",
    "v1alpha1.forward(local_port: int = 0, container_port: int = 0, host: str = \"\", name: str = \"\", path: str = \"\")",
    "v1alpha1.handler(exec: exec_action = None, http_get: http_get_action = None, tcp_socket: tcp_socket_action = None)",
    "v1alpha1.http_get_action(path: str = \"\", port: int = 0, host: str = \"\", scheme: str = \"\", \
     http_headers: list[http_header] = [])",
    "v1alpha1.http_header(name: str = \"\", value: str = \"\")",
    "v1alpha1.ignore_def(base_path: path = exec dir, patterns: list[str] = [])",
    "v1alpha1.kubernetes_apply_cmd(args: list[str] = [], dir: path = exec dir, env: list[str] = [])",
    "v1alpha1.kubernetes_discovery_template_spec(extra_selectors: list[label_selector] = [])",
    "v1alpha1.kubernetes_image_locator(object_selector: object_selector = None, path: str = \"\", \
     object: kubernetes_image_object_descriptor = None)",
    "v1alpha1.kubernetes_image_object_descriptor(repo_field: str = \"\", tag_field: str = \"\")",
    "v1alpha1.kubernetes_watch_ref(uid: str = \"\", namespace: str = \"\", name: str = \"\")",
    "v1alpha1.label_selector(match_labels: dict[str, str] = {}, match_expressions: list[label_selector_requirement] = [])",
    "v1alpha1.label_selector_requirement(key: str = \"\", operator: str = \"\", values: list[str] = [])",
    "v1alpha1.object_selector(api_version_regexp: str = \"\", kind_regexp: str = \"\", name_regexp: str = \"\", \
     namespace_regexp: str = \"\")",
    "v1alpha1.pod_log_stream_template_spec(since_time: time = \"\", only_containers: list[str] = [], \
     ignore_containers: list[str] = [])",
    "v1alpha1.port_forward_template_spec(forwards: list[forward] = [])",
    "v1alpha1.probe(handler: handler = None, initial_delay_seconds: int = 0, timeout_seconds: int = 0, \
     period_seconds: int = 0, success_threshold: int = 0, failure_threshold: int = 0)",
    "v1alpha1.restart_on_spec(file_watches: list[str] = [], ui_buttons: list[str] = [])",
    "v1alpha1.start_on_spec(start_after: time = \"\", ui_buttons: list[str] = [])",
    "v1alpha1.tcp_socket_action(port: int = 0, host: str = \"\")",
    "v1alpha1.ui_bool_input_spec(default_value: bool = False, true_string: str = \"\", false_string: str = \"\")",
    "v1alpha1.ui_choice_input_spec(choices: list[str] = [])",
    "v1alpha1.ui_component_location(component_id: str = \"\", component_type: str = \"\")",
    "v1alpha1.ui_hidden_input_spec(value: str = \"\")",
    "v1alpha1.ui_input_spec(name: str = \"\", label: str = \"\", text: ui_text_input_spec = None, \
     bool: ui_bool_input_spec = None, hidden: ui_hidden_input_spec = None, choice: ui_choice_input_spec = None)",
    "v1alpha1.ui_text_input_spec(default_value: str = \"\", placeholder: str = \"\")",
];

/// What a field takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FieldType {
    Text,
    TextOrBlob,
    Integer,
    Boolean,
    /// Becomes absolute.
    Path,
    /// Go's syntax.
    Duration,
    /// RFC 3339.
    Time,
    Dictionary,
    /// A constructor's value or a dict of its fields.
    Part(String),
    List(Box<FieldType>),
}

impl FieldType {
    fn parse(text: &str) -> Self {
        if let Some(inner) = text.strip_prefix("list[").and_then(|rest| rest.strip_suffix(']')) {
            return Self::List(Box::new(Self::parse(inner)));
        }
        match text {
            "str" => Self::Text,
            "str | Blob" => Self::TextOrBlob,
            "int" => Self::Integer,
            "bool" => Self::Boolean,
            "path" => Self::Path,
            "duration" => Self::Duration,
            "time" => Self::Time,
            "dict[str, str]" => Self::Dictionary,
            part => Self::Part(part.to_owned()),
        }
    }
}

/// One field of a shape.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// As in the configuration: `file_watches`.
    pub name: String,
    /// As in the API: `fileWatches`.
    pub json: String,
    /// What it takes.
    pub kind: FieldType,
    /// An omitted path is the working directory.
    pub defaults_to_dir: bool,
}

/// An object or a part of one.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// Without the module.
    pub name: String,
    /// In order; the common ones of objects are not among them.
    pub fields: Vec<Field>,
}

impl Shape {
    fn parse(signature: &str) -> Self {
        let (path, rest) = signature.split_once('(').expect("a signature has an opening parenthesis");
        let list = rest.strip_suffix(')').expect("a signature ends with a parenthesis");
        let mut depth = 0_i32;
        let items = list.split(|character: char| {
            depth += match character {
                '[' | '{' => 1,
                ']' | '}' => -1,
                _ => 0,
            };
            character == ',' && depth == 0
        });
        let fields = items.map(|item| {
            let (name, rest) = item.split_once(':').expect("a parameter has a type");
            let (kind, default) = rest.split_once('=').unwrap_or((rest, ""));
            Field {
                name: name.trim().to_owned(),
                json: camel_case(name.trim()),
                kind: FieldType::parse(kind.trim()),
                defaults_to_dir: default.trim() == "exec dir",
            }
        });
        Self {
            name: path.rsplit('.').next().unwrap_or(path).to_owned(),
            fields: fields.filter(|field| !is_metadata(path, &field.name)).collect(),
        }
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// The shape of a constructor or an object function, by its name without the module.
pub(crate) fn shape(name: &str) -> Option<&'static Shape> {
    static SHAPES: LazyLock<BTreeMap<String, Shape>> = LazyLock::new(|| {
        let objects = OBJECTS.iter().map(|(_, signature)| *signature);
        objects.chain(CONSTRUCTORS.iter().copied()).map(Shape::parse).map(|shape| (shape.name.clone(), shape)).collect()
    });
    SHAPES.get(name)
}

/// What every object has beside its own fields. Parts may have fields of these names.
fn is_metadata(function: &str, field: &str) -> bool {
    let is_object = OBJECTS.iter().any(|(_, signature)| signature.split('(').next() == Some(function));
    is_object && matches!(field, "name" | "labels" | "annotations")
}

fn camel_case(name: &str) -> String {
    let mut text = String::new();
    for (index, word) in name.split('_').enumerate() {
        match word {
            "id" | "svg" if index > 0 => text.push_str(&word.to_uppercase()),
            _ if index == 0 => text.push_str(word),
            _ => {
                let mut characters = word.chars();
                text.extend(characters.next().map(|first| first.to_ascii_uppercase()));
                text.push_str(characters.as_str());
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_that_a_shape_names_exists() {
        let names: Vec<&str> = OBJECTS.iter().map(|(_, text)| *text).chain(CONSTRUCTORS.iter().copied()).collect();
        for signature in names {
            for field in Shape::parse(signature).fields {
                let mut kind = &field.kind;
                while let FieldType::List(inner) = kind {
                    kind = inner;
                }
                if let FieldType::Part(part) = kind {
                    assert!(shape(part).is_some(), "{signature}: {part}");
                }
            }
        }
    }

    #[test]
    fn names_in_the_api_are_those_of_its_kinds() {
        for (name, expected) in
            [("file_watches", "fileWatches"), ("component_id", "componentID"), ("icon_svg", "iconSVG"), ("uid", "uid")]
        {
            assert_eq!(camel_case(name), expected);
        }
    }

    #[test]
    fn an_object_has_its_own_fields_in_order() {
        let fields: Vec<&str> =
            shape("file_watch").expect("it exists").fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(fields, ["watched_paths", "ignores", "disable_source"]);
        assert_eq!(shape("ui_input_spec").expect("it exists").fields[0].name, "name");
    }
}
