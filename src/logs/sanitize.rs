//! Makes the output of foreign programs harmless: of control sequences only colours are kept.
//!
//! A program may move the cursor, set the window title, ring the bell or turn the text around (bidirectional
//! overrides). None of that may reach the user's terminal through a log.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

const ESCAPE: char = '\u{1b}';
const RESET: &str = "\u{1b}[0m";

/// One line of a program's output as it is stored: of a line that overwrites itself by `\r` what was last visible,
/// colours closed at the end, and no other control character but tabs.
pub(super) fn sanitize(line: &str) -> Cow<'_, str> {
    let line = last_visible_segment(line);
    if line.bytes().all(|byte| byte == b'\t' || (b' '..0x7f).contains(&byte)) {
        return Cow::Borrowed(line);
    }
    let mut clean = String::with_capacity(line.len());
    let mut colored = false;
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            ESCAPE => match chars.next() {
                Some('[') => {
                    if let Some(parameters) = control_sequence(&mut chars) {
                        colored = !is_reset(&parameters);
                        clean.extend([ESCAPE, '[']);
                        clean.push_str(&parameters);
                        clean.push('m');
                    }
                }
                Some(']' | 'P' | 'X' | '^' | '_') => skip_string(&mut chars),
                // Character sets and the like: intermediates, then one final character.
                Some(' '..='/') => {
                    while chars.next_if(|next| (' '..='/').contains(next)).is_some() {}
                    chars.next();
                }
                Some(_) | None => {}
            },
            // The same introducers in their one-character form (C1).
            '\u{9b}' => {
                control_sequence(&mut chars);
            }
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_string(&mut chars),
            '\t' => clean.push('\t'),
            char if char.is_control() || turns_text_around(char) => {}
            char => clean.push(char),
        }
    }
    if colored {
        clean.push_str(RESET);
    }
    Cow::Owned(clean)
}

/// `text` (of a stored line) without its colours.
pub fn strip_colors(text: &str) -> Cow<'_, str> {
    if !text.contains(ESCAPE) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(ESCAPE) {
        plain.push_str(&rest[..start]);
        rest = rest[start..].split_once('m').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// Progress bars print `10%\r20%\r30%`: what a terminal shows in the end is the last segment that is not empty.
fn last_visible_segment(line: &str) -> &str {
    if line.contains('\r') { line.rsplit('\r').find(|segment| !segment.is_empty()).unwrap_or("") } else { line }
}

/// Reads what follows `ESC [`; gives the parameters when it is a colour (SGR) sequence.
fn control_sequence(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut parameters = String::new();
    while let Some(&char) = chars.peek() {
        match char {
            // Anything longer is no colour, but an attempt to fill the memory.
            ' '..='?' if parameters.len() < 64 => parameters.push(char),
            ' '..='?' => {}
            '@'..='~' => {
                chars.next();
                let plain = parameters.chars().all(|char| char.is_ascii_digit() || char == ';' || char == ':');
                return (char == 'm' && plain).then_some(parameters);
            }
            // Not part of any sequence: it was cut off, and the text goes on.
            _ => return None,
        }
        chars.next();
    }
    None
}

/// Skips a string sequence (title, hyperlink, image …) up to its end, `BEL` or `ESC \`.
fn skip_string(chars: &mut Peekable<Chars<'_>>) {
    while let Some(char) = chars.next() {
        match char {
            '\u{7}' | '\u{9c}' => return,
            ESCAPE => {
                chars.next_if_eq(&'\\');
                return;
            }
            _ => {}
        }
    }
}

fn is_reset(parameters: &str) -> bool {
    let last = parameters.rsplit(';').next().unwrap_or("");
    last.is_empty() || (last.chars().all(|char| char == '0') && !is_color_argument(parameters))
}

/// Whether the last number is an argument of an extended colour (`38;5;0`) and so means no reset.
fn is_color_argument(parameters: &str) -> bool {
    let numbers: Vec<&str> = parameters.split(';').collect();
    let n = numbers.len();
    (n >= 3 && numbers[n - 2] == "5" && matches!(numbers[n - 3], "38" | "48" | "58"))
        || (n >= 5 && numbers[n - 4] == "2" && matches!(numbers[n - 5], "38" | "48" | "58"))
}

/// The explicit bidirectional controls (Unicode standard annex 9), which can make a line read differently from what it is.
fn turns_text_around(char: char) -> bool {
    matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expected: &str) {
        assert_eq!(sanitize(input), expected, "of {input:?}");
    }

    #[test]
    fn plain_text_is_kept_without_a_copy() {
        assert!(matches!(sanitize("GET /  200\t3ms"), Cow::Borrowed("GET /  200\t3ms")));
        check("grüße 世界 👋", "grüße 世界 👋");
    }

    #[test]
    fn colors_are_kept_and_closed() {
        check("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m");
        check("\x1b[1;38;5;208mbright", "\x1b[1;38;5;208mbright\x1b[0m");
        check("\x1b[31mred\x1b[m", "\x1b[31mred\x1b[m");
        check("\x1b[38;5;0mblack", "\x1b[38;5;0mblack\x1b[0m");
        check("\x1b[38:2::1:2:3mtrue", "\x1b[38:2::1:2:3mtrue\x1b[0m");
    }

    #[test]
    fn cursor_movement_titles_and_bells_are_dropped() {
        check("\x1b[2J\x1b[1;1Hhi\x07", "hi");
        check("\x1b]0;evil title\x07text", "text");
        check("\x1b]8;;http://x/\x1b\\link\x1b]8;;\x1b\\", "link");
        check("\x1b[?1049hx\x1b[?25l", "x");
        check("\x1bPq#0\x1b\\sixel", "sixel");
        check("\x1b(Bcharset\x1b7\x1b8", "charset");
        check("\u{9b}2Jc1 \u{9d}0;t\u{9c}end", "c1 end");
        check("a\x08b\x7fc\0d", "abcd");
        check("\x1b[>0;276;0c\x1b[?1;2mno colour", "no colour");
    }

    #[test]
    fn cut_off_sequences_are_dropped() {
        check("end\x1b", "end");
        check("end\x1b[31", "end");
        check("end\x1b]0;title", "end");
        check("\x1b[31é", "é");
    }

    #[test]
    fn a_progress_line_keeps_its_last_segment() {
        check("10%\r50%\r100%", "100%");
        check("done\r", "done");
        check("done\r\r", "done");
        check("\r", "");
    }

    #[test]
    fn text_cannot_be_turned_around() {
        check("a\u{202e}b\u{2066}c", "abc");
    }

    #[test]
    fn colors_can_be_stripped() {
        assert_eq!(strip_colors("\x1b[1mA\x1b[0m b \x1b[38;5;1mm\x1b[0m"), "A b m");
        assert!(matches!(strip_colors("plain"), Cow::Borrowed("plain")));
    }

    proptest::proptest! {
        #[test]
        fn nothing_but_colors_and_tabs_gets_through(input in "(\\PC|[\\x00-\\x1f]|\\x1b\\[|[0-9;m]){0,60}") {
            let clean = sanitize(&input).into_owned();
            let plain = strip_colors(&clean).into_owned();
            proptest::prop_assert!(plain.chars().all(|char| char == '\t' || !char.is_control()), "{clean:?}");
            proptest::prop_assert_eq!(sanitize(&clean).into_owned(), clean.clone(), "is stable");
        }
    }
}
