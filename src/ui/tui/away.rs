//! What leaves the screen: other programs in the terminal, files, the clipboard.

use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use base64::Engine as _;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::state::Away;
use super::terminal::Lent;

/// What a terminal takes for its clipboard at once; many take no more.
const MAX_COPY: usize = 74_000;

/// Runs another program in the terminal until it ends, or until `cancel`; gives what the user must know.
pub(super) async fn run(away: &Away, entry_file: &Path, cancel: &CancellationToken) -> Option<String> {
    // Kept until the pager has ended.
    let mut file = None;
    let mut command = match away {
        Away::Pager(text) => {
            let written = tempfile::Builder::new().prefix("devloop-").suffix(".log").tempfile();
            let written = written.and_then(|mut file| file.write_all(text.as_bytes()).map(|()| file));
            let path = match written {
                Ok(written) => file.insert(written).path().to_owned(),
                Err(error) => return Some(format!("the log cannot be written for the pager: {error}")),
            };
            let mut command = Command::new("sh");
            command.args(["-c", "${PAGER:-less -R} \"$1\"", "sh"]).arg(path);
            command
        }
        Away::Shell(name) => {
            let program = match std::env::current_exe() {
                Ok(program) => program,
                Err(error) => return Some(format!("devloop does not find its own program: {error}")),
            };
            let mut command = Command::new(program);
            command.args(["exec", "--file"]).arg(entry_file).arg(name.as_str());
            command
        }
    };
    let lent = Lent::new();
    let ended: io::Result<ExitStatus> = match command.kill_on_drop(true).spawn() {
        Ok(mut child) => tokio::select! {
            ended = child.wait() => ended,
            () = cancel.cancelled() => return None,
        },
        Err(error) => Err(error),
    };
    drop(lent);
    drop(file);
    match (ended, away) {
        (Ok(status), Away::Pager(_)) if !status.success() => {
            Some(format!("the pager failed ({status}); is $PAGER right?"))
        }
        // What a shell ends with is the exit code of its last command.
        (Ok(_), _) => None,
        (Err(error), _) => Some(format!("it cannot be started: {error}")),
    }
}

/// Writes a log into a file of its own in `folder`; gives what the user must know.
pub(super) fn save(folder: &Path, name: &str, text: &str) -> String {
    match write(folder, name, text) {
        Ok(path) => format!("saved as {}", path.display()),
        Err(error) => format!("the log cannot be saved: {error}"),
    }
}

fn write(folder: &Path, name: &str, text: &str) -> io::Result<PathBuf> {
    // What programs print is nobody else's business.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let plain: String = name.chars().map(|char| if char.is_alphanumeric() { char } else { '-' }).collect();
    let now = chrono::Local::now().format("%Y%m%d-%H%M%S");
    let path = folder.join(format!("{plain}-{now}.log"));
    std::fs::write(&path, &*crate::logs::strip_colors(text))?;
    Ok(path)
}

/// Puts a text into the clipboard of the terminal (OSC 52), also through ssh and tmux. The end of a long one.
pub(super) fn copy(text: &str) -> io::Result<()> {
    let start = text.ceil_char_boundary(text.len().saturating_sub(MAX_COPY));
    let encoded = base64::engine::general_purpose::STANDARD.encode(&text[start..]);
    let mut out = io::stdout();
    write!(out, "\x1b]52;c;{encoded}\x07")?;
    out.flush()
}
