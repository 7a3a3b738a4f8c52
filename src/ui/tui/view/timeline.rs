//! Where the time went, as bars on a common scale.

use ratatui::layout::Rect;
use ratatui::text::Line;

use super::popup::Popup;
use crate::ui::gantt::gantt;
use crate::ui::tui::state::ViewState;
use crate::ui::tui::theme::Theme;

pub(super) fn popup(screen: Rect, state: &ViewState, theme: &Theme) -> Popup {
    let room = usize::from(screen.width).saturating_sub(4).max(40);
    let mut lines: Vec<Line<'static>> = Vec::new();
    if let Some(timeline) = &state.timeline {
        for (index, line) in gantt(timeline, room).lines().enumerate() {
            let line = if theme.is_ascii() { ascii(line) } else { line.to_owned() };
            let style = match line.chars().find(|char| matches!(char, '█' | '✖' | '#' | '!')) {
                // What the bars mean.
                _ if index == 0 => theme.dim,
                Some('✖' | '!') => theme.error,
                Some(_) => theme.bold,
                None => theme.plain,
            };
            lines.push(Line::styled(line, style));
        }
    } else {
        lines.push(Line::from("nothing has happened yet"));
    }
    let other = if state.whole_timeline { "a: newest update" } else { "a: whole session" };
    Popup { title: format!(" timeline ({other}) "), lines }
}

fn ascii(line: &str) -> String {
    line.chars()
        .map(|char| match char {
            '█' => '#',
            '▒' => '=',
            '░' => '-',
            '┄' => '.',
            '✖' => '!',
            '→' => '>',
            '…' => '~',
            other => other,
        })
        .collect()
}
