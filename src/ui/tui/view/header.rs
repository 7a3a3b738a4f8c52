//! The header: the project, where it runs, the connections, and how many resources are well.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::Pen;
use crate::engine::{Connection, Snapshot};
use crate::ui::health::Health;
use crate::ui::text;
use crate::ui::tui::rows::counts;
use crate::ui::tui::theme::Theme;

/// One line, and one more for each lost connection.
pub(super) fn height(snapshot: &Snapshot) -> u16 {
    1 + connections(snapshot).filter(|(_, connection)| matches!(connection, Connection::Lost(_))).count() as u16
}

pub(super) fn draw(buffer: &mut Buffer, area: Rect, snapshot: &Snapshot, theme: &Theme) {
    let (all, ok, failed) = counts(snapshot);
    let mut right = Vec::new();
    if failed > 0 {
        right.push((format!("{} {failed} failed", theme.symbol(Health::Failed)), theme.health(Health::Failed)));
    }
    if all > 0 {
        let style = if ok == all { theme.good } else { theme.bold };
        right.push((format!("{ok}/{all} ok"), style));
    }
    let right_columns = right.iter().map(|(text, _)| text::width(text) + 2).sum::<usize>();
    let left = Rect { width: area.width.saturating_sub(right_columns as u16), ..area };

    let mut pen = Pen::new(buffer, left, 0);
    let name = snapshot.project.as_ref().map_or("devloop", |name| name.as_str());
    pen.put(" ", theme.plain).put(name, theme.title.patch(theme.bold));
    let dot = format!(" {} ", theme.dot());
    if let Some(context) = &snapshot.context {
        let namespace = snapshot.namespace.as_deref().unwrap_or("default");
        let whole = format!("{dot}{context}/{namespace}");
        if !pen.put_whole(&whole, theme.plain) {
            pen.put_whole(&format!("{dot}{context}"), theme.plain);
        }
    }
    for (name, connection) in connections(snapshot) {
        let (symbol, style) = match connection {
            Connection::NotNeeded => continue,
            Connection::Connecting => (theme.symbol(Health::Waiting), theme.health(Health::Waiting)),
            Connection::Ok => (theme.symbol(Health::Ok), theme.health(Health::Ok)),
            Connection::Lost(_) => (theme.symbol(Health::Failed), theme.health(Health::Failed)),
        };
        let columns = text::width(&dot) + text::width(name) + 2;
        if pen.room() >= columns {
            pen.put(&dot, theme.dim).put(name, theme.plain).put(" ", theme.plain).put(symbol, style);
        }
    }

    let mut pen = Pen::new(buffer, area, 0);
    pen.align_right(right_columns);
    for (text, style) in right {
        pen.put(" ", theme.plain).put(&text, style).put(" ", theme.plain);
    }

    let mut line = 0;
    for (name, connection) in connections(snapshot) {
        if let Connection::Lost(reason) = connection {
            line += 1;
            Pen::new(buffer, area, line)
                .put(&format!(" {} {name}: ", theme.symbol(Health::Failed)), theme.health(Health::Failed))
                .put(&text::one_line(reason), theme.error);
        }
    }
}

fn connections(snapshot: &Snapshot) -> impl Iterator<Item = (&'static str, &Connection)> {
    [("docker", &snapshot.docker), ("cluster", &snapshot.cluster)].into_iter()
}
