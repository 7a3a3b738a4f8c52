//! Why a resource waits or fails, followed through what it waits for.

use ratatui::text::{Line, Span};

use super::popup::Popup;
use crate::engine::{Hold, ResourceSnapshot, Snapshot};
use crate::project::ResourceName;
use crate::ui::health::{Health, explain, health};
use crate::ui::text;
use crate::ui::tui::state::ViewState;
use crate::ui::tui::theme::Theme;

/// How far a chain is followed.
const MAX_DEPTH: usize = 8;

pub(super) fn popup(snapshot: &Snapshot, state: &ViewState, theme: &Theme, room: usize) -> Popup {
    let mut lines = Vec::new();
    match state.selected_resource(snapshot) {
        Some(resource) => follow(resource, snapshot, theme, room, 0, &mut Vec::new(), &mut lines),
        None => lines.push(Line::from("select a resource first")),
    }
    Popup { title: " why ".to_owned(), lines }
}

fn follow(
    resource: &ResourceSnapshot,
    snapshot: &Snapshot,
    theme: &Theme,
    room: usize,
    depth: usize,
    seen: &mut Vec<ResourceName>,
    lines: &mut Vec<Line<'static>>,
) {
    let health = health(resource);
    let state = match health {
        Health::Failed => "has failed",
        Health::Working => "is being updated",
        Health::Waiting => "waits",
        Health::Starting => "is not ready yet",
        Health::Ok => "is well",
        Health::Idle => "has not been asked for",
        Health::Disabled => "is disabled",
    };
    let indent = "  ".repeat(depth);
    lines.push(Line::from(vec![
        Span::raw(indent.clone()),
        Span::styled(theme.symbol(health), theme.health(health)),
        Span::raw(" "),
        Span::styled(resource.name.to_string(), theme.bold),
        Span::raw(format!(" {state}")),
    ]));
    let reason = explain(resource);
    if !reason.is_empty() && health != Health::Disabled {
        let wrapped = text::wrap(&reason, room.saturating_sub(indent.len() + 2));
        lines.extend(wrapped.into_iter().map(|line| Line::from(format!("{indent}  {line}"))));
    }
    if seen.contains(&resource.name) || depth >= MAX_DEPTH {
        return;
    }
    seen.push(resource.name.clone());
    let names = match &resource.hold {
        Some(Hold::WaitingForDependencies(names) | Hold::MustRunAlone(names)) => names.as_slice(),
        Some(Hold::WaitingForLocal(name)) => std::slice::from_ref(name),
        _ => &[],
    };
    for next in names.iter().filter_map(|name| snapshot.resources.iter().find(|resource| resource.name == *name)) {
        follow(next, snapshot, theme, room, depth + 1, seen, lines);
    }
}
