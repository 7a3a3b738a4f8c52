//! What a scalar means: the resolution rules of go-yaml 2
//! (<https://github.com/yaml/go-yaml/blob/v2/resolve.go>), which kubectl reads manifests with.

use serde_json::{Number, Value};

/// The meaning of a scalar.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    /// `~`, `null` or nothing.
    Null,
    /// `true`, `yes`, `on`, `y` … and their opposites.
    Bool(bool),
    /// Fits 64 bits with sign.
    Int(i64),
    /// Any other number; may be infinite or no number.
    Float(f64),
    /// Everything else.
    Text,
}

impl Scalar {
    /// Its value, when it was written as `text`; `None` for a number that has no JSON form.
    pub(super) fn value(self, text: &str) -> Option<Value> {
        Some(match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(number) => Value::from(number),
            Self::Float(number) => float_value(number)?,
            Self::Text => Value::String(text.to_owned()),
        })
    }
}

/// The tags of the YAML repository that change what a scalar means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScalarTag {
    /// `!!str`.
    Str,
    /// `!!int`.
    Int,
    /// `!!float`.
    Float,
    /// `!!bool`.
    Bool,
    /// `!!null`.
    Null,
    /// `!!binary`.
    Binary,
    /// Any other: the scalar is taken as text.
    Other,
}

impl ScalarTag {
    /// The tag with this handle and suffix, as the parser splits it.
    pub(super) fn from_parts(handle: &str, suffix: &str) -> Self {
        let name = match handle {
            "tag:yaml.org,2002:" | "!!" => suffix,
            _ => match format!("{handle}{suffix}").strip_prefix("tag:yaml.org,2002:") {
                Some(name) => return Self::from_parts("!!", name),
                None => return Self::Other,
            },
        };
        match name {
            "str" => Self::Str,
            "int" => Self::Int,
            "float" => Self::Float,
            "bool" => Self::Bool,
            "null" => Self::Null,
            "binary" => Self::Binary,
            _ => Self::Other,
        }
    }

    /// As the user wrote it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Str => "!!str",
            Self::Int => "!!int",
            Self::Float => "!!float",
            Self::Bool => "!!bool",
            Self::Null => "!!null",
            Self::Binary => "!!binary",
            Self::Other => "!",
        }
    }
}

/// The meaning of a plain scalar without a tag.
pub(super) fn resolve(text: &str) -> Scalar {
    let Some(first) = text.bytes().next() else { return Scalar::Null };
    match first {
        b'+' | b'-' | b'0'..=b'9' => resolve_number(text),
        b'.' => match text {
            ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
            ".inf" | ".Inf" | ".INF" => Scalar::Float(f64::INFINITY),
            _ if is_decimal(text) => parse_float(text),
            _ => Scalar::Text,
        },
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => resolve_word(text),
        _ => Scalar::Text,
    }
}

fn resolve_word(text: &str) -> Scalar {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Scalar::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Scalar::Bool(false),
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        _ => Scalar::Text,
    }
}

fn resolve_number(text: &str) -> Scalar {
    match text {
        "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let without_underscores;
    let plain = if text.contains('_') {
        without_underscores = text.replace('_', "");
        &without_underscores
    } else {
        text
    };
    if let Some(number) = parse_integer(plain) {
        return number;
    }
    if is_decimal(plain) { parse_float(plain) } else { Scalar::Text }
}

/// As Go's `strconv.ParseInt(text, 0, 64)`, then `ParseUint`: prefixes `0x`, `0o`, `0b` and `0` choose the base.
fn parse_integer(text: &str) -> Option<Scalar> {
    let (negative, signed, digits) = match text.as_bytes().first()? {
        b'-' => (true, true, &text[1..]),
        b'+' => (false, true, &text[1..]),
        _ => (false, false, text),
    };
    let bytes = digits.as_bytes();
    let (radix, digits) = match bytes {
        [b'0'] => (10, digits),
        [b'0', b'x' | b'X', _, ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', _, ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', _, ..] => (2, &digits[2..]),
        [b'0', ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    // Rust would take a second sign here.
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        return 0i64.checked_sub_unsigned(magnitude).map(Scalar::Int);
    }
    match i64::try_from(magnitude) {
        Ok(number) => Some(Scalar::Int(number)),
        Err(_) if signed => None,
        // kubectl's JSON decoder makes a float of what does not fit 64 bits with sign.
        Err(_) => Some(Scalar::Float(magnitude as f64)),
    }
}

/// Whether `text` is `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    mantissa_fits && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
}

fn parse_float(text: &str) -> Scalar {
    match text.parse::<f64>() {
        // Go reports a range error, so the text stays text.
        Ok(number) if number.is_finite() => Scalar::Float(number),
        _ => Scalar::Text,
    }
}

/// The JSON form of a number as it arrives in Kubernetes: whole numbers are integers however they were written.
/// `None` for infinities and NaN.
pub(super) fn float_value(number: f64) -> Option<Value> {
    // Below 2^63 the conversion is exact.
    if number.fract() == 0.0 && number.abs() < 9_223_372_036_854_775_808.0 {
        return Some(Value::from(number as i64));
    }
    Number::from_f64(number).map(Value::Number)
}

/// The text of a number that is used as a key: Go's `FormatFloat(number, 'g', -1, 32)`.
pub(super) fn float_key(number: f64) -> String {
    shortest(&format!("{:e}", number as f32), || (number as f32).to_string())
}

/// The text of a number that is not whole: Go's `FormatFloat(number, 'g', -1, 64)`.
pub(super) fn go_float(number: f64) -> String {
    shortest(&format!("{number:e}"), || number.to_string())
}

/// With an exponent of two digits where the number is small or large.
fn shortest(scientific: &str, decimal: impl FnOnce() -> String) -> String {
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return decimal() };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return decimal();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &Scalar) {
        assert_eq!(&resolve(text), expected, "{text}");
    }

    #[test]
    fn integers_follow_go() {
        for (text, number) in [
            ("0", 0),
            ("12", 12),
            ("-12", -12),
            ("+12", 12),
            ("0644", 420),
            ("0o644", 420),
            ("-0644", -420),
            ("012", 10),
            ("00", 0),
            ("1_000", 1000),
            ("1_", 1),
            ("0x1F", 31),
            ("0X1f", 31),
            ("-0x1F", -31),
            ("0b101", 5),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            check(text, &Scalar::Int(number));
        }
    }

    #[test]
    fn other_numbers_are_floats() {
        for (text, number) in [
            ("089", 89.0),
            ("08", 8.0),
            ("1e3", 1000.0),
            ("1.", 1.0),
            ("-.5", -0.5),
            (".5e1", 5.0),
            ("1.5E+2", 150.0),
            ("18446744073709551615", 18_446_744_073_709_551_615.0),
            ("-9223372036854775809", -9_223_372_036_854_775_809.0),
        ] {
            check(text, &Scalar::Float(number));
        }
    }

    #[test]
    fn words_follow_yaml_1_1() {
        for text in ["y", "Y", "yes", "Yes", "YES", "on", "On", "true", "TRUE"] {
            check(text, &Scalar::Bool(true));
        }
        for text in ["n", "N", "no", "NO", "off", "OFF", "false", "False"] {
            check(text, &Scalar::Bool(false));
        }
        for text in ["", "~", "null", "Null", "NULL"] {
            check(text, &Scalar::Null);
        }
    }

    #[test]
    fn what_only_looks_special_is_text() {
        for text in [
            "1:30",
            "2001-01-01",
            "yEs",
            "tRUE",
            "nULL",
            "0x",
            "0o8",
            "1e",
            "e3",
            "-",
            "+",
            ".",
            "..",
            "--1",
            "0x-1",
            "1.2.3",
            "_1",
            "Infinity",
            "nan",
            "1e999",
            "<<",
            "=",
        ] {
            check(text, &Scalar::Text);
        }
    }

    #[test]
    fn numbers_as_keys() {
        assert_eq!(float_key(89.0), "89");
        assert_eq!(float_key(1.1), "1.1");
        assert_eq!(float_key(1e6), "1e+06");
        assert_eq!(float_key(-2.5e-7), "-2.5e-07");
    }

    #[test]
    fn whole_floats_become_integers() {
        assert_eq!(float_value(1000.0), Some(Value::from(1000)));
        assert_eq!(float_value(0.5), Some(Value::from(0.5)));
        assert_eq!(float_value(1e30), Some(Value::from(1e30)));
        assert_eq!(float_value(f64::INFINITY), None);
    }
}
