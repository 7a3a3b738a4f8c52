//! When a CI run is over.

use super::*;

fn ci(resources: Vec<Resource>) -> Script {
    Script::new(Mode::Ci { timeout: Some(Duration::from_mins(1)) }, &project(&[], resources))
}

#[test]
fn ci_succeeds_when_everything_is_ready_and_ignores_what_was_never_asked_for() {
    let mut never = deployment("debug", &[]);
    never.auto_init = false;
    let mut script = ci(vec![deployment("web", &[]), never]);
    script.deployed("web");
    assert_eq!(script.engine.snapshot().verdict, None);
    script.pod(running("web", "pod-1", "c1", "x"));
    assert_eq!(script.engine.snapshot().verdict, Some(Verdict::Success));
}

#[test]
fn ci_fails_at_once_with_the_reason_of_a_failed_update() {
    let mut script = ci(vec![deployment("web", &[]), local("gen", Some("false"), None)]);
    script.failed("run gen", "exit status 1");
    let verdict = Verdict::Failure { resource: Some("gen".into()), reason: "exit status 1".into() };
    assert_eq!(script.engine.snapshot().verdict, Some(verdict));
}

#[test]
fn ci_never_hangs_past_its_timeout() {
    let mut script = ci(vec![deployment("web", &[])]);
    script.deployed("web");
    let wake = script.engine.wake_at().unwrap();
    script.now = wake;
    script.send(Event::Woken);
    let Some(Verdict::Failure { reason, .. }) = script.engine.snapshot().verdict else { panic!("no verdict") };
    assert!(reason.contains("timeout after 1m"), "{reason}");
}
