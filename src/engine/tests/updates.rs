//! Full updates: what is built and deployed, when, and what waits.

use super::*;

#[test]
fn a_resource_is_built_deployed_and_ready() {
    let mut script = Script::up(&[image("web", false)], vec![deployment("web", &["web"])]);
    assert_eq!(script.asked(), ["load", "build web"]);
    script.built("web", "1");
    assert_eq!(script.asked(), ["deploy web"]);
    script.deployed("web");
    assert_eq!(script.row("web").runtime, RuntimeStatus::Pending);
    script.pod(running("web", "pod-1", "c1", "web:1"));
    let row = script.row("web");
    assert_eq!((row.update, row.runtime), (UpdateStatus::Ok, RuntimeStatus::Ok));
}

#[test]
fn dependent_waits_until_its_dependency_has_been_ready_once() {
    let mut script = Script::up(&[], vec![after(deployment("web", &[]), &["db"]), deployment("db", &[])]);
    assert_eq!(script.asked(), ["load", "deploy db"]);
    assert_eq!(script.hold("web"), Some(Hold::WaitingForDependencies(vec!["db".into()])));
    script.deployed("db");
    assert_eq!(script.asked(), [""; 0]);
    script.pod(running("db", "pod-1", "c1", "x"));
    assert_eq!(script.asked(), ["deploy web"]);
}

#[test]
fn an_image_of_several_resources_is_built_once() {
    let mut script = Script::up(&[image("app", false)], vec![deployment("a", &["app"]), deployment("b", &["app"])]);
    assert_eq!(script.asked(), ["load", "build app"]);
    assert_eq!(script.hold("b"), Some(Hold::BuildingComponent(vec!["app".into()])));
    script.built("app", "1");
    assert_eq!(script.asked(), ["deploy a", "deploy b"]);
}

#[test]
fn a_failing_build_fails_once_for_all_its_resources_and_waits_for_a_change() {
    let mut script = Script::up(&[image("app", false)], vec![deployment("a", &["app"]), deployment("b", &["app"])]);
    script.asked();
    script.failed("build app", "no such file");
    assert_eq!(script.asked(), [""; 0]);
    assert_eq!((script.row("a").update, script.row("b").update), (UpdateStatus::Error, UpdateStatus::Error));
    script.changed(&["/p/app/main.py"]);
    assert_eq!(script.asked(), ["build app"]);
}

#[test]
fn no_more_updates_run_than_may() {
    let resources: Vec<Resource> = (0..5).map(|i| deployment(&format!("r{i}"), &[])).collect();
    let mut script = Script::up(&[], resources);
    assert_eq!(script.asked(), ["load", "deploy r0", "deploy r1", "deploy r2"]);
    assert_eq!(script.hold("r3"), Some(Hold::ParallelLimit { limit: 3 }));
    script.deployed("r1");
    assert_eq!(script.asked(), ["deploy r3"]);
}

#[test]
fn a_save_during_a_build_arrives_after_it() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.asked();
    script.changed(&["/p/web/src/a.py"]);
    assert_eq!(script.asked(), [""; 0], "live update will bring it, so the build goes on");
    script.built("web", "1");
    script.deployed("web");
    script.asked();
    script.pod(running("web", "pod-1", "c1", "web:1"));
    assert_eq!(script.asked(), ["sync pod-1/c1 /app/a.py"]);
}

#[test]
fn a_build_that_a_save_made_stale_is_cancelled_and_started_again() {
    let mut script = Script::up(&[image("web", false)], vec![deployment("web", &["web"])]);
    script.asked();
    script.changed(&["/p/web/main.go"]);
    assert_eq!(script.asked(), ["cancel"]);
    script.finish("build web", WorkResult::Image(Err(WorkError::Cancelled)));
    assert_eq!(script.asked(), ["build web"]);
    script.built("web", "1");
    script.deployed("web");
    assert_eq!(script.asked(), ["deploy web", "prune"]);
    assert_eq!(script.row("web").pending_file_count, 0);
}

#[test]
fn a_broken_build_does_not_loop_and_the_old_pods_stay() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    script.changed(&["/p/web/Makefile"]);
    script.asked();
    script.failed("build web", "syntax error");
    assert_eq!(script.asked(), [""; 0]);
    let row = script.row("web");
    assert_eq!((row.update, row.runtime), (UpdateStatus::Error, RuntimeStatus::Ok));
    script.pod(running("web", "pod-1", "c1", "web:1"));
    assert_eq!(script.asked(), [""; 0]);
    script.changed(&["/p/web/src/a.py"]);
    assert_eq!(script.asked(), ["build web"], "after a failed build every change builds");
}

#[test]
fn a_lost_engine_interrupts_and_the_update_goes_on_when_it_is_back() {
    let mut script = Script::up(&[image("web", false)], vec![deployment("web", &["web"])]);
    script.asked();
    script.send(Event::DockerChanged(Connection::Lost("stopped".into())));
    script.finish("build web", WorkResult::Image(Err(WorkError::Lost("the engine went away".into()))));
    assert_eq!(script.asked(), [""; 0]);
    assert_eq!(script.hold("web"), Some(Hold::WaitingForDocker));
    script.send(Event::DockerChanged(Connection::Ok));
    assert_eq!(script.asked(), ["build web"]);
}

#[test]
fn a_trigger_on_an_automatic_resource_builds_and_deploys_anew() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    script.send(Event::Command(Command::Trigger("web".into())));
    assert_eq!(script.asked(), ["build web anew"]);
    let built = BuiltImage { local_ref: "web:1".into(), cluster_ref: "web:1".into(), inject: true };
    script.finish("build web anew", WorkResult::Image(Ok(built)));
    assert_eq!(script.asked(), ["deploy web anew"]);
}

#[test]
fn a_manual_resource_collects_changes_until_it_is_triggered() {
    let mut web = deployment("web", &["web"]);
    web.trigger_mode = TriggerMode::Manual;
    let mut script = Script::up(&[image("web", true)], vec![web]);
    script.bring_up("web");
    script.changed(&["/p/web/src/a.py"]);
    assert_eq!((script.asked().len(), script.hold("web")), (0, Some(Hold::Manual)));
    script.send(Event::Command(Command::Trigger("web".into())));
    assert_eq!(script.asked(), ["sync pod-1/c1 /app/a.py"]);
}

#[test]
fn quitting_cancels_everything_and_ends_when_all_has_ended() {
    let mut script =
        Script::up(&[image("web", false)], vec![deployment("web", &["web"]), local("api", None, Some("./api"))]);
    script.asked();
    script.send(Event::Command(Command::Quit));
    assert_eq!(script.asked(), ["cancel", "cancel"]);
    assert!(!script.engine.is_stopped());
    script.finish("build web", WorkResult::Image(Err(WorkError::Cancelled)));
    script.finish("serve api", WorkResult::Serve("stopped".into()));
    assert!(script.engine.is_stopped());
    assert_eq!(script.engine.snapshot().phase, SessionPhase::Stopped);
}

#[test]
fn a_triggered_update_that_met_an_outage_is_still_a_forced_one() {
    let mut script = Script::up(&[], vec![deployment("job", &[])]);
    script.deployed("job");
    script.send(Event::Command(Command::Trigger("job".into())));
    script.asked();
    script.send(Event::ClusterChanged(Connection::Lost("connection refused".into())));
    script.finish("deploy job anew", WorkResult::Deploy(Err(WorkError::Lost("connection refused".into()))));
    script.send(Event::ClusterChanged(Connection::Ok));
    assert_eq!(script.asked(), ["deploy job anew"]);
}

#[test]
fn dependencies_hold_only_the_first_update_and_a_disabled_one_holds_it_for_ever() {
    let mut script = Script::up(&[], vec![deployment("db", &[]), after(local("web", Some("x"), None), &["db"])]);
    script.deployed("db");
    script.pod(running("db", "pod-1", "c1", "x"));
    script.finish("run web", WorkResult::Local(Ok(())));
    script.asked();
    let mut gone = running("db", "pod-1", "c1", "x");
    gone.containers[0].ready = false;
    script.pod(gone);
    script.changed(&["/p/web/a"]);
    assert_eq!(script.asked(), ["run web"], "the dependency has been ready once");

    let mut script = Script::up(&[], vec![deployment("db", &[]), after(local("web", Some("x"), None), &["db"])]);
    script.send(Event::Command(Command::Disable(Selection::Names(vec!["db".into()]))));
    script.changed(&["/p/web/a"]);
    assert_eq!(script.hold("web"), Some(Hold::WaitingForDependencies(vec!["db".into()])));
}

#[test]
fn without_a_first_update_of_its_own_an_automatic_resource_waits_for_a_change_and_a_manual_one_for_the_user() {
    let lazy = |name: &str, mode: TriggerMode| {
        let mut resource = local(name, Some("x"), None);
        resource.auto_init = false;
        resource.trigger_mode = mode;
        resource
    };
    let mut script = Script::up(&[], vec![lazy("auto", TriggerMode::Auto), lazy("manual", TriggerMode::Manual)]);
    assert_eq!(script.asked(), ["load"]);
    script.changed(&["/p/auto/a", "/p/manual/a"]);
    assert_eq!(script.asked(), ["run auto"]);
    script.send(Event::Command(Command::Trigger("manual".into())));
    assert_eq!(script.asked(), ["run manual"]);
}

#[test]
fn a_failed_update_has_used_up_its_changes() {
    let mut script = Script::up(&[], vec![local("test", Some("x"), None)]);
    script.finish("run test", WorkResult::Local(Ok(())));
    script.changed(&["/p/test/a"]);
    script.failed("run test", "exit code 1");
    script.asked();
    script.send(Event::Woken);
    assert_eq!(script.asked(), Vec::<String>::new());
    assert_eq!(script.row("test").pending_file_count, 0);
}
