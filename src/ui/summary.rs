//! The end of a CI run on the screen: a table of all resources, and the last lines of what failed.

use std::fmt::Write as _;

use super::health::{Health, explain, health, runtime_word, update_word};
use super::text;
use crate::engine::{ResourceSnapshot, Snapshot, Verdict};
use crate::logs::{LogFilter, LogReader, strip_colors};
use crate::project::ResourceName;

/// How many lines of a failed resource are repeated.
const TAIL_LINES: usize = 30;

/// Of how many resources the last lines are repeated when the failure is not of one alone.
const MAX_TAILS: usize = 3;

/// The columns of the reason in the table; in full it is in the last lines and in the verdict.
const WHY: usize = 80;

/// The text that ends a CI run.
pub fn summary(snapshot: &Snapshot, logs: &LogReader, color: bool) -> String {
    let mut out = String::new();
    let paint = |text: &str, code: u8| if color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
    for name in failing(snapshot) {
        let lines = logs.tail(&LogFilter::resource(name.clone()), TAIL_LINES);
        if lines.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\nLast lines of {}:", paint(name.as_str(), 1));
        for line in lines {
            let _ = writeln!(out, "  {}", if color { line.text.as_ref().into() } else { strip_colors(&line.text) });
        }
    }
    if !snapshot.resources.is_empty() {
        out.push('\n');
        table(snapshot, &paint, &mut out);
    }
    match &snapshot.verdict {
        Some(Verdict::Success) => {
            let _ = writeln!(out, "\n{}", paint("SUCCESS. All workloads are healthy.", 32));
        }
        Some(Verdict::Failure { resource, reason }) => {
            let subject = resource.as_ref().map_or(String::new(), |name| format!("{name}: "));
            // The rest (an excerpt, a program's output) is in the last lines above.
            let reason = reason.lines().next().unwrap_or_default();
            let _ = writeln!(out, "\n{} {subject}{reason}", paint("FAILURE.", 31));
        }
        None => {}
    }
    out
}

/// The resources whose last lines explain the end.
fn failing(snapshot: &Snapshot) -> Vec<&ResourceName> {
    match &snapshot.verdict {
        None | Some(Verdict::Success) => Vec::new(),
        Some(Verdict::Failure { resource: Some(name), .. }) => vec![name],
        Some(Verdict::Failure { resource: None, .. }) => {
            let bad = |resource: &&ResourceSnapshot| matches!(health(resource), Health::Failed | Health::Starting);
            let mut resources: Vec<_> = snapshot.resources.iter().filter(bad).collect();
            resources.sort_by_key(|resource| health(resource));
            resources.iter().map(|resource| &resource.name).take(MAX_TAILS).collect()
        }
    }
}

fn table(snapshot: &Snapshot, paint: &dyn Fn(&str, u8) -> String, out: &mut String) {
    let name_columns = snapshot.resources.iter().map(|resource| text::width(resource.name.as_str())).max().unwrap_or(0);
    let name_columns = name_columns.clamp("RESOURCE".len(), 40);
    let runtime = |resource| runtime_word(resource);
    let runtime_columns = snapshot.resources.iter().map(|resource| text::width(&runtime(resource))).max().unwrap_or(0);
    let runtime_columns = runtime_columns.clamp("RUNTIME".len(), 24);
    let heading = format!(
        "  {}  UPDATE    {}  DURATION",
        text::pad("RESOURCE", name_columns),
        text::pad("RUNTIME", runtime_columns)
    );
    let _ = writeln!(out, "{}", paint(&heading, 1));
    for resource in &snapshot.resources {
        let (symbol, code) = match health(resource) {
            Health::Failed => ("✖", 31),
            Health::Working | Health::Waiting | Health::Starting => ("…", 33),
            Health::Ok => ("✔", 32),
            Health::Idle | Health::Disabled => ("-", 2),
        };
        let took = resource.history.first().map(|record| text::duration(record.finished.since(record.started)));
        let row = format!(
            "{}  {}  {}  {}  {}",
            text::pad(resource.name.as_str(), name_columns),
            text::pad(update_word(resource), 8),
            text::pad(&runtime(resource), runtime_columns),
            text::pad_left(&took.unwrap_or_default(), 8),
            text::cut(&explain(resource), WHY)
        );
        let _ = writeln!(out, "{} {}", paint(symbol, code), row.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::{LogSource, LogStore};
    use crate::ui::tui::scenes;

    fn logs() -> LogStore {
        let store = LogStore::new();
        let web = store.sink(Some("web".into()), LogSource::Runtime);
        for number in 1..=40 {
            web.info(format!("\x1b[32mline {number}\x1b[0m"));
        }
        store
    }

    fn check(mut snapshot: Snapshot, verdict: Verdict) -> String {
        snapshot.verdict = Some(verdict);
        summary(&snapshot, &logs().reader(), false)
    }

    #[test]
    fn success_is_said_in_one_line_after_the_table() {
        insta::assert_snapshot!(check(scenes::green(), Verdict::Success), @r"
          RESOURCE  UPDATE    RUNTIME    DURATION
        ✔ postgres  ok        Running        3.2s
        ✔ migrate   ok        Completed      3.2s
        ✔ api       ok        Running        3.2s
        ✔ web       ok        Running        3.2s
        ✔ lint      ok        -              3.2s

        SUCCESS. All workloads are healthy.
        ");
    }

    #[test]
    fn a_failure_shows_the_last_lines_of_its_resource_and_why() {
        let verdict = Verdict::Failure {
            resource: Some("web".into()),
            reason: "container web exited with code 137 (OOMKilled)".into(),
        };
        let text = check(scenes::trouble(), verdict);
        assert!(!text.contains("line 10\n") && text.contains("line 11\n"), "the last 30 lines");
        let end: String = text.lines().skip(31).fold(String::new(), |text, line| text + line + "\n");
        insta::assert_snapshot!(end, @r"
          line 40

          RESOURCE  UPDATE    RUNTIME           DURATION
        ✔ postgres  ok        Running               3.2s
        - migrate   disabled  -                     3.2s  disabled
        ✖ api       failed    Running                12s  Dockerfile:7: `npm run build` exited with code 2 src/main.ts(3,1): error
        ✖ web       ok        CrashLoopBackOff      3.2s  CrashLoopBackOff: container web exited with code 137 (OOMKilled)
        ✔ lint      ok        -                     3.2s

        FAILURE. web: container web exited with code 137 (OOMKilled)
        ");
    }

    #[test]
    fn a_failure_of_nobody_shows_the_last_lines_of_those_that_are_not_well() {
        let verdict = Verdict::Failure { resource: None, reason: "timeout after 5m".into() };
        let text = check(scenes::trouble(), verdict);
        assert!(text.contains("Last lines of web:"), "{text}");
        assert!(!text.contains("Last lines of api:"), "it has said nothing\n{text}");
        assert!(text.ends_with("\nFAILURE. timeout after 5m\n"), "{text}");
    }

    #[test]
    fn colors_are_written_when_wanted() {
        let mut snapshot = scenes::green();
        snapshot.verdict = Some(Verdict::Success);
        assert!(summary(&snapshot, &logs().reader(), true).contains("\x1b[32mSUCCESS."));
    }
}
