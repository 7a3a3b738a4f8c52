//! What a session answers, as types: what `--json` prints, and what its schemas in `docs/schemas` are made from.

mod detail;
mod log;
mod outcome;
mod resource;
mod session;

pub use detail::{
    ConditionAnswer, ContainerAnswer, DescribeAnswer, DetailAnswer, ImageAnswer, LiveAnswer, ObjectAnswer,
    PodDetailAnswer, SyncAnswer,
};
pub use log::LogAnswer;
pub use outcome::{
    ActAnswer, ArgsAnswer, DetachAnswer, ExecAnswer, FailureAnswer, MissedAnswer, PortOfAnswer, TimelineAnswer,
    WaitAnswer,
};
pub use resource::{
    CurrentAnswer, LinkAnswer, PodAnswer, PortAnswer, RecordAnswer, ResourceAnswer, StepRecordAnswer, WaitsAnswer,
    WhyAnswer,
};
pub use session::{ConfigAnswer, ConnectionAnswer, ProblemAnswer, StatusAnswer};
