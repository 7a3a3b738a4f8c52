//! Events to values: anchors, merges, duplicate keys, tags.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use saphyr_parser::{Event, Marker, ScalarStyle, Span as EventSpan, Tag};
use serde_json::map::Entry;
use serde_json::{Map, Value};

use super::parse::Document;
use super::scalar::{Scalar, ScalarTag, float_key, resolve};
use crate::diagnostic::{Diagnostic, Position, Span};

/// Values nested deeper than this are refused: nobody writes them, and dropping them would need the stack.
const MAX_DEPTH: usize = 500;

/// Aliases may stand for this many nodes per document; more is an attack ("billion laughs") or a mistake.
const MAX_ALIASED_NODES: usize = 200_000;

/// Builds the values of one stream, document by document.
pub(super) struct Composer {
    file: Arc<Path>,
    pub(super) diagnostics: Vec<Diagnostic>,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Anchored>,
    aliased_nodes: usize,
    root: Option<Value>,
    start: Option<Marker>,
    end: Marker,
}

struct Anchored {
    value: Value,
    nodes: usize,
}

/// A collection that is not complete yet.
enum Frame {
    Sequence { items: Vec<Value>, anchor: usize },
    Mapping { entries: Map<String, Value>, places: Vec<Place>, key: Option<Key>, anchor: usize, start: Marker },
}

/// Where an entry of a mapping was written, or that it came by a merge; parallel to the entries.
#[derive(Clone, Copy)]
enum Place {
    Written(Marker),
    Merged,
}

enum Key {
    Text(String, EventSpan),
    Merge(EventSpan),
}

/// A place of the parser as a span of a file: its columns count from 0, ours from 1.
pub(super) fn span_of(file: &Arc<Path>, start: Marker, end: Marker) -> Span {
    let position = |marker: Marker| Position { line: marker.line().max(1) as u32, column: marker.col() as u32 + 1 };
    Span::new(Arc::clone(file), position(start), position(end))
}

impl Composer {
    pub(super) fn new(file: Arc<Path>) -> Self {
        Self {
            file,
            diagnostics: Vec::new(),
            stack: Vec::new(),
            anchors: HashMap::new(),
            aliased_nodes: 0,
            root: None,
            start: None,
            end: Marker::default(),
        }
    }

    /// Begins a document.
    pub(super) fn start_document(&mut self, span: EventSpan) {
        self.stack.clear();
        self.anchors.clear();
        self.aliased_nodes = 0;
        self.root = None;
        self.start = None;
        self.end = span.end;
    }

    /// Completes a document.
    pub(super) fn end_document(&mut self) -> Document {
        let start = self.start.unwrap_or(self.end);
        Document { value: self.root.take().unwrap_or(Value::Null), span: span_of(&self.file, start, self.end) }
    }

    /// Takes the event of a node. An error ends the stream; what can be skipped is put into `diagnostics`.
    pub(super) fn node(&mut self, event: Event<'_>, span: EventSpan) -> Result<(), Box<Diagnostic>> {
        self.start.get_or_insert(span.start);
        self.end = span.end;
        match event {
            Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag.as_deref(), span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::SequenceStart(anchor, _) => self.push(Frame::Sequence { items: Vec::new(), anchor }, span),
            Event::MappingStart(anchor, _) => self.push(
                Frame::Mapping { entries: Map::new(), places: Vec::new(), key: None, anchor, start: span.start },
                span,
            ),
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(Frame::Sequence { items, anchor }) => self.complete(Value::Array(items), anchor, span),
                Some(Frame::Mapping { entries, anchor, .. }) => self.complete(Value::Object(entries), anchor, span),
                None => Ok(()),
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn push(&mut self, frame: Frame, span: EventSpan) -> Result<(), Box<Diagnostic>> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(Box::new(self.error(format!("values are nested deeper than {MAX_DEPTH} levels"), span)));
        }
        self.stack.push(frame);
        Ok(())
    }

    fn error(&self, message: impl Into<String>, span: EventSpan) -> Diagnostic {
        Diagnostic::error(message).at(span_of(&self.file, span.start, span.end))
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        span: EventSpan,
    ) -> Result<(), Box<Diagnostic>> {
        let is_key = matches!(self.stack.last(), Some(Frame::Mapping { key: None, .. }));
        if is_key && tag.is_none() && style == ScalarStyle::Plain && text == "<<" {
            self.set_key(Key::Merge(span));
            return Ok(());
        }
        let scalar = match tag {
            None if style == ScalarStyle::Plain => resolve(text),
            None => Scalar::Text,
            Some(tag) => match tagged(text, ScalarTag::from_parts(&tag.handle, &tag.suffix)) {
                Ok(Tagged::Scalar(scalar)) => scalar,
                Ok(Tagged::Decoded(decoded)) => return self.text(decoded, anchor, is_key, span),
                Err(message) => {
                    self.diagnostics.push(self.error(message, span));
                    Scalar::Null
                }
            },
        };
        if scalar == Scalar::Text {
            return self.text(text.to_owned(), anchor, is_key, span);
        }
        if is_key {
            let key = match scalar {
                Scalar::Null => {
                    return Err(Box::new(
                        self.error("a key must not be empty or `null`", span).help("quote it if the text is meant"),
                    ));
                }
                Scalar::Bool(value) => value.to_string(),
                Scalar::Int(number) => number.to_string(),
                Scalar::Float(number) => float_key(number),
                Scalar::Text => text.to_owned(),
            };
            return self.text(key, anchor, true, span);
        }
        let value = scalar.value(text).unwrap_or_else(|| {
            let error = self.error(format!("`{text}` has no JSON form, so Kubernetes cannot take it"), span);
            self.diagnostics.push(error.help("quote it if the text is meant"));
            Value::Null
        });
        self.complete(value, anchor, span)
    }

    /// A string as key or value.
    fn text(&mut self, text: String, anchor: usize, is_key: bool, span: EventSpan) -> Result<(), Box<Diagnostic>> {
        if !is_key {
            return self.complete(Value::String(text), anchor, span);
        }
        if anchor != 0 {
            self.anchors.insert(anchor, Anchored { value: Value::String(text.clone()), nodes: 1 });
        }
        self.set_key(Key::Text(text, span));
        Ok(())
    }

    fn set_key(&mut self, new: Key) {
        if let Some(Frame::Mapping { key, .. }) = self.stack.last_mut() {
            *key = Some(new);
        }
    }

    fn alias(&mut self, anchor: usize, span: EventSpan) -> Result<(), Box<Diagnostic>> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(Box::new(self.error("an alias must not stand for a value that contains it", span)));
        };
        self.aliased_nodes += anchored.nodes;
        if self.aliased_nodes > MAX_ALIASED_NODES {
            return Err(Box::new(self.error(format!("aliases stand for more than {MAX_ALIASED_NODES} values"), span)));
        }
        let value = anchored.value.clone();
        self.complete(value, 0, span)
    }

    /// Puts a complete value where it belongs.
    fn complete(&mut self, value: Value, anchor: usize, span: EventSpan) -> Result<(), Box<Diagnostic>> {
        if anchor != 0 {
            let nodes = count_nodes(&value);
            self.anchors.insert(anchor, Anchored { value: value.clone(), nodes });
        }
        match self.stack.last_mut() {
            None => self.root = Some(value),
            Some(Frame::Sequence { items, .. }) => items.push(value),
            Some(Frame::Mapping { entries, places, key, start, .. }) => match key.take() {
                Some(Key::Text(text, key_span)) => {
                    insert(entries, places, text, value, key_span, &self.file, &mut self.diagnostics);
                }
                Some(Key::Merge(key_span)) => {
                    if merge(entries, places, value).is_none() {
                        return Err(Box::new(
                            self.error("`<<` needs a mapping, or a list of mappings", key_span)
                                .help("quote it if the key `<<` is meant"),
                        ));
                    }
                }
                // An alias or a collection stands where a key is expected.
                None => {
                    let text = match value {
                        Value::String(text) => text,
                        Value::Number(number) => number.to_string(),
                        Value::Bool(value) => value.to_string(),
                        Value::Null | Value::Array(_) | Value::Object(_) => {
                            let start = *start;
                            return Err(Box::new(
                                self.error("a key must be text, a number or a truth value", span)
                                    .related(span_of(&self.file, start, start), "in the mapping that starts here"),
                            ));
                        }
                    };
                    *key = Some(Key::Text(text, span));
                }
            },
        }
        Ok(())
    }
}

/// What a tag makes of a scalar.
enum Tagged {
    Scalar(Scalar),
    /// `!!binary`.
    Decoded(String),
}

/// What `tag` makes of `text`, or why it cannot.
fn tagged(text: &str, tag: ScalarTag) -> Result<Tagged, String> {
    let refused = || format!("cannot read `{text}` as {}", tag.name());
    Ok(Tagged::Scalar(match tag {
        ScalarTag::Str | ScalarTag::Other => Scalar::Text,
        ScalarTag::Binary => {
            let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(compact)
                .map_err(|_| "the value of a `!!binary` scalar is no valid base64".to_owned())?;
            return Ok(Tagged::Decoded(String::from_utf8_lossy(&bytes).into_owned()));
        }
        ScalarTag::Int => match resolve(text) {
            scalar @ Scalar::Int(_) => scalar,
            _ => return Err(refused()),
        },
        ScalarTag::Float => match resolve(text) {
            scalar @ (Scalar::Float(_) | Scalar::Int(_)) => scalar,
            _ => return Err(refused()),
        },
        ScalarTag::Bool => match resolve(text) {
            scalar @ Scalar::Bool(_) => scalar,
            _ => return Err(refused()),
        },
        ScalarTag::Null => match resolve(text) {
            Scalar::Null => Scalar::Null,
            _ => return Err(refused()),
        },
    }))
}

fn insert(
    entries: &mut Map<String, Value>,
    places: &mut Vec<Place>,
    key: String,
    value: Value,
    key_span: EventSpan,
    file: &Arc<Path>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let key = match entries.entry(key) {
        Entry::Vacant(vacant) => {
            vacant.insert(value);
            places.push(Place::Written(key_span.start));
            return;
        }
        Entry::Occupied(occupied) => occupied.key().clone(),
    };
    let index = entries_index(entries, &key);
    if let Some(Place::Written(first)) = places.get(index).copied() {
        let first = span_of(file, first, first);
        diagnostics.push(
            Diagnostic::warning(format!(
                "key `{key}` appears on line {} and again on line {}; the last one counts",
                first.start.line,
                key_span.start.line()
            ))
            .at(span_of(file, key_span.start, key_span.end))
            .related(first, "first here"),
        );
    }
    if let Some(place) = places.get_mut(index) {
        *place = Place::Written(key_span.start);
    }
    entries.insert(key, value);
}

fn entries_index(entries: &Map<String, Value>, key: &str) -> usize {
    entries.keys().position(|existing| existing == key).unwrap_or(usize::MAX)
}

/// Merges as go-yaml 2 does: what is merged overrides what stands before it, and what follows overrides the merged.
/// Of a list, earlier mappings win. `None` when `source` is neither a mapping nor a list of them.
fn merge(entries: &mut Map<String, Value>, places: &mut Vec<Place>, source: Value) -> Option<()> {
    match source {
        Value::Object(map) => {
            for (key, value) in map {
                if entries.contains_key(&key) {
                    let index = entries_index(entries, &key);
                    if let Some(place) = places.get_mut(index) {
                        *place = Place::Merged;
                    }
                } else {
                    places.push(Place::Merged);
                }
                entries.insert(key, value);
            }
            Some(())
        }
        Value::Array(items) => items.into_iter().rev().try_for_each(|item| match item {
            item @ Value::Object(_) => merge(entries, places, item),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn count_nodes(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count_nodes).sum::<usize>(),
        Value::Object(map) => 1 + map.values().map(count_nodes).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}
