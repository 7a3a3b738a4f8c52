//! Runs a command to its end at configuration time, in a process group of its own.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::devfile::language::failure::{Failure, Outcome};
use crate::devfile::language::session::{Session, describe};
use crate::project::CommandLine;

/// How often cancellation is looked at while a command says nothing.
const POLL: Duration = Duration::from_millis(20);

/// How soon the end of a command is looked for again after it has closed its output; each further look takes twice as long.
const FIRST_LOOK: Duration = Duration::from_micros(50);

/// How long a cancelled command may take to end by itself.
const GRACE: Duration = Duration::from_secs(2);

/// How long what a finished command has left behind may keep its output open.
const STRAGGLERS: Duration = Duration::from_secs(2);

/// What a command wrote, and how it ended.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    /// Everything on standard output.
    pub stdout: String,
    /// Everything on standard error.
    pub stderr: String,
    /// How it ended.
    pub status: ExitStatus,
}

impl Finished {
    /// How it ended, for people.
    pub fn ending(&self) -> String {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(signal)) => format!("killed by signal {signal}"),
            (None, None) => "unknown exit status".to_owned(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
}

/// Runs a command to its end. `echo` takes each line of its output as it arrives.
pub(crate) fn run(
    session: &Session,
    command_line: &CommandLine,
    stdin: Option<String>,
    echo: impl Fn(&str),
) -> Outcome<Finished> {
    let mut child = spawn(session, command_line, stdin.is_some())?;
    let group = Pid::from_child(&child);
    let (lines_tx, lines) = mpsc::channel();
    let readers = [
        child.stdout.take().map(|pipe| reader(pipe, Stream::Stdout, lines_tx.clone())),
        child.stderr.take().map(|pipe| reader(pipe, Stream::Stderr, lines_tx.clone())),
    ];
    drop(lines_tx);
    let writer = stdin.zip(child.stdin.take()).map(|(text, mut pipe)| {
        // A command need not read its input to the end.
        thread::spawn(move || drop(pipe.write_all(text.as_bytes())))
    });
    let result = collect(session, command_line, &mut child, group, &lines, &echo);
    // The group's members that are still there would keep the pipes open, and outlive devloop.
    let _ = kill_process_group(group, Signal::KILL);
    let finished = result?;
    for thread in readers.into_iter().flatten().chain(writer) {
        let _ = thread.join();
    }
    Ok(finished)
}

fn spawn(session: &Session, command_line: &CommandLine, has_stdin: bool) -> Outcome<Child> {
    let (program, arguments) =
        command_line.argv.split_first().ok_or_else(|| Failure::new("the command must not be empty"))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(&command_line.dir)
        .stdin(if has_stdin { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    session.environment.apply(&mut command);
    if let Some(kubeconfig) = &session.kube.kubeconfig_path {
        command.env("KUBECONFIG", kubeconfig);
    }
    for (key, value) in [("LINES", "24"), ("COLUMNS", "80"), ("PYTHONUNBUFFERED", "1")] {
        if session.environment.get(key).is_none() {
            command.env(key, value);
        }
    }
    command.envs(command_line.env.iter().map(|(key, value)| (key, value)));
    command.spawn().map_err(|error| {
        let failure = Failure::new(format!("cannot start `{command_line}`: {}", describe(&error)));
        if command_line.dir.is_dir() {
            failure
        } else {
            failure.help(format!("its folder `{}` does not exist", command_line.dir.display()))
        }
    })
}

fn reader(
    pipe: impl Read + Send + 'static,
    stream: Stream,
    lines: Sender<(Stream, Vec<u8>)>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        loop {
            let mut line = Vec::new();
            match pipe.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    if lines.send((stream, line)).is_err() {
                        return;
                    }
                }
            }
        }
    })
}

fn collect(
    session: &Session,
    command_line: &CommandLine,
    child: &mut Child,
    group: Pid,
    lines: &Receiver<(Stream, Vec<u8>)>,
    echo: &impl Fn(&str),
) -> Outcome<Finished> {
    let mut stdout = Vec::new();
    let mut stderr = Vec::new();
    let mut exited: Option<(ExitStatus, Instant)> = None;
    let mut open = true;
    let mut next_look = FIRST_LOOK;
    loop {
        if open {
            match lines.recv_timeout(POLL) {
                Ok((stream, line)) => {
                    echo(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
                    if stream == Stream::Stdout { &mut stdout } else { &mut stderr }.extend(line);
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => open = false,
            }
        }
        if session.cancel.is_cancelled() {
            stop(child, group);
            return Err(Failure::new(format!("cancelled while `{command_line}` was running")));
        }
        if exited.is_none() {
            exited = match child.try_wait() {
                Ok(status) => status.map(|status| (status, Instant::now())),
                Err(error) => {
                    return Err(Failure::new(format!("cannot wait for `{command_line}`: {}", describe(&error))));
                }
            };
        }
        match exited {
            Some((status, at)) if !open || at.elapsed() > STRAGGLERS => {
                let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
                return Ok(Finished { stdout: text(stdout), stderr: text(stderr), status });
            }
            // A command that ends closes its pipes a moment before it can be waited for. One that goes on without them is
            // asked less and less often.
            None if !open => {
                thread::park_timeout(next_look);
                next_look = (next_look * 2).min(POLL);
            }
            _ => {}
        }
    }
}

fn pause() {
    thread::park_timeout(POLL);
}

/// Ends a command and everything that it has started.
fn stop(child: &mut Child, group: Pid) {
    let _ = kill_process_group(group, Signal::TERM);
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline {
        if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
            break;
        }
        pause();
    }
    let _ = kill_process_group(group, Signal::KILL);
    let _ = child.wait();
}
