//! The resource table. Only the lines on the screen are made, however many resources there are.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::style::Modifier;

use super::paint::Pen;
use super::panes::Panes;
use crate::diagnostic::count;
use crate::engine::{
    ConfigState, ForwardState, ResourceSnapshot, RuntimeStatus, Snapshot, UpdateOutcome, UpdateStatus,
};
use crate::ui::health::{Health, explain, health, runtime_word, update_word};
use crate::ui::text;
use crate::ui::tui::clock::Clock;
use crate::ui::tui::rows::{Row, RowId, rows};
use crate::ui::tui::state::ViewState;
use crate::ui::tui::theme::Theme;

/// How wide each column is; 0 for those that there is no room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Columns {
    name: usize,
    update: usize,
    runtime: usize,
    age: usize,
    restarts: usize,
    ports: usize,
    recent: usize,
}

/// Marker, symbol and blanks before the name.
const LEFT: usize = 4;

/// So many of the newest updates are drawn.
const RECENT: usize = 8;

/// What the last column, which says why, needs before others are shown.
const WHY: usize = 24;

impl Columns {
    /// Adds columns in the order of their worth, as long as there is room.
    fn new(snapshot: &Snapshot, width: usize) -> Self {
        let longest = |text: &dyn Fn(&ResourceSnapshot) -> String| {
            snapshot.resources.iter().map(|resource| text::width(&text(resource))).max().unwrap_or(0)
        };
        let config = text::width(&config_name(snapshot)).max(8);
        let name = longest(&|resource| resource.name.to_string()).clamp(config, (width / 4).max(config));
        let mut room = width.saturating_sub(LEFT + name + 1 + WHY);
        let mut take = |wanted: usize| {
            let fits = room > wanted;
            if fits {
                room -= wanted + 1;
            }
            if fits { wanted } else { 0 }
        };
        let update = take(10);
        let runtime = take(longest(&|resource| runtime_word(resource)).clamp(7, 20));
        let ports = longest(&ports).min(24);
        let ports = if ports > 0 { take(ports.max(5)) } else { 0 };
        let age = take(4);
        let has_restarts = snapshot.resources.iter().any(|resource| restarts(resource) > 0);
        let restarts = if has_restarts { take(3) } else { 0 };
        let recent = snapshot.resources.iter().map(|resource| resource.history.len()).max().unwrap_or(0).min(RECENT);
        // A single update is told by the column UPDATE; why something waits is worth more than what was.
        let wanted = recent.max("RECENT".len());
        let recent = if recent > 1 && room > wanted + WHY { wanted } else { 0 };
        Self { name, update, runtime, age, restarts, ports, recent }
    }
}

pub(super) fn draw(
    buffer: &mut Buffer,
    panes: &Panes,
    snapshot: &Snapshot,
    state: &ViewState,
    theme: &Theme,
    clock: Clock,
) {
    let columns = Columns::new(snapshot, usize::from(panes.rows.width));
    let mut pen = Pen::new(buffer, panes.columns, 0);
    pen.put(&" ".repeat(LEFT), theme.plain);
    let heading = theme.dim;
    let titles = [
        ("RESOURCE", columns.name),
        ("UPDATE", columns.update),
        ("RUNTIME", columns.runtime),
        ("PORTS", columns.ports),
        ("AGE", columns.age),
        ("RST", columns.restarts),
        ("RECENT", columns.recent),
    ];
    for (title, width) in titles.into_iter().filter(|(_, width)| *width > 0) {
        pen.column(title, width + 1, heading);
    }
    pen.put(if columns.update > 0 { "" } else { "STATUS" }, heading);

    let rows = rows(snapshot, state);
    let shown = rows.iter().skip(state.table_offset).take(usize::from(panes.rows.height));
    for (line, row) in shown.enumerate() {
        let mut pen = Pen::new(buffer, panes.rows, line as u16);
        match row {
            Row::Config => draw_config(&mut pen, columns, snapshot, state, theme),
            Row::Group(label) => {
                pen.put(&format!("  {} {label} ", theme.rule().repeat(2)), theme.dim);
            }
            Row::Resource(resource) => draw_resource(&mut pen, columns, resource, state, theme, clock),
        }
    }
    if rows.is_empty() {
        let text = format!("    no resource has `{}` in its name or labels", state.filter);
        Pen::new(buffer, panes.rows, 0).put(&text, theme.dim);
    }
    let below = rows.len().saturating_sub(state.table_offset + usize::from(panes.rows.height));
    if (below > 0 || state.table_offset > 0) && panes.columns.height > 0 {
        let text = format!(" {} above, {below} below ", state.table_offset);
        Pen::new(buffer, panes.columns, 0).align_right(text::width(&text)).put(&text, theme.dim);
    }
}

fn draw_start(pen: &mut Pen<'_>, columns: Columns, name: &str, health: Health, selected: bool, theme: &Theme) {
    let marker = if selected { theme.marker() } else { " " };
    pen.put(marker, theme.title).put(" ", theme.plain);
    pen.put(theme.symbol(health), theme.health(health)).put(" ", theme.plain);
    let style = match health {
        _ if selected => theme.selected.patch(theme.bold),
        Health::Failed => theme.health(health),
        Health::Disabled => theme.dim,
        Health::Working | Health::Waiting | Health::Starting | Health::Ok | Health::Idle => theme.plain,
    };
    pen.column(name, columns.name, style).put(" ", theme.plain);
}

fn draw_resource(
    pen: &mut Pen<'_>,
    columns: Columns,
    resource: &ResourceSnapshot,
    state: &ViewState,
    theme: &Theme,
    clock: Clock,
) {
    let health = health(resource);
    let selected = matches!(&state.selected, RowId::Resource(name) if *name == resource.name);
    draw_start(pen, columns, resource.name.as_str(), health, selected, theme);
    let mut cell = |text: &str, width: usize, style| {
        if width > 0 {
            pen.column(text, width, style).put(" ", theme.plain);
        }
    };
    let update_style = match resource.update {
        UpdateStatus::Error => theme.error,
        UpdateStatus::InProgress => theme.health(Health::Working),
        UpdateStatus::Pending => theme.warning,
        UpdateStatus::Ok | UpdateStatus::None | UpdateStatus::NotApplicable => theme.dim,
    };
    cell(&update_cell(resource, clock), columns.update, update_style);
    let runtime_style = match resource.runtime {
        RuntimeStatus::Ok => theme.good,
        RuntimeStatus::Error => theme.error,
        RuntimeStatus::Pending | RuntimeStatus::Unknown => theme.warning,
        RuntimeStatus::None | RuntimeStatus::NotApplicable => theme.dim,
    };
    cell(&runtime_word(resource), columns.runtime, runtime_style);
    cell(&ports(resource), columns.ports, theme.link);
    cell(&age(resource, clock).map(text::age).unwrap_or_default(), columns.age, theme.dim);
    let restarts = restarts(resource);
    let restarts = if restarts > 0 { restarts.to_string() } else { String::new() };
    cell(&restarts, columns.restarts, theme.warning);
    if columns.recent > 0 {
        let updates: Vec<_> = resource.history.iter().take(RECENT).rev().collect();
        let longest = updates.iter().map(|it| it.finished.since(it.started)).max().unwrap_or_default();
        for update in &updates {
            let (symbol, style) = match &update.outcome {
                UpdateOutcome::Ok => (theme.level(update.finished.since(update.started), longest), theme.good),
                UpdateOutcome::Failed(_) => (theme.symbol(Health::Failed), theme.error),
                UpdateOutcome::Cancelled(_) => (theme.dot(), theme.dim),
            };
            pen.put(symbol, style);
        }
        pen.put(&" ".repeat(columns.recent + 1 - updates.len()), theme.plain);
    }

    let mut why = explain(resource);
    if columns.update == 0 && why.is_empty() {
        why = if columns.runtime == 0 { short_status(resource) } else { String::new() };
    }
    if let (Some(current), true) = (&resource.current, columns.update == 0) {
        why = format!("{} {why}", text::duration(clock.session.since(current.started)));
    }
    let why_style = match health {
        Health::Failed => theme.error,
        Health::Working => theme.plain,
        Health::Waiting | Health::Starting => theme.warning,
        Health::Ok | Health::Idle | Health::Disabled => theme.dim,
    };
    let forward_failed = resource.forwards.iter().any(|forward| matches!(forward.state, ForwardState::Failed(_)));
    pen.put(&why, if forward_failed && health == Health::Ok { theme.warning } else { why_style });
}

fn draw_config(pen: &mut Pen<'_>, columns: Columns, snapshot: &Snapshot, state: &ViewState, theme: &Theme) {
    let config = &snapshot.config;
    let errors = config.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let warnings = config.diagnostics.len() - errors;
    let (health, word) = match config.state {
        ConfigState::Loading => (Health::Working, "loading"),
        ConfigState::Loaded => (Health::Ok, "ok"),
        ConfigState::Failed => (Health::Failed, "failed"),
    };
    draw_start(pen, columns, &config_name(snapshot), health, state.selected == RowId::Config, theme);
    if columns.update > 0 {
        let style = if health == Health::Ok { theme.dim } else { theme.health(health) };
        let took = config.duration.filter(|_| health == Health::Ok).map(text::duration).unwrap_or_default();
        pen.column(format!("{word} {took}").trim_end(), columns.update, style).put(" ", theme.plain);
    }
    for width in [columns.runtime, columns.ports, columns.age, columns.restarts].into_iter().filter(|width| *width > 0)
    {
        pen.column("", width + 1, theme.plain);
    }
    let first = config.diagnostics.iter().find(|diagnostic| diagnostic.is_error() == (errors > 0));
    let (text, style) = match (errors, warnings) {
        (0, 0) if columns.update == 0 => (word.to_owned(), theme.dim),
        (0, 0) => (String::new(), theme.plain),
        (0, warnings) => (count(warnings, "warning"), theme.warning),
        (errors, _) => (count(errors, "error"), theme.error),
    };
    pen.put(&text, style);
    if let Some(first) = first {
        pen.put(": ", style).put(&text::one_line(&first.message), style.remove_modifier(Modifier::BOLD));
    }
}

fn config_name(snapshot: &Snapshot) -> String {
    let name = snapshot.entry_file.file_name().map_or("Devfile".into(), |name| name.to_string_lossy());
    format!("({name})")
}

fn update_cell(resource: &ResourceSnapshot, clock: Clock) -> String {
    let word = update_word(resource);
    match (&resource.current, resource.history.first()) {
        (Some(current), _) => text::duration(clock.session.since(current.started)),
        (None, Some(last)) if resource.update == UpdateStatus::Ok => {
            format!("{word} {}", text::duration(last.finished.since(last.started)))
        }
        _ => word.to_owned(),
    }
}

/// One or two words where there is room for no more.
fn short_status(resource: &ResourceSnapshot) -> String {
    let runtime = runtime_word(resource);
    if runtime == "-" { update_word(resource).to_owned() } else { runtime }
}

/// How old the pod is, or what a local resource did last.
pub(in crate::ui::tui) fn age(resource: &ResourceSnapshot, clock: Clock) -> Option<Duration> {
    match (&resource.pod, resource.history.first()) {
        (Some(pod), _) => Some(clock.age_of(pod.created)),
        (None, Some(last)) => Some(clock.session.since(last.finished)),
        (None, None) => None,
    }
}

fn restarts(resource: &ResourceSnapshot) -> u32 {
    resource.pod.as_ref().map_or(0, |pod| pod.restarts)
}

/// Local ports, `8080 9229`; those that could not be opened with a mark.
fn ports(resource: &ResourceSnapshot) -> String {
    let ports = resource.forwards.iter().map(|forward| match forward.state {
        ForwardState::Pending | ForwardState::Listening => format!(":{}", forward.local),
        ForwardState::Failed(_) => format!(":{}!", forward.local),
    });
    let mut ports = ports.collect::<Vec<_>>().join(" ");
    if ports.is_empty() && !resource.links.is_empty() {
        ports = count(resource.links.len(), "link");
    }
    ports
}
