//! Diagnostics as people read them: the message, an excerpt with a caret, related places, the call chain, help.
//!
//! ```text
//! error: unknown name `docker_biuld`
//!  --> Devfile:3:1
//!   |
//! 3 | docker_biuld('web', '.')
//!   | ^^^^^^^^^^^^
//!   = help: did you mean `docker_build`?
//! ```

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, Severity};
use super::embedded::embedded;
use super::span::{Position, Span};

/// At most so many steps of a call chain are shown: the outermost and the innermost ones.
const SHOWN_FRAMES: usize = 8;

/// How diagnostics are shown.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RenderStyle {
    /// Whether ANSI colours are used.
    pub color: bool,
    /// Paths below this folder are shown relative to it.
    pub base: Option<PathBuf>,
}

/// A diagnostic as text of several lines, read from disk for the excerpts.
pub fn render(diagnostic: &Diagnostic, style: &RenderStyle) -> String {
    render_with(diagnostic, style, |path| match embedded(path) {
        Some(text) => Some(text.to_owned()),
        None => std::fs::read_to_string(path).ok(),
    })
}

/// The same with the texts of the files from elsewhere.
pub fn render_with(diagnostic: &Diagnostic, style: &RenderStyle, source: impl Fn(&Path) -> Option<String>) -> String {
    let mut renderer = Renderer { text: String::new(), style, source };
    renderer.diagnostic(diagnostic);
    renderer.text
}

/// Colours by what they mean.
#[derive(Clone, Copy)]
enum Paint {
    Error,
    Warning,
    Frame,
    Note,
    Strong,
}

impl Paint {
    fn code(self) -> &'static str {
        match self {
            Self::Error => "1;31",
            Self::Warning => "1;33",
            Self::Frame => "34",
            Self::Note => "1;36",
            Self::Strong => "1",
        }
    }
}

struct Renderer<'a, F> {
    text: String,
    style: &'a RenderStyle,
    source: F,
}

impl<F: Fn(&Path) -> Option<String>> Renderer<'_, F> {
    fn diagnostic(&mut self, diagnostic: &Diagnostic) {
        let (word, paint) = match diagnostic.severity {
            Severity::Error => ("error", Paint::Error),
            Severity::Warning => ("warning", Paint::Warning),
        };
        let width = gutter_width(diagnostic);
        self.paint(paint, word);
        self.text.push_str(": ");
        let mut lines = diagnostic.message.lines();
        let first = lines.next().unwrap_or_default();
        self.paint(Paint::Strong, first);
        self.text.push('\n');
        for line in lines {
            let _ = writeln!(self.text, "{:width$}  {line}", "");
        }
        if let Some(span) = &diagnostic.primary {
            self.excerpt(span, width, paint, "");
        }
        for related in &diagnostic.related {
            self.excerpt(&related.span, width, Paint::Note, &related.message);
        }
        if !diagnostic.trace.is_empty() {
            self.note(width, "the calls that led there:");
            let count = diagnostic.trace.len();
            for (index, frame) in diagnostic.trace.iter().enumerate() {
                if count > SHOWN_FRAMES && (SHOWN_FRAMES / 2..count - SHOWN_FRAMES / 2).contains(&index) {
                    if index == SHOWN_FRAMES / 2 {
                        let _ = writeln!(self.text, "{:width$}     … {} more calls", "", count - SHOWN_FRAMES);
                    }
                    continue;
                }
                let place = self.place(&frame.span);
                let _ = writeln!(self.text, "{:width$}     {place}: in {}", "", frame.name);
            }
        }
        for help in &diagnostic.help {
            let mut lines = help.lines();
            let first = format!("help: {}", lines.next().unwrap_or_default());
            self.note(width, &first);
            for line in lines {
                let _ = writeln!(self.text, "{:width$}         {line}", "");
            }
        }
    }

    fn note(&mut self, width: usize, text: &str) {
        let _ = write!(self.text, "{:width$} ", "");
        self.paint(Paint::Frame, "=");
        let _ = writeln!(self.text, " {text}");
    }

    fn excerpt(&mut self, span: &Span, width: usize, paint: Paint, label: &str) {
        let line = (span.start.line > 0)
            .then(|| (self.source)(&span.file))
            .flatten()
            .and_then(|text| text.lines().nth(span.start.line as usize - 1).map(str::to_owned));
        let place = self.place(span);
        let _ = write!(self.text, "{:width$}", "");
        self.paint(Paint::Frame, "-->");
        let _ = write!(self.text, " {place}");
        let Some(line) = line else {
            if !label.is_empty() {
                let _ = write!(self.text, ": {label}");
            }
            self.text.push('\n');
            return;
        };
        self.text.push('\n');
        self.gutter(width, "");
        self.text.push('\n');
        self.gutter(width, &span.start.line.to_string());
        // Tabs would put the caret elsewhere.
        let shown = line.replace('\t', "    ");
        let _ = writeln!(self.text, " {}", shown.trim_end());
        let (start, length) = underline(&line, span);
        self.gutter(width, "");
        let _ = write!(self.text, " {:start$}", "");
        self.paint(paint, &"^".repeat(length));
        if !label.is_empty() {
            self.text.push(' ');
            self.paint(paint, label);
        }
        self.text.push('\n');
    }

    fn gutter(&mut self, width: usize, number: &str) {
        let bar = format!("{number:>width$} |");
        self.paint(Paint::Frame, &bar);
    }

    fn place(&self, span: &Span) -> String {
        let relative = self.style.base.as_deref().and_then(|base| span.file.strip_prefix(base).ok());
        match relative {
            Some(path) if !path.as_os_str().is_empty() => Span { file: path.into(), ..span.clone() }.to_string(),
            _ => span.to_string(),
        }
    }

    fn paint(&mut self, paint: Paint, text: &str) {
        if self.style.color {
            let _ = write!(self.text, "\x1b[{}m{text}\x1b[0m", paint.code());
        } else {
            self.text.push_str(text);
        }
    }
}

/// Room for the largest line number.
fn gutter_width(diagnostic: &Diagnostic) -> usize {
    let related = diagnostic.related.iter().map(|related| &related.span);
    let largest = diagnostic.primary.iter().chain(related).map(|span| span.start.line).max().unwrap_or(0);
    largest.to_string().len()
}

/// Where the carets begin and how many there are, in columns of the shown line.
fn underline(line: &str, span: &Span) -> (usize, usize) {
    let width = |characters: &str| -> usize {
        characters
            .chars()
            .map(|c| if c == '\t' { 4 } else { unicode_width::UnicodeWidthChar::width(c).unwrap_or(0) })
            .sum()
    };
    let characters: Vec<char> = line.trim_end().chars().collect();
    let index = |position: Position| (position.column.max(1) as usize - 1).min(characters.len());
    let slice = |range: std::ops::Range<usize>| characters[range].iter().collect::<String>();
    let (start, end) = if span.start.column == 0 {
        let indent = characters.iter().take_while(|c| c.is_whitespace()).count();
        (indent, characters.len())
    } else if span.end.line == span.start.line {
        (index(span.start), index(span.end).max(index(span.start)))
    } else {
        (index(span.start), characters.len())
    };
    (width(&slice(0..start)), width(&slice(start..end)).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Frame;

    const TEXT: &str = "a = 1\ndocker_biuld('web', '.')\n\tindented(\n    more)\nwörld = größe\n";

    fn at(line: u32, start: u32, end: u32) -> Span {
        Span::new(PathBuf::from("/p/Devfile"), Position { line, column: start }, Position { line, column: end })
    }

    fn check(diagnostic: &Diagnostic, expected: &str) {
        let style = RenderStyle { color: false, base: Some("/p".into()) };
        let text = render_with(diagnostic, &style, |path| (path == Path::new("/p/Devfile")).then(|| TEXT.to_owned()));
        assert_eq!(text, expected, "\n{text}");
    }

    #[test]
    fn an_excerpt_has_a_caret_under_the_place() {
        let diagnostic = Diagnostic::error("unknown name `docker_biuld`")
            .at(at(2, 1, 13))
            .help("did you mean `docker_build`?\nor not");
        check(
            &diagnostic,
            "error: unknown name `docker_biuld`\n --> Devfile:2:1\n  |\n2 | docker_biuld('web', '.')\n  | ^^^^^^^^^^^^\n  \
             = help: did you mean `docker_build`?\n          or not\n",
        );
    }

    #[test]
    fn spans_of_several_lines_end_with_the_first_and_tabs_are_widened() {
        let span =
            Span::new(PathBuf::from("/p/Devfile"), Position { line: 3, column: 2 }, Position { line: 4, column: 10 });
        check(
            &Diagnostic::warning("odd").at(span),
            "warning: odd\n --> Devfile:3:2\n  |\n3 |     indented(\n  |     ^^^^^^^^^\n",
        );
    }

    #[test]
    fn columns_count_characters_not_bytes() {
        check(
            &Diagnostic::error("x").at(at(5, 9, 14)),
            "error: x\n --> Devfile:5:9\n  |\n5 | wörld = größe\n  |         ^^^^^\n",
        );
    }

    #[test]
    fn related_places_and_the_call_chain_are_shown() {
        let mut diagnostic = Diagnostic::error("defined twice").at(at(2, 1, 13)).related(at(1, 1, 2), "first here");
        diagnostic.trace = vec![
            Frame { name: "<toplevel>".into(), span: at(1, 1, 2) },
            Frame { name: "f".into(), span: at(2, 1, 13) },
        ];
        check(
            &diagnostic,
            "error: defined twice\n --> Devfile:2:1\n  |\n2 | docker_biuld('web', '.')\n  | ^^^^^^^^^^^^\n --> \
             Devfile:1:1\n  |\n1 | a = 1\n  | ^ first here\n  = the calls that led there:\n      Devfile:1:1: in \
             <toplevel>\n      Devfile:2:1: in f\n",
        );
    }

    #[test]
    fn a_place_without_a_file_is_only_named() {
        let span = Span::new(PathBuf::from("<blob>"), Position { line: 9, column: 1 }, Position { line: 9, column: 2 });
        check(&Diagnostic::error("x").at(span), "error: x\n --> <blob>:9:1\n");
        check(&Diagnostic::error("nowhere"), "error: nowhere\n");
    }

    #[test]
    fn colours_are_only_used_when_asked_for() {
        let style = RenderStyle { color: true, base: None };
        let text = render_with(&Diagnostic::error("x"), &style, |_| None);
        assert_eq!(text, "\x1b[1;31merror\x1b[0m: \x1b[1mx\x1b[0m\n");
    }
}
