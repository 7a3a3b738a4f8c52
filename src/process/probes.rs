//! Readiness probes of local processes, with the semantics of Kubernetes' own (reference §2.8, §3.9).

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use super::environment::CommandEnvironment;
use super::handle::Supervisor;
use super::http_probe;
use crate::logs::{LogSink, LogSource, LogStore};
use crate::project::{CommandLine, Probe, ProbeAction};

/// Tries again and again until `cancel`; tells `report` of each change between ready and not ready, and writes it and the
/// reason to `log`. Commands of `exec` probes run in the folder and with the environment of `server`, which is probed.
pub async fn probe(
    supervisor: &Supervisor,
    probe: &Probe,
    server: &CommandLine,
    env: &CommandEnvironment,
    log: &LogSink,
    cancel: &CancellationToken,
    mut report: impl FnMut(bool),
) {
    let context = Context { supervisor, server, env };
    let probing = async {
        let period = probe.period.max(Duration::from_millis(1));
        let mut ticks = interval_at(tokio::time::Instant::now() + probe.initial_delay, period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut verdict = Verdict::default();
        loop {
            ticks.tick().await;
            let result = attempt(probe, &context).await;
            let Some(ready) = verdict.record(probe, result.is_ok()) else { continue };
            match result {
                Ok(()) => log.info(format!("[readiness probe: success] {}", describe(&probe.action))),
                Err(reason) => log.warn(format!("[readiness probe: failure] {reason}")),
            }
            report(ready);
        }
    };
    tokio::select! {
        () = probing => {}
        () = cancel.cancelled() => {}
    }
}

/// How the commands of `exec` probes run.
struct Context<'a> {
    supervisor: &'a Supervisor,
    server: &'a CommandLine,
    env: &'a CommandEnvironment,
}

/// Counts results in a row.
#[derive(Debug, Default)]
struct Verdict {
    ready: Option<bool>,
    last: Option<bool>,
    in_a_row: u32,
}

impl Verdict {
    /// Takes in a result; says what the verdict changes to, if it does.
    fn record(&mut self, probe: &Probe, success: bool) -> Option<bool> {
        self.in_a_row = if self.last == Some(success) { self.in_a_row.saturating_add(1) } else { 1 };
        self.last = Some(success);
        let threshold = if success { probe.success_threshold } else { probe.failure_threshold };
        if self.in_a_row < threshold || self.ready == Some(success) {
            return None;
        }
        self.ready = Some(success);
        self.ready
    }
}

/// One try; the error says what was tried and what happened.
async fn attempt(probe: &Probe, context: &Context<'_>) -> Result<(), String> {
    let what = describe(&probe.action);
    let tried = async {
        match &probe.action {
            ProbeAction::Exec { command } => exec(command, context, probe.timeout).await,
            ProbeAction::HttpGet { host, port, scheme, path } => {
                http_probe::get(host, valid_port(*port)?, &scheme.to_lowercase(), path).await
            }
            ProbeAction::TcpSocket { host, port } => {
                let port = valid_port(*port)?;
                TcpStream::connect((host.as_str(), port)).await.map(drop).map_err(|error| error.to_string())
            }
        }
    };
    let result = match &probe.action {
        // It ends its command by itself, and in time.
        ProbeAction::Exec { .. } => tried.await,
        ProbeAction::HttpGet { .. } | ProbeAction::TcpSocket { .. } => {
            timeout(probe.timeout, tried).await.unwrap_or_else(|_| Err(too_slow(probe.timeout)))
        }
    };
    result.map_err(|reason| format!("{what}: {reason}"))
}

fn too_slow(limit: Duration) -> String {
    format!("no answer within {}", humantime::format_duration(limit))
}

fn valid_port(port: i32) -> Result<u16, String> {
    u16::try_from(port)
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| format!("port {port} is out of range; a port is a number from 1 to 65535"))
}

fn describe(action: &ProbeAction) -> String {
    match action {
        ProbeAction::Exec { command } => {
            let command = CommandLine { argv: command.clone(), dir: "/".into(), env: Vec::new() };
            format!("`{command}`")
        }
        ProbeAction::HttpGet { host, port, scheme, path } => {
            format!("GET {scheme}://{host}:{port}/{}", path.trim_start_matches('/'))
        }
        ProbeAction::TcpSocket { host, port } => format!("connect to {host}:{port}"),
    }
}

async fn exec(command: &[String], context: &Context<'_>, limit: Duration) -> Result<(), String> {
    let command = CommandLine { argv: command.to_vec(), ..context.server.clone() };
    // What a probe says matters only when it fails.
    let output = LogStore::new();
    let sink = output.sink(None, LogSource::Runtime);
    let cancel = CancellationToken::new();
    let supervisor = Supervisor { grace: Duration::ZERO, ..context.supervisor.clone() };
    let running = supervisor.run_to_end(&command, context.env, &sink, &cancel);
    let mut running = std::pin::pin!(running);
    let result = tokio::select! {
        result = &mut running => result,
        () = tokio::time::sleep(limit) => {
            cancel.cancel();
            // The kill is seen through, so that tries do not pile up.
            let _ = running.await;
            return Err(too_slow(limit));
        }
    };
    match result {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            let last = output.reader().since(0).last().map(|line| format!(": {}", line.text)).unwrap_or_default();
            Err(format!("{status}{last}"))
        }
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(success_threshold: u32, failure_threshold: u32) -> Probe {
        Probe {
            initial_delay: Duration::ZERO,
            timeout: Duration::from_secs(1),
            period: Duration::from_secs(1),
            success_threshold,
            failure_threshold,
            action: ProbeAction::TcpSocket { host: "localhost".to_owned(), port: 1 },
        }
    }

    /// `+` is a success, `-` a failure; the answer has `R` and `U` where the verdict changes.
    fn check(probe: &Probe, results: &str, expected: &str) {
        let mut verdict = Verdict::default();
        let changes: String = results
            .chars()
            .map(|result| match verdict.record(probe, result == '+') {
                Some(true) => 'R',
                Some(false) => 'U',
                None => '.',
            })
            .collect();
        assert_eq!(changes, expected);
    }

    #[test]
    fn verdicts_change_after_as_many_results_in_a_row_as_it_takes() {
        check(&probe(1, 3), "+--+---+", "R.....UR");
        check(&probe(1, 3), "---+", "..UR");
        check(&probe(3, 1), "+++-++-+++", "..RU.....R");
        check(&probe(1, 1), "++--", "R.U.");
    }

    #[test]
    fn ports_out_of_range_are_failures() {
        for port in [-1, 0, 65536] {
            assert!(valid_port(port).is_err());
        }
        assert_eq!(valid_port(80), Ok(80));
    }
}
