//! What a run takes of the machine's memory. The starlark crate counts most of what values take, but not the storage of
//! dicts and sets; so the whole process is watched as well.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

/// By how much the process may grow while a configuration runs, in bytes.
const MAX_GROWTH: u64 = if cfg!(test) { 64 << 20 } else { 2 << 30 };

/// The size of a page, in bytes, where the kernel counts in pages. Larger pages make the limit larger, not wrong.
const PAGE_BYTES: u64 = 4096;

/// Watches the size of the process since the start of a run.
#[derive(Debug)]
pub(crate) struct MemoryWatch {
    /// What the kernel tells of this process, on systems that tell it by a file; kept open, for it is read often.
    status: Option<File>,
    at_start: Option<u64>,
}

impl MemoryWatch {
    /// Starts to watch.
    pub fn start() -> Self {
        let status = File::open("/proc/self/statm").ok();
        let at_start = status.as_ref().and_then(resident_bytes);
        Self { status, at_start }
    }

    /// Whether the process has grown too much by now. The evaluator asks every thousand calls and turns of loops.
    pub fn is_exceeded(&self) -> bool {
        let now = self.status.as_ref().and_then(resident_bytes);
        let grown = self.at_start.zip(now).map(|(start, now)| now.saturating_sub(start));
        grown.is_some_and(|grown| grown > MAX_GROWTH)
    }
}

/// The memory of this process.
fn resident_bytes(status: &File) -> Option<u64> {
    let mut buffer = [0; 128];
    let length = status.read_at(&mut buffer, 0).ok()?;
    let text = std::str::from_utf8(&buffer[..length]).ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE_BYTES)
}
