//! The loop: keys, snapshots, logs and time in; frames and commands out.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{Event, EventStream, KeyEventKind, MouseButton, MouseEvent, MouseEventKind};
use futures::StreamExt as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::action::Action;
use super::away;
use super::browser;
use super::clock::Clock;
use super::keymap;
use super::state::{Mode, Request, ViewState};
use super::terminal::{Screen, restore};
use super::theme::Theme;
use super::view;
use crate::engine::{Command, SessionPhase, Snapshot};
use crate::journal::Journal;
use crate::logs::LogReader;
use crate::ui::ColorChoice;

/// No more frames than about 30 in a second are drawn, however fast logs come.
const FRAME_TIME: Duration = Duration::from_millis(33);

/// Durations on the screen count seconds, and from a minute on minutes.
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// Two clicks on one place within this time are a double click.
const DOUBLE_CLICK: Duration = Duration::from_millis(400);

/// A terminal that takes nothing (stopped, or a dead connection) is given up after this time.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the dashboard may use of the terminal.
#[derive(Clone, Debug)]
pub struct TuiOptions {
    /// Whether colours are used.
    pub color: ColorChoice,
    /// Whether the mouse is used; without, the terminal's own selection of text works.
    pub mouse: bool,
    /// Where logs are saved.
    pub saved_logs: PathBuf,
}

impl Default for TuiOptions {
    fn default() -> Self {
        Self { color: ColorChoice::Auto, mouse: true, saved_logs: std::env::temp_dir().join("devloop-saved") }
    }
}

/// How the dashboard ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TuiEnd {
    /// The session has ended, or the caller cancelled.
    Session,
    /// The user does not want to wait for the session's end.
    AtOnce,
}

/// Why the dashboard cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// There is no terminal.
    #[error("the dashboard needs a terminal; `--headless` prints log lines instead")]
    NoTerminal,
    /// The terminal does not work.
    #[error("the terminal failed; `--headless` prints log lines instead")]
    Terminal(#[from] io::Error),
    /// A bug.
    #[error("the dashboard stopped because of a bug: {0}")]
    Panicked(String),
}

/// Shows the dashboard until the session ends, `cancel` is cancelled, or the user insists on leaving. The terminal
/// is restored on return, whatever the reason.
pub async fn run(
    snapshots: watch::Receiver<Arc<Snapshot>>,
    logs: LogReader,
    journal: Journal,
    commands: mpsc::Sender<Command>,
    options: TuiOptions,
    cancel: CancellationToken,
) -> Result<TuiEnd, TuiError> {
    if !io::stdout().is_terminal() {
        return Err(TuiError::NoTerminal);
    }
    // Writing to a terminal can block, so the loop has a thread of its own.
    let runtime = tokio::runtime::Handle::current();
    let stop = cancel.clone();
    let mut thread =
        tokio::task::spawn_blocking(move || runtime.block_on(show(snapshots, logs, journal, commands, options, stop)));
    let ended = tokio::select! {
        ended = &mut thread => ended,
        () = cancel.cancelled() => {
            let Ok(ended) = tokio::time::timeout(PATIENCE, &mut thread).await else {
                // A terminal that takes nothing may not even take this.
                let _ = tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(restore)).await;
                return Ok(TuiEnd::Session);
            };
            ended
        }
    };
    match ended {
        Ok(end) => end,
        Err(error) => {
            restore();
            Err(TuiError::Panicked(error.to_string()))
        }
    }
}

async fn show(
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    mut logs: LogReader,
    journal: Journal,
    commands: mpsc::Sender<Command>,
    options: TuiOptions,
    cancel: CancellationToken,
) -> Result<TuiEnd, TuiError> {
    let mut screen = Screen::enter(options.mouse)?;
    let mut events = EventStream::new();
    let mut opening: JoinSet<String> = JoinSet::new();
    let theme = theme(options.color);
    let mut state = ViewState::default();
    let mut snapshot = snapshots.borrow_and_update().clone();
    let mut taken = Instant::now();
    let mut last_click: Option<(Instant, u16, u16)> = None;
    // What has changed since the newest frame. A changed source is not asked again before the next frame, so a log
    // storm costs a frame now and then and nothing between.
    let (mut dirty, mut new_snapshot, mut new_logs) = (true, false, false);
    let mut drawn = Instant::now() - FRAME_TIME;

    loop {
        let now = Instant::now();
        if (dirty || new_snapshot || new_logs) && now >= drawn + FRAME_TIME {
            if new_snapshot {
                snapshot = snapshots.borrow_and_update().clone();
                taken = now;
            }
            if snapshot.phase == SessionPhase::Stopped {
                return Ok(TuiEnd::Session);
            }
            (dirty, new_snapshot, new_logs) = (false, false, false);
            drawn = now;
            let clock = Clock::after(&snapshot, now - taken);
            if screen.retake_if_lost()? {
                screen.terminal.autoresize()?;
                let area = screen.terminal.get_frame().area();
                state.settle(&snapshot, &logs, &journal, area, clock);
                screen.terminal.draw(|frame| view::draw(frame, &snapshot, &state, &theme, clock))?;
            } else {
                dirty = true;
            }
        }
        let wake = if dirty || new_snapshot || new_logs {
            Some(drawn + FRAME_TIME)
        } else {
            tick(&snapshot, &state, Clock::after(&snapshot, drawn - taken.min(drawn))).map(|tick| drawn + tick)
        };
        let request = tokio::select! {
            biased;
            () = cancel.cancelled() => return Ok(TuiEnd::Session),
            event = events.next() => {
                let event = event.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))??;
                dirty = true;
                let clock = Clock::after(&snapshot, taken.elapsed());
                handle(event, &mut state, &snapshot, clock, &mut last_click)
            }
            changed = snapshots.changed(), if !new_snapshot => {
                if changed.is_err() {
                    return Ok(TuiEnd::Session);
                }
                new_snapshot = true;
                None
            }
            () = logs.changed(), if !new_logs => {
                new_logs = true;
                None
            }
            Some(Ok(message)) = opening.join_next() => {
                state.notify(message, Clock::after(&snapshot, taken.elapsed()));
                dirty = true;
                None
            }
            () = sleep_until(wake) => {
                dirty = true;
                None
            }
        };
        match request {
            None => {}
            Some(Request::Redraw) => screen.clear()?,
            Some(Request::Leave) => return Ok(TuiEnd::AtOnce),
            Some(Request::Open(url)) => {
                opening.spawn(browser::open(url));
            }
            Some(Request::Run(program)) => {
                // The keys are for that program.
                drop(events);
                let message = away::run(&program, &snapshot.entry_file, &cancel).await;
                events = EventStream::new();
                dirty = true;
                if let Some(message) = message {
                    state.notify(message, Clock::after(&snapshot, taken.elapsed()));
                }
            }
            Some(Request::Copy(text)) => away::copy(&text)?,
            Some(Request::Save { name, text }) => {
                state.notify(away::save(&options.saved_logs, &name, &text), Clock::after(&snapshot, taken.elapsed()));
                dirty = true;
            }
            Some(Request::Command(command)) => match commands.try_send(command) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Closed(_)) => return Ok(TuiEnd::Session),
                Err(mpsc::error::TrySendError::Full(command)) => {
                    state.not_sent(&command, Clock::after(&snapshot, taken.elapsed()));
                }
            },
        }
    }
}

/// What an event of the terminal asks for.
fn handle(
    event: Event,
    state: &mut ViewState,
    snapshot: &Snapshot,
    clock: Clock,
    last_click: &mut Option<(Instant, u16, u16)>,
) -> Option<Request> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => {
            keymap::action(state.mode, key).and_then(|action| state.apply(action, snapshot, clock))
        }
        Event::Paste(text) if state.mode.takes_text() => {
            for char in text.chars().filter(|char| !char.is_control()) {
                state.apply(Action::Type(char), snapshot, clock);
            }
            None
        }
        Event::Mouse(mouse) => handle_mouse(mouse, state, snapshot, clock, last_click),
        // A paste where nothing is typed would be a storm of commands. A resize only asks for a frame.
        Event::Key(_) | Event::Paste(_) | Event::Resize(..) | Event::FocusGained | Event::FocusLost => None,
    }
}

fn handle_mouse(
    mouse: MouseEvent,
    state: &mut ViewState,
    snapshot: &Snapshot,
    clock: Clock,
    last_click: &mut Option<(Instant, u16, u16)>,
) -> Option<Request> {
    let MouseEvent { column, row, .. } = mouse;
    match mouse.kind {
        MouseEventKind::ScrollDown | MouseEventKind::ScrollUp => {
            for &action in state.wheel(column, row, mouse.kind == MouseEventKind::ScrollDown) {
                state.apply(action, snapshot, clock);
            }
            None
        }
        MouseEventKind::Down(MouseButton::Left) if state.mode == Mode::Normal => {
            let now = Instant::now();
            let double = last_click.take().is_some_and(|(at, x, y)| now - at < DOUBLE_CLICK && (x, y) == (column, row));
            if !state.select_at(column, row, snapshot) {
                return None;
            }
            if double {
                return state.apply(Action::Details, snapshot, clock);
            }
            *last_click = Some((now, column, row));
            None
        }
        MouseEventKind::Down(MouseButton::Left) if !state.mode.takes_text() => {
            state.apply(Action::Close, snapshot, clock)
        }
        _ => None,
    }
}

/// After which time something on the screen changes by the passing of time alone.
fn tick(snapshot: &Snapshot, state: &ViewState, clock: Clock) -> Option<Duration> {
    let updating = snapshot.resources.iter().any(|resource| resource.current.is_some());
    let youngest = snapshot.resources.iter().filter_map(|resource| view::age(resource, clock)).min();
    match youngest {
        _ if updating || state.has_notice() => Some(SECOND),
        Some(age) if age < MINUTE => Some(SECOND),
        // Older things are shown in minutes; a frame some seconds late does no harm.
        Some(_) => Some(MINUTE / 4),
        None => None,
    }
}

async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn theme(color: ColorChoice) -> Theme {
    let variables: Vec<_> = std::env::vars_os().collect();
    let variable =
        |name: &str| variables.iter().find(|(known, _)| known.as_os_str() == name).map(|(_, value)| value.as_os_str());
    // The first of these that is set decides (POSIX, XBD 8.2).
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
    let ascii = locale.is_some_and(|locale| {
        let locale = locale.to_string_lossy();
        locale == "C" || locale == "POSIX" || locale.to_lowercase().contains("8859")
    });
    Theme::new(color.depth(true, variable), ascii)
}
