//! What a run takes of the machine's memory. The starlark crate counts most of what values take, but not the storage of
//! dicts and sets; so the whole process is watched as well.

/// By how much the process may grow while a configuration runs, in bytes.
const MAX_GROWTH: u64 = if cfg!(test) { 64 << 20 } else { 2 << 30 };

/// The size of a page, in bytes, where the kernel counts in pages. Larger pages make the limit larger, not wrong.
const PAGE_BYTES: u64 = 4096;

/// Watches the size of the process since the start of a run.
#[derive(Debug)]
pub(crate) struct MemoryWatch {
    at_start: Option<u64>,
}

impl MemoryWatch {
    /// Starts to watch.
    pub fn start() -> Self {
        Self { at_start: resident_bytes() }
    }

    /// Whether the process has grown too much by now. The evaluator asks every thousand calls and turns of loops.
    pub fn is_exceeded(&self) -> bool {
        let grown = self.at_start.zip(resident_bytes()).map(|(start, now)| now.saturating_sub(start));
        grown.is_some_and(|grown| grown > MAX_GROWTH)
    }
}

/// The memory of this process, on systems that tell it by a file.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE_BYTES)
}
