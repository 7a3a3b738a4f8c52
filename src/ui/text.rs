//! Text measured in terminal columns, and durations for people.

use std::borrow::Cow;
use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How many columns `text` takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// `text` in at most `columns`, with `…` in place of what does not fit.
pub(super) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let Some(room) = columns.checked_sub(1) else { return Cow::Borrowed("") };
    let mut cut = prefix(text, room).to_owned();
    cut.push('…');
    Cow::Owned(cut)
}

/// As much of the start of `text` as fits in `columns`.
pub(super) fn prefix(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (index, char) in text.char_indices() {
        used += char.width().unwrap_or(0);
        if used > columns {
            return &text[..index];
        }
    }
    text
}

/// `text` cut and then filled with blanks on the right to exactly `columns`.
pub(super) fn pad(text: &str, columns: usize) -> String {
    let cut = cut(text, columns);
    let fill = columns - width(&cut);
    format!("{cut}{}", " ".repeat(fill))
}

/// `text` cut and then filled with blanks on the left to exactly `columns`.
pub(super) fn pad_left(text: &str, columns: usize) -> String {
    let cut = cut(text, columns);
    let fill = columns - width(&cut);
    format!("{}{cut}", " ".repeat(fill))
}

/// `text` on one line: line ends become blanks.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if text.contains(char::is_control) {
        Cow::Owned(text.split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "))
    } else {
        Cow::Borrowed(text)
    }
}

/// How long something took: `0.4s`, `12s`, `4m 05s`, `3h 12m`.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1}s", duration.as_millis() as f64 / 1000.0),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// How old something is, in one unit: `42s`, `4m`, `3h`, `2d`.
pub(super) fn age(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Breaks `text` into lines of at most `columns`, at blanks where there are some.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let indent: String = paragraph.chars().take_while(|char| *char == ' ').collect();
        let before = lines.len();
        let mut line = String::new();
        for word in paragraph.split_inclusive(' ') {
            if !line.is_empty() && width(&line) + width(word.trim_end()) > columns {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
                if width(&indent) < columns / 2 {
                    line.push_str(&indent);
                }
            }
            let mut word = word;
            while width(&line) + width(word.trim_end()) > columns {
                let room = columns - width(&line);
                let mut piece = prefix(word, room);
                if piece.is_empty() && line.is_empty() {
                    // One character that is wider than the line.
                    piece = word.split_at(word.chars().next().map_or(0, char::len_utf8)).0;
                }
                line.push_str(piece);
                lines.push(std::mem::take(&mut line));
                word = &word[piece.len()..];
            }
            line.push_str(word);
        }
        if !line.trim_end().is_empty() || lines.len() == before {
            lines.push(line.trim_end().to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_counts_columns() {
        assert_eq!(cut("resource", 8), "resource");
        assert_eq!(cut("resources", 8), "resourc…");
        assert_eq!(cut("世界世界", 8), "世界世界");
        assert_eq!(cut("世界世界", 7), "世界世…");
        assert_eq!(cut("世界世界", 6), "世界…");
        assert_eq!(cut("x", 0), "");
        assert_eq!(pad("世界世界", 6), "世界… ");
        assert_eq!(pad_left("ab", 4), "  ab");
    }

    #[test]
    fn durations_read_well() {
        let seconds = Duration::from_secs;
        assert_eq!(duration(Duration::from_millis(430)), "0.4s");
        assert_eq!(duration(seconds(12)), "12s");
        assert_eq!(duration(seconds(245)), "4m 05s");
        assert_eq!(duration(seconds(11_520)), "3h 12m");
        assert_eq!([30, 300, 8_000, 200_000].map(|n| age(seconds(n))), ["30s", "5m", "2h", "2d"]);
    }

    #[test]
    fn wrapping_breaks_at_blanks_and_inside_long_words() {
        assert_eq!(wrap("the quick brown fox", 10), ["the quick", "brown fox"]);
        assert_eq!(wrap("abcdefghijklm", 5), ["abcde", "fghij", "klm"]);
        assert_eq!(wrap("a\n\nb", 5), ["a", "", "b"]);
        assert_eq!(wrap("  in the list", 8), ["  in the", "  list"]);
        assert_eq!(wrap("世界", 1), ["世", "界"]);
        assert_eq!(wrap("世界世界", 5), ["世界", "世界"]);
    }

    #[test]
    fn text_of_several_lines_becomes_one() {
        assert_eq!(one_line("a\r\nb\n"), "a b");
    }
}
