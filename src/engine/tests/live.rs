//! Edits that go into running containers.

use super::*;

#[test]
fn an_edit_goes_into_the_running_container_without_a_build() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.asked();
    script.bring_up("web");
    script.changed(&["/p/web/src/a.py"]);
    assert_eq!(script.asked(), ["sync pod-1/c1 /app/a.py"]);
    assert_eq!(script.row("web").update, UpdateStatus::InProgress);
    script.finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Ok(())));
    let row = script.row("web");
    assert_eq!((row.update, row.pending_file_count, script.asked().len()), (UpdateStatus::Ok, 0, 0));
}

#[test]
fn live_updates_go_on_for_ever() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    for _ in 0..50 {
        script.changed(&["/p/web/src/a.py"]);
        assert_eq!(script.asked(), ["sync pod-1/c1 /app/a.py"]);
        script.finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Ok(())));
    }
}

#[test]
fn a_file_that_no_sync_covers_rebuilds_and_says_why() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    script.changed(&["/p/web/src/a.py", "/p/web/requirements.txt"]);
    assert_eq!(script.asked(), ["build web"]);
    script.built("web", "2");
    script.deployed("web");
    let reason = script.row("web").history[0].rebuild_reason.clone().unwrap();
    assert!(reason.contains("requirements.txt"), "{reason}");
}

#[test]
fn a_restarted_container_gets_its_files_again_before_it_counts_as_ready() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    script.changed(&["/p/web/src/a.py"]);
    script.finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Ok(())));
    script.asked();
    script.pod(running("web", "pod-1", "c2", "web:1"));
    assert_eq!(script.asked(), ["sync pod-1/c2 /app/a.py"]);
    assert_eq!(script.row("web").runtime, RuntimeStatus::Pending);
    script.finish("sync pod-1/c2 /app/a.py", WorkResult::Live(Ok(())));
    assert_eq!(script.row("web").runtime, RuntimeStatus::Ok);
}

#[test]
fn a_container_of_an_earlier_session_gets_what_changed_since() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.built("web", "1");
    script.deployed("web");
    script.asked();
    // What no `sync` covers is no reason to build: the image is of now.
    script.pod(running("web", "pod-1", "left", "web:1"));
    assert_eq!(script.asked(), ["sync pod-1/left /app/old.py"]);
    assert_eq!(script.row("web").runtime, RuntimeStatus::Pending);
    script.finish("sync pod-1/left /app/old.py", WorkResult::Live(Ok(())));
    assert_eq!((script.row("web").runtime, script.asked().len()), (RuntimeStatus::Ok, 0));
}

#[test]
fn a_container_that_a_build_of_the_same_image_keeps_gets_what_was_taken_back() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    script.changed(&["/p/web/src/a.py"]);
    script.finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Ok(())));
    script.asked();
    script.changed(&["/p/web/src/a.py", "/p/web/requirements.txt"]);
    assert_eq!(script.asked(), ["build web"]);
    script.built("web", "1");
    script.deployed("web");
    let asked = script.asked();
    assert!(asked.contains(&"sync pod-1/c1 /app/a.py".to_owned()), "{asked:?}");
    script.finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Ok(())));
    assert_eq!(script.asked(), Vec::<String>::new());
}

#[test]
fn the_connection_breaking_is_repaired_and_then_rebuilt() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    script.changed(&["/p/web/src/a.py"]);
    for _ in 0..2 {
        script.asked();
        script.finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Err(LiveError::Interrupted("reset".into()))));
        assert_eq!(script.asked(), ["sync pod-1/c1 /app/a.py"]);
    }
    script.finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Err(LiveError::Interrupted("reset".into()))));
    assert_eq!(script.asked(), ["build web"]);
}

#[test]
fn a_failing_run_step_is_shown_and_does_not_rebuild() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    script.changed(&["/p/web/src/a.py"]);
    script.finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Err(LiveError::RunFailed("exit 1".into()))));
    script.asked();
    assert_eq!(script.row("web").update, UpdateStatus::Error);
    script.changed(&["/p/web/src/a.py"]);
    assert_eq!(script.asked(), ["sync pod-1/c1 /app/a.py"]);
    script.finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Ok(())));
    assert_eq!(script.row("web").update, UpdateStatus::Ok);
}

#[test]
fn an_edit_during_the_deploy_of_a_shared_image_reaches_both_resources() {
    let mut script = Script::up(&[image("app", false)], vec![deployment("a", &["app"]), deployment("b", &["app"])]);
    script.built("app", "1");
    script.deployed("b");
    script.asked();
    // `a` is still being deployed with the first image when `b` builds the second one.
    script.changed(&["/p/app/main.py"]);
    assert_eq!(script.asked(), ["build app"]);
    script.built("app", "2");
    script.deployed("b");
    script.deployed("a");
    assert!(script.asked().contains(&"deploy a".to_owned()), "`a` runs the first image");
    script.deployed("a");
    assert_eq!(script.asked(), [""; 0]);
}

#[test]
fn an_edit_while_the_cluster_is_away_goes_into_the_container_afterwards() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    let lost = || Event::ClusterChanged(Connection::Lost("connection refused".into()));
    script.changed(&["/p/web/src/a.py"]);
    script.send(lost());
    script
        .finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Err(LiveError::Interrupted("connection refused".into()))));
    script.changed(&["/p/web/src/b.py"]);
    script.asked();
    assert_eq!(script.hold("web"), Some(Hold::WaitingForCluster));
    script.send(Event::ClusterChanged(Connection::Ok));
    assert_eq!(script.asked(), ["sync pod-1/c1 /app/a.py,/app/b.py"]);
}

#[test]
fn a_look_into_a_resource_says_how_far_each_container_is() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    let detail = |script: &mut Script| script.row("web").detail;
    assert!(!detail(&mut script).applied && detail(&mut script).live.is_empty());
    script.bring_up("web");
    assert_eq!(detail(&mut script).images[0].cluster_ref.as_deref(), Some("web:1"));
    assert_eq!((detail(&mut script).pods.len(), detail(&mut script).applied), (1, true));
    assert_eq!((detail(&mut script).live[0].state, detail(&mut script).live[0].last_sync), (LiveState::InSync, None));
    script.changed(&["/p/web/src/a.py"]);
    assert_eq!(detail(&mut script).live[0].state, LiveState::Syncing(1));
    script.changed(&["/p/web/src/b.py"]);
    script.finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Ok(())));
    assert_eq!(detail(&mut script).live[0].state, LiveState::Syncing(1));
    script.finish("sync pod-1/c1 /app/b.py", WorkResult::Live(Ok(())));
    let live = detail(&mut script).live.remove(0);
    assert_eq!((live.state, live.last_sync.map(|sync| sync.files)), (LiveState::InSync, Some(1)));
    let steps: Vec<String> =
        script.row("web").history.last().expect("the first").steps.iter().map(|step| step.text.clone()).collect();
    assert_eq!(steps, ["building web", "deploying"]);
    // Another instance has got nothing yet.
    script.changed(&["/p/web/src/a.py"]);
    script.pod(running("web", "pod-1", "c2", "web:1"));
    assert_eq!(detail(&mut script).live[0].last_sync, None);
}
