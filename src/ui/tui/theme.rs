//! Colours and symbols, nothing else. Every state differs by its symbol or word too, so that nothing is lost
//! without colours.

use std::time::Duration;

use ratatui::style::{Color, Modifier, Style};

use crate::project::ResourceName;
use crate::ui::ColorDepth;
use crate::ui::color::{NAME_COLORS, name_color};
use crate::ui::health::Health;

/// Colours and symbols. Only the sixteen colours of the terminal's palette are used, so the user's taste holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// How many colours programs may use.
    pub(super) depth: ColorDepth,
    ascii: bool,
    pub(super) plain: Style,
    pub(super) bold: Style,
    pub(super) dim: Style,
    pub(super) selected: Style,
    pub(super) key: Style,
    pub(super) title: Style,
    pub(super) link: Style,
    pub(super) error: Style,
    pub(super) warning: Style,
    pub(super) good: Style,
    /// What a search found.
    pub(super) found: Style,
    /// What a search found in the line that it is at.
    pub(super) found_here: Style,
}

impl Theme {
    /// For a terminal with these colours, drawn with ASCII only where nothing else can be shown.
    pub fn new(depth: ColorDepth, ascii: bool) -> Self {
        let plain = Style::new();
        let colored = |color: Color| if depth == ColorDepth::None { plain } else { plain.fg(color) };
        let mono = depth == ColorDepth::None;
        let reversed = plain.add_modifier(Modifier::REVERSED);
        Self {
            depth,
            ascii,
            plain,
            bold: plain.add_modifier(Modifier::BOLD),
            dim: if mono { plain.add_modifier(Modifier::DIM) } else { plain.fg(Color::DarkGray) },
            selected: reversed,
            key: colored(Color::Cyan).add_modifier(Modifier::BOLD),
            title: colored(Color::Cyan),
            link: colored(Color::Blue),
            error: colored(Color::Red),
            warning: colored(Color::Yellow),
            good: colored(Color::Green),
            found: if mono { reversed } else { plain.fg(Color::Black).bg(Color::Yellow) },
            found_here: if mono {
                reversed.add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
            } else {
                plain.fg(Color::Black).bg(Color::LightGreen)
            },
        }
    }

    pub(super) fn health(&self, health: Health) -> Style {
        match health {
            Health::Failed => self.error.add_modifier(Modifier::BOLD),
            Health::Working => self.title,
            Health::Waiting | Health::Starting => self.warning,
            Health::Ok => self.good,
            Health::Idle | Health::Disabled => self.dim,
        }
    }

    /// Of a resource's name before its lines.
    pub(super) fn name(&self, name: &ResourceName) -> Style {
        const COLORS: [Color; NAME_COLORS] =
            [Color::Cyan, Color::Green, Color::Magenta, Color::Blue, Color::LightCyan, Color::LightMagenta];
        if self.depth == ColorDepth::None { self.plain } else { self.plain.fg(COLORS[name_color(name)]) }
    }

    /// One column wide.
    pub(super) fn symbol(&self, health: Health) -> &'static str {
        match (health, self.ascii) {
            (Health::Failed, false) => "✖",
            (Health::Failed, true) => "x",
            (Health::Working, false) => "◐",
            (Health::Working, true) => "*",
            (Health::Waiting, false) => "◌",
            (Health::Waiting, true) => "~",
            (Health::Starting, false) => "◔",
            (Health::Starting, true) => "+",
            (Health::Ok, false) => "●",
            (Health::Ok, true) => "=",
            (Health::Idle, false) => "○",
            (Health::Idle, true) => "o",
            (Health::Disabled, false) => "·",
            (Health::Disabled, true) => ".",
        }
    }

    /// A bar as high as `part` is of `whole`; one column wide.
    pub(super) fn level(&self, part: Duration, whole: Duration) -> &'static str {
        const BARS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
        const ASCII: [&str; 8] = ["_", "_", "-", "-", "=", "=", "#", "#"];
        let share = if whole.is_zero() { 0.0 } else { part.as_secs_f64() / whole.as_secs_f64() };
        let step = ((share * 7.0).round() as usize).min(7);
        if self.ascii { ASCII[step] } else { BARS[step] }
    }

    /// The mark of the selected row.
    pub(super) fn marker(&self) -> &'static str {
        if self.ascii { ">" } else { "▌" }
    }

    /// Between a name and its line.
    pub(super) fn bar(&self) -> &'static str {
        if self.ascii { "|" } else { "│" }
    }

    /// Of horizontal lines.
    pub(super) fn rule(&self) -> &'static str {
        if self.ascii { "-" } else { "─" }
    }

    /// Whether only ASCII may be drawn.
    pub(super) fn is_ascii(&self) -> bool {
        self.ascii
    }

    /// Between facts on one line.
    pub(super) fn dot(&self) -> &'static str {
        if self.ascii { "-" } else { "·" }
    }
}
