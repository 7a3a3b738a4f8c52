//! Real processes: their output, their end, and that nothing of them survives.

use std::io::BufRead;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use devloop::logs::{LogSource, LogStore};
use devloop::process::{CommandEnvironment, ProcessError, Supervisor};
use devloop::project::{CommandLine, ResourceName};
use tokio_util::sync::CancellationToken;

/// devloop's own environment as it is.
static PLAIN: CommandEnvironment = CommandEnvironment { removed: Vec::new(), set: Vec::new() };

const DEADLINE: Duration = Duration::from_secs(20);

fn supervisor() -> Supervisor {
    Supervisor::with_program(env!("CARGO_BIN_EXE_devloop"))
}

fn shell(dir: &Path, script: &str) -> CommandLine {
    CommandLine { argv: ["sh", "-c", script].map(str::to_owned).to_vec(), dir: dir.to_owned(), env: Vec::new() }
}

fn texts(store: &LogStore) -> Vec<String> {
    store.reader().since(0).iter().map(|line| line.text.to_string()).collect()
}

async fn run(command: &CommandLine) -> (Result<std::process::ExitStatus, ProcessError>, Vec<String>) {
    let store = LogStore::new();
    let sink = store.sink(Some(ResourceName::new("test")), LogSource::Build);
    let cancel = CancellationToken::new();
    let supervisor = supervisor();
    let result = tokio::time::timeout(DEADLINE, supervisor.run_to_end(command, &PLAIN, &sink, &cancel));
    (result.await.expect("it ends in time"), texts(&store))
}

/// Whether a process runs; one that has ended and is not reaped does not.
fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat[stat.rfind(')').unwrap_or(0)..].starts_with(") Z"))
}

async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < DEADLINE, "{what} did not come true");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Writes its own process id and those of a child, of a grandchild in a session of its own and of one that has been
/// forked away twice.
const FAMILY: &str = r#"
    echo "pid $$"
    sleep 1000 & echo "pid $!"
    setsid sh -c 'echo "pid $$"; exec sleep 1000' &
    (setsid sh -c '(echo "pid $(exec sh -c "echo \$PPID")"; exec sleep 1000) & exit' &)
    sleep 0.3; echo ready
    wait; sleep 1000
"#;

fn pids(lines: &[String]) -> Vec<u32> {
    lines.iter().filter_map(|line| line.strip_prefix("pid ")?.trim().parse().ok()).collect()
}

async fn family(store: &LogStore) -> Vec<u32> {
    wait_until("the family", || texts(store).iter().any(|line| line == "ready")).await;
    let pids = pids(&texts(store));
    assert!(pids.len() >= 4 && pids.iter().all(|pid| runs(*pid)), "{pids:?}");
    pids
}

#[tokio::test]
async fn exit_status_and_signals_are_passed_on() {
    let dir = tempfile::tempdir().unwrap();
    assert!(run(&shell(dir.path(), "true")).await.0.unwrap().success());
    assert_eq!(run(&shell(dir.path(), "exit 3")).await.0.unwrap().code(), Some(3));
    assert_eq!(run(&shell(dir.path(), "kill -9 $$")).await.0.unwrap().signal(), Some(9));
    assert_eq!(run(&shell(dir.path(), "no-such-program-1")).await.0.unwrap().code(), Some(127));
}

#[tokio::test]
async fn both_streams_are_complete_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let script = "i=0; while [ $i -lt 50 ]; do seq 1 1000; seq 1 1000 >&2; i=$((i+1)); done; printf end";
    let store = LogStore::new();
    let (command, sink, cancel) =
        (shell(dir.path(), script), store.sink(None, LogSource::Build), CancellationToken::new());
    assert!(supervisor().run_to_end(&command, &PLAIN, &sink, &cancel).await.unwrap().success());
    // The store numbers every line, and keeps the newest ones.
    assert_eq!(store.reader().next_sequence(), 100_001);
    let kept = store.reader().since(0);
    assert!(kept.len() > 10_000);
    for line in &kept {
        let expected = if line.sequence == 100_000 { "end".to_owned() } else { (line.sequence % 1000 + 1).to_string() };
        assert_eq!(*line.text, *expected);
    }
}

#[tokio::test]
async fn the_command_has_its_folder_environment_and_no_input() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = shell(
        dir.path(),
        "pwd; echo $A $B $C ${CARGO_MANIFEST_DIR-removed}; cat; ps -o pid=,sid=,pgid= -p $$ | wc -w; echo; echo é; printf '\\377\\n'",
    );
    command.env = vec![("B".into(), "command".into()), ("C".into(), "2".into())];
    let store = LogStore::new();
    let sink = store.sink(None, LogSource::Build);
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let env = CommandEnvironment {
        removed: vec!["CARGO_MANIFEST_DIR".into()],
        set: vec![("A".into(), "session".into()), ("B".into(), "session".into())],
    };
    let status = supervisor().run_to_end(&command, &env, &sink, &CancellationToken::new()).await.unwrap();
    assert!(status.success());
    let folder = dir.path().canonicalize().unwrap().display().to_string();
    assert_eq!(texts(&store), [folder.as_str(), "session command 2 removed", "3", "", "é", "\u{fffd}"]);
}

#[tokio::test]
async fn a_captured_command_has_its_streams_apart_and_its_input() {
    let dir = tempfile::tempdir().unwrap();
    let input = "é\n".repeat(100_000);
    let mut lines = Vec::new();
    let captured = supervisor()
        .capture(
            &shell(dir.path(), "echo first >&2; cat; exit 3"),
            &PLAIN,
            Some(&input),
            &CancellationToken::new(),
            true,
            &mut |line| lines.push(line.to_owned()),
        )
        .await
        .unwrap();
    assert_eq!(String::from_utf8(captured.stdout).unwrap(), input);
    assert_eq!(captured.stderr, b"first\n");
    assert_eq!(captured.status.code(), Some(3));
    assert_eq!(lines.len(), 100_001);
    let none = supervisor()
        .capture(&shell(dir.path(), "cat; printf x"), &PLAIN, None, &CancellationToken::new(), true, &mut |_| {})
        .await
        .unwrap();
    assert_eq!(none.stdout, b"x");
    let (mut lines, both) = (Vec::new(), shell(dir.path(), "echo out; echo err >&2"));
    let mut line = |line: &str| lines.push(line.to_owned());
    let hidden = supervisor().capture(&both, &PLAIN, None, &CancellationToken::new(), false, &mut line).await.unwrap();
    assert_eq!((hidden.stdout, lines), (b"out\n".to_vec(), vec!["err".to_owned()]));
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("script");
    std::fs::write(&script, "echo").unwrap();
    let at =
        |dir: &Path, program: &str| CommandLine { argv: vec![program.into()], dir: dir.to_owned(), env: Vec::new() };
    let here = dir.path();
    assert!(matches!(run(&at(here, "no-such-program-1")).await.0, Err(ProcessError::NotFound { .. })));
    assert!(matches!(run(&at(here, "./script")).await.0, Err(ProcessError::NotExecutable { .. })));
    assert!(matches!(run(&at(&here.join("gone"), "true")).await.0, Err(ProcessError::BadFolder { .. })));
    assert!(matches!(run(&at(&script, "true")).await.0, Err(ProcessError::BadFolder { .. })));
    assert!(matches!(
        run(&CommandLine { argv: vec![], dir: here.to_owned(), env: vec![] }).await.0,
        Err(ProcessError::Empty)
    ));
    let text = run(&at(&here.join("gone"), "true")).await.0.unwrap_err().to_string();
    assert!(text.contains("`true`") && text.contains("gone`") && text.contains("create the folder"), "{text}");
    let store = LogStore::new();
    let nowhere = Supervisor::with_program("/no/devloop");
    let (command, sink, cancel) = (at(here, "true"), store.sink(None, LogSource::Build), CancellationToken::new());
    let result = nowhere.run_to_end(&command, &PLAIN, &sink, &cancel);
    assert!(matches!(result.await, Err(ProcessError::NoSupervisor { .. })));
}

#[tokio::test]
async fn when_the_command_ends_its_children_are_ended() {
    let dir = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let (result, lines) =
        run(&shell(dir.path(), "setsid sh -c 'echo \"pid $$\"; exec sleep 1000' & sleep 0.2; exit 4")).await;
    assert_eq!(result.unwrap().code(), Some(4));
    assert_eq!(pids(&lines).len(), 1);
    assert!(pids(&lines).iter().all(|pid| !runs(*pid)));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn stop_ends_even_those_who_left_the_session() {
    let dir = tempfile::tempdir().unwrap();
    let store = LogStore::new();
    let server =
        supervisor().serve(&shell(dir.path(), FAMILY), &PLAIN, &store.sink(None, LogSource::Runtime)).await.unwrap();
    let family = family(&store).await;
    assert!(family.contains(&server.pid()));
    let started = Instant::now();
    server.stop(Duration::from_secs(30)).await;
    assert!(family.iter().all(|pid| !runs(*pid)), "gone when `stop` returns");
    assert!(started.elapsed() < Duration::from_secs(5), "TERM was enough");
    assert_eq!(server.exited().await.unwrap().signal(), Some(15));
}

#[tokio::test]
async fn who_ignores_the_request_to_end_is_killed_after_the_grace() {
    let dir = tempfile::tempdir().unwrap();
    let store = LogStore::new();
    let script = "trap '' TERM; echo \"pid $$\"; echo ready; while :; do sleep 0.1; done";
    let server =
        supervisor().serve(&shell(dir.path(), script), &PLAIN, &store.sink(None, LogSource::Runtime)).await.unwrap();
    wait_until("the start", || texts(&store).iter().any(|line| line == "ready")).await;
    let started = Instant::now();
    server.stop(Duration::from_secs(2)).await;
    assert!(started.elapsed() >= Duration::from_secs(2) && started.elapsed() < Duration::from_secs(6));
    assert!(!runs(server.pid()));
    assert_eq!(server.exited().await.unwrap().signal(), Some(9));
    let lines = texts(&store).join("\n");
    assert!(lines.contains("waiting for `") && lines.contains("killing it"), "{lines}");
}

#[tokio::test]
async fn a_second_shorter_stop_hurries_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = LogStore::new();
    let script = "trap '' TERM; echo ready; while :; do sleep 0.1; done";
    let server =
        supervisor().serve(&shell(dir.path(), script), &PLAIN, &store.sink(None, LogSource::Runtime)).await.unwrap();
    wait_until("the start", || texts(&store).iter().any(|line| line == "ready")).await;
    let started = Instant::now();
    tokio::join!(server.stop(Duration::from_mins(1)), server.stop(Duration::ZERO));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_graceful_end_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let store = LogStore::new();
    let script = "trap 'sleep 0.5; echo bye; exit 0' TERM; echo ready; while :; do sleep 0.1; done";
    let server =
        supervisor().serve(&shell(dir.path(), script), &PLAIN, &store.sink(None, LogSource::Runtime)).await.unwrap();
    wait_until("the start", || texts(&store).iter().any(|line| line == "ready")).await;
    server.stop(Duration::from_secs(30)).await;
    assert!(server.exited().await.unwrap().success());
    assert!(texts(&store).iter().any(|line| line == "bye"));
}

#[tokio::test]
async fn cancelling_ends_the_command_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = LogStore::new();
    let cancel = CancellationToken::new();
    let (command, sink, supervisor) = (shell(dir.path(), FAMILY), store.sink(None, LogSource::Build), supervisor());
    let (result, pids) = tokio::join!(supervisor.run_to_end(&command, &PLAIN, &sink, &cancel), async {
        let pids = family(&store).await;
        cancel.cancel();
        pids
    });
    assert!(matches!(result, Err(ProcessError::Cancelled { .. })));
    assert!(pids.iter().all(|pid| !runs(*pid)));
}

#[tokio::test]
async fn a_dropped_handle_ends_the_command() {
    let dir = tempfile::tempdir().unwrap();
    let store = LogStore::new();
    let server =
        supervisor().serve(&shell(dir.path(), FAMILY), &PLAIN, &store.sink(None, LogSource::Runtime)).await.unwrap();
    let family = family(&store).await;
    drop(server);
    wait_until("the end", || family.iter().all(|pid| !runs(*pid))).await;
}

#[tokio::test]
async fn a_killed_supervisor_takes_everything_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = LogStore::new();
    let server =
        supervisor().serve(&shell(dir.path(), FAMILY), &PLAIN, &store.sink(None, LogSource::Runtime)).await.unwrap();
    let family = family(&store).await;
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap();
    let parent: i32 = stat[stat.rfind(')').unwrap() + 2..].split(' ').nth(1).unwrap().parse().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(parent).unwrap(), rustix::process::Signal::KILL)
        .unwrap();
    assert!(matches!(server.exited().await, Err(ProcessError::SupervisorLost { .. })));
    assert!(family.iter().all(|pid| !runs(*pid)));
}

/// Runs in a process of its own, which the next test kills: it owns two commands as devloop does.
#[tokio::test]
#[ignore = "a part of `nothing_survives_the_death_of_devloop`"]
async fn owner_of_commands() {
    if std::env::var_os("DEVLOOP_TEST_OWNER").is_none() {
        return;
    }
    let store = LogStore::new();
    let sink = store.sink(None, LogSource::Runtime);
    let dir = std::env::temp_dir();
    let _server = supervisor().serve(&shell(&dir, FAMILY), &PLAIN, &sink).await.unwrap();
    let (command, cancel, supervisor) = (shell(&dir, FAMILY), CancellationToken::new(), supervisor());
    let shown = async {
        wait_until("both families", || texts(&store).iter().filter(|line| *line == "ready").count() == 2).await;
        println!("\nfamily {:?}", pids(&texts(&store)));
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = supervisor.run_to_end(&command, &PLAIN, &sink, &cancel) => {}
        () = shown => {}
    }
}

#[tokio::test]
async fn nothing_survives_the_death_of_devloop() {
    let mut owner = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process::owner_of_commands", "--ignored", "--nocapture"])
        .env("DEVLOOP_TEST_OWNER", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(owner.stdout.take().unwrap()).lines();
    let family: Vec<u32> = lines
        .find_map(|line| {
            let line = line.unwrap();
            let list = line.strip_prefix("family [")?.strip_suffix(']')?.to_owned();
            Some(list.split(", ").map(|pid| pid.parse().unwrap()).collect())
        })
        .expect("the owner names its family");
    assert!(family.len() >= 8 && family.iter().all(|pid| runs(*pid)), "{family:?}");
    owner.kill().unwrap();
    owner.wait().unwrap();
    let started = Instant::now();
    wait_until("the end of all", || family.iter().all(|pid| !runs(*pid))).await;
    println!("gone after {:?}", started.elapsed());
}

#[tokio::test]
async fn progress_and_prompts_are_shown_while_the_command_runs() {
    let dir = tempfile::tempdir().unwrap();
    let store = LogStore::new();
    let script = "printf 'prompt> '; sleep 1000";
    let server =
        supervisor().serve(&shell(dir.path(), script), &PLAIN, &store.sink(None, LogSource::Runtime)).await.unwrap();
    wait_until("the prompt", || texts(&store).iter().any(|line| line.starts_with("prompt>"))).await;
    server.stop(Duration::from_secs(5)).await;
}

mod probes {
    use std::sync::atomic::{AtomicU16, Ordering};

    use devloop::process::probe as run_probe;
    use devloop::project::{Probe, ProbeAction};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::*;

    fn probe(action: ProbeAction) -> Probe {
        Probe {
            initial_delay: Duration::from_millis(20),
            timeout: Duration::from_millis(500),
            period: Duration::from_millis(30),
            success_threshold: 2,
            failure_threshold: 2,
            action,
        }
    }

    /// What the probe reports and writes.
    struct Reports {
        changes: mpsc::UnboundedReceiver<bool>,
        store: LogStore,
    }

    impl Reports {
        async fn ready(&mut self) {
            assert_eq!(self.changes.recv().await, Some(true));
        }

        async fn unready(&mut self, reason: &str) {
            assert_eq!(self.changes.recv().await, Some(false));
            let lines = texts(&self.store);
            assert!(lines.last().is_some_and(|line| line.contains(reason)), "{lines:?}");
        }
    }

    /// Runs the probe while `script` looks at what it reports.
    async fn during<F: Future<Output = ()>>(
        probe: Probe,
        dir: &Path,
        script: impl FnOnce(Reports) -> F,
    ) -> Vec<String> {
        let store = LogStore::new();
        let sink = store.sink(None, LogSource::Runtime);
        let (events, changes) = mpsc::unbounded_channel();
        let cancel = CancellationToken::new();
        let (server, supervisor) = (shell(dir, "true"), supervisor());
        let report = |ready| {
            let _ = events.send(ready);
        };
        let reports = Reports { changes, store: store.clone() };
        tokio::time::timeout(DEADLINE, async {
            tokio::join!(run_probe(&supervisor, &probe, &server, &PLAIN, &sink, &cancel, report), async {
                script(reports).await;
                cancel.cancel();
            });
        })
        .await
        .expect("in time");
        texts(&store)
    }

    #[tokio::test]
    async fn exec_follows_the_exit_status() {
        let dir = tempfile::tempdir().unwrap();
        let command = ["sh", "-c", "test -e ready || { echo not yet; exit 7; }"].map(str::to_owned).to_vec();
        let lines = during(probe(ProbeAction::Exec { command }), dir.path(), async |mut events| {
            events.unready("exit status: 7: not yet").await;
            std::fs::write(dir.path().join("ready"), "").unwrap();
            events.ready().await;
            std::fs::remove_file(dir.path().join("ready")).unwrap();
            events.unready("not yet").await;
        })
        .await;
        assert!(lines[0].starts_with("[readiness probe: failure] `test -e ready"), "{lines:?}");
        assert!(lines[1].starts_with("[readiness probe: success]"), "{lines:?}");
    }

    #[tokio::test]
    async fn exec_is_ended_when_it_takes_too_long() {
        let dir = tempfile::tempdir().unwrap();
        let command = ["sh", "-c", "echo $$ > pid; trap '' TERM; sleep 1000"].map(str::to_owned).to_vec();
        let limit = Probe { timeout: Duration::from_millis(300), ..probe(ProbeAction::Exec { command }) };
        during(limit, dir.path(), async |mut events| events.unready("no answer within 300ms").await).await;
        let pid = std::fs::read_to_string(dir.path().join("pid")).unwrap().trim().parse().unwrap();
        wait_until("the end of the probe's command", || !runs(pid)).await;
    }

    #[tokio::test]
    async fn http_follows_the_status_and_tcp_the_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = i32::from(listener.local_addr().unwrap().port());
        let status = AtomicU16::new(503);
        let serve = async {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                let count = stream.read(&mut request).await.unwrap_or(0);
                if count > 0 {
                    assert!(request.starts_with(b"GET /healthz?full=1 HTTP/1.1\r\n"));
                }
                let status = status.load(Ordering::Relaxed);
                let _ = stream.write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n").as_bytes()).await;
            }
        };
        let http = |path: &str, scheme: &str| ProbeAction::HttpGet {
            host: "127.0.0.1".into(),
            port,
            scheme: scheme.into(),
            path: path.into(),
        };
        let checks = async {
            during(probe(http("healthz?full=1", "http")), Path::new("/"), async |mut events| {
                events.unready("503").await;
                status.store(302, Ordering::Relaxed);
                events.ready().await;
            })
            .await;
            during(probe(http("/", "gopher")), Path::new("/"), async |mut events| {
                events.unready("scheme `gopher`").await;
            })
            .await;
            let connect = ProbeAction::TcpSocket { host: "localhost".into(), port };
            during(probe(connect), Path::new("/"), async |mut events| {
                events.ready().await;
            })
            .await;
            let nowhere = ProbeAction::TcpSocket { host: "localhost".into(), port: 70_000 };
            during(probe(nowhere), Path::new("/"), async |mut events| {
                events.unready("port 70000 is out of range").await;
            })
            .await;
        };
        tokio::select! {
            () = serve => {}
            () = checks => {}
        }
    }

    /// A server that accepts and never answers must not hang the probe.
    #[tokio::test]
    async fn http_without_an_answer_is_a_failure() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = i32::from(listener.local_addr().unwrap().port());
        let action = ProbeAction::HttpGet { host: "localhost".into(), port, scheme: "http".into(), path: "/".into() };
        let limit = Probe { timeout: Duration::from_millis(100), ..probe(action) };
        during(limit, Path::new("/"), async |mut events| events.unready("no answer within 100ms").await).await;
    }
}
