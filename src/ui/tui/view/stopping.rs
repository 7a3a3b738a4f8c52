//! What is still being stopped.

use ratatui::text::{Line, Span};

use super::popup::Popup;
use crate::engine::{SessionPhase, Snapshot};
use crate::ui::tui::state::ViewState;
use crate::ui::tui::theme::Theme;

/// How many things are named.
const MAX_NAMED: usize = 12;

/// Shown from the moment that the end was asked for.
pub(super) fn popup(snapshot: &Snapshot, state: &ViewState, theme: &Theme) -> Option<Popup> {
    let remaining: &[String] = match &snapshot.phase {
        SessionPhase::Running if state.quitting => &[],
        SessionPhase::Running => return None,
        SessionPhase::Stopping { remaining } => remaining,
        SessionPhase::Stopped => &[],
    };
    let mut lines: Vec<Line<'static>> = Vec::new();
    if remaining.is_empty() {
        lines.push(Line::from("ending the session"));
    } else {
        lines.push(Line::from("waiting for the end of"));
        lines.extend(remaining.iter().take(MAX_NAMED).map(|what| Line::from(format!("  {what}"))));
        if remaining.len() > MAX_NAMED {
            lines.push(Line::from(format!("  and {} more", remaining.len() - MAX_NAMED)));
        }
    }
    lines.push(Line::default());
    lines.push(Line::from(vec![Span::styled("Ctrl-C", theme.key), Span::raw(" once more leaves at once")]));
    Some(Popup { title: " stopping ".to_owned(), lines })
}
