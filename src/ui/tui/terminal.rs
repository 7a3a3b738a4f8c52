//! The terminal in full-screen mode, and its restoration on every way out: return, error, panic.

use std::io::{self, BufWriter, Stdout, Write as _};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crossterm::cursor::Show;
use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Position, Rect};

/// Whether the terminal is in full-screen mode. There is one terminal, so this is global.
static FULL_SCREEN: AtomicBool = AtomicBool::new(false);

/// Panics whose messages are being written. A backtrace takes its time, and must not be written over by a frame.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Whether another program has the terminal for a while.
static AWAY: AtomicBool = AtomicBool::new(false);

/// Whether another program has the terminal for a while: Ctrl-C is meant for that one.
pub fn is_away() -> bool {
    AWAY.load(Ordering::SeqCst)
}

/// Another program has the terminal while this lives. The next frame takes it again.
pub(super) struct Lent;

impl Lent {
    pub(super) fn new() -> Self {
        AWAY.store(true, Ordering::SeqCst);
        restore();
        Self
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        AWAY.store(false, Ordering::SeqCst);
    }
}

/// The terminal in full-screen mode, until it is dropped.
pub(super) struct Screen {
    pub(super) terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    mouse: bool,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn enter(mouse: bool) -> io::Result<Self> {
        restore_on_panic();
        // A frame is one write, so that it never appears by halves.
        let backend = CrosstermBackend::new(BufWriter::with_capacity(1 << 16, io::stdout()));
        take(mouse).inspect_err(|_| restore())?;
        let terminal = Terminal::new(backend).inspect_err(|_| restore())?;
        Ok(Self { terminal, mouse })
    }

    /// Takes the terminal again when a panic elsewhere has given it back meanwhile: its message stays on the normal
    /// screen, and the session goes on. Returns whether it may be drawn on: not while a message is being written.
    pub(super) fn retake_if_lost(&mut self) -> io::Result<bool> {
        if PANICS.load(Ordering::SeqCst) > 0 {
            return Ok(false);
        }
        if !FULL_SCREEN.load(Ordering::SeqCst) {
            take(self.mouse)?;
            self.clear()?;
        }
        Ok(true)
    }

    /// Clears it, so that the next frame draws everything anew. (`Terminal::clear` would ask the terminal where its
    /// cursor is, and compete for the answer with the reader of keys.)
    pub(super) fn clear(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::from((Position::ORIGIN, size)))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

fn take(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    FULL_SCREEN.store(true, Ordering::SeqCst);
    let mut out = io::stdout();
    execute!(out, EnterAlternateScreen, EnableBracketedPaste)?;
    if mouse {
        execute!(out, EnableMouseCapture)?;
    }
    Ok(())
}

/// Gives the terminal back as it was; does nothing when that has been done. As far as possible: a terminal that is
/// gone cannot be restored, and there is nobody to tell.
pub(super) fn restore() {
    if FULL_SCREEN.swap(false, Ordering::SeqCst) {
        let mut out = io::stdout();
        let _ = execute!(out, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, Show);
        let _ = out.flush();
        let _ = disable_raw_mode();
    }
}

/// A panic message on the full screen would be lost with it, so the screen is restored first.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            restore();
            previous(info);
            PANICS.fetch_sub(1, Ordering::SeqCst);
        }));
    });
}
