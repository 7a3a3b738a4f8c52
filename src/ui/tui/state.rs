//! What the user has set on the screen: selection, filter, scroll, what is open. Changed by actions only.

use std::sync::Arc;
use std::time::Duration;

use ratatui::layout::Rect;

use super::action::Action;
use super::clock::Clock;
use super::config_text::ConfigText;
use super::form::Form;
use super::log_pane::{LineFormat, LogPane};
use super::rows::{Order, Row, RowId, rows};
use super::view::{Panes, rows_hidden};
use crate::diagnostic::count;
use crate::engine::{Command, ResourceSnapshot, Selection, SessionPhase, SessionTime, Snapshot};
use crate::journal::{Journal, Timeline};
use crate::logs::{Level, LogFilter, LogReader, LogSource, Producer};
use crate::project::{Button, Link, ResourceName};
use crate::ui::health::{Health, health};

/// What the keys are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Mode {
    /// The rows and the log.
    #[default]
    Normal,
    /// A filter for the rows is typed.
    Filter,
    /// What to search for in the log is typed.
    Search,
    /// What lines of the log must have is typed.
    LogFilter,
    /// A command, or a name, is typed.
    Palette,
    /// The keys are shown.
    Help,
    /// All about the selected row is shown.
    Details,
    /// Why the selected row waits or fails is shown.
    Why,
    /// Where the time went is shown.
    Timeline,
    /// One of several links is chosen.
    Open,
    /// One of the buttons of the configuration is chosen.
    Buttons,
    /// The form of a button is filled in.
    Form,
    /// The user is asked whether to disable the selected resource.
    ConfirmDisable,
}

impl Mode {
    /// Whether letters are text.
    pub(super) fn takes_text(self) -> bool {
        matches!(self, Self::Filter | Self::Search | Self::LogFilter | Self::Palette | Self::Form)
    }

    /// Whether a text is open that may be longer than the screen.
    fn is_reading(self) -> bool {
        matches!(self, Self::Help | Self::Details | Self::Why | Self::Timeline)
    }
}

/// Which parts are on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Zoom {
    /// Both.
    #[default]
    Both,
    /// Only the log.
    Log,
    /// Only the rows.
    Rows,
}

/// What the loop does for the view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Sends a command to the session.
    Command(Command),
    /// Opens a link in the user's browser.
    Open(String),
    /// Gives the terminal to another program until it ends.
    Run(Away),
    /// Puts a text into the terminal's clipboard.
    Copy(String),
    /// Writes a text into a file of this user.
    Save {
        /// Whose log it is.
        name: String,
        /// The text.
        text: String,
    },
    /// Draws the whole screen anew, after something else has written on it.
    Redraw,
    /// Leaves at once, without waiting for the session's end.
    Leave,
}

/// A program that has the terminal for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Away {
    /// The user's pager, with this text.
    Pager(String),
    /// `devloop exec` into a container of this resource.
    Shell(ResourceName),
}

/// A short message in the footer, for a short time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) text: String,
    until: SessionTime,
}

/// How long a notice stays.
const NOTICE_TIME: Duration = Duration::from_secs(6);

/// What the user has set on the screen.
#[derive(Clone, Debug, Default)]
pub struct ViewState {
    pub(super) mode: Mode,
    /// The selected row, by name.
    pub(super) selected: RowId,
    /// The first line of the table on the screen.
    pub(super) table_offset: usize,
    /// Only rows that have this in their name or label.
    pub(super) filter: String,
    pub(super) order: Order,
    pub(super) zoom: Zoom,
    pub(super) log: LogPane,
    pub(super) config: ConfigText,
    /// Whether the log is that of all resources.
    pub(super) all_logs: bool,
    pub(super) source: Option<LogSource>,
    /// Only lines at least so important.
    pub(super) level: Option<Level>,
    /// Only lines that have this.
    pub(super) log_pattern: String,
    /// Whether JSON lines are spread over several rows.
    pub(super) json: bool,
    pub(super) no_wrap: bool,
    pub(super) timestamps: bool,
    /// Columns scrolled out on the left.
    pub(super) log_column: usize,
    /// Rows scrolled out at the top of what is open.
    pub(super) popup_row: usize,
    /// The form of the chosen button.
    pub(super) form: Option<Form>,
    /// The chosen one of several links, buttons or commands.
    pub(super) choice: usize,
    /// What was typed to find a command.
    pub(super) palette: String,
    /// Where the time went, while it is shown.
    pub(super) timeline: Option<Timeline>,
    /// Whether that is of the whole session.
    pub(super) whole_timeline: bool,
    pub(super) notice: Option<Notice>,
    /// The end was asked for.
    pub(super) quitting: bool,
    panes: Panes,
}

impl ViewState {
    /// Fits the state to a new picture, new lines and the screen's size. To be called before each frame.
    pub fn settle(&mut self, snapshot: &Snapshot, logs: &LogReader, journal: &Journal, screen: Rect, clock: Clock) {
        self.config.refresh(snapshot);
        self.timeline = if self.mode == Mode::Timeline { self.timeline_of(journal) } else { None };
        self.quitting |= snapshot.phase != SessionPhase::Running;
        self.notice.take_if(|notice| notice.until <= clock.session);
        let rows = rows(snapshot, self);
        let ids: Vec<RowId> = rows.iter().filter_map(Row::id).collect();
        if let RowId::Resource(name) = &self.selected
            && !snapshot.resources.iter().any(|resource| resource.name == *name)
        {
            // Its row is gone from the project: what the log showed was about it.
            self.selected = RowId::Config;
        }
        if !self.filter.is_empty() && !ids.contains(&self.selected) {
            self.selected = ids.first().cloned().unwrap_or_else(|| self.selected.clone());
        }
        self.panes = Panes::new(screen, snapshot, self, rows.len());
        let height = usize::from(self.panes.rows.height).max(1);
        let position = rows.iter().position(|row| row.id().as_ref() == Some(&self.selected)).unwrap_or(0);
        // The heading above the first row of a group comes into sight with it.
        let first = if position > 0 && matches!(rows[position - 1], Row::Group(_)) { position - 1 } else { position };
        self.table_offset = self.table_offset.min(first).max((position + 1).saturating_sub(height));
        self.table_offset = self.table_offset.min(rows.len().saturating_sub(height));
        self.popup_row = self.popup_row.min(rows_hidden(screen, snapshot, self, clock));
        self.log.refresh(logs, self.log_filter(), &self.log_pattern);
    }

    /// Obeys an action.
    pub fn apply(&mut self, action: Action, snapshot: &Snapshot, clock: Clock) -> Option<Request> {
        match (self.mode, action) {
            (_, Action::Quit) => Some(self.quit()),
            (Mode::Filter | Mode::Search | Mode::LogFilter, _) => {
                self.apply_typing(action, snapshot);
                None
            }
            (Mode::Palette, _) => self.apply_palette(action, snapshot, clock),
            (mode, Action::ScrollUp) if mode.is_reading() => self.scroll_popup(-1),
            (mode, Action::ScrollDown) if mode.is_reading() => self.scroll_popup(1),
            (mode, Action::PageUp) if mode.is_reading() => self.scroll_popup(-10),
            (mode, Action::PageDown) if mode.is_reading() => self.scroll_popup(10),
            (mode, Action::LogTop) if mode.is_reading() => {
                self.popup_row = 0;
                None
            }
            (Mode::Timeline, Action::AllLogs) => {
                self.whole_timeline = !self.whole_timeline;
                None
            }
            (mode, Action::AllLogs) if mode.is_reading() => None,
            (Mode::Open, Action::SelectNext) => {
                self.choice = (self.choice + 1).min(self.links(snapshot).len().saturating_sub(1));
                None
            }
            (Mode::Open | Mode::Buttons, Action::SelectPrevious) => {
                self.choice = self.choice.saturating_sub(1);
                None
            }
            (Mode::Open, Action::Accept) => {
                self.mode = Mode::Normal;
                self.links(snapshot).into_iter().nth(self.choice).map(Request::Open)
            }
            (Mode::Buttons, Action::SelectNext) => {
                self.choice = (self.choice + 1).min(self.buttons(snapshot).len().saturating_sub(1));
                None
            }
            (Mode::Buttons, Action::Accept) => self.choose_button(snapshot, clock),
            (Mode::Form, _) => self.apply_form(action, clock),
            (Mode::ConfirmDisable, Action::Accept) => {
                self.mode = Mode::Normal;
                let name = self.selected_resource(snapshot)?.name.clone();
                self.notify(format!("disabling {name}"), clock);
                Some(Request::Command(Command::Disable(Selection::Names(vec![name]))))
            }
            (
                Mode::Help
                | Mode::Details
                | Mode::Why
                | Mode::Timeline
                | Mode::Open
                | Mode::Buttons
                | Mode::ConfirmDisable,
                Action::Close,
            ) => {
                self.mode = Mode::Normal;
                None
            }
            (_, action) => self.apply_normal(action, snapshot, clock),
        }
    }

    pub(super) fn apply_normal(&mut self, action: Action, snapshot: &Snapshot, clock: Clock) -> Option<Request> {
        let (format, height) = (self.line_format(), self.log_height());
        let page = height.saturating_sub(1).max(1).cast_signed();
        match action {
            Action::SelectNext => self.select_by(1, snapshot),
            Action::SelectPrevious => self.select_by(-1, snapshot),
            Action::SelectNextProblem => self.select_next_problem(snapshot),
            Action::ScrollUp => self.log.scroll(-1, format, height),
            Action::ScrollDown => self.log.scroll(1, format, height),
            Action::HalfPageUp => self.log.scroll(-(page / 2).max(1), format, height),
            Action::HalfPageDown => self.log.scroll((page / 2).max(1), format, height),
            Action::PageUp | Action::PageDown if self.zoom == Zoom::Rows => {
                let page = isize::try_from(self.panes.rows.height).unwrap_or(1).max(1);
                self.select_by(if action == Action::PageUp { -page } else { page }, snapshot);
            }
            Action::PageUp => self.log.scroll(-page, format, height),
            Action::PageDown => self.log.scroll(page, format, height),
            Action::LogTop => self.log.go_to_top(format, height),
            Action::Follow => self.log.follow(),
            Action::ScrollLeft => self.log_column = self.log_column.saturating_sub(8),
            Action::ScrollRight if self.no_wrap => self.log_column += 8,
            Action::Details => self.open(Mode::Details),
            Action::Why => self.open(Mode::Why),
            Action::Timeline => self.open(Mode::Timeline),
            Action::Palette => {
                self.palette.clear();
                self.choice = 0;
                self.open(Mode::Palette);
            }
            Action::Help => self.open(Mode::Help),
            Action::Close => {
                self.log.search = None;
                self.filter.clear();
                self.log_pattern.clear();
            }
            Action::Filter => self.mode = Mode::Filter,
            Action::Search | Action::LogFilter => {
                self.mode = if action == Action::Search { Mode::Search } else { Mode::LogFilter };
                if self.zoom == Zoom::Rows {
                    self.zoom = Zoom::Both;
                }
            }
            Action::SearchNext => self.log.search_step(true, format, height),
            Action::SearchPrevious => self.log.search_step(false, format, height),
            Action::ProblemsFirst => {
                self.order = if self.order == Order::Problems { Order::Project } else { Order::Problems };
            }
            Action::Sort => {
                self.order = self.order.next();
                self.notify(format!("sorted {}", self.order.words()), clock);
            }
            Action::Level => {
                self.level = match self.level {
                    None | Some(Level::Debug | Level::Info) => Some(Level::Warn),
                    Some(Level::Warn) => Some(Level::Error),
                    Some(Level::Error) => None,
                }
            }
            Action::Json => self.json = !self.json,
            Action::Pager => return Some(Request::Run(Away::Pager(self.log.text(self.line_format())))),
            Action::Save => {
                let (name, text) = (self.log_name(), self.log.text(self.line_format()));
                return Some(Request::Save { name, text });
            }
            Action::Copy => {
                let text = self.log.text_in_sight(format, height);
                self.notify(format!("copied {}", count(text.lines().count(), "line")), clock);
                return Some(Request::Copy(text));
            }
            Action::Shell => return self.shell(snapshot, clock),
            Action::AllLogs => self.all_logs = !self.all_logs,
            Action::Source => {
                self.source = match self.source {
                    None => Some(LogSource::Build),
                    Some(LogSource::Build) => Some(LogSource::Runtime),
                    Some(LogSource::Runtime) => None,
                }
            }
            Action::Wrap => {
                self.no_wrap = !self.no_wrap;
                self.log_column = 0;
            }
            Action::Timestamps => self.timestamps = !self.timestamps,
            Action::Zoom => {
                self.zoom = match self.zoom {
                    Zoom::Both => Zoom::Log,
                    Zoom::Log => Zoom::Rows,
                    Zoom::Rows => Zoom::Both,
                }
            }
            Action::Reload => {
                self.notify("loading the configuration again", clock);
                return Some(Request::Command(Command::ReloadConfig));
            }
            Action::Trigger if self.selected == RowId::Config => {
                return self.apply_normal(Action::Reload, snapshot, clock);
            }
            Action::Trigger | Action::Restart | Action::Stop | Action::Enable | Action::Disable => {
                return self.command(action, snapshot, clock);
            }
            Action::Open => return self.open_link(snapshot, clock),
            Action::Buttons => self.open_buttons(snapshot, clock),
            Action::Redraw => return Some(Request::Redraw),
            Action::ScrollRight
            | Action::Accept
            | Action::Erase
            | Action::EraseAll
            | Action::Type(_)
            | Action::Quit => {}
        }
        None
    }

    fn apply_typing(&mut self, action: Action, snapshot: &Snapshot) {
        let searching = self.mode == Mode::Search;
        let (format, height) = (self.line_format(), self.log_height());
        let typed = match self.mode {
            Mode::Search => self.log.search.as_ref().map_or(String::new(), |search| search.needle.clone()),
            Mode::LogFilter => self.log_pattern.clone(),
            _ => self.filter.clone(),
        };
        let text = match action {
            Action::Type(char) => format!("{typed}{char}"),
            Action::Erase => typed.char_indices().next_back().map_or("", |(last, _)| &typed[..last]).to_owned(),
            Action::EraseAll | Action::Close => String::new(),
            Action::Accept => {
                self.mode = Mode::Normal;
                return;
            }
            Action::SelectNext | Action::SelectPrevious => {
                let down = action == Action::SelectNext;
                if searching {
                    self.log.search_step(down, format, height);
                } else {
                    self.select_by(if down { 1 } else { -1 }, snapshot);
                }
                return;
            }
            _ => return,
        };
        match self.mode {
            Mode::Search => self.log.search_for(text, format, height),
            Mode::LogFilter => self.log_pattern = text,
            _ => self.filter = text,
        }
        if action == Action::Close {
            self.mode = Mode::Normal;
        }
    }

    fn quit(&mut self) -> Request {
        if self.quitting {
            return Request::Leave;
        }
        self.quitting = true;
        self.mode = Mode::Normal;
        Request::Command(Command::Quit)
    }

    pub(super) fn open(&mut self, mode: Mode) {
        self.mode = mode;
        self.popup_row = 0;
    }

    fn scroll_popup(&mut self, rows: isize) -> Option<Request> {
        // Bounded when the state is settled, where the length of the text is known.
        self.popup_row = self.popup_row.saturating_add_signed(rows);
        None
    }

    fn select_by(&mut self, delta: isize, snapshot: &Snapshot) {
        let ids: Vec<RowId> = rows(snapshot, self).iter().filter_map(Row::id).collect();
        let Some(last) = ids.len().checked_sub(1) else { return };
        let now = ids.iter().position(|id| *id == self.selected).unwrap_or(0);
        self.select(ids[now.saturating_add_signed(delta).min(last)].clone());
    }

    fn select_next_problem(&mut self, snapshot: &Snapshot) {
        let rows = rows(snapshot, self);
        let now = rows.iter().position(|row| row.id().as_ref() == Some(&self.selected)).unwrap_or(0);
        let (before, after) = rows.split_at((now + 1).min(rows.len()));
        let is_problem = |row: &&Row| matches!(row, Row::Resource(resource) if health(resource) == Health::Failed);
        if let Some(id) = after.iter().chain(before).find(is_problem).and_then(Row::id) {
            self.select(id);
        }
    }

    pub(super) fn select(&mut self, id: RowId) {
        if self.selected != id {
            self.selected = id;
            self.log_column = 0;
        }
    }

    /// Selects what is in a line of the table on the screen.
    pub(super) fn select_at(&mut self, column: u16, row: u16, snapshot: &Snapshot) -> bool {
        if !self.panes.rows.contains((column, row).into()) {
            return false;
        }
        let index = self.table_offset + usize::from(row - self.panes.rows.y);
        let Some(id) = rows(snapshot, self).get(index).and_then(Row::id) else { return false };
        self.select(id);
        true
    }

    /// What the wheel means at a place.
    pub(super) fn wheel(&self, column: u16, row: u16, down: bool) -> &'static [Action] {
        use Action::{ScrollDown, ScrollUp, SelectNext, SelectPrevious};
        let on_rows = self.mode == Mode::Normal && self.panes.rows.contains((column, row).into());
        match (on_rows, down) {
            (true, true) => &[SelectNext],
            (true, false) => &[SelectPrevious],
            (false, true) => &[ScrollDown, ScrollDown, ScrollDown],
            (false, false) => &[ScrollUp, ScrollUp, ScrollUp],
        }
    }

    /// Shows a message for a short time.
    pub fn notify(&mut self, text: impl Into<String>, clock: Clock) {
        self.notice = Some(Notice { text: text.into(), until: clock.session + NOTICE_TIME });
    }

    /// Says that a command could not be taken, so that it can be given again.
    pub(super) fn not_sent(&mut self, command: &Command, clock: Clock) {
        if *command == Command::Quit {
            self.quitting = false;
        }
        self.notify("devloop is busy; try again", clock);
    }

    /// Whether there is something that disappears by itself.
    pub(super) fn has_notice(&self) -> bool {
        self.notice.is_some()
    }

    /// The selected resource, when it is one.
    pub(super) fn selected_resource<'a>(&self, snapshot: &'a Snapshot) -> Option<&'a ResourceSnapshot> {
        let RowId::Resource(name) = &self.selected else { return None };
        snapshot.resources.iter().find(|resource| resource.name == *name)
    }

    /// What can be opened for the selected resource: its links, then its port-forwards.
    pub(super) fn links(&self, snapshot: &Snapshot) -> Vec<String> {
        let Some(resource) = self.selected_resource(snapshot) else { return Vec::new() };
        let links = resource.links.iter().map(Link::address);
        links.chain(resource.forwards.iter().map(|forward| forward.url.clone())).collect()
    }

    /// The buttons of the selected resource, then those of the whole session.
    pub(super) fn buttons(&self, snapshot: &Snapshot) -> Vec<Arc<Button>> {
        let selected = self.selected_resource(snapshot).map(|resource| &resource.name);
        let own = snapshot.buttons.iter().filter(|it| it.resource.is_some() && it.resource.as_ref() == selected);
        own.chain(snapshot.buttons.iter().filter(|button| button.resource.is_none())).cloned().collect()
    }

    /// Where everything is on the screen.
    pub(super) fn panes(&self) -> &Panes {
        &self.panes
    }

    pub(super) fn log_filter(&self) -> LogFilter {
        let producer = match &self.selected {
            RowId::Resource(name) if !self.all_logs => Producer::Resource(name.clone()),
            RowId::Resource(_) | RowId::Config => Producer::All,
        };
        LogFilter { producer, source: self.source, level: self.level }
    }

    pub(super) fn line_format(&self) -> LineFormat {
        LineFormat {
            columns: usize::from(self.panes.log.width).max(1),
            wrap: !self.no_wrap,
            timestamps: self.timestamps,
            names: self.all_logs || self.selected == RowId::Config,
            offset: self.log_column,
            json: self.json,
        }
    }

    /// Whose log is shown.
    pub(super) fn log_name(&self) -> String {
        match &self.selected {
            RowId::Resource(name) if !self.all_logs => name.to_string(),
            RowId::Resource(_) | RowId::Config => "all".to_owned(),
        }
    }

    pub(super) fn log_height(&self) -> usize {
        usize::from(self.panes.log.height).max(1)
    }
}
