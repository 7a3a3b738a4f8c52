//! Values to YAML as the programs of Kubernetes write it: `encode_yaml` of Tilt, `kubectl -o yaml`, `helm template`.
//!
//! The layout is that of sigs.k8s.io/yaml, whose writer is go-yaml 2: block style, sequences as far left as the key of
//! their mapping, lines that get broken behind column 80, and quotes only where the text needs them ([`style`]). It was
//! compared with the text of that library for some hundred thousand values; `emit_cases.txt` keeps some of them.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

use super::key_order::sort_keys;
use super::scalar::go_float;
use super::style::{ScalarStyle, Shape, is_printable};

/// A line is broken at the next blank when it is longer than this, in characters.
const BEST_WIDTH: usize = 80;

/// By how many columns an inner level is indented.
const INDENT: usize = 2;

/// A longer key, in bytes, gets a line of its own behind `?`.
const LONGEST_SIMPLE_KEY: usize = 128;

/// In which order the keys of mappings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrder {
    /// As they stand in the value.
    Kept,
    /// As the programs of Kubernetes sort them: numbers in keys count as numbers, so `a2` stands before `a10`.
    Sorted,
}

/// One document in block style, keys in their order, without `---`.
pub fn to_yaml(value: &Value) -> String {
    to_yaml_with(value, KeyOrder::Kept)
}

/// One document in block style, without `---`, ending with a line break.
pub fn to_yaml_with(value: &Value, order: KeyOrder) -> String {
    let mut writer =
        Writer { text: String::new(), order, column: 0, indent: None, behind_blank: true, behind_indent: true };
    writer.node(value, false);
    writer.indent = None;
    writer.start_line();
    writer.text
}

/// The text so far, and what of it decides how it goes on.
struct Writer {
    text: String,
    order: KeyOrder,
    /// Characters in the last line.
    column: usize,
    /// Columns of the collection that is being written; none outside of all.
    indent: Option<usize>,
    /// Whether what comes next needs no blank before it.
    behind_blank: bool,
    /// Whether the line holds nothing but blanks, dashes and the like, so that a collection can begin in it.
    behind_indent: bool,
}

impl Writer {
    fn node(&mut self, value: &Value, in_mapping: bool) {
        match value {
            Value::Null => self.bare("null"),
            Value::Bool(value) => self.bare(if *value { "true" } else { "false" }),
            Value::Number(number) => self.bare(&number_text(number)),
            Value::String(text) => self.scalar(text, Shape::of(text), false),
            Value::Array(items) if items.is_empty() => self.bare("[]"),
            Value::Array(items) => self.sequence(items, in_mapping),
            Value::Object(map) if map.is_empty() => self.bare("{}"),
            Value::Object(map) => self.mapping(map),
        }
    }

    fn mapping(&mut self, map: &Map<String, Value>) {
        let mut entries: Vec<(&String, &Value)> = map.iter().collect();
        if self.order == KeyOrder::Sorted {
            sort_keys(&mut entries);
        }
        let outer = self.indent;
        self.indent = Some(outer.map_or(0, |indent| indent + INDENT));
        for (key, value) in entries {
            self.start_line();
            let shape = Shape::of_key(key);
            if shape.is_one_line && key.len() <= LONGEST_SIMPLE_KEY {
                self.scalar(key, shape, true);
                self.indicator(":", false, false);
            } else {
                self.indicator("?", true, true);
                self.scalar(key, shape, false);
                self.start_line();
                self.indicator(":", true, true);
            }
            self.node(value, true);
        }
        self.indent = outer;
    }

    fn sequence(&mut self, items: &[Value], in_mapping: bool) {
        let outer = self.indent;
        let stays = in_mapping && !self.behind_indent;
        self.indent = Some(outer.map_or(0, |indent| if stays { indent } else { indent + INDENT }));
        for item in items {
            self.start_line();
            self.indicator("-", true, true);
            self.node(item, false);
        }
        self.indent = outer;
    }

    /// What never needs quotes, nor another line.
    fn bare(&mut self, text: &str) {
        self.indicator(text, true, false);
    }

    fn scalar(&mut self, text: &str, shape: Shape, is_key: bool) {
        let outer = self.indent;
        self.indent = Some(outer.map_or(INDENT, |indent| indent + INDENT));
        match shape.style {
            ScalarStyle::Plain => {
                self.blank();
                self.folded(text, !is_key, false);
                self.behind_blank = false;
            }
            ScalarStyle::SingleQuoted => {
                self.indicator("'", true, false);
                self.folded(text, !is_key, true);
                self.indicator("'", false, false);
            }
            ScalarStyle::DoubleQuoted => {
                self.indicator("\"", true, false);
                self.escaped(text, !is_key);
                self.indicator("\"", false, false);
            }
            ScalarStyle::Literal => self.literal(text),
        }
        self.indent = outer;
    }

    /// A plain or single quoted text: blanks may become line breaks.
    fn folded(&mut self, text: &str, may_break: bool, is_quoted: bool) {
        let mut behind_space = false;
        for (at, character) in text.char_indices() {
            let rest = &text[at + character.len_utf8()..];
            if character == ' ' {
                let is_inside = !is_quoted || (at > 0 && !rest.is_empty());
                if may_break && !behind_space && self.column > BEST_WIDTH && is_inside && !rest.starts_with(' ') {
                    self.start_line();
                } else {
                    self.character(' ');
                }
                behind_space = true;
            } else {
                if character == '\'' && is_quoted {
                    self.character('\'');
                }
                self.character(character);
                self.behind_indent = false;
                behind_space = false;
            }
        }
        self.behind_indent = false;
    }

    /// The inside of a double quoted text.
    fn escaped(&mut self, text: &str, may_break: bool) {
        let mut behind_space = false;
        for (at, character) in text.char_indices() {
            let rest = &text[at + character.len_utf8()..];
            if character == ' ' {
                if may_break && !behind_space && self.column > BEST_WIDTH && at > 0 && !rest.is_empty() {
                    self.start_line();
                    if rest.starts_with(' ') {
                        self.character('\\');
                    }
                } else {
                    self.character(' ');
                }
                behind_space = true;
                continue;
            }
            behind_space = false;
            if is_printable(character) && !matches!(character, '\n' | '"' | '\\') {
                self.character(character);
            } else {
                self.escape(character);
            }
        }
    }

    fn escape(&mut self, character: char) {
        let before = self.text.len();
        let short = match character {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => ' ',
        };
        let code = u32::from(character);
        let _ = match (short, code) {
            (' ', 0..=0xff) => write!(self.text, "\\x{code:02X}"),
            (' ', 0x100..=0xffff) => write!(self.text, "\\u{code:04X}"),
            (' ', _) => write!(self.text, "\\U{code:08X}"),
            _ => write!(self.text, "\\{short}"),
        };
        self.column += self.text.len() - before;
    }

    /// A text of several lines as it is.
    fn literal(&mut self, text: &str) {
        self.indicator("|", true, false);
        if text.starts_with([' ', '\n']) {
            // Readers could not tell the indent of the first line from blanks of the text.
            self.indicator(&INDENT.to_string(), false, false);
        }
        match text.strip_suffix('\n') {
            None => self.indicator("-", false, false),
            Some(rest) if rest.is_empty() || rest.ends_with('\n') => self.indicator("+", false, false),
            Some(_) => {}
        }
        self.end_line();
        self.behind_indent = true;
        self.behind_blank = true;
        let mut behind_break = true;
        for character in text.chars() {
            if character == '\n' {
                self.end_line();
                self.behind_indent = true;
                behind_break = true;
            } else {
                if behind_break {
                    self.start_line();
                }
                self.character(character);
                self.behind_indent = false;
                behind_break = false;
            }
        }
    }

    fn character(&mut self, character: char) {
        self.text.push(character);
        self.column += 1;
    }

    fn blank(&mut self) {
        if !self.behind_blank {
            self.character(' ');
        }
    }

    /// Marks of YAML itself, and what is written like them.
    fn indicator(&mut self, text: &str, needs_blank: bool, keeps_indent: bool) {
        if needs_blank {
            self.blank();
        }
        self.text.push_str(text);
        self.column += text.len();
        self.behind_blank = false;
        self.behind_indent = self.behind_indent && keeps_indent;
    }

    /// To the column of the collection: in this line if it holds nothing yet that stands in the way.
    fn start_line(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.behind_indent || self.column > indent || (self.column == indent && !self.behind_blank) {
            self.end_line();
        }
        while self.column < indent {
            self.character(' ');
        }
        self.behind_blank = true;
        self.behind_indent = true;
    }

    fn end_line(&mut self) {
        self.text.push('\n');
        self.column = 0;
    }
}

/// Whole numbers without exponent as far as integers go; others as Go writes them.
fn number_text(number: &Number) -> String {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else { return number.to_string() };
    if float.fract() == 0.0 {
        let digits = float.to_string();
        if digits.parse::<u64>().is_ok() || digits.parse::<i64>().is_ok() {
            return if float == 0.0 { "0".to_owned() } else { digits };
        }
    }
    go_float(float)
}
