//! A timeline as text: a bar per span on a common scale, and the critical path below.

use std::fmt::Write as _;
use std::time::Duration;

use super::text;
use crate::journal::{Phase, Span, Timeline};

/// The columns of a resource's name.
const NAME: usize = 16;
/// The columns of what a span is.
const WHAT: usize = 24;
/// The columns of a duration.
const TOOK: usize = 8;

/// The timeline in `columns` columns. What lies on the critical path is drawn full.
pub fn gantt(timeline: &Timeline, columns: usize) -> String {
    let bar = columns.saturating_sub(NAME + WHAT + TOOK + 5).max(10);
    let mut out = String::new();
    let started = timeline.started.with_timezone(&chrono::Local).format("%H:%M:%S%.3f");
    let _ = writeln!(
        out,
        "from {started}, {} in all; █ on the critical path, ▒ beside it, ┄ waiting",
        took(timeline.seconds)
    );
    let mut before: Option<&Span> = None;
    for span in rows(timeline) {
        // A name stands once for all rows of its resource.
        let name = match before {
            Some(before) if before.resource == span.resource => "",
            _ => span.resource.as_ref().map_or("(configuration)", |name| name.as_str()),
        };
        before = Some(span);
        let what = match span.phase {
            Phase::Config => "evaluated".to_owned(),
            Phase::Waiting => text::one_line(&span.text).into_owned(),
            Phase::Update => format!("update: {}", span.text),
            Phase::Step => format!("  {}", text::one_line(&span.text)),
            Phase::Starting => "starting".to_owned(),
        };
        let end = span.end.unwrap_or(timeline.seconds);
        let mark = match (span.failed, span.end) {
            (true, _) => "✖",
            (false, None) => "…",
            (false, Some(_)) => " ",
        };
        let _ = writeln!(
            out,
            "{} {} {} {mark}{}",
            text::pad(name, NAME),
            text::pad(&what, WHAT),
            text::pad_left(&took(end - span.start), TOOK),
            draw(span, end, timeline.seconds, bar)
        );
    }
    let path = timeline.critical_path_text(took);
    if !path.is_empty() {
        let _ = writeln!(out, "critical path: {path}");
    }
    out
}

/// The spans of each resource together, resources in the order in which they begin.
fn rows(timeline: &Timeline) -> Vec<&Span> {
    let mut order = Vec::new();
    for span in &timeline.spans {
        if !order.contains(&&span.resource) {
            order.push(&span.resource);
        }
    }
    order.iter().flat_map(|name| timeline.spans.iter().filter(move |span| span.resource == **name)).collect()
}

fn draw(span: &Span, end: f64, total: f64, columns: usize) -> String {
    let scale = if total > 0.0 { columns as f64 / total } else { 0.0 };
    let first = ((span.start * scale) as usize).min(columns - 1);
    // Everything is seen, however short it was.
    let last = ((end * scale).ceil() as usize).clamp(first + 1, columns);
    let fill = match (span.phase, span.critical) {
        (Phase::Waiting, _) => "┄",
        (_, true) => "█",
        (Phase::Step, false) => "░",
        (_, false) => "▒",
    };
    format!("{}{}", " ".repeat(first), fill.repeat(last - first))
}

fn took(seconds: f64) -> String {
    let duration = Duration::from_secs_f64(seconds.max(0.0));
    // What devloop is about is below a tenth of a second.
    if duration < Duration::from_secs(1) { format!("{}ms", duration.as_millis()) } else { text::duration(duration) }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::journal::{Entry, Happening};
    use crate::project::ResourceName;

    fn at(milliseconds: i64, happening: Happening) -> Entry {
        let start = DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
        Entry { cursor: 0, time: start + chrono::TimeDelta::milliseconds(milliseconds), happening }
    }

    #[test]
    fn each_resource_has_its_rows_and_the_path_is_drawn_full() {
        let resource = || ResourceName::new("web");
        let entries = [
            at(0, Happening::ConfigLoading),
            at(100, Happening::ConfigLoaded { seconds: 0.1, warnings: 0 }),
            at(100, Happening::UpdateStarted { resource: resource(), reasons: vec!["Initial Build".to_owned()] }),
            at(100, Happening::Step { resource: resource(), step: "building web".to_owned() }),
            at(
                1000,
                Happening::UpdateFinished {
                    resource: resource(),
                    kind: "full".to_owned(),
                    outcome: "failed".to_owned(),
                    error: None,
                    reasons: vec![],
                    rebuild_reason: None,
                    files: 0,
                    seconds: 0.9,
                },
            ),
        ];
        let text = gantt(&Timeline::of(&entries).expect("there are spans"), 73);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "(configuration)  evaluated                   100ms  ██",
                "web              update: Initial Build       900ms ✖  ██████████████████",
                "                   building web              900ms ✖  ░░░░░░░░░░░░░░░░░░",
                "critical path: configuration 100ms → web 900ms",
            ]
        );
    }
}
