//! Which key does what in which mode: one table, from which the help and the key bar are made too.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::Action;
use super::state::Mode;

/// A line of the table: keys that do one thing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binding {
    /// Any of these.
    keys: &'static [Key],
    /// What they do.
    pub(super) action: Action,
    /// How the keys are written for people.
    pub(super) keys_text: &'static str,
    /// What they do, for the help.
    pub(super) help: &'static str,
    /// What they do, for the key bar; empty for those that it does not show.
    pub(super) label: &'static str,
}

/// A key with the modifier that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Plain(KeyCode),
    Control(char),
}

const fn char(char: char) -> Key {
    Key::Plain(KeyCode::Char(char))
}

const fn bind(
    keys: &'static [Key],
    action: Action,
    keys_text: &'static str,
    help: &'static str,
    label: &'static str,
) -> Binding {
    Binding { keys, action, keys_text, help, label }
}

use Key::{Control, Plain};

/// The keys of the normal mode, in the order of the help. The key bar shows as many as fit.
const NORMAL: &[Binding] = &[
    bind(&[char('k'), Plain(KeyCode::Up)], Action::SelectPrevious, "↑ k", "select the row above", ""),
    bind(&[char('j'), Plain(KeyCode::Down)], Action::SelectNext, "↓ j", "select the row below", ""),
    bind(&[Plain(KeyCode::Tab)], Action::SelectNextProblem, "Tab", "select the next problem", ""),
    bind(&[Plain(KeyCode::Enter)], Action::Details, "Enter", "all about the selected row", "details"),
    bind(&[char('w'), char('y')], Action::Why, "w y", "why it waits or fails", "why"),
    bind(&[char('v')], Action::Timeline, "v", "where the time went", "timeline"),
    bind(&[char(':'), Control('p')], Action::Palette, ": Ctrl-P", "type a command, or a name", "command"),
    bind(&[char('t')], Action::Trigger, "t", "update it now", "trigger"),
    bind(&[char('R')], Action::Restart, "R", "restart it without a build", "restart"),
    bind(&[char('S')], Action::Stop, "S", "stop what runs for it", "stop"),
    bind(&[char('e')], Action::Enable, "e", "enable it", ""),
    bind(&[char('d')], Action::Disable, "d", "disable it (asks first)", ""),
    bind(&[char('o')], Action::Open, "o", "open its link or port in the browser", "open"),
    bind(&[char('E')], Action::Shell, "E", "a shell in its container", "shell"),
    bind(&[char('b')], Action::Buttons, "b", "press a button of the Devfile", ""),
    bind(&[char('r')], Action::Reload, "r", "load the Devfile again", ""),
    bind(&[char('/')], Action::Search, "/", "search the log", "search"),
    bind(&[char('n')], Action::SearchNext, "n", "next line found (newer)", ""),
    bind(&[char('N')], Action::SearchPrevious, "N", "previous line found (older)", ""),
    bind(&[char('f')], Action::Filter, "f", "filter the rows by name or label", "filter"),
    bind(&[char('p')], Action::ProblemsFirst, "p", "problems first, or in order", "problems"),
    bind(&[char('s')], Action::Sort, "s", "sort by name, newest, slowest …", ""),
    bind(&[char('a')], Action::AllLogs, "a", "log of all resources, or of one", "all logs"),
    bind(&[char('l')], Action::Source, "l", "log of builds, of programs, of both", ""),
    bind(&[char('L')], Action::Level, "L", "log from warnings on, errors, all", ""),
    bind(&[char('F')], Action::LogFilter, "F", "only lines with a text, `~regex`, `!not`", ""),
    bind(&[char('x')], Action::Json, "x", "JSON lines spread out, or as they are", ""),
    bind(&[char('W')], Action::Wrap, "W", "wrap long lines, or not", ""),
    bind(&[char('T')], Action::Timestamps, "T", "show times, or not", ""),
    bind(&[char('z')], Action::Zoom, "z", "only the log, only the rows, both", "zoom"),
    bind(&[char('c')], Action::Copy, "c", "copy the log that is in sight", ""),
    bind(&[char('P')], Action::Pager, "P", "the log in $PAGER", ""),
    bind(&[Control('s')], Action::Save, "Ctrl-S", "the log into a file", ""),
    bind(&[char('K'), char('[')], Action::ScrollUp, "K [", "log one line up", ""),
    bind(&[char('J'), char(']')], Action::ScrollDown, "J ]", "log one line down", ""),
    bind(&[Control('u')], Action::HalfPageUp, "Ctrl-U", "log half a page up", ""),
    bind(&[Control('d')], Action::HalfPageDown, "Ctrl-D", "log half a page down", ""),
    bind(&[Plain(KeyCode::PageUp), Control('b')], Action::PageUp, "PgUp", "log a page up", ""),
    bind(&[Plain(KeyCode::PageDown), Control('f'), char(' ')], Action::PageDown, "PgDn", "log a page down", ""),
    bind(&[char('g'), Plain(KeyCode::Home)], Action::LogTop, "g Home", "start of the log", ""),
    bind(&[char('G'), Plain(KeyCode::End)], Action::Follow, "G End", "end of the log, and follow it", ""),
    bind(&[Plain(KeyCode::Left), char('h')], Action::ScrollLeft, "← h", "log to the left (unwrapped)", ""),
    bind(&[Plain(KeyCode::Right)], Action::ScrollRight, "→", "log to the right (unwrapped)", ""),
    bind(&[Control('l')], Action::Redraw, "Ctrl-L", "draw the screen anew", ""),
    bind(&[Plain(KeyCode::Esc)], Action::Close, "Esc", "clear search and filter", ""),
    bind(&[char('?'), Plain(KeyCode::F(1))], Action::Help, "?", "this help", "help"),
    bind(&[char('q'), Control('c')], Action::Quit, "q Ctrl-C", "quit; once more: at once", "quit"),
];

/// The keys while text is typed.
const TYPING: &[Binding] = &[
    bind(&[Plain(KeyCode::Enter)], Action::Accept, "Enter", "keep", "keep"),
    bind(&[Plain(KeyCode::Esc)], Action::Close, "Esc", "give up", "give up"),
    bind(&[Plain(KeyCode::Backspace), Control('h')], Action::Erase, "Backspace", "delete a character", ""),
    bind(&[Control('u'), Control('w')], Action::EraseAll, "Ctrl-U", "delete all", ""),
    bind(&[Plain(KeyCode::Up)], Action::SelectPrevious, "↑", "row above, or previous line found", ""),
    bind(&[Plain(KeyCode::Down)], Action::SelectNext, "↓", "row below, or next line found", ""),
    bind(&[Control('c')], Action::Quit, "Ctrl-C", "quit", ""),
];

/// The keys while a text is open that may be longer than the screen.
const READING: &[Binding] = &[
    bind(&[char('k'), Plain(KeyCode::Up)], Action::ScrollUp, "↑", "up", ""),
    bind(&[char('j'), Plain(KeyCode::Down)], Action::ScrollDown, "↓", "down", "scroll"),
    bind(&[Plain(KeyCode::PageUp)], Action::PageUp, "PgUp", "a page up", ""),
    bind(&[Plain(KeyCode::PageDown), char(' ')], Action::PageDown, "PgDn", "a page down", ""),
    bind(&[char('g'), Plain(KeyCode::Home)], Action::LogTop, "Home", "start", ""),
    bind(
        &[Plain(KeyCode::Esc), Plain(KeyCode::Enter), char('q'), char('?'), char('y'), char('w'), char('v')],
        Action::Close,
        "Esc",
        "close",
        "close",
    ),
    bind(&[char('t')], Action::Trigger, "t", "update it now", ""),
    bind(&[char('o')], Action::Open, "o", "open its link", ""),
    bind(&[char('a')], Action::AllLogs, "a", "timeline of the whole session, or of the newest update", ""),
    bind(&[Control('c')], Action::Quit, "Ctrl-C", "quit", ""),
];

/// The keys while one of several is to be chosen.
const CHOOSING: &[Binding] = &[
    bind(&[char('k'), Plain(KeyCode::Up)], Action::SelectPrevious, "↑", "up", ""),
    bind(&[char('j'), Plain(KeyCode::Down)], Action::SelectNext, "↓", "down", "choose"),
    bind(&[Plain(KeyCode::Enter), char('o')], Action::Accept, "Enter", "open", "open"),
    bind(&[Plain(KeyCode::Esc), char('q')], Action::Close, "Esc", "close", "close"),
    bind(&[Control('c')], Action::Quit, "Ctrl-C", "quit", ""),
];

/// The keys while a button is to be chosen.
const PRESSING: &[Binding] = &[
    bind(&[char('k'), Plain(KeyCode::Up)], Action::SelectPrevious, "↑", "up", ""),
    bind(&[char('j'), Plain(KeyCode::Down)], Action::SelectNext, "↓", "down", "choose"),
    bind(&[Plain(KeyCode::Enter)], Action::Accept, "Enter", "press it", "press"),
    bind(&[Plain(KeyCode::Esc), char('q'), char('b')], Action::Close, "Esc", "close", "close"),
    bind(&[Control('c')], Action::Quit, "Ctrl-C", "quit", ""),
];

/// The keys while the form of a button is filled in.
const FILLING: &[Binding] = &[
    bind(&[Plain(KeyCode::Enter)], Action::Accept, "Enter", "press it", "press"),
    bind(&[Plain(KeyCode::Esc)], Action::Close, "Esc", "give up", "give up"),
    bind(&[Plain(KeyCode::Up), Plain(KeyCode::BackTab)], Action::SelectPrevious, "↑", "field above", ""),
    bind(&[Plain(KeyCode::Down), Plain(KeyCode::Tab)], Action::SelectNext, "↓", "field below", "field"),
    bind(&[Plain(KeyCode::Left)], Action::ScrollLeft, "←", "value before", ""),
    bind(&[Plain(KeyCode::Right)], Action::ScrollRight, "→", "next value", "value"),
    bind(&[Plain(KeyCode::Backspace), Control('h')], Action::Erase, "Backspace", "delete a character", ""),
    bind(&[Control('u'), Control('w')], Action::EraseAll, "Ctrl-U", "delete all", ""),
    bind(&[Control('c')], Action::Quit, "Ctrl-C", "quit", ""),
];

/// The keys while a yes or no is awaited.
const ASKING: &[Binding] = &[
    bind(&[char('y'), Plain(KeyCode::Enter)], Action::Accept, "y", "yes", "yes"),
    bind(&[char('n'), Plain(KeyCode::Esc), char('q')], Action::Close, "n", "no", "no"),
    bind(&[Control('c')], Action::Quit, "Ctrl-C", "quit", ""),
];

/// The keys of `mode`.
pub(super) fn bindings(mode: Mode) -> &'static [Binding] {
    match mode {
        Mode::Normal => NORMAL,
        Mode::Filter | Mode::Search | Mode::LogFilter | Mode::Palette => TYPING,
        Mode::Help | Mode::Details | Mode::Why | Mode::Timeline => READING,
        Mode::Open => CHOOSING,
        Mode::Buttons => PRESSING,
        Mode::Form => FILLING,
        Mode::ConfirmDisable => ASKING,
    }
}

/// What `key` does in `mode`.
pub(super) fn action(mode: Mode, key: KeyEvent) -> Option<Action> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let pressed = match key.code {
        KeyCode::Char(char) if control => Control(char.to_ascii_lowercase()),
        code => Plain(code),
    };
    if let Some(binding) = bindings(mode).iter().find(|binding| binding.keys.contains(&pressed)) {
        return Some(binding.action);
    }
    match (mode, pressed) {
        (mode, Plain(KeyCode::Char(char))) if mode.takes_text() && !key.modifiers.contains(KeyModifiers::ALT) => {
            Some(Action::Type(char))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [Mode; 13] = [
        Mode::Normal,
        Mode::Filter,
        Mode::Search,
        Mode::LogFilter,
        Mode::Palette,
        Mode::Timeline,
        Mode::Help,
        Mode::Details,
        Mode::Why,
        Mode::Open,
        Mode::Buttons,
        Mode::Form,
        Mode::ConfirmDisable,
    ];

    #[test]
    fn no_key_means_two_things_in_one_mode() {
        for mode in MODES {
            let keys: Vec<Key> = bindings(mode).iter().flat_map(|binding| binding.keys).copied().collect();
            for (index, key) in keys.iter().enumerate() {
                assert!(!keys[..index].contains(key), "{key:?} twice in {mode:?}");
            }
        }
    }

    #[test]
    fn control_c_quits_in_every_mode() {
        for mode in MODES {
            let key = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
            assert_eq!(action(mode, key), Some(Action::Quit), "{mode:?}");
        }
    }

    #[test]
    fn letters_are_text_while_typing_and_commands_otherwise() {
        let key = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE);
        assert_eq!(action(Mode::Normal, key), Some(Action::Quit));
        assert_eq!(action(Mode::Search, key), Some(Action::Type('q')));
        assert_eq!(action(Mode::Help, key), Some(Action::Close));
        let key = KeyEvent::new(KeyCode::Char('R'), KeyModifiers::SHIFT);
        assert_eq!(action(Mode::Normal, key), Some(Action::Restart));
        let key = KeyEvent::new(KeyCode::Char('x'), KeyModifiers::ALT);
        assert_eq!(action(Mode::Filter, key), None);
    }
}
