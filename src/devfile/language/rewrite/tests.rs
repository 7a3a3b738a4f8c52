//! What is rewritten, and that places stay those of the user.

use std::path::Path;

use proptest::prelude::*;

use super::super::failure::span_of;
use super::super::source;
use super::{PositionMap, rewrite};

/// The code of the rewritten text, without the positions.
fn code(text: &str) -> String {
    let rewritten = rewrite(text).unwrap();
    match PositionMap::of(&rewritten) {
        Some(_) => rewritten.rsplit_once('\n').unwrap().0.to_owned() + "\n",
        None => rewritten,
    }
}

fn unchanged(text: &str) {
    assert_eq!(rewrite(text).unwrap(), text);
}

#[test]
fn a_loop_checks_its_condition_at_every_turn() {
    assert_eq!(
        code("x = 0\nwhile x < 3:\n    x += 1\nprint(x)\n"),
        "x = 0\nfor __turn__ in __endless__:\n    if not (x < 3): break\n    x += 1\nprint(x)\n"
    );
}

#[test]
fn a_suite_on_the_same_line_gets_its_own() {
    assert_eq!(
        code("def f():\n  while g(): x(); y()\n  return 1"),
        "def f():\n  for __turn__ in __endless__:\n   if not (g()): break\n   x(); y()\n  return 1\n"
    );
}

#[test]
fn loops_are_nested_and_conditions_go_over_lines() {
    assert_eq!(
        code("while (a and # why\n  b):\n  # first\n\n  while {1: 2}[x] or \\\n   (lambda: 1)():\n    pass\n"),
        "for __turn__ in __endless__:\n  # first\n\n  if not ((a and # why\n  b)): break\n  for __turn__ in __endless__:\n    \
         if not ({1: 2}[x] or \\\n   (lambda: 1)()): break\n    pass\n"
    );
}

#[test]
fn what_only_looks_like_a_loop_is_left_alone() {
    unchanged("'while x:\\n' # while y:\nx = '''\nwhile z:\n  pass\n'''\n");
    unchanged("x = {\nwhile_: 1}\nmeanwhile = 2\nwhile_ = 3\nr'\\'\n");
    unchanged("b'while' ; br\"\"\"\nwhile\n\"\"\"\n");
}

#[test]
fn the_parser_reports_what_a_loop_lacks() {
    assert_eq!(code("while x\n  y\n"), "if    x\n  y\n");
    assert_eq!(code("while x:\ny\n"), "if    x:\ny\n");
    assert_eq!(code("while:\n y\n"), "if   :\n y\n");
    assert_eq!(code("while (x:\n y\n"), "if    (x:\n y\n");
}

#[test]
fn tabs_count_as_the_reference_counts_them() {
    assert_eq!(code("if x:\n\ty = 1\n\tif y:\n\t\tz\n"), "if x:\n        y = 1\n        if y:\n               z\n");
    assert_eq!(code("if x:\n  \ty\n"), "if x:\n        y\n");
    assert_eq!(code("x\t=\t'\t'\t#\tc\ny = [\n\t1]\n"), "x = '\t' #\tc\ny = [\n 1]\n");
}

#[test]
fn methods_are_called_by_the_names_of_the_crate() {
    assert_eq!(code("x.codepoints() + y.codepoint_ords()\n"), "x.elems     () + y.codepoints    ()\n");
    unchanged("x.codepoints + codepoints() + struct(codepoints = 1).codepoints + '.codepoints()'\n");
    assert!(code("while x.codepoints():\n  pass\n").contains("if not (x.elems     ()): break"));
}

#[test]
fn assignments_evaluate_their_targets_once() {
    assert_eq!(code("x %= 3; y *= 2 # c\n"), "x = x % (3); y = y * (2) # c\n");
    assert_eq!(code("if x: x <<= (1 +\n 2)\n"), "if x: x = x << ((1 +\n 2))\n");
    assert_eq!(
        code("f(a)[g()] %= h, i\n"),
        "__base__ = f(a); __index__ = g(); __base__[__index__] = __base__[__index__] % (h, i)\n"
    );
    assert_eq!(code("a[0].b *= 2\n"), "__base__ = a[0]; __base__.b = __base__.b * (2)\n");
    assert_eq!(code("while x: x %= 2; y\n"), "for __turn__ in __endless__:\n if not (x): break\n x = x % (2); y\n");
    unchanged("x += 1\nx = y % 2\nf(x, *y)\nx //= 2\nx = lambda a: a <= 2\nx %=\n(a, b) %= 2\na[1:2] *= 3\n'x %= 2'\n");
}

#[test]
fn names_that_the_parser_refuses_are_spelled_in_another_way() {
    assert_eq!(code("async = 1\n"), "zqx_async = 1\n");
    assert_eq!(
        code("def assert(await): x.async(größe=await)\n"),
        "def zqx_assert(zqx_await): x.zqx_async(zqx_gr_f6__df_e=zqx_await)\n"
    );
    assert_eq!(code("load('assert', 'assert', a='async')\n"), "load('assert', 'zqx_assert', a='zqx_async')\n");
    assert_eq!(code("x.elem_ords()\n"), "x.codepoints()\n");
    assert_eq!(
        code("é %= 2\nwhile é: pass\n"),
        "zqx__e9_ = zqx__e9_ % (2)\nfor __turn__ in __endless__:\n if not (zqx__e9_): break\n pass\n"
    );
    unchanged("'async' # await\nasync_ = asynchronous\nload('é')\n");
}

#[test]
fn other_line_ends_and_form_feeds_are_taken() {
    unchanged("x = 1\r\ny = 2\r\n");
    assert_eq!(code("x = 1\ry = 2\n"), "x = 1\ny = 2\n");
    assert_eq!(code("x = 1\n\x0cy\x0c = 2\n"), "x = 1\ny  = 2\n");
    assert_eq!(code("while x:\r\n  y\r\n"), "for __turn__ in __endless__:\r\n  if not (x): break\n  y\r\n");
}

#[test]
fn escapes_that_the_reference_refuses_are_refused() {
    for (text, message, start, end) in [
        ("x = 'a\\.b'", "the escape sequence `\\.` is not known", 6, 8),
        ("'\\x4'", "the escape sequence `\\x4` needs two hexadecimal digits", 1, 4),
        ("'\\xff'", "the escape sequence `\\xff` is no ASCII character", 1, 5),
        ("'\\377'", "the escape sequence `\\377` is no ASCII character", 1, 5),
    ] {
        let problem = rewrite(text).unwrap_err();
        assert_eq!((problem.message.as_str(), problem.start, problem.end), (message, start, end));
    }
    unchanged("'\\a\\b\\f\\n\\r\\t\\v\\\\\\'\\\"\\0\\12\\177\\x7f\\u00e9\\U0001F600\\\n' r'\\.' b'\\xff\\377'\n");
}

/// The text at the place of every statement, as the user wrote it.
fn statements(text: &str) -> Vec<String> {
    let ast = source::parse(Path::new("/d"), text).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let spans = ast.stmt_locations().into_iter().map(|location| span_of(&location));
    spans
        .map(|span| {
            let line = lines[span.start.line as usize - 1];
            let end =
                if span.end.line == span.start.line { span.end.column as usize - 1 } else { line.chars().count() };
            line.chars().take(end).skip(span.start.column as usize - 1).collect()
        })
        .collect()
}

#[test]
fn places_are_those_of_the_users_text() {
    let text = "x = 0\nwhile x < 3:\n\tif x:\n\t\tx += 2; y = 'ü'\n\telse: x += 1\nwhile f(x): x += 3; pass\nz = 1\n";
    let found = statements(text);
    for expected in ["x = 0", "if x:", "x += 2", "y = 'ü'", "x += 1", "x += 3", "pass", "z = 1"] {
        assert!(found.iter().any(|text| text == expected), "{expected} is not among {found:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_scanned_without_a_crash(text in any::<String>()) {
        let _ = rewrite(&text);
        let _ = source::parse(Path::new("/d"), &text);
    }

    #[test]
    fn any_text_that_looks_like_code_is_parsed_without_a_crash(
        parts in proptest::collection::vec(proptest::sample::select(vec![
            "while ", "x", ":", "\n", "\t", " ", "  ", "(", ")", "[", "]", "'", "\"\"\"", "\\", "#", "lambda ", "r'", "b\"", ";", "\r\n", "\x0c",
            "if ", "pass", "break", "=", "+=", "%=", "*=", "<<=", ".", "async", "load(", "1", ".", "def f():", "é", "0b1",
        ]), 0..40)
    ) {
        let text = parts.concat();
        if let Err(error) = source::parse(Path::new("/d"), &text) {
            let failure: super::super::failure::Failure = error.into();
            let span = failure.into_diagnostic().primary.unwrap();
            prop_assert!(span.start.line as usize <= text.split(['\n', '\r']).count());
        }
    }
}
