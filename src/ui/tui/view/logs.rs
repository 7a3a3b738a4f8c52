//! The log pane and the line above it.

use ratatui::buffer::Buffer;

use super::paint::{Pen, put_glyphs};
use super::panes::Panes;
use crate::diagnostic::count;
use crate::logs::{Level, LogSource};
use crate::ui::text;
use crate::ui::tui::log_pane::Anchor;
use crate::ui::tui::rows::RowId;
use crate::ui::tui::state::ViewState;
use crate::ui::tui::theme::Theme;

pub(super) fn draw(buffer: &mut Buffer, panes: &Panes, state: &ViewState, theme: &Theme) {
    if panes.log_title.height == 0 {
        return;
    }
    draw_title(buffer, panes, state, theme);
    let rows = state.log.window(state.line_format(), usize::from(panes.log.height), theme);
    if rows.is_empty() && panes.log.height > 0 {
        Pen::new(buffer, panes.log, 0).put(" nothing yet", theme.dim);
    }
    for (line, row) in rows.into_iter().enumerate() {
        put_glyphs(buffer, (panes.log.x, panes.log.y + line as u16), panes.log.right(), row);
    }
}

fn draw_title(buffer: &mut Buffer, panes: &Panes, state: &ViewState, theme: &Theme) {
    let whose = match &state.selected {
        RowId::Resource(name) if !state.all_logs => name.as_str(),
        RowId::Resource(_) | RowId::Config => "all resources",
    };
    let mut facts = Vec::new();
    match state.source {
        None => {}
        Some(LogSource::Build) => facts.push(("builds only".to_owned(), theme.plain)),
        Some(LogSource::Runtime) => facts.push(("programs only".to_owned(), theme.plain)),
    }
    match state.level {
        None | Some(Level::Debug | Level::Info) => {}
        Some(Level::Warn) => facts.push(("warnings and errors".to_owned(), theme.plain)),
        Some(Level::Error) => facts.push(("errors only".to_owned(), theme.plain)),
    }
    if let Some(error) = state.log.pattern_error() {
        facts.push((format!("`{}`: {error}", state.log_pattern), theme.error));
    } else if !state.log_pattern.is_empty() {
        facts.push((format!("only `{}`", state.log_pattern), theme.warning));
    }
    if let Some(search) = &state.log.search {
        let at = search.current.map_or(0, |current| search.found.partition_point(|&found| found <= current));
        let style = if search.found.is_empty() { theme.warning } else { theme.plain };
        facts.push((format!("`{}` {at}/{}", search.needle, search.found.len()), style));
    }
    match state.log.anchor {
        Anchor::End => facts.push(("following".to_owned(), theme.dim)),
        Anchor::Top { .. } => {
            let below = state.log.below(state.line_format(), usize::from(panes.log.height));
            facts.push((format!("{} below, G follows", count(below, "line")), theme.warning));
        }
    }
    let rule = theme.rule();
    let mut pen = Pen::new(buffer, panes.log_title, 0);
    pen.put(&rule.repeat(2), theme.dim).put(" ", theme.plain).put(whose, theme.bold).put(" ", theme.plain);
    pen.fill(rule, theme.dim);
    // From the right, as many as fit beside the name.
    let free = usize::from(panes.log_title.width).saturating_sub(text::width(whose) + 6);
    while facts.iter().map(|(text, _)| text::width(text) + 3).sum::<usize>() > free && facts.len() > 1 {
        facts.remove(0);
    }
    let columns = facts.iter().map(|(text, _)| text::width(text) + 3).sum::<usize>();
    if columns <= free {
        let mut pen = Pen::new(buffer, panes.log_title, 0);
        pen.align_right(columns);
        for (text, style) in facts {
            pen.put(" ", theme.plain).put(&text, style).put(" ", theme.plain).put(rule, theme.dim);
        }
    }
}
