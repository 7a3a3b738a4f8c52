//! What happened in a session, in order: a bounded list of small facts, found by comparing each picture of the session with the one
//! before. Streams of events, timelines and reports are made of it, so that they cannot disagree with what the screen shows.

mod difference;
mod happening;
mod journal;
mod timeline;
mod trace;

pub use difference::differences;
pub use happening::Happening;
pub use journal::{Entry, Journal, Page};
pub use timeline::{Phase, Span, Timeline};
pub use trace::trace;
