//! Where the fields of a document stand: found by reading the text again, only when an error has to point at one.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser};

use super::compose::span_of;
use crate::diagnostic::Span;

/// JSON pointers (RFC 6901) of one document to places.
#[derive(Clone, Debug, Default)]
pub struct Positions {
    places: HashMap<String, Span>,
}

/// A collection on the way to the current node.
enum Step {
    Sequence { pointer: String, next: usize },
    Mapping { pointer: String, key: Option<(String, Marker)> },
}

impl Positions {
    /// Reads document number `index` (from 0) of `text`. What stands after a syntax error is not found.
    pub fn of(text: &str, file: &Arc<Path>, index: usize) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut places = HashMap::new();
        let mut steps: Vec<Step> = Vec::new();
        let mut parser = Parser::new_from_str(text);
        let mut document = None;
        while let Some(Ok((event, span))) = parser.next_event() {
            match event {
                Event::DocumentStart(_) => document = Some(document.map_or(0, |number: usize| number + 1)),
                Event::DocumentEnd if document == Some(index) => break,
                _ if document != Some(index) => {}
                Event::SequenceEnd | Event::MappingEnd => {
                    steps.pop();
                }
                Event::Scalar(text, ..) if matches!(steps.last(), Some(Step::Mapping { key: None, .. })) => {
                    if let Some(Step::Mapping { key, .. }) = steps.last_mut() {
                        *key = Some((text.into_owned(), span.start));
                    }
                }
                Event::Scalar(..) | Event::Alias(_) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                    let (pointer, start) = enter(&mut steps, span.start);
                    match event {
                        Event::SequenceStart(..) => steps.push(Step::Sequence { pointer: pointer.clone(), next: 0 }),
                        Event::MappingStart(..) => steps.push(Step::Mapping { pointer: pointer.clone(), key: None }),
                        _ => {}
                    }
                    places.insert(pointer, span_of(file, start, span.end));
                }
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            }
        }
        Self { places }
    }

    /// Where the field at `pointer` (`/spec/replicas`, or empty for the document) starts: at its key if it has one.
    pub fn get(&self, pointer: &str) -> Option<&Span> {
        self.places.get(pointer)
    }

    /// Like [`Self::get`], or else the nearest field around it that is there.
    pub fn nearest(&self, pointer: &str) -> Option<&Span> {
        let mut pointer = pointer;
        loop {
            if let Some(span) = self.get(pointer) {
                return Some(span);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }
}

/// The pointer of the node that begins, and where it is best pointed at.
fn enter(steps: &mut [Step], start: Marker) -> (String, Marker) {
    match steps.last_mut() {
        None => (String::new(), start),
        Some(Step::Sequence { pointer, next }) => {
            let entered = format!("{pointer}/{next}");
            *next += 1;
            (entered, start)
        }
        Some(Step::Mapping { pointer, key }) => {
            if let Some((key, key_start)) = key.take() {
                return (child(pointer, &key), key_start);
            }
            // A collection or an alias as key: the next node is its value.
            *key = Some((String::new(), start));
            (format!("{pointer}/"), start)
        }
    }
}

/// The pointer to field `key` of what `pointer` leads to.
fn child(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_keys() {
        let file: Arc<Path> = Arc::from(Path::new("/a.yaml"));
        let text = "a: 1\n---\nspec:\n  containers:\n  - name: x\n    image: y\n  a/b: {c: 3}\n";
        let positions = Positions::of(text, &file, 1);
        let at = |pointer: &str| positions.get(pointer).map(|span| (span.start.line, span.start.column));
        assert_eq!(at("/spec"), Some((3, 1)));
        assert_eq!(at("/spec/containers/0"), Some((5, 5)));
        assert_eq!(at("/spec/containers/0/image"), Some((6, 5)));
        assert_eq!(at("/spec/a~1b/c"), Some((7, 9)));
        assert_eq!(at("/a"), None);
        assert_eq!(positions.nearest("/spec/replicas").map(|span| span.start.line), Some(3));
    }
}
