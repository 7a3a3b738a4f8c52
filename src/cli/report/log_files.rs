//! The whole log of each resource as a file of its own.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use crate::logs::{LogLine, LogReader, LogSource, strip_colors};
use crate::project::ResourceName;

/// Writes lines as they come until `done` is cancelled, and then all that came before it. A file that cannot be written is
/// given up: the run matters more.
pub(super) async fn write(mut reader: LogReader, dir: PathBuf, done: CancellationToken) {
    let mut next = 0;
    let mut files: HashMap<Option<ResourceName>, Option<File>> = HashMap::new();
    loop {
        // Asked before reading, so that what was written before `done` is certainly read.
        let last_turn = done.is_cancelled();
        let mut texts: HashMap<Option<ResourceName>, String> = HashMap::new();
        for line in reader.since(next) {
            if line.sequence > next {
                let lost = line.sequence - next;
                let text = texts.entry(None).or_default();
                let _ = writeln!(text, "WARNING: {lost} lines of log came faster than they could be written");
            }
            next = line.sequence + 1;
            format_line(&line, texts.entry(line.resource.clone()).or_default());
        }
        for (resource, text) in texts {
            let file = files.entry(resource).or_insert_with_key(|resource| open(&dir, resource.as_ref()).ok());
            if let Some(open) = file
                && open.write_all(text.as_bytes()).is_err()
            {
                *file = None;
            }
        }
        if last_turn {
            return;
        }
        tokio::select! {
            () = reader.changed() => {}
            () = done.cancelled() => {}
        }
    }
}

fn open(dir: &Path, resource: Option<&ResourceName>) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(dir.join(file_name(resource)))
}

/// A name that is one on every system and of one resource only.
fn file_name(resource: Option<&ResourceName>) -> String {
    let Some(resource) = resource else { return "devloop.log".to_owned() };
    let mut name = String::new();
    for byte in resource.as_str().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => name.push(char::from(byte)),
            other => {
                let _ = write!(name, "%{other:02X}");
            }
        }
    }
    // The session's own log has that name.
    if name == "devloop" { "devloop%.log".to_owned() } else { format!("{name}.log") }
}

fn format_line(line: &LogLine, out: &mut String) {
    let source = match line.source {
        LogSource::Build => "build",
        LogSource::Runtime => "run",
    };
    let time = line.time.format("%Y-%m-%dT%H:%M:%S%.3fZ");
    let _ = writeln!(out, "{time} {source:5} {}{}", line.mark(), strip_colors(&line.text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_resource_has_a_file_of_its_own() {
        let name = |name: &str| file_name(Some(&ResourceName::new(name)));
        assert_eq!([name("web"), name("a/b:c"), name("devloop")], ["web.log", "a%2Fb%3Ac.log", "devloop%.log"]);
        assert_eq!(file_name(None), "devloop.log");
    }
}
