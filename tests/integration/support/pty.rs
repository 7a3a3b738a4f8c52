//! A program on a terminal of its own: a real pseudo-terminal, and an emulator that says what is on its screen.

use std::io::{Read as _, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

/// How long a test waits for what must come: builds on a busy machine included.
pub const DEADLINE: Duration = Duration::from_mins(2);

/// What the emulator has seen.
struct Seen {
    parser: vt100::Parser,
    ended: bool,
    bytes: usize,
}

/// A program on a terminal of its own. Killed when dropped.
pub struct Pty {
    seen: Arc<(Mutex<Seen>, Condvar)>,
    writer: Box<dyn Write + Send>,
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
}

impl Pty {
    /// Starts `program` with `env` on a terminal of `columns` and `lines`.
    pub fn spawn(program: &Path, args: &[&str], env: &[(&str, &str)], columns: u16, lines: u16) -> Self {
        let here = std::env::current_dir().expect("there is a folder");
        Self::spawn_in(&here, program, args, env, columns, lines)
    }

    /// The same in the folder `dir`.
    pub fn spawn_in(dir: &Path, program: &Path, args: &[&str], env: &[(&str, &str)], columns: u16, lines: u16) -> Self {
        let size = PtySize { rows: lines, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("the system has pseudo-terminals");
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.cwd(dir);
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        command.env_remove("NO_COLOR");
        for (name, value) in env {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("the program starts");
        let mut reader = pair.master.try_clone_reader().expect("a terminal can be read");
        let writer = pair.master.take_writer().expect("a terminal can be written to");
        let seen = Seen { parser: vt100::Parser::new(lines, columns, 0), ended: false, bytes: 0 };
        let seen = Arc::new((Mutex::new(seen), Condvar::new()));
        let shared = Arc::clone(&seen);
        // It ends with the program: then nobody holds the other side any more.
        std::thread::spawn(move || {
            let mut buffer = [0; 16_384];
            loop {
                let read = reader.read(&mut buffer).unwrap_or(0);
                let (lock, changed) = &*shared;
                let mut seen = lock.lock().unwrap_or_else(PoisonError::into_inner);
                seen.parser.process(&buffer[..read]);
                seen.bytes += read;
                seen.ended = read == 0;
                changed.notify_all();
                if seen.ended {
                    return;
                }
            }
        });
        Self { seen, writer, master: pair.master, child }
    }

    /// Waits until the screen fulfils `condition`.
    #[track_caller]
    pub fn wait_until(&self, what: &str, condition: impl Fn(&vt100::Screen) -> bool) {
        let until = Instant::now() + DEADLINE;
        let mut seen = self.lock();
        while !condition(seen.parser.screen()) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !seen.ended,
                "waited in vain for {what}{}; the screen is\n{}",
                if seen.ended { " (the program has ended)" } else { "" },
                seen.parser.screen().contents()
            );
            seen = self.seen.1.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until `text` is on the screen.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        self.wait_until(&format!("`{text}`"), |screen| screen.contents().contains(text));
    }

    /// Types `keys`.
    pub fn send(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).expect("a terminal takes keys");
        self.writer.flush().expect("a terminal takes keys");
    }

    /// Makes the terminal another size, as a user does with the window.
    pub fn resize(&mut self, columns: u16, lines: u16) {
        self.lock().parser.screen_mut().set_size(lines, columns);
        let size = PtySize { rows: lines, cols: columns, pixel_width: 0, pixel_height: 0 };
        self.master.resize(size).expect("a terminal can be resized");
    }

    /// Waits until `text` is not on the screen any more.
    #[track_caller]
    pub fn wait_gone(&self, text: &str) {
        self.wait_until(&format!("`{text}` to go"), |screen| !screen.contents().contains(text));
    }

    /// Fails unless the terminal is as a shell expects it.
    #[track_caller]
    pub fn check_restored(&self) {
        let screen = self.screen();
        assert!(!screen.alternate_screen(), "the normal screen is back");
        assert!(!screen.hide_cursor(), "the cursor is back");
        assert!(!screen.bracketed_paste(), "pastes are plain again");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None, "the mouse is free again");
        assert!(self.is_cooked(), "lines and echo are back");
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = self.child.process_id().and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()));
        rustix::process::kill_process(pid.expect("it runs"), signal).expect("it is ours");
    }

    /// Waits for the program's end and for all that it wrote.
    #[track_caller]
    pub fn wait_exit(&mut self) -> ExitStatus {
        let until = Instant::now() + DEADLINE;
        let mut seen = self.lock();
        while !seen.ended {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "it does not end; the screen is\n{}", seen.parser.screen().contents());
            seen = self.seen.1.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(seen);
        self.child.wait().expect("it is our child")
    }

    /// What is on the screen now.
    pub fn screen(&self) -> vt100::Screen {
        self.lock().parser.screen().clone()
    }

    /// How much the program has written.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Whether the terminal takes lines and echoes them, as a shell needs it.
    pub fn is_cooked(&self) -> bool {
        let modes = format!("{:?}", self.master.get_termios().expect("it is a terminal").local_flags);
        modes.contains("ICANON") && modes.split(['|', ' ', '(', ')']).any(|mode| mode == "ECHO")
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
