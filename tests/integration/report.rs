//! The report of a CI run: whole after success, failure, a broken configuration, and when somebody ends it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::devloop::{DEADLINE, binary, devloop, pause};

const FILES: [&str; 6] = ["events.jsonl", "junit.xml", "pods.json", "project.json", "summary.md", "timeline.json"];

fn project(devfile: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("Devfile"), devfile).expect("a file");
    folder
}

fn text(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join("report").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The cases of the JUnit file: name, and the message of what failed.
fn cases(dir: &Path) -> Vec<(String, Option<String>)> {
    let xml = text(dir, "junit.xml");
    let report = quick_junit::Report::deserialize_from_str(&xml).unwrap_or_else(|error| panic!("{error}\n{xml}"));
    let cases = report.test_suites.iter().flat_map(|suite| &suite.test_cases);
    let message = |case: &quick_junit::TestCase| match &case.status {
        quick_junit::TestCaseStatus::NonSuccess { message, .. } => {
            Some(message.as_ref().map_or(String::new(), |message| message.as_str().to_owned()))
        }
        quick_junit::TestCaseStatus::Success { .. } | quick_junit::TestCaseStatus::Skipped { .. } => None,
    };
    cases.map(|case| (case.name.as_str().to_owned(), message(case))).collect()
}

fn whole(dir: &Path) {
    for name in FILES {
        assert!(!text(dir, name).is_empty(), "{name} is empty");
    }
    for name in ["pods.json", "project.json", "timeline.json"] {
        let _: Value = serde_json::from_str(&text(dir, name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn success_has_a_case_per_resource_and_every_line_of_log() {
    let folder = project(
        "local_resource('numbers', 'seq 1 20000')\nlocal_resource('a:b', 'echo hello', resource_deps=['numbers'])\n",
    );
    let dir = folder.path();
    fs::create_dir_all(dir.join("report/logs")).expect("a folder");
    fs::write(dir.join("report/logs/old.log"), "of an older run").expect("a file");
    devloop(dir, &["ci", "--report", "report"]).code(0);
    whole(dir);
    assert_eq!(cases(dir), ["(configuration)", "numbers", "a:b"].map(|name| (name.to_owned(), None)));
    let numbers = text(dir, "logs/numbers.log");
    assert_eq!(numbers.lines().filter(|line| line.ends_with(" build 20000") || line.ends_with(" build 1")).count(), 2);
    assert!(text(dir, "logs/a%3Ab.log").contains("hello"));
    assert!(!dir.join("report/logs/old.log").exists());
    assert!(text(dir, "summary.md").contains("Critical path: configuration "), "{}", text(dir, "summary.md"));
}

#[test]
fn a_failure_is_told_with_its_reason_and_its_last_lines() {
    let folder = project("local_resource('broken', 'echo <last> words; exit 3')\n");
    let dir = folder.path();
    devloop(dir, &["ci", "--report", "report"]).code(1);
    whole(dir);
    let cases = cases(dir);
    assert!(cases[1].1.as_ref().is_some_and(|message| message.contains("exit")), "{cases:?}");
    assert!(text(dir, "junit.xml").contains("&lt;last&gt; words"), "{}", text(dir, "junit.xml"));
    assert!(text(dir, "summary.md").contains("| ✖ | broken |"), "{}", text(dir, "summary.md"));

    fs::write(dir.join("Devfile"), "docker_bild('web')\n").expect("a file");
    devloop(dir, &["ci", "--report", "report"]).code(5);
    whole(dir);
    let cases = self::cases(dir);
    assert!(cases[0].1.as_ref().is_some_and(|message| message.contains("Devfile:1: ")), "{cases:?}");
}

#[test]
fn a_run_that_is_ended_by_a_signal_has_its_report_too() {
    let folder = project("local_resource('endless', 'echo begun; sleep 1000')\n");
    let dir = folder.path();
    let mut run = Command::new(binary())
        .args(["ci", "--report", "report"])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let log = dir.join("report/logs/endless.log");
    let deadline = std::time::Instant::now() + DEADLINE;
    while !fs::read_to_string(&log).is_ok_and(|text| text.contains("begun")) {
        assert!(std::time::Instant::now() < deadline, "nothing is logged");
        pause();
    }
    let pid = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    let status = run.wait().expect("it ends");
    assert_eq!(status.code(), Some(143));
    whole(dir);
    let cases = cases(dir);
    assert!(cases[1].1.is_some(), "{cases:?}");
    assert!(text(dir, "summary.md").contains("| … | endless |"), "{}", text(dir, "summary.md"));
}

#[test]
fn a_folder_that_cannot_be_written_is_said_before_anything_is_done() {
    let folder = project("local_resource('touch', 'touch done')\n");
    fs::write(folder.path().join("report"), "a file").expect("a file");
    let ended = devloop(folder.path(), &["ci", "--report", "report"]);
    ended.code(3);
    assert!(ended.stderr.contains("cannot write the report: "), "{}", ended.stderr);
}

fn ci(dir: &Path, args: &[&str], env: &[(&str, &str)]) -> crate::support::devloop::Ended {
    crate::support::devloop::devloop_with(dir, &[&["ci"], args].concat(), env)
}

#[test]
fn a_command_runs_when_everything_is_ready_and_its_status_is_that_of_the_run() {
    let folder =
        project("local_resource('server', serve_cmd='echo it serves; sleep 1000')\nlocal_resource('a', 'true')\n");
    let dir = folder.path();
    let ran = ci(dir, &["--report", "report", "--run", "echo here in $(basename $PWD) with $DEVLOOP; exit 7"], &[]);
    ran.code(7);
    let name = dir.file_name().expect("a name").to_string_lossy();
    assert!(ran.stdout.contains(&format!("here in {name} with 1\n")), "{}", ran.stdout);
    assert!(ran.stdout.contains("failed: exit status: 7"), "{}", ran.stdout);
    let command = cases(dir).into_iter().find(|(name, _)| name == "(command)").expect("a case");
    assert_eq!(command.1.as_deref(), Some("exit status: 7"));
    assert!(text(dir, "logs/devloop.log").contains("here in "));
    ci(dir, &["--run", "true"], &[]).code(0);
    // Not when something has failed; and what stands behind `--` are arguments.
    fs::write(dir.join("Devfile"), "local_resource('a', 'false')\nlocal_resource('b', 'true')\n").expect("a file");
    let failed = ci(dir, &["--run", "echo never"], &[]);
    failed.code(1);
    assert!(!failed.stdout.contains("never\n"), "{}", failed.stdout);
    ci(dir, &["--run", "true", "--", "b"], &[]).code(0);
}

#[test]
fn phases_fold_and_failures_are_noted_at_their_lines() {
    let folder = project("local_resource('a', 'true')\nlocal_resource('b', 'echo no; exit 3')\n");
    let dir = fs::canonicalize(folder.path()).expect("a folder");
    let workspace = dir.to_string_lossy().into_owned();
    let github = [("GITHUB_ACTIONS", "true"), ("GITHUB_WORKSPACE", workspace.as_str())];
    let failed = ci(&dir, &[], &github);
    failed.code(1);
    let marks: Vec<&str> = failed.stdout.lines().filter(|line| line.starts_with("::")).collect();
    assert_eq!(marks[0], "::group::Evaluate the configuration", "{marks:?}");
    assert_eq!(marks.iter().filter(|mark| mark.starts_with("::group::")).count(), 3, "{marks:?}");
    assert_eq!(marks.iter().filter(|mark| **mark == "::endgroup::").count(), 3, "{marks:?}");
    let note = marks.last().expect("a note");
    assert!(note.starts_with("::error file=Devfile,line=2,col="), "{note}");
    assert!(note.contains("title=b failed::") && note.contains("exited with 3") || note.contains("exit"), "{note}");
    // Each line is printed once, whatever phase it belongs to.
    assert_eq!(failed.stdout.lines().filter(|line| *line == "            b │ no").count(), 1, "{}", failed.stdout);

    fs::write(dir.join("Devfile"), "local_resource('a', 'true')\nk8s_yalm('x')\n").expect("a file");
    let broken = ci(&dir, &[], &github);
    broken.code(5);
    assert!(broken.stdout.contains("::error file=Devfile,line=2,col=1,title=devloop::"), "{}", broken.stdout);
    let gitlab = ci(&dir, &[], &[("GITLAB_CI", "true")]);
    assert!(gitlab.stdout.contains(":devloop_configuration[collapsed=true]\r\x1b[0KEvaluate"), "{}", gitlab.stdout);
    assert!(gitlab.stdout.contains("section_end:"), "{}", gitlab.stdout);
    assert!(!ci(&dir, &[], &[]).stdout.contains("::"));
}
