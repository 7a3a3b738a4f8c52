//! What a compose command that failed wanted to say.

use std::sync::LazyLock;

use regex::Regex;

/// Words of engines for a port that is taken: the port is the last number before them.
static PORT_TAKEN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:[Bb]ind for|listen (?:tcp|udp)[46]?|exposing port (?:TCP|UDP)) \S*?:(\d+)(?: -> [^:]*:\d+)?:? (?:failed|bind|listen)").expect("a constant expression is valid")
});

/// What a line of the compose command's errors says, without the frame of its logger: the second series writes
/// `time="…" level=warning msg="…"`, the first one `WARNING: …`.
pub fn plain_line(line: &str) -> String {
    if line.starts_with("time=\"")
        && let Some((_, message)) = line.split_once(" msg=")
    {
        // Quoted as in JSON; what comes after it are fields of the logger.
        let mut parsed = serde_json::Deserializer::from_str(message).into_iter::<String>();
        return parsed.next().and_then(Result::ok).unwrap_or_else(|| message.to_owned());
    }
    line.trim_start_matches("WARNING: ").trim_start_matches("ERROR: ").to_owned()
}

/// One line that says what a failed command complains of, from its output; `None` when it said nothing.
///
/// `service` is whom the command was about.
pub fn explain(output: &str, service: &str) -> Option<String> {
    if let Some(port) = PORT_TAKEN.captures(output).and_then(|found| found.get(1)) {
        return Some(format!(
            "port {} of this machine, which service `{service}` publishes, is already in use: stop what listens there, or publish another port",
            port.as_str()
        ));
    }
    let complains = |line: &&str| {
        let lower = line.to_lowercase();
        ["error", "cannot", "failed", "invalid", "no such", "not found", "unsupported", "denied"]
            .iter()
            .any(|word| lower.contains(word))
    };
    let lines = || output.lines().map(str::trim).filter(|line| !line.is_empty());
    // The last complaint sums the others up; "Encountered errors while bringing up the project." says nothing.
    let said = lines().filter(complains).rfind(|line| !line.starts_with("Encountered errors"));
    said.or_else(|| lines().next_back()).map(plain_line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named() {
        for output in [
            "Creating shop_web_1 ... error\n\nERROR: for web  Cannot start service web: driver failed programming external connectivity on endpoint shop_web_1 (ab): Bind for 0.0.0.0:8081 failed: port is already allocated\nEncountered errors while bringing up the project.",
            "Error response from daemon: driver failed programming external connectivity on endpoint web: Error starting userland proxy: listen tcp4 0.0.0.0:8081: bind: address already in use",
            "Error response from daemon: Ports are not available: exposing port TCP 0.0.0.0:8081 -> 0.0.0.0:0: listen tcp 0.0.0.0:8081: bind: address already in use",
        ] {
            let text = explain(output, "web").expect("it is explained");
            assert!(text.starts_with("port 8081 of this machine, which service `web` publishes"), "{text}");
        }
    }

    #[test]
    fn the_frame_of_the_logger_goes() {
        let check = |line: &str, expected: &str| assert_eq!(plain_line(line), expected);
        check(
            r#"time="2026-11-21T14:28:20Z" level=warning msg="The \"x\" variable is not set.""#,
            r#"The "x" variable is not set."#,
        );
        check("time=\"2026\" level=warning msg=obsolete", "obsolete");
        check("WARNING: The X variable is not set.", "The X variable is not set.");
        check("unknown flag: --x", "unknown flag: --x");
    }

    #[test]
    fn else_the_last_complaint_counts() {
        let output = "Pulling db ...\nERROR: pull access denied for nosuch, repository does not exist\nEncountered errors while bringing up the project.";
        assert_eq!(explain(output, "db").as_deref(), Some("pull access denied for nosuch, repository does not exist"));
        assert_eq!(explain("\n", "db"), None);
        assert_eq!(explain("what\n", "db").as_deref(), Some("what"));
    }
}
