//! All about one resource, or about the configuration.

use ratatui::text::{Line, Span};

use super::paint::line_of;
use super::popup::Popup;
use super::resources::age;
use crate::diagnostic::count;
use crate::engine::{ForwardState, ResourceKind, ResourceSnapshot, Snapshot, UpdateKind, UpdateOutcome, UpdateReason};
use crate::project::TriggerMode;
use crate::ui::health::{explain, health, runtime_word, update_word};
use crate::ui::text;
use crate::ui::tui::ansi::{glyphs, wrap};
use crate::ui::tui::clock::Clock;
use crate::ui::tui::state::ViewState;
use crate::ui::tui::theme::Theme;

/// Columns of the names of facts.
const NAME: usize = 10;

struct Sheet<'a> {
    lines: Vec<Line<'static>>,
    theme: &'a Theme,
    room: usize,
}

impl Sheet<'_> {
    /// A fact: its name once, its text wrapped beside it.
    fn fact(&mut self, name: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        for (index, line) in text::wrap(text, self.room.saturating_sub(NAME).max(10)).into_iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            self.lines.push(Line::from(vec![Span::styled(text::pad(name, NAME), self.theme.dim), Span::raw(line)]));
        }
    }

    /// Facts of one kind, each on a line of its own.
    fn facts(&mut self, name: &str, texts: impl IntoIterator<Item = String>) {
        for (index, text) in texts.into_iter().enumerate() {
            self.fact(if index == 0 { name } else { "" }, &text);
        }
    }
}

pub(super) fn popup(snapshot: &Snapshot, state: &ViewState, theme: &Theme, clock: Clock, room: usize) -> Popup {
    let mut sheet = Sheet { lines: Vec::new(), theme, room };
    let title = if let Some(resource) = state.selected_resource(snapshot) {
        of_resource(resource, snapshot, clock, &mut sheet);
        format!(" {} ", resource.name)
    } else {
        of_config(snapshot, state, &mut sheet);
        " configuration ".to_owned()
    };
    Popup { title, lines: sheet.lines }
}

fn of_resource(resource: &ResourceSnapshot, snapshot: &Snapshot, clock: Clock, sheet: &mut Sheet<'_>) {
    let theme = sheet.theme;
    let health = health(resource);
    sheet.lines.push(Line::from(vec![
        Span::styled(format!("{} ", theme.symbol(health)), theme.health(health)),
        Span::raw(format!("update {}, runtime {}", update_word(resource), runtime_word(resource))),
    ]));
    if resource.enabled {
        sheet.fact("why", &explain(resource));
    }
    if let Some(current) = &resource.current {
        let since = text::duration(clock.session.since(current.started));
        sheet.fact("now", &format!("{}, since {since} ({})", current.step, reasons(&current.reasons)));
    } else if !resource.reasons.is_empty() {
        sheet.fact("next", &reasons(&resource.reasons));
    }
    let kind = match resource.kind {
        ResourceKind::Kubernetes => "Kubernetes objects",
        ResourceKind::Local => "local command",
        ResourceKind::Compose => "Compose service",
    };
    let mode = match resource.trigger_mode {
        TriggerMode::Auto => "updates on changes",
        TriggerMode::Manual => "updates when triggered",
    };
    sheet.fact("kind", &format!("{kind}, {mode}"));
    sheet.fact("labels", &resource.labels.join(", "));
    if let Some(pod) = &resource.pod {
        let restarts = count(pod.restarts as usize, "restart");
        let age = age(resource, clock).map(text::age).unwrap_or_default();
        sheet.fact("pod", &format!("{}/{}, {}, {restarts}, {age} old", pod.namespace, pod.name, pod.status));
    }
    if resource.pods > 1 {
        sheet.fact("pods", &format!("{} of {} ready", resource.ready_pods, resource.pods));
    }
    if let Some(pid) = resource.pid {
        sheet.fact("process", &pid.to_string());
    }
    sheet.facts(
        "forwards",
        resource.forwards.iter().map(|forward| {
            let state = match &forward.state {
                ForwardState::Pending => "not open yet".to_owned(),
                ForwardState::Listening => "open".to_owned(),
                ForwardState::Failed(reason) => format!("failed: {reason}"),
            };
            let name = if forward.name.is_empty() { String::new() } else { format!("{}: ", forward.name) };
            let to = if forward.container > 0 { format!(" to port {}", forward.container) } else { String::new() };
            format!("{name}{}{to}, {state}", forward.url)
        }),
    );
    sheet.facts(
        "links",
        resource.links.iter().map(|link| match link.name.as_str() {
            "" => link.address(),
            name => format!("{name}: {}", link.address()),
        }),
    );
    sheet.facts("images", resource.images.iter().map(ToString::to_string));
    sheet.facts(
        "needs",
        resource.resource_deps.iter().map(|name| {
            match snapshot.resources.iter().find(|resource| resource.name == *name) {
                Some(needed) => format!("{} {name} {}", theme.symbol(self::health(needed)), explain(needed)),
                None => name.to_string(),
            }
        }),
    );
    let more = resource.pending_file_count.saturating_sub(resource.pending_files.len());
    let files = resource.pending_files.iter().map(|path| path.display().to_string());
    sheet.facts("changed", files.chain((more > 0).then(|| format!("and {}", count(more, "more file")))));
    if !resource.history.is_empty() {
        sheet.lines.push(Line::default());
    }
    sheet.facts(
        "updates",
        resource.history.iter().map(|record| {
            let kind = match record.kind {
                UpdateKind::Full => "full",
                UpdateKind::Live => "live",
            };
            let outcome = match &record.outcome {
                UpdateOutcome::Ok => "ok".to_owned(),
                UpdateOutcome::Failed(reason) => format!("failed: {reason}"),
                UpdateOutcome::Cancelled(reason) => format!("cancelled: {reason}"),
            };
            let ago = text::age(clock.session.since(record.finished));
            let took = text::duration(record.finished.since(record.started));
            let files = if record.files > 0 { format!(", {}", count(record.files, "file")) } else { String::new() };
            let rebuild =
                record.rebuild_reason.as_ref().map_or(String::new(), |why| format!("; no live update: {why}"));
            format!("{ago} ago, {kind}, {took}, {}{files}: {outcome}{rebuild}", reasons(&record.reasons))
        }),
    );
}

fn of_config(snapshot: &Snapshot, state: &ViewState, sheet: &mut Sheet<'_>) {
    sheet.fact("file", &snapshot.entry_file.display().to_string());
    sheet.fact("loaded", &count(snapshot.config.loads as usize, "time"));
    if let Some(duration) = snapshot.config.duration {
        sheet.fact("took", &text::duration(duration));
    }
    if let Some(context) = &snapshot.context {
        sheet.fact("context", context);
        sheet.fact("namespace", snapshot.namespace.as_deref().unwrap_or("default"));
    }
    sheet.lines.push(Line::default());
    let (theme, room) = (sheet.theme, sheet.room);
    let rows = state.config.all().flat_map(|line| wrap(glyphs(line, theme.plain, theme.depth), room));
    sheet.lines.extend(rows.map(|row| line_of(&row)));
}

fn reasons(reasons: &[UpdateReason]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
