//! A stored log line as characters with styles: reads the colours that programs write.

use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthChar as _;

use crate::ui::ColorDepth;

/// Columns from one tab stop to the next.
const TAB: usize = 8;

/// A character and how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Glyph {
    pub(super) char: char,
    pub(super) style: Style,
}

/// `text` as characters with styles, on top of `base`; tabs become blanks.
pub(super) fn glyphs(text: &str, base: Style, depth: ColorDepth) -> Vec<Glyph> {
    let mut glyphs = Vec::with_capacity(text.len());
    let mut style = base;
    let mut column = 0;
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\u{1b}' => {
                // Only colours get into the store.
                let parameters: String = chars.by_ref().skip(1).take_while(|char| *char != 'm').collect();
                style = select_graphic_rendition(style, base, &parameters, depth);
            }
            '\t' => {
                let blanks = TAB - column % TAB;
                glyphs.extend(std::iter::repeat_n(Glyph { char: ' ', style }, blanks));
                column += blanks;
            }
            // Joined and styled emoji have other widths in other terminals: they are shown one by one, plain.
            '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' => {}
            char => {
                column += char.width().unwrap_or(0);
                glyphs.push(Glyph { char, style });
            }
        }
    }
    glyphs
}

/// Breaks a line into rows of at most `columns`; at least one.
pub(super) fn wrap(glyphs: Vec<Glyph>, columns: usize) -> Vec<Vec<Glyph>> {
    let mut rows = vec![Vec::new()];
    let mut used = 0;
    for glyph in glyphs {
        let width = glyph.char.width().unwrap_or(0);
        if used + width > columns {
            rows.push(Vec::new());
            used = 0;
        }
        used += width;
        if let Some(row) = rows.last_mut() {
            row.push(glyph);
        }
    }
    rows
}

/// The style after an SGR sequence (ECMA-48 §8.3.117, with the extended colours of ISO 8613-6).
fn select_graphic_rendition(mut style: Style, base: Style, parameters: &str, depth: ColorDepth) -> Style {
    let mut numbers = parameters.split([';', ':']).map(|number| number.parse::<u16>().unwrap_or(0));
    while let Some(number) = numbers.next() {
        style = match number {
            0 => base,
            1 => style.add_modifier(Modifier::BOLD),
            2 => style.add_modifier(Modifier::DIM),
            3 => style.add_modifier(Modifier::ITALIC),
            4 => style.add_modifier(Modifier::UNDERLINED),
            7 => style.add_modifier(Modifier::REVERSED),
            9 => style.add_modifier(Modifier::CROSSED_OUT),
            22 => style.remove_modifier(Modifier::BOLD | Modifier::DIM),
            23 => style.remove_modifier(Modifier::ITALIC),
            24 => style.remove_modifier(Modifier::UNDERLINED),
            27 => style.remove_modifier(Modifier::REVERSED),
            29 => style.remove_modifier(Modifier::CROSSED_OUT),
            30..=37 => foreground(style, basic(number - 30), depth),
            90..=97 => foreground(style, basic(number - 90 + 8), depth),
            40..=47 => background(style, basic(number - 40), depth),
            100..=107 => background(style, basic(number - 100 + 8), depth),
            39 => Style { fg: base.fg, ..style },
            49 => Style { bg: base.bg, ..style },
            38 | 48 => match extended(&mut numbers) {
                Some(color) if number == 38 => foreground(style, color, depth),
                Some(color) => background(style, color, depth),
                None => style,
            },
            _ => style,
        };
    }
    style
}

fn extended(numbers: &mut impl Iterator<Item = u16>) -> Option<Color> {
    match numbers.next()? {
        5 => Some(Color::Indexed(numbers.next()? as u8)),
        2 => {
            // The colon form may hold an (empty) colour space first; then four numbers follow.
            let rest: Vec<u16> = numbers.take(4).collect();
            let [.., red, green, blue] = rest.as_slice() else { return None };
            Some(Color::Rgb(*red as u8, *green as u8, *blue as u8))
        }
        _ => None,
    }
}

fn foreground(style: Style, color: Color, depth: ColorDepth) -> Style {
    match depth {
        ColorDepth::None => style,
        ColorDepth::Ansi16 => style.fg(nearest_basic(color)),
        ColorDepth::Full => style.fg(color),
    }
}

fn background(style: Style, color: Color, depth: ColorDepth) -> Style {
    match depth {
        ColorDepth::None => style,
        ColorDepth::Ansi16 => style.bg(nearest_basic(color)),
        ColorDepth::Full => style.bg(color),
    }
}

fn basic(index: u16) -> Color {
    const COLORS: [Color; 16] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    COLORS[usize::from(index) % COLORS.len()]
}

/// One of the sixteen that comes close: each primary is on or off, bright when the strongest is strong.
fn nearest_basic(color: Color) -> Color {
    let (red, green, blue) = match color {
        Color::Indexed(index @ 0..=15) => return basic(u16::from(index)),
        Color::Indexed(index @ 16..=231) => {
            let step = |step: u8| if step == 0 { 0 } else { 55 + step * 40 };
            let index = index - 16;
            (step(index / 36), step(index / 6 % 6), step(index % 6))
        }
        Color::Indexed(index @ 232..) => {
            let gray = 8 + (index - 232) * 10;
            (gray, gray, gray)
        }
        Color::Rgb(red, green, blue) => (red, green, blue),
        other => return other,
    };
    let strongest = red.max(green).max(blue);
    if strongest < 64 {
        return Color::Black;
    }
    let on = |part: u8| u16::from(part > strongest / 2);
    let bright = if strongest > 200 { 8 } else { 0 };
    basic(on(red) + 2 * on(green) + 4 * on(blue) + bright)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(glyphs: &[Glyph]) -> String {
        glyphs.iter().map(|glyph| glyph.char).collect()
    }

    #[test]
    fn tabs_go_to_the_next_stop() {
        assert_eq!(text(&glyphs("a\tb\t\tc", Style::new(), ColorDepth::Full)), "a       b               c");
        assert_eq!(text(&glyphs("世\tb", Style::new(), ColorDepth::Full)), "世      b");
    }

    #[track_caller]
    fn check(sequence: &str, depth: ColorDepth, expected: Style) {
        let glyphs = glyphs(&format!("\x1b[{sequence}mx"), Style::new(), depth);
        assert_eq!(glyphs[0].style, expected, "after {sequence}");
        assert_eq!(text(&glyphs), "x");
    }

    #[test]
    fn colors_are_read() {
        use ColorDepth::{Ansi16, Full, None};
        check("31", Full, Style::new().fg(Color::Red));
        check("1;92", Full, Style::new().fg(Color::LightGreen).add_modifier(Modifier::BOLD));
        check("38;5;208", Full, Style::new().fg(Color::Indexed(208)));
        check("48;2;1;2;3", Full, Style::new().bg(Color::Rgb(1, 2, 3)));
        check("38:2::1:2:3", Full, Style::new().fg(Color::Rgb(1, 2, 3)));
        check("38;5;196", Ansi16, Style::new().fg(Color::LightRed));
        check("38;2;0;0;120", Ansi16, Style::new().fg(Color::Blue));
        check("31", None, Style::new());
        check("", Full, Style::new());
        check("31;0", Full, Style::new());
        check("38", Full, Style::new());
    }
}
