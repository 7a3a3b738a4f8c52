//! What actions do to the session: commands, links, buttons and their forms, and what is typed into the palette.

use super::action::Action;
use super::clock::Clock;
use super::form::Form;
use super::palette::{self, Choice};
use super::rows::RowId;
use super::state::{Away, Mode, Request, ViewState};
use crate::engine::{Command, ResourceKind, Selection, Snapshot};
use crate::journal::{Journal, Timeline};

impl ViewState {
    /// What is typed into the palette, and what is chosen there.
    pub(super) fn apply_palette(&mut self, action: Action, snapshot: &Snapshot, clock: Clock) -> Option<Request> {
        let offered = palette::offered(snapshot, self).len();
        match action {
            Action::Type(char) => self.palette.push(char),
            Action::Erase => {
                self.palette.pop();
            }
            Action::EraseAll => self.palette.clear(),
            Action::SelectNext => {
                self.choice = (self.choice + 1).min(offered.saturating_sub(1));
                return None;
            }
            Action::SelectPrevious => {
                self.choice = self.choice.saturating_sub(1);
                return None;
            }
            Action::Close => self.mode = Mode::Normal,
            Action::Accept => {
                let chosen = palette::offered(snapshot, self).into_iter().nth(self.choice);
                self.mode = Mode::Normal;
                return match chosen?.choice {
                    Choice::Action(action) => self.apply(action, snapshot, clock),
                    Choice::Select(name) => {
                        self.select(RowId::Resource(name));
                        None
                    }
                };
            }
            _ => {}
        }
        self.choice = 0;
        None
    }

    /// Where the time went: of the selected resource, or of all of them.
    pub(super) fn timeline_of(&self, journal: &Journal) -> Option<Timeline> {
        let page = journal.after(0);
        let mut timeline = Timeline::of(page.entries.iter().map(AsRef::as_ref))?;
        if !self.whole_timeline {
            timeline = timeline.newest();
        }
        if let RowId::Resource(name) = &self.selected {
            // Its own part; when it had none in the newest update, all of that.
            let own = |span: &crate::journal::Span| span.resource.as_ref() == Some(name);
            if timeline.spans.iter().any(own) {
                timeline.spans.retain(own);
            }
        }
        Some(timeline)
    }

    pub(super) fn command(&mut self, action: Action, snapshot: &Snapshot, clock: Clock) -> Option<Request> {
        let Some(resource) = self.selected_resource(snapshot) else {
            self.notify("select a resource first", clock);
            return None;
        };
        let name = resource.name.clone();
        if !resource.enabled && action != Action::Enable {
            self.notify(format!("{name} is disabled; `e` enables it"), clock);
            return None;
        }
        let (command, notice) = match action {
            Action::Trigger => (Command::Trigger(name.clone()), format!("updating {name}")),
            Action::Restart => (Command::Restart(name.clone()), format!("restarting {name}")),
            Action::Stop => (Command::Stop(name.clone()), format!("stopping {name}")),
            Action::Enable if resource.enabled => {
                self.notify(format!("{name} is enabled"), clock);
                return None;
            }
            Action::Enable => (Command::Enable(Selection::Names(vec![name.clone()])), format!("enabling {name}")),
            // Its objects are deleted, so it is asked for first.
            _ => {
                self.open(Mode::ConfirmDisable);
                return None;
            }
        };
        self.notify(notice, clock);
        Some(Request::Command(command))
    }

    pub(super) fn shell(&mut self, snapshot: &Snapshot, clock: Clock) -> Option<Request> {
        let Some(resource) = self.selected_resource(snapshot) else {
            self.notify("select a resource first", clock);
            return None;
        };
        if resource.kind == ResourceKind::Local {
            self.notify(format!("{} runs here, in no container", resource.name), clock);
            return None;
        }
        Some(Request::Run(Away::Shell(resource.name.clone())))
    }

    pub(super) fn open_link(&mut self, snapshot: &Snapshot, clock: Clock) -> Option<Request> {
        let mut links = self.links(snapshot);
        match links.len() {
            0 => {
                self.notify("it has no link and no port-forward", clock);
                None
            }
            1 => links.pop().map(Request::Open),
            _ => {
                self.choice = 0;
                self.mode = Mode::Open;
                None
            }
        }
    }

    pub(super) fn open_buttons(&mut self, snapshot: &Snapshot, clock: Clock) {
        if self.buttons(snapshot).is_empty() {
            self.notify("the Devfile has no button for it", clock);
        } else {
            self.choice = 0;
            self.open(Mode::Buttons);
        }
    }

    pub(super) fn choose_button(&mut self, snapshot: &Snapshot, clock: Clock) -> Option<Request> {
        self.mode = Mode::Normal;
        let button = self.buttons(snapshot).into_iter().nth(self.choice)?;
        if button.disabled {
            self.notify(format!("{} is disabled", button.text), clock);
            return None;
        }
        let form = Form::new(&button);
        if form.is_needed() {
            self.form = Some(form);
            self.open(Mode::Form);
            return None;
        }
        self.notify(format!("pressed {}", button.text), clock);
        Some(Request::Command(form.press()))
    }

    pub(super) fn apply_form(&mut self, action: Action, clock: Clock) -> Option<Request> {
        let form = self.form.as_mut()?;
        match action {
            Action::SelectNext => form.step(1),
            Action::SelectPrevious => form.step(-1),
            Action::ScrollLeft => form.turn(-1),
            Action::ScrollRight => form.turn(1),
            Action::Erase => form.erase(false),
            Action::EraseAll => form.erase(true),
            Action::Type(char) => form.type_char(char),
            Action::Accept => {
                let form = self.form.take()?;
                self.mode = Mode::Normal;
                self.notify(format!("pressed {}", form.button.text), clock);
                return Some(Request::Command(form.press()));
            }
            Action::Close => {
                self.form = None;
                self.mode = Mode::Normal;
            }
            _ => {}
        }
        None
    }
}
