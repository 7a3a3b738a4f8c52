//! A timeline in the trace event format, which Perfetto and the browsers' own viewers open.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::timeline::{Phase, Timeline};

/// The timeline as trace events: a track per resource, steps below their update.
///
/// The format: "Trace Event Format", complete events (`ph: X`), times in microseconds.
pub fn trace(timeline: &Timeline) -> Value {
    let mut tracks: HashMap<Option<&str>, usize> = HashMap::new();
    let mut events = Vec::new();
    for span in &timeline.spans {
        let resource = span.resource.as_ref().map(crate::project::ResourceName::as_str);
        let count = tracks.len();
        let track = *tracks.entry(resource).or_insert_with(|| {
            events.push(json!({
                "name": "thread_name", "ph": "M", "pid": 1, "tid": count,
                "args": {"name": resource.unwrap_or("configuration")},
            }));
            count
        });
        let end = span.end.unwrap_or(timeline.seconds);
        events.push(json!({
            "name": match span.phase {
                Phase::Config | Phase::Step => span.text.as_str(),
                Phase::Waiting => "waiting",
                Phase::Update => "update",
                Phase::Starting => "starting",
            },
            "cat": span.phase,
            "ph": "X",
            "pid": 1,
            "tid": track,
            "ts": microseconds(span.start),
            "dur": microseconds(end - span.start),
            "args": {"text": span.text, "failed": span.failed, "critical": span.critical},
        }));
    }
    json!({"displayTimeUnit": "ms", "traceEvents": events})
}

fn microseconds(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1e6).round() as u64
}
