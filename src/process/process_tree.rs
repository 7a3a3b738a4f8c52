//! The processes below a process, and those that carry a mark, as `/proc` shows them.

use std::collections::HashMap;
use std::fs;

use rustix::process::Pid;

/// All living descendants of `root`, without it. A process that has ended and waits to be reaped is none.
pub(super) fn descendants(root: Pid) -> Vec<Pid> {
    let mut children: HashMap<i32, Vec<(i32, bool)>> = HashMap::new();
    for pid in process_ids() {
        if let Some((parent, ended)) = parent_and_state(pid) {
            children.entry(parent).or_default().push((pid, ended));
        }
    }
    let mut found = Vec::new();
    let mut waiting = vec![root.as_raw_nonzero().get()];
    while let Some(parent) = waiting.pop() {
        for (pid, ended) in children.remove(&parent).unwrap_or_default() {
            waiting.push(pid);
            if !ended {
                found.extend(Pid::from_raw(pid));
            }
        }
    }
    found
}

/// All living processes that were started with `NAME=value` in their environment.
pub(super) fn marked(name: &str, value: &str) -> Vec<Pid> {
    let mark = format!("{name}={value}");
    process_ids()
        .filter(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes())
        })
        .filter(|pid| parent_and_state(*pid).is_some_and(|(_, ended)| !ended))
        .filter_map(Pid::from_raw)
        .collect()
}

fn process_ids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// From `/proc/PID/stat`: `PID (NAME) STATE PARENT …`, where NAME may hold anything.
fn parent_and_state(pid: i32) -> Option<(i32, bool)> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    let ended = matches!(fields.next()?, "Z" | "X");
    Some((fields.next()?.parse().ok()?, ended))
}
