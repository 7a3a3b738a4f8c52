//! YAML text to objects, with a place for every problem.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::object::{Object, ObjectId};
use super::typed_fields::wrong_type;
use crate::diagnostic::{Diagnostic, Span};
use crate::yaml::{Positions, parse_documents};

/// The objects of a text, and what is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct ParsedObjects {
    /// Those that are complete; `List`s are expanded.
    pub objects: Vec<Object>,
    /// Errors and warnings.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads all objects of a YAML or JSON text. Documents without content are skipped.
pub fn parse_objects(text: &str, file: &Arc<Path>) -> ParsedObjects {
    let parsed = parse_documents(text, file);
    let mut reader = Reader {
        text,
        file,
        positions: None,
        result: ParsedObjects { objects: Vec::new(), diagnostics: parsed.diagnostics },
    };
    for (index, document) in parsed.documents.into_iter().enumerate() {
        if !document.value.is_null() {
            reader.object(document.value, &Element { document: index, pointer: String::new(), span: document.span });
        }
    }
    reader.result
}

/// Where a value comes from.
struct Element {
    document: usize,
    pointer: String,
    span: Span,
}

struct Reader<'a> {
    text: &'a str,
    file: &'a Arc<Path>,
    /// Of the document that was asked for last.
    positions: Option<(usize, Positions)>,
    result: ParsedObjects,
}

impl Reader<'_> {
    fn object(&mut self, value: Value, element: &Element) {
        if let Some(items) = list_items(&value) {
            for (index, item) in items.iter().enumerate() {
                let pointer = format!("{}/items/{index}", element.pointer);
                let span = self.place(element, &format!("/items/{index}"));
                let element = Element { document: element.document, pointer, span };
                self.object(with_item_type(item.clone(), &value), &element);
            }
            return;
        }
        match identify(&value) {
            Ok(id) => {
                self.result.objects.push(Object { id, value, origin: element.span.clone(), locators: Vec::new() });
            }
            Err(problem) => {
                let span = self.place(element, &problem.pointer);
                let mut diagnostic = Diagnostic::error(problem.message).at(span);
                if let Some(help) = problem.help {
                    diagnostic = diagnostic.help(help);
                }
                self.result.diagnostics.push(diagnostic);
            }
        }
    }

    /// The place of a field of an element, or the nearest that there is.
    fn place(&mut self, element: &Element, pointer: &str) -> Span {
        let cached = self.positions.take().filter(|(document, _)| *document == element.document);
        let (document, positions) =
            cached.unwrap_or_else(|| (element.document, Positions::of(self.text, self.file, element.document)));
        let full = format!("{}{pointer}", element.pointer);
        let found = positions.nearest(&full).filter(|_| !full.is_empty()).cloned();
        self.positions = Some((document, positions));
        found.unwrap_or_else(|| element.span.clone())
    }
}

/// The elements of a `List`, `DeploymentList` and so on.
fn list_items(value: &Value) -> Option<&[Value]> {
    let kind = value.get("kind")?.as_str()?;
    match value.get("items") {
        Some(Value::Array(items)) if kind.ends_with("List") => Some(items),
        Some(Value::Null) | None if kind == "List" => Some(&[]),
        _ => None,
    }
}

/// Elements of typed lists need not repeat their type.
fn with_item_type(mut item: Value, list: &Value) -> Value {
    let kind = list.get("kind").and_then(Value::as_str).and_then(|kind| kind.strip_suffix("List")).unwrap_or("");
    if let (false, Some(map)) = (kind.is_empty(), item.as_object_mut()) {
        map.entry("kind").or_insert_with(|| Value::from(kind));
        if let Some(api_version) = list.get("apiVersion") {
            map.entry("apiVersion").or_insert_with(|| api_version.clone());
        }
    }
    item
}

struct Problem {
    message: String,
    pointer: Cow<'static, str>,
    help: Option<String>,
}

fn identify(value: &Value) -> Result<ObjectId, Problem> {
    let Value::Object(map) = value else {
        return Err(Problem {
            message: format!("expected a Kubernetes object, found {}", describe(value)),
            pointer: "".into(),
            help: Some("an object is a mapping with `apiVersion`, `kind` and `metadata`".to_owned()),
        });
    };
    let api_version = text_field(map.get("apiVersion"), "apiVersion", "/apiVersion")?;
    let kind = text_field(map.get("kind"), "kind", "/kind")?;
    let metadata = match map.get("metadata") {
        Some(Value::Object(metadata)) => metadata,
        Some(Value::Null) | None => {
            return Err(Problem {
                message: format!("this {kind} has no `metadata.name`"),
                pointer: "".into(),
                help: None,
            });
        }
        Some(other) => {
            return Err(Problem {
                message: format!("`metadata` of this {kind} must be a mapping, found {}", describe(other)),
                pointer: "/metadata".into(),
                help: None,
            });
        }
    };
    // Whoever only looks at objects can take one whose name the cluster would make; it is empty here.
    let is_generated = metadata.get("name").is_none_or(Value::is_null) && metadata.contains_key("generateName");
    let name =
        if is_generated { String::new() } else { text_field(metadata.get("name"), "metadata.name", "/metadata/name")? };
    let namespace = match metadata.get("namespace") {
        None | Some(Value::Null) => None,
        // What a chart without a value for it leaves.
        Some(Value::String(text)) if text.is_empty() => None,
        given => Some(text_field(given, "metadata.namespace", "/metadata/namespace")?),
    };
    for (field, pointer) in [("labels", "/metadata/labels"), ("annotations", "/metadata/annotations")] {
        if let Some((key, value)) = metadata
            .get(field)
            .and_then(Value::as_object)
            .and_then(|map| map.iter().find(|(_, value)| !value.is_string() && !value.is_null()))
        {
            return Err(Problem {
                message: format!(
                    "{} `{key}` of {kind} `{name}` must be text, found {}",
                    &field[..field.len() - 1],
                    describe(value)
                ),
                pointer: pointer.into(),
                help: Some("quote it".to_owned()),
            });
        }
    }
    if let Some(wrong) = wrong_type(&api_version, &kind, map) {
        let is_quotable = wrong.expected == "text" && !(wrong.found.is_array() || wrong.found.is_object());
        return Err(Problem {
            message: format!(
                "`{}` of {kind} `{name}` must be {}, found {}",
                wrong.path,
                wrong.expected,
                describe(wrong.found)
            ),
            help: is_quotable.then(|| format!("quote it: `\"{}\"`", wrong.found)),
            pointer: wrong.pointer.into(),
        });
    }
    Ok(ObjectId { api_version, kind, namespace, name })
}

fn text_field(value: Option<&Value>, name: &str, pointer: &'static str) -> Result<String, Problem> {
    match value {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(Value::String(_) | Value::Null) | None => {
            Err(Problem { message: format!("a Kubernetes object needs `{name}`"), pointer: pointer.into(), help: None })
        }
        Some(other) => Err(Problem {
            message: format!("`{name}` must be text, found {}", describe(other)),
            pointer: pointer.into(),
            help: Some(format!("quote it: `\"{other}\"`")),
        }),
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("the truth value `{value}`"),
        Value::Number(number) => format!("the number `{number}`"),
        Value::String(text) => {
            let short: String = text.chars().take(40).collect();
            format!("the text `{short}`")
        }
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Objects and problems as `line: text`.
    fn check(text: &str, expected: &[&str]) {
        let parsed = parse_objects(text, &Arc::from(Path::new("/a.yaml")));
        let objects = parsed.objects.iter().map(|object| format!("{}: {}", object.origin.start.line, object.id));
        let problems = parsed.diagnostics.iter().map(|diagnostic| {
            let line = diagnostic.primary.as_ref().map_or(0, |span| span.start.line);
            format!("{line}: {}", diagnostic.message)
        });
        assert_eq!(objects.chain(problems).collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn lists_are_expanded_with_the_places_of_their_items() {
        check(
            "# c\n---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata:\n    name: a\n\
             - apiVersion: apps/v1\n  kind: DeploymentList\n  items:\n  - metadata: {name: b, namespace: ns}\n---\n",
            &["6: service/a", "13: deployment/b in namespace ns"],
        );
        check("apiVersion: v1\nkind: List\nitems:\n---\napiVersion: v1\nkind: List\n", &[]);
    }

    #[test]
    fn an_empty_namespace_is_none() {
        check(
            "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: ''}\n---\n\
             apiVersion: v1\nkind: Service\nmetadata:\n  name: b\n  namespace:\n",
            &["1: service/a", "5: service/b"],
        );
    }

    #[test]
    fn all_incomplete_objects_are_reported() {
        check(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: 12\n---\nkind: Pod\n---\n- a\n---\napiVersion: v1\nkind: Job\n\
             metadata:\n  generateName: x-\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  labels:\n    on: yes\n",
            &[
                "10: job/",
                "4: `metadata.name` must be text, found the number `12`",
                "6: a Kubernetes object needs `apiVersion`",
                "8: expected a Kubernetes object, found a list",
                "19: label `true` of Pod `p` must be text, found the truth value `true`",
            ],
        );
    }
}
