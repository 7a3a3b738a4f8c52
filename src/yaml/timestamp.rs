//! Which texts go-yaml takes for a point in time, so that a string that looks like one gets quotes.

/// Whether the text is a date, or a date with a time, in one of the forms that go-yaml 2 reads: `2001-12-14`,
/// `2001-12-14 21:59:43.1`, `2001-12-14T21:59:43Z`, `2001-12-14t21:59:43-05:00`. Days must exist; months, days and the
/// parts of the time may have one digit.
pub(super) fn is_timestamp(text: &str) -> bool {
    let mut rest = Rest(text.as_bytes());
    parse(&mut rest).is_some() && rest.0.is_empty()
}

fn parse(rest: &mut Rest<'_>) -> Option<()> {
    let year = rest.digits(4, 4)?;
    rest.byte(b"-")?;
    let month = rest.digits(1, 2).filter(|month| (1..=12).contains(month))?;
    rest.byte(b"-")?;
    let day = rest.digits(1, 2)?;
    if !(1..=days_in(month, year)).contains(&day) {
        return None;
    }
    if rest.0.is_empty() {
        return Some(());
    }
    let has_zone = rest.byte(b"Tt ")? != b' ';
    rest.digits(1, 2).filter(|hour| *hour < 24)?;
    rest.byte(b":")?;
    rest.digits(1, 2).filter(|minute| *minute < 60)?;
    rest.byte(b":")?;
    rest.digits(1, 2).filter(|second| *second < 60)?;
    if let [b'.' | b',', b'0'..=b'9', ..] = rest.0 {
        rest.byte(b".,")?;
        while rest.digits(1, 1).is_some() {}
    }
    if has_zone && rest.byte(b"Z+-")? != b'Z' {
        rest.digits(2, 2).filter(|hours| *hours <= 24)?;
        rest.byte(b":")?;
        rest.digits(2, 2).filter(|minutes| *minutes <= 60)?;
    }
    Some(())
}

/// What was not read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn byte(&mut self, one_of: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        one_of.contains(first).then(|| self.0 = rest)?;
        Some(*first)
    }

    fn digits(&mut self, fewest: usize, most: usize) -> Option<u32> {
        let count = self.0.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        if count < fewest {
            return None;
        }
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        Some(digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
    }
}

fn days_in(month: u32, year: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_must_exist() {
        for text in [
            "2001-12-14",
            "2001-1-1",
            "2000-02-29",
            "2001-12-14 21:59:43.10",
            "2001-12-14 1:2:3",
            "2001-12-14T21:59:43Z",
            "2001-12-14t21:59:43.1234567890123-05:00",
        ] {
            assert!(is_timestamp(text), "{text}");
        }
        for text in [
            "2001-13-14",
            "1900-02-29",
            "2001-04-31",
            "2001-0-1",
            "201-01-01",
            "20011-01-01",
            "2001-12-14T21:59:43",
            "2001-12-14 21:59:43Z",
            "2001-12-14 24:00:00",
            "2001-12-14T21:59:43+0500",
            "2001-12-14a",
            "2001-12-",
        ] {
            assert!(!is_timestamp(text), "{text}");
        }
    }
}
