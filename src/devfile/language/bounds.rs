//! What ends a run that would not end by itself, or that takes everything.
//!
//! The evaluator has limits of its own, but looks at them once more when a file has ended, and that look replaces an error
//! that has a place by one that has none. So all of them are watched here, and each is told only once.

use std::cell::Cell;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::failure::Failure;
use super::memory::MemoryWatch;
use crate::diagnostic::Diagnostic;

/// How many calls and turns of loops lie between two looks of the evaluator.
const TURNS_PER_LOOK: u64 = 1_000;

/// How many calls and turns of loops a run may take: seconds of computation, a thousand times what projects need.
const MAX_TURNS: u64 = if cfg!(test) { 100_000 } else { 100_000_000 };

/// How long a run may compute, for loops whose turns are slow. What its commands take does not count.
const MAX_TIME: Duration = Duration::from_secs(20);

/// How much memory the values of one file may take, in bytes.
const MAX_HEAP_BYTES: usize = 1 << 30;

/// Why a run was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    /// By the user.
    Cancelled,
    /// The process has grown too much.
    Memory,
    /// The values of one file have.
    Values,
    /// Too many turns, or too much time.
    Turns,
}

/// The bounds of one run.
#[derive(Debug)]
pub(crate) struct Bounds {
    memory: MemoryWatch,
    started: Duration,
    looks: Cell<u64>,
    reached: Cell<Option<Limit>>,
}

impl Bounds {
    /// Those of a run that begins now on this thread.
    pub fn start() -> Self {
        Self { memory: MemoryWatch::start(), started: processor_time(), looks: Cell::new(0), reached: Cell::new(None) }
    }

    /// One look: whether the run must end because of what was found now. `heap_bytes` is what the values of the file take.
    pub fn must_end(&self, is_cancelled: bool, heap_bytes: usize) -> bool {
        if self.reached.get().is_some() {
            return false;
        }
        let looks = self.looks.get() + 1;
        self.looks.set(looks);
        let limit = if is_cancelled {
            Limit::Cancelled
        } else if self.memory.is_exceeded() {
            Limit::Memory
        } else if heap_bytes > MAX_HEAP_BYTES {
            Limit::Values
        } else if looks * TURNS_PER_LOOK > MAX_TURNS || processor_time().saturating_sub(self.started) > MAX_TIME {
            Limit::Turns
        } else {
            return false;
        };
        self.reached.set(Some(limit));
        true
    }

    /// Whether the run was ended.
    pub fn is_reached(&self) -> bool {
        self.reached.get().is_some()
    }

    /// A failure of a run in the words for what has ended the run.
    pub fn explain(&self, failure: Failure) -> Failure {
        let Some(limit) = self.reached.get() else { return failure };
        let late = "the place is where the run was some turns after it reached the limit";
        let (message, help) = match limit {
            Limit::Cancelled => ("the configuration run was cancelled", Vec::new()),
            Limit::Memory => ("the configuration takes too much memory", vec![late]),
            Limit::Values => ("the values of this file take too much memory", vec![late]),
            Limit::Turns => ("this has run for too long", vec!["a loop needs an end", late]),
        };
        let help = help.into_iter().map(str::to_owned).collect();
        Diagnostic { message: message.to_owned(), help, ..failure.into_diagnostic() }.into()
    }
}

/// How long this thread has computed.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
