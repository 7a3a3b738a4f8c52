//! The buttons of the configuration: a list to choose from, and the form of the chosen one.

use ratatui::text::{Line, Span};

use super::popup::Popup;
use crate::engine::Snapshot;
use crate::project::ButtonInputKind;
use crate::ui::tui::state::ViewState;
use crate::ui::tui::theme::Theme;

/// The buttons that can be pressed now.
pub(super) fn list(snapshot: &Snapshot, state: &ViewState, theme: &Theme) -> Popup {
    let buttons = state.buttons(snapshot);
    let lines = buttons.iter().enumerate().map(|(index, button)| {
        let chosen = index == state.choice;
        let style = match (chosen, button.disabled) {
            (true, _) => theme.selected,
            (false, true) => theme.dim,
            (false, false) => theme.link,
        };
        let mut spans = vec![
            Span::styled(if chosen { theme.marker() } else { " " }, theme.title),
            Span::raw(" "),
            Span::styled(button.text.clone(), style),
        ];
        if button.resource.is_none() {
            spans.push(Span::styled("  (global)", theme.dim));
        }
        if button.disabled {
            spans.push(Span::styled("  (disabled)", theme.dim));
        }
        Line::from(spans)
    });
    Popup { title: " buttons ".to_owned(), lines: lines.collect() }
}

/// The form of the chosen button.
pub(super) fn form(state: &ViewState, theme: &Theme) -> Option<Popup> {
    let form = state.form.as_ref()?;
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (index, field) in form.fields.iter().enumerate() {
        let here = index == form.at;
        let value = match &field.input.kind {
            ButtonInputKind::Text { placeholder, .. } if field.value.is_empty() && !here => {
                Span::styled(placeholder.clone(), theme.dim)
            }
            ButtonInputKind::Text { .. } => {
                Span::raw(if here { format!("{}_", field.value) } else { field.value.clone() })
            }
            ButtonInputKind::Boolean { true_text, .. } => {
                Span::raw(if field.value == *true_text { "[x]" } else { "[ ]" })
            }
            ButtonInputKind::Choice { .. } => Span::raw(format!("< {} >", field.value)),
            ButtonInputKind::Hidden { .. } => Span::raw(""),
        };
        lines.push(Line::from(vec![
            Span::styled(if here { theme.marker() } else { " " }, theme.title),
            Span::raw(" "),
            Span::styled(format!("{}: ", field.label()), if here { theme.bold } else { theme.dim }),
            value,
        ]));
    }
    if form.button.requires_confirmation {
        lines.push(Line::from(format!("Press `{}`?", form.button.text)));
    }
    lines.push(Line::default());
    lines.push(Line::from(vec![
        Span::styled("Enter", theme.key),
        Span::raw(" press   "),
        Span::styled("Esc", theme.key),
        Span::raw(" leave it"),
    ]));
    Some(Popup { title: format!(" {} ", form.button.text), lines })
}
