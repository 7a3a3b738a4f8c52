//! Where in the user's file a field is that the API server complains about.

use std::sync::Arc;

use serde_json::Value;

use crate::diagnostic::Span;
use crate::yaml::Positions;

/// The JSON pointer of a field as the API server names it: `spec.containers[0].image`, or with the keys of a schema
/// `.spec.containers[name="web"].image`, which are looked up in `object`.
pub(super) fn pointer_of(field: &str, object: &Value) -> String {
    let mut pointer = String::new();
    let mut rest = field.trim_start_matches('.');
    while !rest.is_empty() {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if !name.is_empty() {
            pointer += "/";
            pointer += &name.replace('~', "~0").replace('/', "~1");
        }
        rest = after;
        while let Some((inside, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let step = match inside.parse::<usize>() {
                Ok(index) => index.to_string(),
                Err(_) => match index_of(inside, object.pointer(&pointer)) {
                    Some(index) => index.to_string(),
                    // A key of a map, such as a label.
                    None => inside.trim_matches('"').replace('~', "~0").replace('/', "~1"),
                },
            };
            pointer += "/";
            pointer += &step;
            rest = after;
        }
        rest = rest.trim_start_matches('.');
    }
    pointer
}

/// The element that `name="web",protocol="TCP"` means.
fn index_of(keys: &str, list: Option<&Value>) -> Option<usize> {
    let keys: Vec<(&str, Value)> = keys
        .split(',')
        .map(|key| key.split_once('='))
        .map(|pair| pair.and_then(|(name, value)| Some((name, serde_json::from_str(value).ok()?))))
        .collect::<Option<_>>()?;
    list?.as_array()?.iter().position(|item| {
        keys.iter().all(|(name, value)| &item[*name] == value || (*name == "protocol" && item.get(*name).is_none()))
    })
}

/// The place of the field in the file of the object's declaration, or of what is around it. `origin` where the file
/// does not have it: it was changed since, or the object comes from elsewhere. Reads the file.
pub(super) fn place_of(origin: &Span, pointer: &str) -> Span {
    field_place(origin, pointer).unwrap_or_else(|| origin.clone())
}

fn field_place(origin: &Span, pointer: &str) -> Option<Span> {
    let text = std::fs::read_to_string(&origin.file).ok()?;
    let file = Arc::clone(&origin.file);
    for index in 0.. {
        let positions = Positions::of(&text, &file, index);
        let document = positions.get("")?;
        if document.start.line == origin.start.line {
            return positions.nearest(pointer).cloned();
        }
        let items = (0..).map(|item| format!("/items/{item}")).map_while(|item| Some((positions.get(&item)?, item)));
        if let Some((_, item)) = items.into_iter().find(|(place, _)| place.start.line == origin.start.line) {
            return positions.nearest(&format!("{item}{pointer}")).cloned();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diagnostic::Position;

    #[test]
    fn fields_become_pointers() {
        let object = json!({"spec": {"containers": [{"name": "a"}, {"name": "b", "ports": [{"containerPort": 80}]}]}});
        let check = |field: &str, expected: &str| assert_eq!(pointer_of(field, &object), expected, "{field}");
        check("spec.containers[1].image", "/spec/containers/1/image");
        check(r#".spec.containers[name="b"].imag"#, "/spec/containers/1/imag");
        let port = r#".spec.containers[name="b"].ports[containerPort=80,protocol="TCP"].x"#;
        check(port, "/spec/containers/1/ports/0/x");
        check("metadata.labels[a/b]", "/metadata/labels/a~1b");
        check("", "");
    }

    #[test]
    fn a_field_is_found_in_its_document_or_around_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.yaml");
        std::fs::write(
            &path,
            "kind: A\n---\nkind: List\nitems:\n- kind: B\n  spec: {}\n- kind: C\n  spec:\n    port: 0\n---\nkind: D\nspec:\n  a: 1\n",
        )
        .unwrap();
        let line = |from: u32, pointer: &str| {
            let start = Position { line: from, column: 1 };
            place_of(&Span::new(path.clone(), start, start), pointer).start.line
        };
        assert_eq!(line(7, "/spec/port"), 9);
        assert_eq!(line(11, "/spec/a/b"), 13, "the nearest that is there");
        assert_eq!(line(99, "/spec"), 99, "the file was changed: the declaration");
    }
}
