//! Whether colours are wanted, and which one a name has.

use std::collections::hash_map::DefaultHasher;
use std::ffi::OsStr;
use std::hash::{Hash as _, Hasher as _};

use crate::project::ResourceName;

/// Whether colours are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ColorChoice {
    /// As the environment says: on a terminal, unless `NO_COLOR` (<https://no-color.org>) is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How many colours names are told apart by. Red and yellow are left to errors and warnings.
pub(super) const NAME_COLORS: usize = 6;

/// Which of the colours for names `name` has: always the same.
pub(super) fn name_color(name: &ResourceName) -> usize {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    (hasher.finish() % NAME_COLORS as u64) as usize
}

/// How many colours may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ColorDepth {
    /// None; only bold, dim, underlined and reversed text.
    None,
    /// The sixteen of the terminal's own palette.
    Ansi16,
    /// As many as programs write.
    Full,
}

impl ColorChoice {
    /// What to use on an output that is a terminal or not, in an environment.
    pub fn depth<'a>(self, is_terminal: bool, variable: impl Fn(&str) -> Option<&'a OsStr>) -> ColorDepth {
        let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let term = variable("TERM").and_then(OsStr::to_str).unwrap_or("");
        let wanted = match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => is_terminal && !is_set("NO_COLOR") && term != "dumb",
        };
        let many = is_set("COLORTERM")
            || ["256color", "kitty", "alacritty", "ghostty", "direct"].iter().any(|name| term.contains(name));
        match (wanted, many) {
            (false, _) => ColorDepth::None,
            // What is not a terminal is read by something that shows colours later (`Always`).
            (true, _) if !is_terminal => ColorDepth::Full,
            (true, true) => ColorDepth::Full,
            (true, false) => ColorDepth::Ansi16,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(choice: ColorChoice, is_terminal: bool, environment: &[(&str, &str)], expected: ColorDepth) {
        let variable =
            |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| OsStr::new(*value));
        assert_eq!(choice.depth(is_terminal, variable), expected);
    }

    #[test]
    fn the_environment_decides_unless_told_otherwise() {
        let xterm = ("TERM", "xterm-256color");
        check(ColorChoice::Auto, true, &[xterm], ColorDepth::Full);
        check(ColorChoice::Auto, true, &[("TERM", "xterm"), ("COLORTERM", "truecolor")], ColorDepth::Full);
        check(ColorChoice::Auto, true, &[("TERM", "linux")], ColorDepth::Ansi16);
        check(ColorChoice::Auto, true, &[xterm, ("NO_COLOR", "1")], ColorDepth::None);
        check(ColorChoice::Auto, true, &[xterm, ("NO_COLOR", "")], ColorDepth::Full);
        check(ColorChoice::Auto, true, &[("TERM", "dumb")], ColorDepth::None);
        check(ColorChoice::Auto, false, &[xterm], ColorDepth::None);
        check(ColorChoice::Always, false, &[("NO_COLOR", "1")], ColorDepth::Full);
        check(ColorChoice::Never, true, &[xterm], ColorDepth::None);
    }
}
