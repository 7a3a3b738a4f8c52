//! Frames as the user sees them, and keys in, state and commands out.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;

use super::rows::RowId;
use super::state::{Away, Mode, Request, ViewState};
use super::{keymap, scenes, theme::Theme, view};
use crate::engine::{Command, Selection, SessionPhase, SessionTime, Snapshot, UpdateOutcome, UpdateRecord};
use crate::journal::Journal;
use crate::logs::LogStore;
use crate::ui::ColorDepth;

/// A dashboard without a terminal.
struct Dashboard {
    snapshot: Snapshot,
    logs: LogStore,
    journal: Journal,
    state: ViewState,
    size: (u16, u16),
    requests: Vec<Request>,
}

impl Dashboard {
    fn new(snapshot: Snapshot) -> Self {
        let journal = Journal::new();
        journal.observe(&std::sync::Arc::new(snapshot.clone()));
        let (logs, state) = (scenes::logs(), ViewState::default());
        Self { snapshot, logs, journal, state, size: (100, 24), requests: Vec::new() }
    }

    fn sized(mut self, width: u16, height: u16) -> Self {
        self.size = (width, height);
        self
    }

    fn settle(&mut self) {
        let (width, height) = self.size;
        let clock = scenes::clock(&self.snapshot);
        self.state.settle(&self.snapshot, &self.logs.reader(), &self.journal, Rect::new(0, 0, width, height), clock);
    }

    /// Presses keys: a character each, or names in angle brackets.
    fn press(mut self, keys: &str) -> Self {
        let mut rest = keys;
        while let Some(char) = rest.chars().next() {
            let named = rest.starts_with('<').then(|| rest[1..].split_once('>')).flatten();
            let (key, after) = match named {
                Some((name, after)) => (named_key(name), after),
                None => (KeyEvent::new(KeyCode::Char(char), KeyModifiers::NONE), &rest[char.len_utf8()..]),
            };
            rest = after;
            self.settle();
            let clock = scenes::clock(&self.snapshot);
            if let Some(action) = keymap::action(self.state.mode, key) {
                self.requests.extend(self.state.apply(action, &self.snapshot, clock));
            }
        }
        self.settle();
        self
    }

    fn frame(&mut self) -> String {
        self.settle();
        let (width, height) = self.size;
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("memory takes everything");
        let clock = scenes::clock(&self.snapshot);
        let theme = Theme::new(ColorDepth::None, false);
        terminal.draw(|frame| view::draw(frame, &self.snapshot, &self.state, &theme, clock)).expect("it draws");
        let buffer = terminal.backend().buffer().clone();
        let mut text = String::new();
        for y in 0..height {
            let mut line = String::new();
            let mut x = 0;
            while x < width {
                let symbol = buffer[(x, y)].symbol();
                line.push_str(symbol);
                x += crate::ui::text::width(symbol).max(1) as u16;
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

fn named_key(name: &str) -> KeyEvent {
    let (modifiers, name) = match name.strip_prefix("C-") {
        Some(name) => (KeyModifiers::CONTROL, name),
        None => (KeyModifiers::NONE, name),
    };
    let code = match name {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Tab" => KeyCode::Tab,
        "PgUp" => KeyCode::PageUp,
        "Backspace" => KeyCode::Backspace,
        single => KeyCode::Char(single.chars().next().expect("a name")),
    };
    KeyEvent::new(code, modifiers)
}

fn resource(name: &str) -> RowId {
    RowId::Resource(name.into())
}

macro_rules! check_frame {
    ($name:ident, $dashboard:expr) => {
        #[test]
        fn $name() {
            insta::assert_snapshot!($dashboard.frame());
        }
    };
}

check_frame!(loading, Dashboard { logs: LogStore::new(), ..Dashboard::new(scenes::loading()) });
check_frame!(empty_project, Dashboard::new(scenes::project()));
check_frame!(building, Dashboard::new(scenes::building()));
check_frame!(all_green, Dashboard::new(scenes::green()));
check_frame!(trouble, Dashboard::new(scenes::trouble()).press("<Tab>"));
check_frame!(trouble_wide, Dashboard::new(scenes::trouble()).sized(160, 30).press("<Tab><Tab>"));
check_frame!(problems_first, Dashboard::new(scenes::trouble()).press("p"));
check_frame!(config_error, Dashboard::new(scenes::config_error()));
check_frame!(config_error_narrow, Dashboard::new(scenes::config_error()).sized(50, 20));
check_frame!(narrow, Dashboard::new(scenes::trouble()).sized(40, 10).press("<Tab>"));
check_frame!(narrow_building, Dashboard::new(scenes::building()).sized(60, 16));
check_frame!(too_small, Dashboard::new(scenes::green()).sized(20, 4));
check_frame!(huge, Dashboard::new(scenes::trouble()).sized(240, 40));
check_frame!(help, Dashboard::new(scenes::green()).sized(110, 30).press("?"));
check_frame!(help_narrow, Dashboard::new(scenes::green()).sized(60, 20).press("?jjj"));
check_frame!(details_failed, Dashboard::new(scenes::trouble()).sized(100, 30).press("<Tab><Enter>"));
check_frame!(details_config, Dashboard::new(scenes::config_error()).press("<Enter>"));
check_frame!(why, Dashboard::new(scenes::building()).press("jjjjw"));
check_frame!(timeline, Dashboard::new(scenes::building()).press("v"));
check_frame!(palette, Dashboard::new(scenes::green()).press(":trig<Down>"));
check_frame!(palette_finds_nothing, Dashboard::new(scenes::green()).press(":qqq"));
check_frame!(log_filter, Dashboard::new(scenes::trouble()).press("F~get|post<Enter>"));
check_frame!(log_filter_wrong, Dashboard::new(scenes::trouble()).press("F~("));
check_frame!(sorted_by_name, Dashboard::new(scenes::trouble()).press("ss"));
check_frame!(recent_updates, {
    let mut snapshot = scenes::green();
    let web = snapshot.resources.iter_mut().find(|resource| resource.name.as_str() == "web").expect("it is there");
    let first = web.history[0].clone();
    let update = |milliseconds: u64, outcome: UpdateOutcome| UpdateRecord {
        started: scenes::seconds(20),
        finished: SessionTime(Duration::from_millis(20_000 + milliseconds)),
        outcome,
        ..first.clone()
    };
    web.history.insert(0, update(40, UpdateOutcome::Ok));
    web.history.insert(0, update(900, UpdateOutcome::Failed("exit code 1".into())));
    web.history.insert(0, update(500, UpdateOutcome::Cancelled("superseded".into())));
    web.history.insert(0, update(1_700, UpdateOutcome::Ok));
    Dashboard::new(snapshot).sized(120, 16)
});
check_frame!(open_picker, Dashboard::new(scenes::green()).press("jjjjoj"));
check_frame!(confirm_disable, Dashboard::new(scenes::green()).press("jd"));
check_frame!(filter, Dashboard::new(scenes::many(300)).press("f12"));
check_frame!(filter_finds_nothing, Dashboard::new(scenes::green()).press("fxyz"));
check_frame!(search, Dashboard::new(scenes::trouble()).press("/orders"));
check_frame!(search_in_one, Dashboard::new(scenes::trouble()).press("<Tab><Tab>/GET<Enter>N"));
check_frame!(rows_300, Dashboard::new(scenes::many(300)).press("<Tab>"));
check_frame!(zoom_log, Dashboard::new(scenes::trouble()).press("z"));
check_frame!(zoom_rows, Dashboard::new(scenes::many(300)).press("zz<PgUp>"));
check_frame!(scrolled_unwrapped, Dashboard::new(scenes::trouble()).sized(60, 16).press("Wg"));
check_frame!(stopping, {
    let mut snapshot = scenes::green();
    snapshot.phase = SessionPhase::Stopping { remaining: vec!["build of api".into(), "serve process of docs".into()] };
    Dashboard::new(snapshot)
});
check_frame!(connection_lost, {
    let mut snapshot = scenes::green();
    snapshot.cluster = crate::engine::Connection::Lost("connection refused by https://127.0.0.1:6443".into());
    Dashboard::new(snapshot)
});
check_frame!(east_asian_names, {
    let mut snapshot = scenes::green();
    let rows = snapshot.resources.to_vec().into_iter();
    snapshot.resources = rows.chain([scenes::ready("決済サービス")]).collect();
    Dashboard::new(snapshot)
});

check_frame!(wide_characters_under_a_popup, {
    let mut dashboard = Dashboard::new(scenes::green()).sized(61, 20);
    let sink = dashboard.logs.sink(None, crate::logs::LogSource::Build);
    for _ in 0..4 {
        sink.info("世界世界世界世界世界世界世界世界世界世界世界世界");
        sink.info("x世界世界世界世界世界世界世界世界世界世界世界");
    }
    sink.info("e\u{301}te\u{301} 世\u{301} 👩\u{200d}💻 ❤\u{fe0f} end");
    dashboard = dashboard.press("jd");
    dashboard.state.all_logs = true;
    dashboard
});

#[track_caller]
fn check_requests(dashboard: &Dashboard, expected: &[Request]) {
    assert_eq!(dashboard.requests, expected);
}

fn command(command: Command) -> Request {
    Request::Command(command)
}

#[test]
fn keys_command_the_selected_resource() {
    let dashboard = Dashboard::new(scenes::green()).press("jtRSr");
    check_requests(
        &dashboard,
        &[
            command(Command::Trigger("postgres".into())),
            command(Command::Restart("postgres".into())),
            command(Command::Stop("postgres".into())),
            command(Command::ReloadConfig),
        ],
    );
}

#[test]
fn the_configuration_is_triggered_by_loading_it() {
    check_requests(&Dashboard::new(scenes::green()).press("t"), &[command(Command::ReloadConfig)]);
    check_requests(&Dashboard::new(scenes::green()).press("R"), &[]);
}

#[test]
fn disabling_asks_and_enabling_does_not() {
    let disable = command(Command::Disable(Selection::Names(vec!["postgres".into()])));
    check_requests(&Dashboard::new(scenes::green()).press("jd"), &[]);
    check_requests(&Dashboard::new(scenes::green()).press("jdn"), &[]);
    check_requests(&Dashboard::new(scenes::green()).press("jdy"), &[disable]);
    let mut dashboard = Dashboard::new(scenes::trouble());
    dashboard.state.selected = resource("migrate");
    let dashboard = dashboard.press("te");
    check_requests(&dashboard, &[command(Command::Enable(Selection::Names(vec!["migrate".into()])))]);
}

#[test]
fn one_link_opens_at_once_and_several_are_offered() {
    let dashboard = Dashboard::new(scenes::green()).press("jjjo");
    check_requests(&dashboard, &[Request::Open("http://localhost:3001/".into())]);
    let dashboard = Dashboard::new(scenes::green()).press("jjjjojj<Enter>");
    check_requests(&dashboard, &[Request::Open("http://localhost:9229/".into())]);
    assert_eq!(dashboard.state.mode, Mode::Normal);
}

#[test]
fn the_palette_does_what_keys_do_and_goes_to_resources() {
    let dashboard = Dashboard::new(scenes::green()).press("j:restart<Enter>");
    check_requests(&dashboard, &[command(Command::Restart("postgres".into()))]);
    let dashboard = Dashboard::new(scenes::green()).press(":web<Enter>");
    assert_eq!((dashboard.state.selected.clone(), dashboard.state.mode), (resource("web"), Mode::Normal));
    let dashboard = dashboard.press(":qqqq<Enter>");
    check_requests(&dashboard, &[]);
    assert_eq!(dashboard.press(":x<Esc>").state.mode, Mode::Normal);
}

#[test]
fn what_is_in_sight_is_copied_and_all_of_it_paged_and_saved() {
    let mut dashboard = Dashboard::new(scenes::trouble());
    dashboard.state.selected = resource("web");
    let dashboard = dashboard.press("F~get<Enter>cP<C-s>E");
    let lines =
        "GET /orders 200 12ms\nGET /orders?page=2&size=100&sort=created&direction=descending&filter=open 200 31ms\n";
    check_requests(
        &dashboard,
        &[
            Request::Copy(lines.into()),
            Request::Run(Away::Pager(lines.into())),
            Request::Save { name: "web".into(), text: lines.into() },
            Request::Run(Away::Shell("web".into())),
        ],
    );
}

#[test]
fn the_first_quit_is_graceful_and_the_second_leaves() {
    let dashboard = Dashboard::new(scenes::green()).press("q");
    check_requests(&dashboard, &[command(Command::Quit)]);
    check_requests(&dashboard.press("<C-c>"), &[command(Command::Quit), Request::Leave]);
    // When the session ends by itself, one is enough.
    let mut dashboard = Dashboard::new(scenes::green());
    dashboard.snapshot.phase = SessionPhase::Stopping { remaining: Vec::new() };
    check_requests(&dashboard.press("<C-c>"), &[Request::Leave]);
}

#[test]
fn a_quit_that_could_not_be_sent_can_be_sent_again() {
    let mut dashboard = Dashboard::new(scenes::green()).press("q");
    let clock = scenes::clock(&dashboard.snapshot);
    dashboard.state.not_sent(&Command::Quit, clock);
    check_requests(&dashboard.press("q"), &[command(Command::Quit), command(Command::Quit)]);
}

#[test]
fn the_selection_sticks_to_the_name() {
    let mut dashboard = Dashboard::new(scenes::green()).press("jjj");
    assert_eq!(dashboard.state.selected, resource("api"));
    dashboard.snapshot.resources = dashboard.snapshot.resources.to_vec().into_iter().rev().collect();
    let mut dashboard = dashboard.press("p");
    assert_eq!(dashboard.state.selected, resource("api"));
    let rows = dashboard.snapshot.resources.to_vec().into_iter();
    dashboard.snapshot.resources = rows.filter(|resource| resource.name.as_str() != "api").collect();
    assert_eq!(dashboard.press("").state.selected, RowId::Config);
}

#[test]
fn the_next_problem_is_found_around_the_end() {
    let dashboard = Dashboard::new(scenes::trouble()).press("<Tab>");
    assert_eq!(dashboard.state.selected, resource("api"));
    let dashboard = dashboard.press("<Tab>");
    assert_eq!(dashboard.state.selected, resource("web"));
    assert_eq!(dashboard.press("<Tab>").state.selected, resource("api"));
}

#[test]
fn a_filter_selects_among_what_it_lets_through() {
    let dashboard = Dashboard::new(scenes::trouble()).press("fWEB");
    assert_eq!(dashboard.state.selected, resource("web"));
    let dashboard = dashboard.press("<Enter>");
    assert_eq!((dashboard.state.mode, dashboard.state.filter.as_str()), (Mode::Normal, "WEB"));
    let dashboard = dashboard.press("<Esc>");
    assert_eq!(dashboard.state.filter, "");
    assert_eq!(dashboard.state.selected, resource("web"), "clearing does not move it");
    assert_eq!(Dashboard::new(scenes::trouble()).press("fdata").state.selected, resource("postgres"), "by label");
    assert_eq!(Dashboard::new(scenes::trouble()).press("fwx<Backspace>").state.filter, "w");
}

#[test]
fn a_click_selects_and_the_wheel_scrolls() {
    let mut dashboard = Dashboard::new(scenes::green()).press("");
    let rows = dashboard.state.panes().rows;
    assert!(dashboard.state.select_at(5, rows.y + 2, &dashboard.snapshot));
    assert_eq!(dashboard.state.selected, resource("migrate"));
    assert!(!dashboard.state.select_at(5, rows.y + 40, &dashboard.snapshot));
    assert_eq!(dashboard.state.wheel(5, rows.y, true), [super::Action::SelectNext]);
    let log = dashboard.state.panes().log;
    assert_eq!(dashboard.state.wheel(5, log.y, false), [super::Action::ScrollUp; 3]);
}

#[test]
fn every_scene_draws_at_every_size() {
    let scenes = [
        scenes::loading(),
        scenes::building(),
        scenes::green(),
        scenes::trouble(),
        scenes::config_error(),
        scenes::many(50),
    ];
    for snapshot in scenes {
        for keys in ["", "a", "?", "<Enter>", "jy", "/e", "f", "zW", "zz", "v", ":re", "F~(", "ssx", "jjjjo", "jd"] {
            for (width, height) in [(0, 0), (1, 1), (23, 6), (24, 5), (24, 6), (40, 10), (80, 24), (300, 90), (500, 7)]
            {
                Dashboard::new(snapshot.clone()).sized(width.max(1), height.max(1)).press(keys).frame();
            }
        }
    }
}

/// Two buttons: one that asks for everything, and one that just does it.
fn with_buttons() -> Dashboard {
    use crate::project::{Button, ButtonInput, ButtonInputKind};
    let input = |name: &str, kind: ButtonInputKind| ButtonInput { name: name.into(), label: String::new(), kind };
    let mut snapshot = scenes::green();
    let button = Button {
        name: "ask".into(),
        text: "Seed the database".into(),
        resource: Some("postgres".into()),
        disabled: false,
        requires_confirmation: true,
        inputs: vec![
            input("ROWS", ButtonInputKind::Text { default: "1".into(), placeholder: "how many".into() }),
            input(
                "DROP",
                ButtonInputKind::Boolean { default: false, true_text: "yes".into(), false_text: "no".into() },
            ),
            input("KIND", ButtonInputKind::Choice { choices: vec!["small".into(), "large".into()] }),
            input("HIDDEN", ButtonInputKind::Hidden { value: "x".into() }),
        ],
    };
    let global = Button { name: "go".into(), text: "Go".into(), resource: None, inputs: vec![], ..button.clone() };
    let global = Button { requires_confirmation: false, ..global };
    let disabled = Button { name: "off".into(), text: "Off".into(), disabled: true, ..global.clone() };
    snapshot.buttons = vec![global.into(), button.into(), disabled.into()];
    Dashboard::new(snapshot)
}

#[test]
fn buttons_are_chosen_and_their_forms_filled_in() {
    let press = |button: &str, inputs: &[(&str, &str)]| {
        let inputs = inputs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        command(Command::Press { button: button.into(), inputs })
    };
    // Nothing is asked: it is pressed at once. The configuration's row has the global ones only.
    check_requests(&with_buttons().press("b<Enter>"), &[press("go", &[])]);
    check_requests(&with_buttons().press("bj<Enter>"), &[]);
    // The resource's own come first; the global ones follow.
    check_requests(&with_buttons().press("jbj<Enter>"), &[press("go", &[])]);
    let form = [("ROWS", "1"), ("DROP", "no"), ("KIND", "small")];
    check_requests(&with_buttons().press("jb<Enter><Enter>"), &[press("ask", &form)]);
    let filled = with_buttons().press("jb<Enter>2q<Down> <Down>  <Down> <Enter>");
    check_requests(&filled, &[press("ask", &[("ROWS", "12q"), ("DROP", "yes"), ("KIND", "large")])]);
    check_requests(&with_buttons().press("jb<Enter><Backspace>x<Esc>"), &[]);
    check_requests(&Dashboard::new(scenes::green()).press("b"), &[]);
}

#[test]
fn a_form_shows_its_fields_and_what_enter_does() {
    let mut dashboard = with_buttons().press("jb");
    let frame = dashboard.frame();
    for text in ["Seed the database", "Go  (global)", "Off  (global)  (disabled)"] {
        assert!(frame.contains(text), "{text} is missing in\n{frame}");
    }
    let frame = dashboard.press("<Enter><Backspace><Down>").frame();
    for text in
        ["ROWS: how many", "DROP: [ ]", "KIND: < small >", "Press `Seed the database`?", "Enter press", "Esc leave it"]
    {
        assert!(frame.contains(text), "{text} is missing in\n{frame}");
    }
    assert!(!frame.contains("HIDDEN"), "{frame}");
}
