//! `devloop up`: the dashboard, or log lines where there is no terminal.

use std::io::IsTerminal as _;

use tokio_util::sync::CancellationToken;

use super::args::{Color, UpArgs};
use super::background;
use super::common::{self, Kube};
use super::error::CommandError;
use super::exit_code::ExitCode;
use crate::control::{Address, ControlServer};
use crate::engine::{Command, Mode};
use crate::logs::{LogSource, LogStore};
use crate::run::{self, Interrupts, Session, SessionOptions, Signal};
use crate::ui::headless::{self, HeadlessOptions};
use crate::ui::tui::{self, TuiOptions};

pub(super) fn up(arguments: &UpArgs) -> Result<ExitCode, CommandError> {
    if arguments.detach {
        return background::start(arguments);
    }
    if arguments.background {
        background::leave_terminal();
    }
    common::trace(&arguments.session)?;
    let dir = common::current_dir()?;
    let entry_file = common::entry_file(&dir, arguments.project.file.as_deref())?;
    let kube = Kube::load(&arguments.project)?;
    let colors = common::colors_on_stdout(arguments.color);
    let options = SessionOptions {
        entry_file,
        dir,
        args: arguments.project.all_args(),
        subcommand: "up".to_owned(),
        mode: Mode::Up,
        context: kube.context,
        no_context: kube.absent,
        frozen: kube.frozen,
        host: arguments.session.host.clone(),
        colors,
        forward_ports: !arguments.disable_port_forwards,
    };
    let on_terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    let runtime = common::runtime()?;
    let code = runtime.block_on(async {
        let interrupts = Interrupts::install()
            .map_err(|error| CommandError::environment(format!("cannot watch for signals: {error}")))?;
        let address = Address::of(&options.entry_file);
        let session = run::start(options, LogStore::new());
        let control = control(address, &session, arguments.background).await;
        if arguments.background && control.is_none() {
            // Nobody could ever reach it.
            return Ok(refuse(session, arguments.color).await);
        }
        if on_terminal && !arguments.headless {
            dashboard(session, interrupts, arguments).await
        } else {
            Ok(stream(session, interrupts, arguments).await)
        }
    });
    // Threads that are blocked in a system call must not keep the process.
    runtime.shutdown_background();
    code
}

/// Lets other terminals ask and command the session. It goes on without, and says so, when that cannot be.
async fn control(address: Address, session: &Session, background: bool) -> Option<ControlServer> {
    let started = ControlServer::start(address, session, background).await;
    let warn = |text: &str| session.logs.sink(None, LogSource::Build).warn(text);
    match started {
        Ok(Some(server)) => return Some(server),
        Ok(None) => warn("another devloop runs for this Devfile: `devloop status` and the like speak to that one"),
        Err(error) => warn(&format!("`devloop status` and the like cannot reach this session: {error}")),
    }
    None
}

async fn dashboard(
    mut session: Session,
    mut interrupts: Interrupts,
    arguments: &UpArgs,
) -> Result<ExitCode, CommandError> {
    let closed = CancellationToken::new();
    let options = TuiOptions {
        color: common::color_choice(arguments.color),
        mouse: !arguments.no_mouse,
        saved_logs: common::saved_logs(),
    };
    let screen = tui::run(
        session.snapshots.clone(),
        session.logs.reader(),
        session.journal.clone(),
        session.commands.clone(),
        options,
        closed.clone(),
    );
    tokio::pin!(screen);
    let mut asked = false;
    let code = loop {
        tokio::select! {
            // The user has quit; a second time, or everything has ended.
            result = &mut screen => {
                session.abort.cancel();
                result.map_err(CommandError::environment)?;
                break ExitCode::Ok;
            }
            signal = interrupts.next() => {
                // It is for the program that has the terminal now.
                if signal == Signal::Interrupt && tui::is_away() {
                    continue;
                }
                if std::mem::replace(&mut asked, true) || signal == Signal::HangUp {
                    session.abort.cancel();
                    closed.cancel();
                    let _ = (&mut screen).await;
                    break ExitCode::Signal(signal.exit_code());
                }
                let _ = session.commands.send(Command::Quit).await;
            }
        }
    };
    session.ended().await;
    Ok(code)
}

/// Ends a session at once, after what it has to say.
async fn refuse(mut session: Session, color: Color) -> ExitCode {
    let done = CancellationToken::new();
    let options = HeadlessOptions { color: common::colors_on_stdout(color), ..HeadlessOptions::default() };
    session.abort.cancel();
    session.ended().await;
    done.cancel();
    // Nobody is left to tell when standard output is closed.
    let _ = headless::print(session.logs.reader(), tokio::io::stdout(), options, done).await;
    ExitCode::Failed
}

/// Prints lines until the session has ended.
async fn stream(mut session: Session, mut interrupts: Interrupts, arguments: &UpArgs) -> ExitCode {
    let done = CancellationToken::new();
    let options = HeadlessOptions { color: common::colors_on_stdout(arguments.color), ..HeadlessOptions::default() };
    let printer = tokio::spawn(headless::print(session.logs.reader(), tokio::io::stdout(), options, done.clone()));
    let code = until_ended(&mut session, &mut interrupts).await;
    done.cancel();
    let _ = printer.await;
    code
}

/// The first signal ends the session gracefully, the second at once.
async fn until_ended(session: &mut Session, interrupts: &mut Interrupts) -> ExitCode {
    let mut asked = false;
    let commands = session.commands.clone();
    let abort = session.abort.clone();
    let mut code = ExitCode::Ok;
    loop {
        tokio::select! {
            () = session.ended() => return code,
            signal = interrupts.next() => {
                // It is for the program that has the terminal now.
                if signal == Signal::Interrupt && tui::is_away() {
                    continue;
                }
                if std::mem::replace(&mut asked, true) {
                    code = ExitCode::Signal(signal.exit_code());
                    abort.cancel();
                } else {
                    let _ = commands.send(Command::Quit).await;
                }
            }
        }
    }
}
