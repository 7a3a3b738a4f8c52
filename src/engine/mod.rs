//! What is true and what to do next: a pure, synchronous state machine. Events and commands in, effects and
//! snapshots out. It never reads a clock, spawns or awaits.

mod engine;
mod attention;
mod event;
mod git;
mod command;
mod commands;
mod effect;
mod state;
mod change_log;
mod record;
mod results;
mod reload;
mod plan;
mod prune;
mod updates;
mod serve;
mod live;
mod runtime;
mod ci;
mod hold;
mod detail;
mod index;
mod pod_table;
mod tracked;
mod view;
mod snapshot;
mod status;
mod verdict;

pub use change_log::{ChangeLog, Sequence};
pub use command::{Command, Selection};
pub use detail::{ImageDetail, LastSync, LiveDetail, LiveState, ResourceDetail};
pub use effect::{ContainerKey, ContainerPlace, Effect, Step};
pub use engine::{Engine, EngineOptions, Mode, Moved};
pub use event::{
    BuiltImage, ConfigOutcome, DeployedObject, Deployment, Event, LiveError, WorkError, WorkId, WorkResult,
    compose_namespace, compose_owner,
};
pub use hold::Hold;
pub use snapshot::{
    CommandSnapshot, ConfigSnapshot, ConfigState, Connection, ForwardSnapshot, ForwardState, PodSnapshot, ResourceRows,
    ResourceSnapshot, SessionPhase, Snapshot, StepRecord, UpdateInProgress, UpdateOutcome, UpdateRecord,
};
pub use status::{ResourceKind, RuntimeStatus, SessionTime, UpdateKind, UpdateReason, UpdateStatus};
pub use verdict::Verdict;

#[cfg(test)]
mod tests;
