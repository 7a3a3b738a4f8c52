//! `devloop ci`: the same work without a screen, and a verdict.

mod phases;
mod place;
mod platform;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::args::{CiArgs, DownArgs};
use super::common::{self, Kube};
use super::down::down;
use super::error::CommandError;
use super::exit_code::ExitCode;
use super::report::{RanCommand, Report};
use crate::diagnostic::Severity;
use crate::engine::{Command, ConfigState, ForwardState, Mode, Snapshot, UpdateOutcome, UpdateStatus, Verdict};
use crate::logs::{LogSource, LogStore};
use crate::process::ProcessError;
use crate::project::CommandLine;
use crate::run::{self, Interrupts, Session, SessionOptions};
use crate::ui::summary;
use phases::Phases;
use place::Place;
use platform::Platform;

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
    let run_after = arguments.run.clone();
    let runtime = common::runtime()?;
    let code = runtime.block_on(async {
        let interrupts = Interrupts::install()
            .map_err(|error| CommandError::environment(format!("cannot watch for signals: {error}")))?;
        let session = run::start(options, LogStore::new());
        let report = arguments.report.as_deref().map(|dir| Report::open(dir, &session)).transpose()?;
        Ok(prove(session, interrupts, colors, report, run_after).await)
    });
    runtime.shutdown_background();
    let code = code?;
    if !arguments.down || (arguments.keep_on_failure && code != ExitCode::Ok) {
        return Ok(code);
    }
    let platform = platform_of_process();
    common::print_out(&platform.open("down", "Tear down", chrono::Utc::now().timestamp()))?;
    let torn_down = down(&DownArgs { project: arguments.project, delete_namespaces: false, delete_volumes: false });
    common::print_out(&platform.close("down", chrono::Utc::now().timestamp()))?;
    let torn_down = torn_down?;
    // What failed first is what is to be told.
    Ok(if code == ExitCode::Ok { torn_down } else { code })
}

fn platform_of_process() -> Platform {
    Platform::of(|name| std::env::var(name).ok())
}

async fn prove(
    mut session: Session,
    mut interrupts: Interrupts,
    color: bool,
    report: Option<Report>,
    run_after: Option<String>,
) -> ExitCode {
    let mut phases = Phases::new(platform_of_process(), session.logs.reader(), color);
    phases.enter("configuration", "Evaluate the configuration").await;
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
                if last.config.state == ConfigState::Loaded {
                    phases.enter("resources", "Build, deploy, and wait until everything is ready").await;
                }
            }
            signal = interrupts.next() => {
                asked = true;
                code = Some(ExitCode::Signal(signal.exit_code()));
            }
        }
    }
    let mut ran = None;
    if let (Some(ExitCode::Ok), Some(text)) = (code, run_after) {
        phases.enter("command", &format!("Run: {text}")).await;
        tokio::select! {
            (outcome, of_command) = run(&session, &text) => {
                ran = Some(outcome);
                code = Some(of_command);
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
        unwritten = report.write(&last, &session, ran.as_ref()).await.err();
    }
    phases.enter("end", "Stop what was started here").await;
    let notes = annotations(phases.platform(), &last, &session, ran.as_ref());
    let _ = session.commands.send(Command::Quit).await;
    let abort = session.abort.clone();
    loop {
        tokio::select! {
            () = session.ended() => break,
            _ = interrupts.next() => abort.cancel(),
        }
    }
    phases.leave().await;
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
    if let Some(RanCommand { line, failure: Some(why), .. }) = &ran {
        let _ = common::print_out(&format!("The command `{line}` failed: {why}\n"));
    }
    let _ = common::print_out(&notes);
    code.unwrap_or(ExitCode::Failed)
}

/// For the port-forwards to listen that the command may need.
const FORWARDS_LIMIT: Duration = Duration::from_secs(10);

/// Runs the command of `--run` against what is ready now.
async fn run(session: &Session, text: &str) -> (RanCommand, ExitCode) {
    let started = std::time::Instant::now();
    let mut snapshots = session.snapshots.clone();
    let listening = snapshots.wait_for(|snapshot| {
        let forwards = snapshot.resources.iter().filter(|it| it.enabled).flat_map(|it| &it.forwards);
        forwards.into_iter().all(|forward| forward.state != ForwardState::Pending)
    });
    // One that cannot listen is the command's to complain of.
    drop(tokio::time::timeout(FORWARDS_LIMIT, listening).await);
    let command = CommandLine {
        argv: vec!["sh".to_owned(), "-c".to_owned(), text.to_owned()],
        dir: std::env::current_dir().unwrap_or_default(),
        env: Vec::new(),
    };
    let log = session.logs.sink(None, LogSource::Build);
    let result = session.run_command(&command, &log, &CancellationToken::new()).await;
    let (failure, code) = match result {
        Ok(status) if status.success() => (None, ExitCode::Ok),
        Ok(status) => {
            use std::os::unix::process::ExitStatusExt as _;
            let code = status.code().or_else(|| Some(128 + status.signal()?)).unwrap_or(1);
            (Some(status.to_string()), ExitCode::Of(u8::try_from(code).unwrap_or(1)))
        }
        Err(ProcessError::Cancelled { .. }) => (Some("it was cancelled".to_owned()), ExitCode::Failed),
        Err(error) => (Some(error.to_string()), ExitCode::Failed),
    };
    (RanCommand { line: text.to_owned(), failure, took: started.elapsed() }, code)
}

/// The notes at lines of files that the CI system shows.
fn annotations(platform: &Platform, snapshot: &Snapshot, session: &Session, ran: Option<&RanCommand>) -> String {
    let mut notes = String::new();
    let dir = std::env::current_dir().unwrap_or_default();
    for diagnostic in snapshot.config.diagnostics.iter() {
        let level = if diagnostic.severity == Severity::Error { "error" } else { "warning" };
        let help = diagnostic.help.iter().fold(diagnostic.message.clone(), |text, help| text + "\n" + help);
        let place = Place::of_diagnostic(diagnostic);
        notes.push_str(&platform.annotation(level, place.as_ref(), "devloop", &help));
    }
    let evaluated = session.evaluated();
    let project = evaluated.as_ref().and_then(|outcome| outcome.project.as_ref());
    let resources = snapshot.resources.iter().filter(|it| it.enabled);
    for (row, resource) in resources.filter_map(|row| Some((row, project?.resources.get(&row.name)?))) {
        let newest = row.history.first();
        let reason = match newest.map(|record| &record.outcome) {
            Some(UpdateOutcome::Failed(reason)) if row.update == UpdateStatus::Error => reason.clone(),
            _ if row.runtime == crate::engine::RuntimeStatus::Error => row.runtime_message.clone(),
            _ => continue,
        };
        // The last image that was being built is the one that failed.
        let step = newest.and_then(|record| record.steps.last());
        let built = step.and_then(|step| step.text.strip_prefix("building ")).map(crate::project::ImageName::new);
        let Some(project) = project else { continue };
        let place = Place::of_failure(project, resource, built.as_ref(), &reason, &dir);
        notes.push_str(&platform.annotation("error", Some(&place), &format!("{} failed", row.name), &reason));
    }
    if let Some(RanCommand { line, failure: Some(why), .. }) = ran {
        notes.push_str(&platform.annotation("error", None, "the command failed", &format!("{line}: {why}")));
    }
    notes
}
