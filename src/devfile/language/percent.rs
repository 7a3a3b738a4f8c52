//! `format % arguments` for strings, with all conversions of the reference.

use num_bigint::BigInt;
use starlark::values::dict::DictRef;
use starlark::values::float::StarlarkFloat;
use starlark::values::tuple::TupleRef;
use starlark::values::{UnpackValue as _, Value, ValueLike as _};

use super::failure::{Failure, Outcome};
use super::show;

/// The digits behind the point of `%e` and `%f`.
const PRECISION: usize = 6;

/// The text of `format % arguments`.
pub(super) fn format(format: &str, arguments: Value<'_>) -> Outcome<String> {
    let tuple = TupleRef::from_value(arguments);
    let single = [arguments];
    let values: &[Value<'_>] = tuple.as_ref().map_or(&single, |tuple| tuple.content());
    let mapping = DictRef::from_value(arguments);
    let mut next = values.iter();
    let mut output = String::with_capacity(format.len() + 16);
    let mut rest = format;
    while let Some((literal, behind)) = rest.split_once('%') {
        output.push_str(literal);
        if let Some(after) = behind.strip_prefix('%') {
            output.push('%');
            rest = after;
            continue;
        }
        let (value, behind) = if let Some(named) = behind.strip_prefix('(') {
            let (name, after) = named.split_once(')').ok_or_else(|| fail("the format has a `%(` without a `)`"))?;
            let Some(mapping) = &mapping else {
                return Err(fail(format!("the format names `{name}`, so it needs a dict")));
            };
            let value = mapping.get_str(name);
            (value.ok_or_else(|| fail(format!("the format names `{name}`, which the dict does not have")))?, after)
        } else {
            let value = next.next().ok_or_else(|| fail("there are not enough arguments for the format"))?;
            (*value, behind)
        };
        let mut characters = behind.chars();
        let conversion = characters.next().ok_or_else(|| fail("the format ends with an incomplete `%`"))?;
        convert(conversion, value, &mut output)?;
        rest = characters.as_str();
    }
    output.push_str(rest);
    if next.next().is_some() && mapping.is_none() {
        return Err(fail("there are too many arguments for the format"));
    }
    Ok(output)
}

fn fail(message: impl Into<String>) -> Failure {
    Failure::new(message)
}

fn convert(conversion: char, value: Value<'_>, output: &mut String) -> Outcome<()> {
    let text = match conversion {
        's' => show::text(value),
        'r' => show::repr(value),
        'd' | 'i' => integer(conversion, value)?.to_string(),
        'x' => integer(conversion, value)?.to_str_radix(16),
        'X' => integer(conversion, value)?.to_str_radix(16).to_uppercase(),
        'o' => integer(conversion, value)?.to_str_radix(8),
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => number(conversion, float(conversion, value)?),
        'c' => character(value)?,
        _ => {
            return Err(fail(format!("the format has an unknown conversion `%{conversion}`"))
                .help("a `%` that is to be shown is written `%%`"));
        }
    };
    output.push_str(&text);
    Ok(())
}

fn mismatch(conversion: char, value: Value<'_>, want: &str) -> Failure {
    fail(format!("`%{conversion}` needs {want}, not {}", super::arguments::article(show::type_name(value))))
}

/// An integer; a float without its fraction.
fn integer(conversion: char, value: Value<'_>) -> Outcome<BigInt> {
    if let Some(StarlarkFloat(float)) = value.downcast_ref::<StarlarkFloat>() {
        let digits = float.is_finite().then(|| format!("{:.0}", float.trunc()));
        return digits
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| fail(format!("`%{conversion}` cannot show {}", show::float(*float))));
    }
    BigInt::unpack_value(value).ok().flatten().ok_or_else(|| mismatch(conversion, value, "an integer"))
}

fn float(conversion: char, value: Value<'_>) -> Outcome<f64> {
    if let Some(StarlarkFloat(float)) = value.downcast_ref::<StarlarkFloat>() {
        return Ok(*float);
    }
    let integer = BigInt::unpack_value(value).ok().flatten();
    // The text of an integer is always a number of a float.
    let float = integer.and_then(|integer| integer.to_string().parse().ok());
    float.ok_or_else(|| mismatch(conversion, value, "a number"))
}

fn number(conversion: char, value: f64) -> String {
    let text = match conversion.to_ascii_lowercase() {
        _ if !value.is_finite() => show::float(value),
        'g' => show::float(value),
        'f' => format!("{value:.PRECISION$}"),
        _ => {
            let text = format!("{value:.PRECISION$e}");
            match text.split_once('e') {
                Some((mantissa, exponent)) => {
                    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
                    format!("{mantissa}e{sign}{digits:0>2}")
                }
                None => text,
            }
        }
    };
    if conversion.is_ascii_uppercase() { text.to_uppercase() } else { text }
}

/// The character with a number, or a string of one character.
fn character(value: Value<'_>) -> Outcome<String> {
    if let Some(text) = value.unpack_str() {
        return match text.chars().count() {
            1 => Ok(text.to_owned()),
            _ => Err(fail(format!("`%c` needs one character, not {}", show::repr(value)))),
        };
    }
    let code = value.unpack_i32().ok_or_else(|| mismatch('c', value, "a character or its number"))?;
    let character = u32::try_from(code).ok().and_then(char::from_u32);
    character.map(String::from).ok_or_else(|| fail(format!("`%c` needs the number of a character, not {code}")))
}
