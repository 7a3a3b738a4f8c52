//! `devloop ci`: the same work without a screen, and a verdict.

use tokio_util::sync::CancellationToken;

use super::args::{CiArgs, DownArgs};
use super::common::{self, Kube};
use super::down::down;
use super::error::CommandError;
use super::exit_code::ExitCode;
use super::report::Report;
use crate::engine::{Command, Mode, Verdict};
use crate::logs::LogStore;
use crate::run::{self, Interrupts, Session, SessionOptions};
use crate::ui::headless::{self, HeadlessOptions};
use crate::ui::summary;

pub(super) fn ci(arguments: CiArgs) -> Result<ExitCode, CommandError> {
    common::trace(&arguments.session)?;
    let dir = common::current_dir()?;
    let entry_file = common::entry_file(&dir, arguments.project.file.as_deref())?;
    let kube = Kube::load(&arguments.project)?;
    let timeout = (!arguments.timeout.is_zero()).then_some(arguments.timeout);
    let colors = common::colors_on_stdout(arguments.color);
    let options = SessionOptions {
        entry_file,
        dir,
        args: arguments.project.all_args(),
        subcommand: "ci".to_owned(),
        mode: Mode::Ci { timeout },
        context: kube.context,
        no_context: kube.absent,
        frozen: kube.frozen,
        host: arguments.session.host,
        colors,
        forward_ports: true,
    };
    let runtime = common::runtime()?;
    let code = runtime.block_on(async {
        let interrupts = Interrupts::install()
            .map_err(|error| CommandError::environment(format!("cannot watch for signals: {error}")))?;
        let session = run::start(options, LogStore::new());
        let report = arguments.report.as_deref().map(|dir| Report::open(dir, &session)).transpose()?;
        Ok(prove(session, interrupts, colors, report).await)
    });
    runtime.shutdown_background();
    let code = code?;
    if !arguments.down || (arguments.keep_on_failure && code != ExitCode::Ok) {
        return Ok(code);
    }
    let torn_down = down(&DownArgs { project: arguments.project, delete_namespaces: false, delete_volumes: false })?;
    // What failed first is what is to be told.
    Ok(if code == ExitCode::Ok { torn_down } else { code })
}

async fn prove(mut session: Session, mut interrupts: Interrupts, color: bool, report: Option<Report>) -> ExitCode {
    let done = CancellationToken::new();
    let options = HeadlessOptions { color, ..HeadlessOptions::default() };
    let printer = tokio::spawn(headless::print(session.logs.reader(), tokio::io::stdout(), options, done.clone()));
    let mut snapshots = session.snapshots.clone();
    let mut code = None;
    let mut asked = false;
    let mut last = snapshots.borrow().clone();
    // Until the verdict, or until the user has had enough; the picture of that moment is what the summary shows.
    while code.is_none() {
        tokio::select! {
            changed = snapshots.changed() => {
                last = snapshots.borrow_and_update().clone();
                code = match &last.verdict {
                    Some(Verdict::Success) => Some(ExitCode::Ok),
                    Some(Verdict::Failure { .. }) if last.config.diagnostics.iter().any(crate::diagnostic::Diagnostic::is_error) => Some(ExitCode::Config),
                    Some(Verdict::Failure { .. }) => Some(ExitCode::Failed),
                    None if changed.is_err() => Some(ExitCode::Failed),
                    None => None,
                };
            }
            signal = interrupts.next() => {
                asked = true;
                code = Some(ExitCode::Signal(signal.exit_code()));
            }
        }
    }
    let mut unwritten = None;
    if let Some(report) = &report {
        // Before anything is stopped: a second signal, or the impatience of a CI system, must not cost it.
        unwritten = report.write(&last, &session).await.err();
    }
    let _ = session.commands.send(Command::Quit).await;
    let abort = session.abort.clone();
    loop {
        tokio::select! {
            () = session.ended() => break,
            _ = interrupts.next() => abort.cancel(),
        }
    }
    done.cancel();
    let _ = printer.await;
    if let Some(report) = report {
        report.close().await;
    }
    if let Some(error) = unwritten {
        super::error::print(&error);
    }
    if asked {
        common::print_err("\nended before there was a verdict\n");
    }
    let _ = common::print_out(&summary::summary(&last, &session.logs.reader(), color));
    code.unwrap_or(ExitCode::Failed)
}
