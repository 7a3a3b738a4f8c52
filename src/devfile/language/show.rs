//! Values as text, as the reference prints them: `str`, `repr`, `print` and `%` all come here.

use std::fmt::Write as _;

use starlark::values::bytes::StarlarkBytes;
use starlark::values::dict::DictRef;
use starlark::values::float::StarlarkFloat;
use starlark::values::list::ListRef;
use starlark::values::tuple::TupleRef;
use starlark::values::{Value, ValueIdentity, ValueLike as _};

use super::rewrite::restore;

/// The type of a function that is not written in the language.
const BUILTIN_TYPE: &str = "builtin_function_or_method";

/// `str(value)`: a string is itself.
pub(crate) fn text(value: Value<'_>) -> String {
    if let Some(bytes) = value.downcast_ref::<StarlarkBytes>() {
        return String::from_utf8_lossy(bytes.as_bytes()).into_owned();
    }
    match value.unpack_str() {
        Some(text) => text.to_owned(),
        None => repr(value),
    }
}

/// `repr(value)`.
pub(crate) fn repr(value: Value<'_>) -> String {
    let mut writer = Writer { output: String::new(), open: Vec::new() };
    writer.value(value);
    writer.output
}

/// `type(value)`.
pub(crate) fn type_name(value: Value<'_>) -> &'static str {
    match value.get_type() {
        "function" if !is_written_in_the_language(value) => BUILTIN_TYPE,
        "native_method" => BUILTIN_TYPE,
        name => name,
    }
}

fn is_written_in_the_language(value: Value<'_>) -> bool {
    value.parameters_spec().is_some()
}

/// A float as Go's `strconv.FormatFloat(f, 'g', -1, 64)` writes it, with a point or an exponent in any case.
pub(crate) fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    // Go decides as if there were six digits when it writes as few as tell the number.
    if value != 0.0 && !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{value}");
    if plain.contains('.') { plain } else { plain + ".0" }
}

/// A string in quotes.
fn quoted(text: &str, output: &mut String) {
    output.push('"');
    for character in text.chars() {
        match character {
            '"' => output.push_str("\\\""),
            '\\' => output.push_str("\\\\"),
            '\x07' => output.push_str("\\a"),
            '\x08' => output.push_str("\\b"),
            '\x0c' => output.push_str("\\f"),
            '\n' => output.push_str("\\n"),
            '\r' => output.push_str("\\r"),
            '\t' => output.push_str("\\t"),
            '\x0b' => output.push_str("\\v"),
            control if control < ' ' || control == '\x7f' => drop(write!(output, "\\x{:02x}", u32::from(control))),
            control if control.is_control() => drop(write!(output, "\\u{:04x}", u32::from(control))),
            other => output.push(other),
        }
    }
    output.push('"');
}

struct Writer<'v> {
    output: String,
    /// The containers that are being written, to notice one that contains itself.
    open: Vec<ValueIdentity<'v>>,
}

impl<'v> Writer<'v> {
    fn value(&mut self, value: Value<'v>) {
        if let Some(text) = value.unpack_str() {
            quoted(text, &mut self.output);
        } else if let Some(StarlarkFloat(number)) = value.downcast_ref::<StarlarkFloat>() {
            self.output.push_str(&float(*number));
        } else if let Some(list) = ListRef::from_value(value) {
            self.items(value, "[", list.iter(), "]", "[...]");
        } else if let Some(tuple) = TupleRef::from_value(value) {
            let end = if tuple.len() == 1 { ",)" } else { ")" };
            self.items(value, "(", tuple.iter(), end, "(...)");
        } else if let Some(dict) = DictRef::from_value(value) {
            self.container(value, "{...}", |writer| {
                writer.output.push('{');
                for (index, (key, value)) in dict.iter().enumerate() {
                    writer.separator(index);
                    writer.value(key);
                    writer.output.push_str(": ");
                    writer.value(value);
                }
                writer.output.push('}');
            });
        } else if is_written_in_the_language(value) {
            let _ = write!(self.output, "<function {}>", restore(value.function_name().unwrap_or_default()));
        } else if let Some(name) = value.function_name() {
            let _ = write!(self.output, "<built-in function {name}>");
        } else {
            self.output.push_str(&value.to_repr());
        }
    }

    fn items(&mut self, value: Value<'v>, start: &str, items: impl Iterator<Item = Value<'v>>, end: &str, again: &str) {
        self.container(value, again, |writer| {
            writer.output.push_str(start);
            for (index, item) in items.enumerate() {
                writer.separator(index);
                writer.value(item);
            }
            writer.output.push_str(end);
        });
    }

    fn container(&mut self, value: Value<'v>, again: &str, write: impl FnOnce(&mut Self)) {
        let identity = value.identity();
        if self.open.contains(&identity) {
            self.output.push_str(again);
            return;
        }
        self.open.push(identity);
        write(self);
        self.open.pop();
    }

    fn separator(&mut self, index: usize) {
        if index > 0 {
            self.output.push_str(", ");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::float;

    #[test]
    fn floats_look_as_in_go() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (123_456.0, "123456.0"),
            (1_000_000.0, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (123_456_789.5, "1.234567895e+08"),
            (1e20, "1e+20"),
            (1e100, "1e+100"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (-2.5, "-2.5"),
            (f64::INFINITY, "+inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(float(value), text);
        }
    }
}
