//! A picture of a terminal's screen, for the documentation.

use std::fmt::Write as _;

use vt100::{Cell, Color, Screen};

/// Of one cell, in pixels.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 18.0;
const MARGIN: f64 = 14.0;

const BACKGROUND: &str = "#1b1f27";
const FOREGROUND: &str = "#d7dae0";

/// The sixteen colours of a terminal.
const PALETTE: [&str; 16] = [
    "#3b4252", "#e5676b", "#8fc379", "#e5c07b", "#61a6e8", "#c678dd", "#4fc1c9", "#abb2bf", "#6b7486", "#f07178",
    "#a6e08c", "#ffd88a", "#82c0ff", "#d9a0ec", "#7fdbe0", "#ffffff",
];

/// What a run of cells has in common.
#[derive(Clone, PartialEq)]
struct Look {
    foreground: String,
    background: Option<String>,
    bold: bool,
    dim: bool,
    underline: bool,
}

/// The screen as an SVG image.
pub fn frame_to_svg(screen: &Screen, title: &str) -> String {
    let (lines, columns) = screen.size();
    let (width, height) = (f64::from(columns) * WIDTH + 2.0 * MARGIN, f64::from(lines) * HEIGHT + 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" \
         aria-label=\"{title}\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n\
         <g font-family=\"ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace\" font-size=\"14\" \
         xml:space=\"preserve\">\n",
        title = escape(title)
    );
    for line in 0..lines {
        let mut start = 0;
        while start < columns {
            let Some(look) = screen.cell(line, start).map(look) else { break };
            let mut text = String::new();
            let mut end = start;
            while let Some(cell) = screen.cell(line, end).filter(|cell| self::look(cell) == look) {
                if !cell.is_wide_continuation() {
                    text.push_str(if cell.has_contents() { cell.contents() } else { " " });
                }
                end += 1;
            }
            run(&mut svg, &text, &look, (start, line), end - start);
            start = end;
        }
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn run(svg: &mut String, text: &str, look: &Look, (column, line): (u16, u16), columns: u16) {
    let (x, y) = (MARGIN + f64::from(column) * WIDTH, MARGIN + f64::from(line) * HEIGHT);
    if let Some(background) = &look.background {
        let width = f64::from(columns) * WIDTH;
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{HEIGHT:.1}\" fill=\"{background}\"/>"
        );
    }
    // Words are placed one by one, so that a font of another width does not shift the columns.
    let mut column = 0;
    for word in text.split_inclusive("  ") {
        let shown = word.trim_end();
        let skipped = shown.len() - shown.trim_start().len();
        let shown = shown.trim_start();
        if !shown.is_empty() {
            let x = x + f64::from(column + skipped as u16) * WIDTH;
            let length = f64::from(columns_of(shown)) * WIDTH;
            let weight = if look.bold { " font-weight=\"bold\"" } else { "" };
            let opacity = if look.dim { " opacity=\"0.6\"" } else { "" };
            let decoration = if look.underline { " text-decoration=\"underline\"" } else { "" };
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{:.1}\" fill=\"{}\" textLength=\"{length:.1}\"{weight}{opacity}{decoration}>{}</text>",
                y + 13.5,
                look.foreground,
                escape(shown)
            );
        }
        column += columns_of(word);
    }
}

fn columns_of(text: &str) -> u16 {
    u16::try_from(unicode_width::UnicodeWidthStr::width(text)).unwrap_or(u16::MAX)
}

fn look(cell: &Cell) -> Look {
    let mut foreground = color(cell.fgcolor());
    let mut background = color(cell.bgcolor());
    if cell.inverse() {
        (foreground, background) =
            (Some(background.unwrap_or(BACKGROUND.to_owned())), Some(foreground.unwrap_or(FOREGROUND.to_owned())));
    }
    Look {
        foreground: foreground.unwrap_or(FOREGROUND.to_owned()),
        background,
        bold: cell.bold(),
        dim: cell.dim(),
        underline: cell.underline(),
    }
}

fn color(color: Color) -> Option<String> {
    match color {
        Color::Default => None,
        Color::Idx(index @ 0..16) => Some(PALETTE[usize::from(index)].to_owned()),
        Color::Idx(index @ 16..232) => {
            let step = |step: u8| if step == 0 { 0 } else { 55 + step * 40 };
            let index = index - 16;
            Some(format!("#{:02x}{:02x}{:02x}", step(index / 36), step(index / 6 % 6), step(index % 6)))
        }
        Color::Idx(index) => {
            let gray = 8 + (index - 232) * 10;
            Some(format!("#{gray:02x}{gray:02x}{gray:02x}"))
        }
        Color::Rgb(red, green, blue) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
