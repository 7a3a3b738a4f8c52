//! The real binary: run to its end, or kept running with everything that it says.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a test waits for what must come: builds and image pulls on a busy machine included.
pub const DEADLINE: Duration = Duration::from_mins(3);

/// The binary under test.
pub fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_devloop"))
}

/// What a command ended with.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    #[track_caller]
    pub fn code(&self, expected: i32) -> &Self {
        assert_eq!(self.status.code(), Some(expected), "{}\n--- standard error\n{}", self.stdout, self.stderr);
        self
    }
}

/// Runs `devloop ARGS` in `dir` to its end.
pub fn devloop(dir: &Path, args: &[&str]) -> Ended {
    devloop_with(dir, args, &[])
}

/// The same with these variables in its environment.
pub fn devloop_with(dir: &Path, args: &[&str], env: &[(&str, &str)]) -> Ended {
    let output = Command::new(binary())
        .args(args)
        .envs(env.iter().copied())
        .current_dir(dir)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts");
    Ended {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[derive(Default)]
struct Said {
    text: String,
    ended: usize,
}

/// A running `devloop`. Killed when dropped, which must leave nothing behind either.
pub struct Running {
    child: Child,
    said: Arc<(Mutex<Said>, Condvar)>,
    dir: PathBuf,
}

impl Running {
    /// Starts `devloop up --headless ARGS` in `dir`.
    pub fn up(dir: &Path, args: &[&str]) -> Self {
        Self::up_with(dir, args, &[])
    }

    /// The same with these variables in its environment.
    pub fn up_with(dir: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut child = Command::new(binary())
            .args(["up", "--headless"])
            .args(args)
            .envs(env.iter().copied())
            .current_dir(dir)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let said = Arc::new((Mutex::new(Said::default()), Condvar::new()));
        let pipes: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().expect("a pipe")), Box::new(child.stderr.take().expect("a pipe"))];
        for pipe in pipes {
            let said = Arc::clone(&said);
            // They end with the program, which holds the other sides.
            std::thread::spawn(move || {
                let mut reader = BufReader::new(pipe);
                let mut line = Vec::new();
                loop {
                    line.clear();
                    let read = reader.read_until(b'\n', &mut line).unwrap_or(0);
                    let mut said_now = said.0.lock().unwrap_or_else(PoisonError::into_inner);
                    if read == 0 {
                        said_now.ended += 1;
                        said.1.notify_all();
                        return;
                    }
                    said_now.text.push_str(&String::from_utf8_lossy(&line));
                    said.1.notify_all();
                }
            });
        }
        Self { child, said, dir: dir.to_owned() }
    }

    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it has said.
    pub fn text(&self) -> String {
        self.lock().text.clone()
    }

    /// How much it has said; what comes after is searched by [`Running::wait_for_after`].
    pub fn mark(&self) -> usize {
        self.lock().text.len()
    }

    /// Waits until it says `what`.
    #[track_caller]
    pub fn wait_for(&self, what: &str) {
        self.wait_for_after(0, what);
    }

    /// Waits until it says `what` after `mark`.
    #[track_caller]
    pub fn wait_for_after(&self, mark: usize, what: &str) {
        let until = Instant::now() + DEADLINE;
        let mut said = self.lock();
        while !said.text[mark..].contains(what) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && said.ended < 2,
                "waited in vain for {what:?} in {}; it said\n{}",
                self.dir.display(),
                said.text
            );
            said = self.said.1.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until `answer` is what is wanted; `describe` says what was seen last.
    #[track_caller]
    pub fn wait_until<T: std::fmt::Debug>(&self, what: &str, ask: impl Fn() -> T, wanted: impl Fn(&T) -> bool) -> T {
        let until = Instant::now() + DEADLINE;
        loop {
            let answer = ask();
            if wanted(&answer) {
                return answer;
            }
            assert!(Instant::now() < until, "waited in vain for {what}: {answer:?}; it said\n{}", self.text());
            pause();
        }
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(status.expect("kill exists").success());
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(Instant::now() < until, "it does not end; it said\n{}", self.text());
            pause();
        }
    }

    /// Ctrl-C, and its end.
    #[track_caller]
    pub fn quit(&mut self) -> ExitStatus {
        self.signal("INT");
        self.wait()
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Between two looks at something that cannot be waited for.
pub fn pause() {
    std::thread::park_timeout(Duration::from_millis(20));
}

/// `GET http://localhost:PORT/PATH`: the status and the body, or why there is none.
pub fn get(port: u16, path: &str) -> Result<(u16, String), String> {
    request(port, &format!("GET {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
}

/// `POST` of `body`.
pub fn post(port: u16, path: &str, content_type: &str, body: &str) -> Result<(u16, String), String> {
    let length = body.len();
    let head = format!("Content-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close");
    request(port, &format!("POST {path} HTTP/1.0\r\nHost: localhost\r\n{head}\r\n\r\n{body}"))
}

/// Sends what may be any request of HTTP/1.0: the status and the body of the answer.
pub fn request(port: u16, text: &str) -> Result<(u16, String), String> {
    use std::io::Write as _;

    let mut connection = std::net::TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())?;
    connection.set_read_timeout(Some(Duration::from_secs(15))).map_err(|error| error.to_string())?;
    connection.write_all(text.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).map_err(|error| error.to_string())?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or("no HTTP answer")?;
    Ok((status, answer.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned())))
}

/// A port that nothing listens on at the moment.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("the loopback device is there");
    listener.local_addr().expect("it is bound").port()
}
