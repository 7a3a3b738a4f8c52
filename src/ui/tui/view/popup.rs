//! What is open above the rest of the screen: a framed text in the middle.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Widget as _};

use super::{buttons, details, help, palette, stopping, timeline, why};
use crate::engine::Snapshot;
use crate::ui::text;
use crate::ui::tui::clock::Clock;
use crate::ui::tui::state::{Mode, ViewState};
use crate::ui::tui::theme::Theme;

/// A framed text.
pub(super) struct Popup {
    pub(super) title: String,
    pub(super) lines: Vec<Line<'static>>,
}

/// The frame of a terminal that has no line drawing.
const ASCII: border::Set<'_> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// How many rows of what is open are out of sight; 0 when nothing is open.
pub(in crate::ui::tui) fn rows_hidden(screen: Rect, snapshot: &Snapshot, state: &ViewState, clock: Clock) -> usize {
    let theme = Theme::new(crate::ui::ColorDepth::None, false);
    let popup = popup(screen, snapshot, state, &theme, clock);
    popup
        .map_or(0, |popup| popup.lines.len().saturating_sub(usize::from(area(screen, &popup).height.saturating_sub(2))))
}

pub(super) fn draw(
    buffer: &mut Buffer,
    screen: Rect,
    snapshot: &Snapshot,
    state: &ViewState,
    theme: &Theme,
    clock: Clock,
) {
    let Some(popup) = popup(screen, snapshot, state, theme, clock) else { return };
    let area = area(screen, &popup);
    Clear.render(area, buffer);
    // A wide character that the frame cuts in two would hide the frame.
    for y in area.top()..area.bottom() {
        if let Some(cell) = area.x.checked_sub(1).and_then(|x| buffer.cell_mut((x, y)))
            && text::width(cell.symbol()) > 1
        {
            cell.set_symbol(" ");
        }
    }
    let hidden = popup.lines.len().saturating_sub(usize::from(area.height.saturating_sub(2)));
    let mut block = Block::bordered().border_style(theme.title).title(Span::styled(popup.title, theme.bold));
    block = block.border_set(if theme.is_ascii() { ASCII } else { border::ROUNDED });
    if hidden > 0 {
        block = block.title_bottom(format!(" {} more ", hidden.saturating_sub(state.popup_row)));
    }
    let inner = block.inner(area);
    block.render(area, buffer);
    for (index, line) in popup.lines.iter().skip(state.popup_row).take(usize::from(inner.height)).enumerate() {
        line.render(
            Rect { y: inner.y + index as u16, x: inner.x + 1, height: 1, width: inner.width.saturating_sub(2) },
            buffer,
        );
    }
}

/// What is open.
fn popup(screen: Rect, snapshot: &Snapshot, state: &ViewState, theme: &Theme, clock: Clock) -> Option<Popup> {
    let room = usize::from(screen.width).saturating_sub(8).clamp(10, 100);
    if let Some(popup) = stopping::popup(snapshot, state, theme) {
        return Some(popup);
    }
    match state.mode {
        Mode::Normal | Mode::Filter | Mode::Search | Mode::LogFilter => None,
        Mode::Palette => Some(palette::popup(screen, snapshot, state, theme)),
        Mode::Timeline => Some(timeline::popup(screen, state, theme)),
        Mode::Help => Some(help::popup(screen, theme)),
        Mode::Details => Some(details::popup(snapshot, state, theme, clock, room)),
        Mode::Why => Some(why::popup(snapshot, state, theme, room)),
        Mode::Buttons => Some(buttons::list(snapshot, state, theme)),
        Mode::Form => buttons::form(state, theme),
        Mode::Open => Some(links(snapshot, state, theme)),
        Mode::ConfirmDisable => {
            let name = state.selected_resource(snapshot).map_or("it", |resource| resource.name.as_str());
            let question = format!("Disable {name}? Its objects are deleted and its processes stopped.");
            let mut lines: Vec<Line<'static>> = text::wrap(&question, room).into_iter().map(Line::from).collect();
            lines.push(Line::default());
            lines.push(Line::from(vec![
                Span::styled("y", theme.key),
                Span::raw(" disable   "),
                Span::styled("n", theme.key),
                Span::raw(" leave it"),
            ]));
            Some(Popup { title: " disable ".to_owned(), lines })
        }
    }
}

fn links(snapshot: &Snapshot, state: &ViewState, theme: &Theme) -> Popup {
    let links = state.links(snapshot).into_iter().enumerate().map(|(index, url)| {
        let chosen = index == state.choice;
        let marker = if chosen { theme.marker() } else { " " };
        Line::from(vec![
            Span::styled(marker.to_owned(), theme.title),
            Span::raw(" "),
            Span::styled(url, if chosen { theme.selected } else { theme.link }),
        ])
    });
    Popup { title: " open ".to_owned(), lines: links.collect() }
}

/// In the middle, as large as the text needs and the screen allows.
fn area(screen: Rect, popup: &Popup) -> Rect {
    let widest = popup.lines.iter().map(Line::width).max().unwrap_or(0).max(text::width(&popup.title)) + 4;
    let width = u16::try_from(widest).unwrap_or(u16::MAX).min(screen.width);
    let height = u16::try_from(popup.lines.len() + 2).unwrap_or(u16::MAX).min(screen.height.saturating_sub(1));
    let x = screen.x + (screen.width - width) / 2;
    let y = screen.y + (screen.height.saturating_sub(1) - height) / 2;
    Rect { x, y, width, height }
}
