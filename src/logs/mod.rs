//! The log store: one writer side that every edge can clone a [`LogSink`] from, many readers, bounded memory.
//!
//! What is stored can be shown on any terminal: control sequences are dropped and secrets are masked when a line
//! is written. The engine never sees a log line (`docs/decisions/0002-logs-beside-the-engine.md`).

mod filter;
mod line;
mod log_lines;
mod log_position;
mod masker;
mod reader;
mod sanitize;
mod store;

pub use filter::{LogFilter, Producer};
pub use line::{Level, LogLine, LogSource};
pub(crate) use log_lines::{LineSplitter, TimedLine};
pub(crate) use log_position::LogPosition;
pub use reader::LogReader;
pub use sanitize::strip_colors;
pub use store::{LogSink, LogStore};
