//! Reloads, and what vanishes.

use super::*;

#[test]
fn a_failed_reload_keeps_what_runs_and_a_good_one_touches_only_what_changed() {
    let images = [image("web", false)];
    let mut script = Script::up(&images, vec![deployment("web", &["web"]), deployment("db", &[])]);
    script.built("web", "1");
    script.deployed("web");
    script.deployed("db");
    script.asked();
    script.changed(&["/p/Devfile"]);
    assert_eq!(script.asked(), ["load"]);
    let broken = ConfigOutcome {
        reached: None,
        project: None,
        diagnostics: vec![crate::diagnostic::Diagnostic::error("broken")],
        config_files: vec![tree("/p/Devfile")],
        duration: Duration::ZERO,
        needs_engine: false,
    };
    script.finish("load", WorkResult::Config(Box::new(broken)));
    assert_eq!(script.asked(), [""; 0]);
    assert_eq!(script.engine.snapshot().config.state, ConfigState::Failed);
    script.changed(&["/p/Devfile"]);
    let mut changed = deployment("web", &["web"]);
    if let Target::Kubernetes(target) = &mut changed.target {
        target.objects =
            vec![Arc::new(Object { value: serde_json::json!({"replicas": 2}), ..(*target.objects[0]).clone() })];
    }
    script.load(&project(&images, vec![changed]));
    assert_eq!(script.asked(), ["load", "delete objects of db", "deploy web"]);
}

#[test]
fn a_deletion_that_met_an_outage_is_made_up_for() {
    let mut script = Script::up(&[], vec![deployment("web", &[]), deployment("db", &[])]);
    script.deployed("web");
    script.deployed("db");
    script.finish("prune", WorkResult::Housekeeping(Ok(())));
    script.changed(&["/p/Devfile"]);
    script.load(&project(&[], vec![deployment("web", &[])]));
    script.asked();
    script.send(Event::ClusterChanged(Connection::Lost("connection refused".into())));
    let lost = WorkError::Lost("connection refused".into());
    script.finish("delete objects of db", WorkResult::Housekeeping(Err(lost)));
    assert_eq!(script.asked(), [""; 0]);
    script.send(Event::ClusterChanged(Connection::Ok));
    assert_eq!(script.asked(), ["prune"]);
}

#[test]
fn an_edit_of_the_devfile_during_its_first_evaluation_evaluates_it_again() {
    let engine = Engine::new(EngineOptions {
        mode: Mode::Up,
        entry_file: "/p/Devfile".into(),
        args: Vec::new(),
        started: DateTime::<Utc>::UNIX_EPOCH,
        context: None,
        namespace: None,
        outdated: std::collections::HashMap::new(),
    });
    let mut script = Script { engine, thorough: None, now: SessionTime::default(), open: vec![], seen: vec![] };
    script.send(Event::Woken);
    script.changed(&["/p/Devfile"]);
    assert_eq!(script.asked(), ["load"]);
    script.load(&project(&[], vec![]));
    assert_eq!(script.asked(), ["load"]);
}

#[test]
fn what_the_user_enabled_and_disabled_outlives_a_reload() {
    let mut never = local("never", Some("x"), None);
    never.enabled = false;
    let resources = || vec![local("web", Some("x"), None), never.clone(), local("new", Some("x"), None)];
    let first = vec![resources().remove(0), resources().remove(1)];
    let mut script = Script::up(&[], first);
    script.finish("run web", WorkResult::Local(Ok(())));
    script.send(Event::Command(Command::Disable(Selection::Names(vec!["web".into()]))));
    script.send(Event::Command(Command::Enable(Selection::Names(vec!["never".into()]))));
    script.finish("run never", WorkResult::Local(Ok(())));
    script.asked();
    script.changed(&["/p/Devfile"]);
    script.load(&project(&[], resources()));
    let enabled: Vec<bool> = ["web", "never", "new"].iter().map(|name| script.row(name).enabled).collect();
    assert_eq!(enabled, [false, true, true]);
    assert_eq!(script.asked(), ["load", "run new"]);
}

#[test]
fn another_image_definition_builds_that_image_and_no_other() {
    let images = [image("web", false), image("api", false)];
    let mut script = Script::up(&images, vec![deployment("web", &["web", "api"])]);
    script.built("web", "1");
    script.built("api", "1");
    script.deployed("web");
    script.asked();
    let mut other = Arc::unwrap_or_clone(image("web", false));
    if let ImageBuild::Docker(build) = &mut other.build {
        build.target = "dev".into();
    }
    script.changed(&["/p/Devfile"]);
    script.load(&project(&[Arc::new(other), image("api", false)], vec![deployment("web", &["web", "api"])]));
    assert_eq!(script.asked(), ["load", "build web"]);
}

#[test]
fn other_arguments_decide_anew_what_is_enabled_and_a_reload_does_not() {
    let resources = |enabled: [bool; 2]| {
        let [web, api] = enabled.map(|enabled| move |resource| Resource { enabled, ..resource });
        project(&[], vec![web(deployment("web", &[])), api(deployment("api", &[]))])
    };
    let mut script = Script::new(Mode::Up, &resources([true, true]));
    let enabled = |script: &Script| ["web", "api"].map(|name| script.engine.is_enabled(name));
    // What the user has chosen meanwhile outlives a reload.
    script.send(Event::Command(Command::ReloadConfig));
    script.load(&resources([true, false]));
    assert_eq!(enabled(&script), [true, true]);

    script.asked();
    script.send(Event::Command(Command::SetArgs(vec!["web".into()])));
    assert!(script.asked().contains(&"load".to_owned()));
    script.load(&resources([true, false]));
    assert_eq!(enabled(&script), [true, false]);
    // The same arguments are no change.
    script.asked();
    script.send(Event::Command(Command::SetArgs(vec!["web".into()])));
    assert!(!script.asked().contains(&"load".to_owned()));
}
