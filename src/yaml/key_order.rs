//! The order of the keys of a mapping: that of go-yaml 2, in which numbers inside of keys count as numbers.

use std::cmp::Ordering;

/// Sorts the entries of a mapping by their keys.
///
/// go-yaml's comparison goes round in circles for some keys (`12a` before `1b` before `2` before `12a`), which the sorting of the
/// standard library may answer with a panic. For such keys go-yaml's order depends on chance; here it does not.
pub(super) fn sort_keys<V>(entries: &mut Vec<(&String, V)>) {
    entries.sort_by_key(|(key, _)| *key);
    let mut sorted: Vec<(&String, V)> = Vec::with_capacity(entries.len());
    for entry in entries.drain(..) {
        // Most keys stand where their bytes put them.
        if sorted.last().is_none_or(|(last, _)| compare(last, entry.0) != Ordering::Greater) {
            sorted.push(entry);
        } else {
            let place = sorted.partition_point(|(key, _)| compare(key, entry.0) != Ordering::Greater);
            sorted.insert(place, entry);
        }
    }
    *entries = sorted;
}

/// The first character that differs decides: letters stand behind everything else, numbers behind other characters.
fn compare(a: &str, b: &str) -> Ordering {
    let (mut rest_of_a, mut rest_of_b) = (a.chars(), b.chars());
    let mut behind_number = false;
    loop {
        let (before_a, before_b) = (rest_of_a.clone(), rest_of_b.clone());
        let (of_a, of_b) = match (rest_of_a.next(), rest_of_b.next()) {
            (Some(of_a), Some(of_b)) => (of_a, of_b),
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
        };
        if of_a == of_b {
            // Whether the digits before this place make a number, so that a zero here counts.
            behind_number = of_a.is_ascii_digit() && (behind_number || of_a != '0');
            continue;
        }
        match (of_a.is_alphabetic(), of_b.is_alphabetic()) {
            (true, true) => return of_a.cmp(&of_b),
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => {}
        }
        let start = i64::from(behind_number && (of_a == '0' || of_b == '0'));
        return number(before_a, start).cmp(&number(before_b, start)).then(of_a.cmp(&of_b));
    }
}

/// The number that the text begins with, and of how many digits; `start` stands for the digits before it.
fn number(text: std::str::Chars<'_>, start: i64) -> (i64, usize) {
    let digits = text.map_while(|character| character.to_digit(10));
    digits.fold((start, 0), |(number, length), digit| {
        (number.wrapping_mul(10).wrapping_add(i64::from(digit)), length + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count() {
        let mut keys: Vec<String> =
            ["a10", "a2", "a_b", "A", "a-1", "a01", "a1", "b", "é", "_", "100", "11", "10", "", "a1.10", "a1.9"]
                .map(str::to_owned)
                .to_vec();
        keys.reverse();
        let mut entries: Vec<(&String, ())> = keys.iter().map(|key| (key, ())).collect();
        sort_keys(&mut entries);
        let sorted: Vec<&str> = entries.iter().map(|(key, ())| key.as_str()).collect();
        assert_eq!(
            sorted,
            ["", "_", "10", "11", "100", "A", "a-1", "a_b", "a1", "a1.9", "a1.10", "a01", "a2", "a10", "b", "é"]
        );
    }

    #[test]
    fn circles_end() {
        let keys: Vec<String> = (0..2000).map(|n| format!("{:x}", n * 7919 % 4096)).collect();
        let mut entries: Vec<(&String, ())> = keys.iter().map(|key| (key, ())).collect();
        sort_keys(&mut entries);
        assert_eq!(entries.len(), 2000);
    }
}
