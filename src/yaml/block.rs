//! The plain part of YAML that nearly all manifests are written in, read in one pass: block mappings and sequences of scalars
//! that fit on their line, lists and mappings of such in brackets, comments, several documents.
//!
//! Whatever is anything else (anchors, tags, texts of several lines, escapes, odd indentation, errors …) is left to the
//! parser proper, which also words what is wrong. A property test compares both: what this one takes it takes as the other does.

use std::path::Path;
use std::sync::Arc;

use serde_json::map::Entry;
use serde_json::{Map, Value};

use super::parse::Document;
use super::scalar::{Scalar, resolve};
use crate::diagnostic::{Position, Span};

/// Deeper values are left to the parser proper, which knows the limits.
const MAX_DEPTH: usize = 50;

/// Parsers look for the `:` of a key only so far; keys are much shorter.
const MAX_KEY_BYTES: usize = 200;

/// The documents of a text; `None` when it has anything but the plain part, or may have.
pub(super) fn parse_block(text: &str, file: &Arc<Path>) -> Option<Vec<Document>> {
    if !text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')) {
        return None;
    }
    // The parser proper sees a last line as ended.
    let mut lines = Lines { rest: text.strip_suffix('\n').unwrap_or(text).split('\n'), number: 0, current: None };
    lines.advance()?;
    let mut documents = Vec::new();
    while let Some(first) = lines.current {
        if first.is_separator() {
            lines.advance()?;
            // An empty document, or another sign of its begin.
            if lines.current.is_none_or(|line| line.is_separator()) {
                return None;
            }
        }
        let first = lines.current?;
        if first.indent != 0 {
            return None;
        }
        let value = mapping(&mut lines, 0, 0)?;
        let next = lines.current;
        if next.is_some_and(|line| !line.is_separator()) {
            return None;
        }
        let position = |line: u32| Position { line, column: 1 };
        let end = position(next.map_or(lines.end(), |line| line.number));
        documents.push(Document { value, span: Span::new(Arc::clone(file), position(first.number), end) });
    }
    // Comments only.
    if documents.is_empty() { None } else { Some(documents) }
}

/// A line with content.
#[derive(Clone, Copy)]
struct Line<'t> {
    /// From 1.
    number: u32,
    /// The blanks before the text.
    indent: usize,
    /// Without blanks at either end.
    text: &'t str,
}

impl Line<'_> {
    fn is_separator(&self) -> bool {
        self.indent == 0 && self.text == "---"
    }

    fn is_item(&self) -> bool {
        self.text == "-" || self.text.starts_with("- ")
    }
}

/// The lines that have content.
struct Lines<'t> {
    rest: std::str::Split<'t, char>,
    /// Of the line that was read last.
    number: u32,
    current: Option<Line<'t>>,
}

impl Lines<'_> {
    /// Goes on to the next line with content, if there is one. `None` when it is a directive or the end of a document.
    fn advance(&mut self) -> Option<()> {
        self.current = None;
        for line in self.rest.by_ref() {
            self.number += 1;
            let text = line.trim_start_matches(' ');
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let indent = line.len() - text.len();
            let text = text.trim_end_matches(' ');
            let is_marker = text.starts_with("---") || text.starts_with("...") || text.starts_with('%');
            if is_marker && indent == 0 && text != "---" {
                return None;
            }
            self.current = Some(Line { number: self.number, indent, text });
            break;
        }
        Some(())
    }

    /// The number of the line behind the last one that was read.
    fn end(&self) -> u32 {
        self.number + 1
    }

    /// Whether a value that was read on the line before, of an entry at `indent`, ends there: a line that stands deeper would go on with it.
    fn is_value_complete(&self, indent: usize) -> bool {
        self.current.is_none_or(|line| line.indent <= indent)
    }
}

/// A mapping whose keys stand at `indent`.
fn mapping(lines: &mut Lines<'_>, indent: usize, depth: usize) -> Option<Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    let mut entries = Map::new();
    while let Some(line) = lines.current {
        if line.indent < indent || line.is_separator() {
            break;
        }
        if line.indent > indent {
            return None;
        }
        let (key, rest) = key(line.text)?;
        lines.advance()?;
        let value = if rest.is_empty() {
            match lines.current {
                Some(next) if next.indent > indent && next.is_item() => sequence(lines, next.indent, depth + 1)?,
                Some(next) if next.indent > indent => mapping(lines, next.indent, depth + 1)?,
                Some(next) if next.indent == indent && next.is_item() => sequence(lines, indent, depth + 1)?,
                _ => Value::Null,
            }
        } else {
            let value = inline(rest)?;
            if !lines.is_value_complete(indent) {
                return None;
            }
            value
        };
        put(&mut entries, key, value)?;
    }
    Some(Value::Object(entries))
}

/// A sequence whose dashes stand at `indent`.
fn sequence(lines: &mut Lines<'_>, indent: usize, depth: usize) -> Option<Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    let mut items = Vec::new();
    while let Some(line) = lines.current {
        if line.indent < indent || line.is_separator() || (line.indent == indent && !line.is_item()) {
            break;
        }
        if line.indent > indent {
            return None;
        }
        let rest = line.text[1..].trim_start_matches(' ');
        if rest.is_empty() || rest.starts_with('#') || rest.starts_with("- ") || rest == "-" {
            return None;
        }
        let item_indent = indent + line.text.len() - rest.len();
        if key(rest).is_some() {
            // The mapping begins behind the dash.
            lines.current = Some(Line { indent: item_indent, text: rest, ..line });
            items.push(mapping(lines, item_indent, depth + 1)?);
        } else {
            items.push(inline(rest)?);
            lines.advance()?;
            if !lines.is_value_complete(indent) {
                return None;
            }
        }
    }
    Some(Value::Array(items))
}

/// The key that a line begins with, and what stands behind its colon, without a comment.
fn key(text: &str) -> Option<(&str, &str)> {
    let length = text.bytes().position(|byte| !is_key_byte(byte))?;
    let (key, rest) = text.split_at(length);
    let rest = rest.strip_prefix(':')?;
    if !(rest.is_empty() || rest.starts_with(' ')) || key.len() > MAX_KEY_BYTES {
        return None;
    }
    if !key.bytes().next()?.is_ascii_alphabetic() || resolve(key) != Scalar::Text {
        return None;
    }
    let rest = rest.trim_start_matches(' ');
    Some((key, if rest.starts_with('#') { "" } else { rest }))
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-')
}

/// A value that begins and ends on its line.
fn inline(text: &str) -> Option<Value> {
    match text.bytes().next()? {
        b'"' | b'\'' => quoted(text).filter(|(_, rest)| is_end(rest)).map(|(value, _)| value),
        b'[' => flow_sequence(text),
        b'{' => flow_mapping(text),
        _ => plain(without_comment(text)),
    }
}

/// Whether nothing but a comment is left.
fn is_end(rest: &str) -> bool {
    let text = rest.trim_start_matches(' ');
    text.is_empty() || (text.starts_with('#') && text.len() < rest.len())
}

fn without_comment(text: &str) -> &str {
    text.find(" #").map_or(text, |at| text[..at].trim_end_matches(' '))
}

/// A text in quotes without anything to unescape, and what follows.
fn quoted(text: &str) -> Option<(Value, &str)> {
    let quote = text.chars().next()?;
    let (inside, rest) = text[1..].split_once(quote)?;
    if rest.starts_with(quote) || (quote == '"' && inside.contains('\\')) {
        return None;
    }
    Some((Value::String(inside.to_owned()), rest))
}

/// A scalar without quotes that ends with its line.
fn plain(text: &str) -> Option<Value> {
    let bytes = text.as_bytes();
    let starts_well = match bytes.first()? {
        b'-' => bytes.get(1).is_some_and(|second| *second != b' '),
        first => first.is_ascii_alphanumeric() || matches!(first, b'/' | b'.' | b'_' | b'$' | b'(' | b'+' | b'~'),
    };
    if !starts_well || text.starts_with("---") || text.starts_with("...") || text.ends_with(':') || text.contains(": ")
    {
        return None;
    }
    resolve(text).value(text)
}

/// Adds an entry; `None` when its key is there already, which has a warning that the parser proper words.
fn put(entries: &mut Map<String, Value>, key: &str, value: Value) -> Option<()> {
    match entries.entry(key) {
        Entry::Vacant(vacant) => {
            vacant.insert(value);
            Some(())
        }
        Entry::Occupied(_) => None,
    }
}

/// `[a, "b"]` on one line, of scalars only.
fn flow_sequence(text: &str) -> Option<Value> {
    let mut rest = text.strip_prefix('[')?.trim_start_matches(' ');
    let mut items = Vec::new();
    while !rest.starts_with(']') {
        let item;
        (item, rest) = flow_scalar(rest)?;
        items.push(item);
        rest = separator(rest, ']')?;
    }
    is_end(&rest[1..]).then_some(Value::Array(items))
}

/// `{a: 1, b: "c"}` on one line, of scalars only.
fn flow_mapping(text: &str) -> Option<Value> {
    let mut rest = text.strip_prefix('{')?.trim_start_matches(' ');
    let mut entries = Map::new();
    while !rest.starts_with('}') {
        let (key, behind) = key(rest)?;
        let value;
        (value, rest) = flow_scalar(behind)?;
        put(&mut entries, key, value)?;
        rest = separator(rest, '}')?;
    }
    is_end(&rest[1..]).then_some(Value::Object(entries))
}

/// What follows the `, ` behind an element, or the closing bracket.
fn separator(rest: &str, close: char) -> Option<&str> {
    let rest = rest.trim_start_matches(' ');
    if rest.starts_with(close) {
        return Some(rest);
    }
    let next = rest.strip_prefix(", ")?.trim_start_matches(' ');
    // A comma behind the last element.
    if next.starts_with(close) { None } else { Some(next) }
}

/// One element of a list or mapping in brackets.
fn flow_scalar(text: &str) -> Option<(Value, &str)> {
    if text.starts_with(['"', '\'']) {
        return quoted(text);
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-' | b'=' | b'$');
    let length = text.bytes().position(|byte| !is_plain(byte))?;
    let (plain, rest) = text.split_at(length);
    let starts_well = plain.bytes().next()?.is_ascii_alphanumeric()
        || (plain.starts_with('-') && plain.len() > 1)
        || plain.starts_with(['/', '.', '_', '$']);
    if !starts_well || plain.starts_with("---") || plain.starts_with("...") || !rest.starts_with([',', ']', '}', ' ']) {
        return None;
    }
    Some((resolve(plain).value(plain)?, rest))
}
