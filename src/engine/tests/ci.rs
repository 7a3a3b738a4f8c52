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

/// A pod whose container ends again and again; Kubernetes itself may call that phase `Running`.
fn crashing(phase: PodPhase) -> Pod {
    let mut pod = running("web", "pod-1", "c1", "x");
    pod.phase = phase;
    let container = &mut pod.containers[0];
    container.ready = false;
    container.restarts = 3;
    container.state = ContainerState::Waiting { reason: "CrashLoopBackOff".into(), message: String::new() };
    pod
}

/// Line 19 of Appendix B of the reference.
#[test]
fn a_crash_loop_in_a_running_pod_fails_ci_by_its_limits_of_time_and_not_at_once() {
    let mut script = ci(vec![deployment("web", &[])]);
    script.deployed("web");
    script.pod(crashing(PodPhase::Running));
    assert_eq!(script.engine.snapshot().verdict, None);
    assert_eq!(script.row("web").runtime, RuntimeStatus::Pending);

    script.now = script.engine.wake_at().expect("a limit of time");
    script.send(Event::Woken);
    let Some(Verdict::Failure { reason, .. }) = script.engine.snapshot().verdict else { panic!("no verdict") };
    assert!(reason.contains("CrashLoopBackOff"), "{reason}");
}

#[test]
fn a_container_that_comes_up_after_a_crash_loop_passes_ci() {
    let mut script = ci(vec![deployment("web", &[])]);
    script.deployed("web");
    script.pod(crashing(PodPhase::Running));
    script.pod(running("web", "pod-1", "c1", "x"));
    assert_eq!(script.engine.snapshot().verdict, Some(Verdict::Success));
}

#[test]
fn a_crash_loop_before_the_pod_runs_fails_ci_at_once() {
    let mut script = ci(vec![deployment("web", &[])]);
    script.deployed("web");
    script.pod(crashing(PodPhase::Pending));
    assert!(matches!(script.engine.snapshot().verdict, Some(Verdict::Failure { .. })));
}
