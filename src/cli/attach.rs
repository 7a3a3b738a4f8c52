//! `devloop attach`: the dashboard of a session that runs in another process.
//!
//! The dashboard draws from snapshots and a log store, as it does in `up`; here both are filled from the socket, and what
//! it asks for goes back over it.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::args::AttachArgs;
use super::common;
use super::error::CommandError;
use super::exit_code::ExitCode;
use super::remote;
use crate::control::{Client, Mirrored, Request};
use crate::engine::{Command, Snapshot};
use crate::journal::Journal;
use crate::logs::LogStore;
use crate::run::{Interrupts, Signal};
use crate::ui::tui::{self, TuiOptions};

/// How a dashboard came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The session has ended.
    Session,
    /// The user, or `devloop detach`.
    Left,
}

pub(super) fn attach(arguments: &AttachArgs) -> Result<ExitCode, CommandError> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let mut client = remote::ask(&arguments.target, &Request::Attach { version })?;
    let (logs, journal) = (LogStore::new(), Journal::new());
    let Some(Mirrored::Snapshot(first)) = next(&mut client)? else {
        return Err(CommandError::failed("the running devloop went away before it answered"));
    };
    let (pictures, snapshots) = watch::channel(first);
    let left = CancellationToken::new();
    let runtime = common::runtime()?;
    let end = runtime.block_on(async {
        let mut interrupts = Interrupts::install()
            .map_err(|error| CommandError::environment(format!("cannot watch for signals: {error}")))?;
        let (commands, asked) = mpsc::channel(64);
        let follower = {
            let (logs, journal, left) = (logs.clone(), journal.clone(), left.clone());
            // It blocks in a read; the end of the process ends it.
            tokio::task::spawn_blocking(move || follow(&mut client, &pictures, &logs, &journal, &left))
        };
        tokio::spawn(pass_on(asked, arguments.target.clone(), left.clone()));
        let options = TuiOptions {
            color: common::color_choice(arguments.color),
            mouse: !arguments.no_mouse,
            saved_logs: common::saved_logs(),
        };
        let screen = tui::run(snapshots, logs.reader(), journal, commands, options, left.clone());
        tokio::pin!(screen);
        loop {
            tokio::select! {
                result = &mut screen => {
                    result.map_err(CommandError::environment)?;
                    break;
                }
                signal = interrupts.next() => {
                    // Unless it is for the program that has the terminal now.
                    if signal != Signal::Interrupt || !tui::is_away() {
                        left.cancel();
                    }
                }
            }
        }
        drop(follower);
        Ok(if left.is_cancelled() { End::Left } else { End::Session })
    });
    runtime.shutdown_background();
    let text = match end? {
        End::Session => "the session has ended\n",
        End::Left => "left; the session goes on: `devloop attach` shows it again, `devloop quit` ends it\n",
    };
    common::print_out(text)?;
    Ok(ExitCode::Ok)
}

fn next(client: &mut Client) -> Result<Option<Mirrored>, CommandError> {
    let Some(message) = client.next().map_err(remote::explain)? else { return Ok(None) };
    serde_json::from_value(message)
        .map(Some)
        .map_err(|error| CommandError::failed(format!("the running devloop is not understood: {error}")))
}

/// Fills the copies until the session ends, or says to leave.
fn follow(
    client: &mut Client,
    pictures: &watch::Sender<Arc<Snapshot>>,
    logs: &LogStore,
    journal: &Journal,
    left: &CancellationToken,
) {
    while let Ok(Some(message)) = next(client) {
        match message {
            Mirrored::Snapshot(snapshot) => {
                pictures.send_replace(snapshot);
            }
            Mirrored::Happened(entries) => journal.mirror(entries),
            Mirrored::Lines { reset, lines } => {
                if reset {
                    logs.clear();
                }
                logs.mirror(lines);
            }
            Mirrored::Leave => {
                left.cancel();
                return;
            }
        }
    }
}

/// Sends on what the user asks for. To quit here is to leave.
async fn pass_on(mut asked: mpsc::Receiver<Command>, target: super::args::TargetArgs, left: CancellationToken) {
    while let Some(command) = asked.recv().await {
        if command == Command::Quit {
            left.cancel();
            return;
        }
        let target = target.clone();
        // A session that is gone shows by itself.
        let _ =
            tokio::task::spawn_blocking(move || remote::answer(&target, &Request::Command { command }).map(drop)).await;
    }
}
