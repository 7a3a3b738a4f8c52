//! Durations in the syntax of Go's `time.ParseDuration`.

use std::time::Duration;

/// 2⁶³: what no number of nanoseconds may exceed.
const LIMIT: u64 = 1 << 63;

/// A duration such as `1m30s`, `.5s` or `+1h`. A negative one is taken for zero: wherever a configuration says how long
/// something may take, Tilt treats both alike.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let nanoseconds = parse_nanoseconds(text)?;
    Some(Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0)))
}

fn parse_nanoseconds(text: &str) -> Option<i64> {
    let (is_negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (number, behind) = Decimal::read(rest)?;
        let unit_end = behind.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit_end);
        total = total.checked_add(number.times(nanoseconds_of(unit)?)?).filter(|total| *total <= LIMIT)?;
        rest = behind;
    }
    if is_negative { 0i64.checked_sub_unsigned(total) } else { i64::try_from(total).ok() }
}

fn nanoseconds_of(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// A number without sign, at least one digit before or behind the point.
struct Decimal {
    whole: u64,
    /// The digits behind the point, as far as 63 bits hold them.
    fraction: u64,
    /// What the fraction is to be divided by.
    scale: f64,
}

impl Decimal {
    fn read(text: &str) -> Option<(Self, &str)> {
        let (digits, mut rest) = split_digits(text);
        let mut number = Self { whole: 0, fraction: 0, scale: 1.0 };
        for digit in digits.bytes() {
            number.whole = number.whole.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        }
        if number.whole > LIMIT {
            return None;
        }
        let mut has_digits = !digits.is_empty();
        if let Some(behind_point) = rest.strip_prefix('.') {
            let (digits, behind) = split_digits(behind_point);
            for digit in digits.bytes() {
                // What does not fit is too small to count.
                let longer = number.fraction.checked_mul(10).and_then(|it| it.checked_add(u64::from(digit - b'0')));
                let Some(longer) = longer.filter(|it| *it < LIMIT) else { break };
                number.fraction = longer;
                number.scale *= 10.0;
            }
            has_digits |= !digits.is_empty();
            rest = behind;
        }
        has_digits.then_some((number, rest))
    }

    fn times(&self, unit: u64) -> Option<u64> {
        let fraction = self.fraction as f64 * (unit as f64 / self.scale);
        self.whole.checked_mul(unit)?.checked_add(fraction as u64).filter(|product| *product <= LIMIT)
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answers are those of Go 1.19.
    #[test]
    fn durations_are_those_of_go() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("+0", 0),
            ("-0", 0),
            ("5s", 5_000_000_000),
            ("+5s", 5_000_000_000),
            ("-5s", -5_000_000_000),
            (".5s", 500_000_000),
            ("5.s", 5_000_000_000),
            ("1h2m3.5s", 3_723_500_000_000),
            ("1s1h", 3_601_000_000_000),
            ("1µs", 1_000),
            ("1μs", 1_000),
            ("1us", 1_000),
            ("1ms", 1_000_000),
            ("1.9ns", 1),
            ("0.1ns", 0),
            ("1.1s", 1_100_000_000),
            ("1.000000001s", 1_000_000_001),
            ("00001s", 1_000_000_000),
            ("0.100000000000000000000h", 360_000_000_000),
            ("0.3333333333333333333h", 1_200_000_000_000),
            ("0.9223372036854775807h", 3_320_413_933_267),
            ("0.000000000000000000001s", 0),
            ("9223372036854775807ns", i64::MAX),
            ("9223372036854775807.5ns", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
            ("2562047h47m16.854775807s", i64::MAX),
            ("9223372036854ms775us807ns", i64::MAX),
        ] {
            assert_eq!(parse_nanoseconds(text), Some(nanoseconds), "{text}");
        }
        for text in [
            "",
            "+",
            "-",
            "5",
            "s",
            ".s",
            "1 s",
            " 1s",
            "1s ",
            "1d",
            "1S",
            "1e3s",
            "1m1",
            "1h-",
            "--1s",
            "..s",
            "1.5.5s",
            "abc",
            "9223372036854775808ns",
            "18446744073709551616ns",
            "2562047h47m16.854775808s",
            "3000000h",
        ] {
            assert_eq!(parse_nanoseconds(text), None, "{text}");
        }
        assert_eq!(parse_duration("-5s"), Some(Duration::ZERO));
        assert_eq!(parse_duration("1m30s"), Some(Duration::from_secs(90)));
    }
}
