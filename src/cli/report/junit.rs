//! A CI run as JUnit XML: a case per resource.

use std::fmt::Write as _;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::RanCommand;
use super::summary::{Standing, standing};
use crate::cli::error::CommandError;
use crate::engine::{ResourceSnapshot, Snapshot, Verdict};
use crate::journal::{Phase, Span};
use crate::logs::{LogFilter, LogReader, strip_colors};

/// How many lines of a failed resource go into its case; all are in its log file.
const TAIL: usize = 200;

pub(super) fn junit(
    snapshot: &Snapshot,
    spans: &[Span],
    logs: &LogReader,
    ran: Option<&RanCommand>,
) -> Result<String, CommandError> {
    let mut suite = TestSuite::new("devloop ci");
    suite.set_timestamp(snapshot.started.fixed_offset());
    suite.set_time(snapshot.now.0);
    suite.add_test_case(config(snapshot, spans));
    for resource in &snapshot.resources {
        suite.add_test_case(case(resource, spans, logs));
    }
    if let Some(Verdict::Failure { resource: None, reason }) = &snapshot.verdict
        && !snapshot.config.diagnostics.iter().any(crate::diagnostic::Diagnostic::is_error)
    {
        // The engine, the cluster, or the time for the whole run.
        let mut session = TestCase::new("(session)", failure(reason));
        session.set_classname("devloop");
        suite.add_test_case(session);
    }
    if let Some(ran) = ran {
        let status = ran.failure.as_deref().map_or_else(TestCaseStatus::success, failure);
        let mut case = TestCase::new("(command)", status);
        case.set_classname("devloop");
        case.set_time(ran.took);
        case.set_system_out(ran.line.clone());
        suite.add_test_case(case);
    }
    let mut report = Report::new("devloop ci");
    report.add_test_suite(suite);
    report.to_string().map_err(|error| CommandError::failed(format!("cannot write the report: {error}")))
}

fn config(snapshot: &Snapshot, spans: &[Span]) -> TestCase {
    let error = snapshot.config.diagnostics.iter().find(|it| it.is_error());
    let status = match error {
        Some(error) => {
            let place = error.primary.as_ref().map(|span| format!("{}:{}: ", span.file.display(), span.start.line));
            failure(&format!("{}{}", place.unwrap_or_default(), error.message))
        }
        None => TestCaseStatus::success(),
    };
    let mut case = TestCase::new("(configuration)", status);
    case.set_classname("devloop");
    let took = spans.iter().filter(|span| span.phase == Phase::Config).filter_map(|span| Some(span.end? - span.start));
    case.set_time(Duration::from_secs_f64(took.sum::<f64>().max(0.0)));
    case
}

fn case(resource: &ResourceSnapshot, spans: &[Span], logs: &LogReader) -> TestCase {
    let status = match standing(resource) {
        Standing::Ok => TestCaseStatus::success(),
        Standing::Skipped(why) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(why);
            status
        }
        Standing::Failed(why) | Standing::Unfinished(why) => failure(&why),
    };
    let failed = matches!(status, TestCaseStatus::NonSuccess { .. });
    let mut case = TestCase::new(resource.name.as_str(), status);
    case.set_classname("devloop.resource");
    let mut phases = String::new();
    let mut took: f64 = 0.0;
    for span in spans.iter().filter(|span| span.resource.as_ref() == Some(&resource.name)) {
        let length = span.end.map(|end| end - span.start);
        if matches!(span.phase, Phase::Update | Phase::Starting) {
            took += length.unwrap_or_default();
        }
        let length = length.map_or("unfinished".to_owned(), |length| format!("{length:.3} s"));
        let mark = if span.failed { " FAILED" } else { "" };
        let _ = writeln!(phases, "{:9.3} s  {:?}: {} ({length}){mark}", span.start, span.phase, span.text);
    }
    case.set_time(Duration::from_secs_f64(took.max(0.0)));
    case.set_system_out(phases);
    if failed {
        let lines = logs.tail(&LogFilter::resource(resource.name.clone()), TAIL);
        let lines: Vec<String> = lines.iter().map(|line| strip_colors(&line.text).into_owned()).collect();
        case.set_system_err(lines.join("\n"));
    }
    case
}

fn failure(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(why.lines().next().unwrap_or_default());
    status.set_description(why);
    status
}
