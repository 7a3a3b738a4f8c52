//! The schemas of what `--json` prints and of what is said over the socket, made from the types.

use schemars::{JsonSchema, schema_for};
use serde_json::{Value, json};

use super::{DoctorAnswer, PruneAnswer, VersionAnswer};
use crate::control::{
    ActAnswer, ArgsAnswer, DescribeAnswer, DetachAnswer, ExecAnswer, LogAnswer, MissedAnswer, PortOfAnswer, Reply,
    Request, StatusAnswer, TimelineAnswer, WaitAnswer, WhyAnswer,
};
use crate::journal::Entry;

/// An event, or in its place how many are missing.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Event {
    Missed(MissedAnswer),
    Entry(Entry),
}

/// All schemas, by the names of their files in `docs/schemas`. Where a command prints an object per line, the schema is that of
/// a line.
pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        schema::<ActAnswer>("act"),
        schema::<ArgsAnswer>("args"),
        schema::<DescribeAnswer>("describe"),
        schema::<DetachAnswer>("detach"),
        schema::<DoctorAnswer>("doctor"),
        schema::<Event>("events"),
        schema::<ExecAnswer>("exec"),
        schema::<LogAnswer>("logs"),
        schema::<Vec<PortOfAnswer>>("ports"),
        schema::<PruneAnswer>("prune"),
        schema::<StatusAnswer>("status"),
        schema::<TimelineAnswer>("timeline"),
        schema::<VersionAnswer>("version"),
        schema::<WaitAnswer>("wait"),
        schema::<WhyAnswer>("why"),
        schema::<Request>("socket-request"),
        schema::<Reply>("socket-reply"),
    ]
}

fn schema<T: JsonSchema>(name: &'static str) -> (&'static str, Value) {
    (name, json!(schema_for!(T)))
}
