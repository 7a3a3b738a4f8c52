//! The entry point: text to documents and diagnostics.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScanError};
use serde_json::Value;

use super::block::parse_block;
use super::compose::{Composer, span_of};
use super::json_stream::parse_json_stream;
use crate::diagnostic::{Diagnostic, Position, Span};

/// How many values of a text may stand behind tabs; each of them costs a further look at the text.
const MAX_TABS: usize = 200;

/// One document of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its value; `Null` for an empty document and for one of comments only.
    pub value: Value,
    /// From its first to its last node.
    pub span: Span,
}

/// What a text holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// The documents before the first syntax error.
    pub documents: Vec<Document>,
    /// Errors, and warnings such as duplicate keys.
    pub diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    /// Whether there is an error among the diagnostics.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Parses a stream of YAML documents, or of JSON objects as kubectl also takes them. `file` names the text in
/// diagnostics.
pub fn parse_documents(text: &str, file: &Arc<Path>) -> Parsed {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match parse_json_stream(text, file).or_else(|| parse_block(text, file)) {
        Some(documents) => Parsed { documents, diagnostics: Vec::new() },
        None => parse_all_of_yaml(text, file),
    }
}

/// Parses whatever is YAML.
pub(super) fn parse_all_of_yaml(text: &str, file: &Arc<Path>) -> Parsed {
    let mut text = Cow::Borrowed(text);
    for _ in 0..MAX_TABS {
        let (mut parsed, error) = compose(&text, file);
        let Some(error) = error else { return parsed };
        let Some(mended) = without_tab(&text, &error) else {
            parsed.diagnostics.push(syntax_error(&error, &text, file));
            return parsed;
        };
        text = Cow::Owned(mended);
    }
    let (mut parsed, error) = compose(&text, file);
    parsed.diagnostics.extend(error.map(|error| syntax_error(&error, &text, file)));
    parsed
}

/// The documents up to the first error of syntax.
fn compose(text: &str, file: &Arc<Path>) -> (Parsed, Option<ScanError>) {
    let mut composer = Composer::new(Arc::clone(file));
    let mut parser = Parser::new_from_str(text);
    let mut documents = Vec::new();
    let mut syntax = None;
    while let Some(next) = parser.next_event() {
        match next {
            Ok((Event::StreamStart | Event::Nothing, _)) => {}
            Ok((Event::StreamEnd, _)) => break,
            Ok((Event::DocumentStart(_), span)) => composer.start_document(span),
            Ok((Event::DocumentEnd, _)) => documents.push(composer.end_document()),
            Ok((event, span)) => {
                if let Err(error) = composer.node(event, span) {
                    composer.diagnostics.push(*error);
                    break;
                }
            }
            Err(error) => {
                syntax = Some(error);
                break;
            }
        }
    }
    (Parsed { documents, diagnostics: composer.diagnostics }, syntax)
}

/// The text with blanks for the tabs between a `:` and its value, where the parser has stopped for them: YAML and Go's
/// parser take them. Columns stay what they are.
fn without_tab(text: &str, error: &ScanError) -> Option<String> {
    if !error.info().starts_with("':' must be followed by") {
        return None;
    }
    let value = text.char_indices().nth(error.marker().index()).map_or(text.len(), |(place, _)| place);
    let before = text[..value].trim_end_matches([' ', '\t']);
    if !before.ends_with(':') || text[value..].starts_with("- ") {
        return None;
    }
    let blanks = " ".repeat(value - before.len());
    Some(format!("{before}{blanks}{}", &text[value..]))
}

fn syntax_error(error: &ScanError, text: &str, file: &Arc<Path>) -> Diagnostic {
    let marker = *error.marker();
    let span = span_of(file, marker, marker);
    let diagnostic = Diagnostic::error(format!("malformed YAML: {}", error.info())).at(span.clone());
    let line = |number: u32| text.lines().nth(number.saturating_sub(1) as usize).unwrap_or_default();
    let indented_by_tab = |number: u32| {
        let line = line(number);
        line[..line.len() - line.trim_start().len()].contains('\t')
    };
    // The parser often notices a tab only at the line after it.
    for number in [span.start.line, span.start.line.saturating_sub(1)] {
        if number > 0 && indented_by_tab(number) {
            return Diagnostic {
                primary: Some(Span::new(
                    Arc::clone(file),
                    Position { line: number, column: 1 },
                    Position { line: number, column: 1 },
                )),
                ..diagnostic.help("YAML does not allow tabs for indentation: use blanks")
            };
        }
    }
    if line(span.start.line).contains("{{") {
        return diagnostic.help(
            "this looks like a template: render it first, for example with `helm template` or `kustomize build`",
        );
    }
    diagnostic
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::json;

    use super::*;

    fn parse(text: &str) -> Parsed {
        parse_documents(text, &Arc::from(Path::new("/a.yaml")))
    }

    fn check(text: &str, expected: &[Value]) {
        let parsed = parse(text);
        assert!(!parsed.has_errors(), "{text}: {:?}", parsed.diagnostics);
        let values: Vec<Value> = parsed.documents.into_iter().map(|document| document.value).collect();
        assert_eq!(values, expected, "{text}");
    }

    /// The diagnostics as `line:column: message`.
    fn problems(text: &str) -> Vec<String> {
        let describe = |diagnostic: &Diagnostic| {
            let span = diagnostic.primary.as_ref().expect("every problem has a place");
            format!("{}:{}: {}", span.start.line, span.start.column, diagnostic.message)
        };
        parse(text).diagnostics.iter().map(describe).collect()
    }

    #[test]
    fn tabs_may_stand_between_a_key_and_its_value() {
        let parsed = parse("a:\tb\nc: \t1 # \tno\nd:\t\t\"e:\tf\"\ng:\n  h:\ttrue\n  i:\t[x]\n---\nj:\tk\n");
        assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
        let values: Vec<Value> = parsed.documents.into_iter().map(|document| document.value).collect();
        let first = json!({"a": "b", "c": 1, "d": "e:\tf", "g": {"h": true, "i": ["x"]}});
        assert_eq!(values, [first, json!({"j": "k"})]);
        assert!(parse("a:\t- b\n").has_errors(), "a list begins on a line of its own");
        assert!(parse("a:\n\tb: c\n").has_errors(), "tabs do not indent");
    }

    #[test]
    fn scalars_mean_what_kubectl_makes_of_them() {
        check(
            "a: 0644\nb: '0644'\nc: yes\nd: NO\ne: 1e3\nf: 089\ng: 1:30\nh: 2001-01-01\ni: ~\nj:\nk: \"on\"\nl: 1.50\n",
            &[json!({"a": 420, "b": "0644", "c": true, "d": false, "e": 1000, "f": 89, "g": "1:30", "h": "2001-01-01",
                "i": null, "j": null, "k": "on", "l": 1.5})],
        );
    }

    #[test]
    fn keys_are_json_strings() {
        check(
            "1: a\nyes: b\n089: c\n0x10: d\n1.5: e\n",
            &[json!({"1": "a", "true": "b", "89": "c", "16": "d", "1.5": "e"})],
        );
        assert_eq!(problems("~: a"), ["1:1: a key must not be empty or `null`"]);
        assert_eq!(problems("? [a]\n: b"), ["1:5: a key must be text, a number or a truth value"]);
    }

    #[test]
    fn tags_force_a_meaning() {
        check(
            "a: !!str 0644\nb: !!int '12'\nc: !!binary aGVs\n  bG8=\nd: !!float 1.5\ne: !own 12\nf: !!null ''\n",
            &[json!({"a": "0644", "b": 12, "c": "hello", "d": 1.5, "e": "12", "f": null})],
        );
        assert_eq!(problems("a: !!int x"), ["1:4: cannot read `x` as !!int"]);
        assert_eq!(problems("a: .inf"), ["1:4: `.inf` has no JSON form, so Kubernetes cannot take it"]);
    }

    #[test]
    fn merges_follow_go_yaml() {
        check(
            "x: &x {a: 1, b: 2}\nz: &y {a: 9, c: 3}\none: {<<: *x, b: 5}\nmany: {<<: [*x, *y]}\nquoted: {'<<': 1}\n",
            &[json!({"x": {"a": 1, "b": 2}, "z": {"a": 9, "c": 3}, "one": {"a": 1, "b": 5},
                "many": {"a": 1, "c": 3, "b": 2}, "quoted": {"<<": 1}})],
        );
        assert_eq!(problems("a: {<<: 1}"), ["1:5: `<<` needs a mapping, or a list of mappings"]);
    }

    #[test]
    fn the_last_of_duplicate_keys_wins_with_a_warning() {
        check("a: 1\nb: 2\na: 3\n", &[json!({"a": 3, "b": 2})]);
        assert_eq!(
            problems("a: 1\nb: 2\na: 3\n"),
            ["3:1: key `a` appears on line 1 and again on line 3; the last one counts"]
        );
    }

    #[test]
    fn streams_have_any_number_of_documents() {
        check("", &[]);
        check("# only a comment\n", &[]);
        check("---\n# nothing\n---\na: 1\n...\n---\nb: 2\n", &[Value::Null, json!({"a": 1}), json!({"b": 2})]);
        check("\u{feff}%YAML 1.1\n---\r\na: 1\r\nb: |\r\n  x\r\n  y\r\n", &[json!({"a": 1, "b": "x\ny\n"})]);
        check("{\"a\": 1}\n{\"b\": 1.0}\n", &[json!({"a": 1}), json!({"b": 1})]);
        check("{a: 1}", &[json!({"a": 1})]);
        let parsed = parse("---\na: 1\n---\n\nb: 2\n");
        let lines: Vec<u32> = parsed.documents.iter().map(|document| document.span.start.line).collect();
        assert_eq!(lines, [2, 5]);
    }

    #[test]
    fn block_scalars_chomp() {
        check(
            "a: |\n  x\n\nb: |-\n  x\n\nc: |+\n  x\n\nd: >\n  x\n  y\ne: |2\n   x\n",
            &[json!({"a": "x\n", "b": "x", "c": "x\n\n", "d": "x y\n", "e": " x\n"})],
        );
    }

    #[test]
    fn errors_have_a_place() {
        let broken = parse("a: 1\nb:\n\tc: 2\n");
        assert!(broken.has_errors());
        let error = &broken.diagnostics[0];
        assert_eq!(error.primary.as_ref().map(|span| span.start.line), Some(3));
        assert!(error.help.iter().any(|help| help.contains("tabs")), "{error:?}");
        assert_eq!(problems("a: b: c\n").len(), 1);
        assert_eq!(problems("a: *nowhere\n").len(), 1);
        assert_eq!(problems("a: [1, 2\nb: 3\n").len(), 1);
        assert_eq!(problems("a: {{ .Values.x }}\n").len(), 1);
    }

    #[test]
    fn aliases_are_bounded() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let refs = vec![format!("*a{}", level - 1); 10].join(", ");
            writeln!(text, "a{level}: &a{level} [{refs}]").expect("a string takes everything");
        }
        assert_eq!(problems(&text).len(), 1);
        assert!(problems("a: &a [*a]").len() == 1);
        assert_eq!(problems(&format!("a: {}", "[".repeat(5000))).len(), 1);
    }
}
