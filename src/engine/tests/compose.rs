//! Services of Compose projects.

use super::*;

#[test]
fn services_start_in_their_order_and_count_by_their_containers() {
    let services =
        vec![after(service("web", "a", &["web"]), &["db"]), service("db", "a", &[]), service("job", "a", &[])];
    let mut script = Script::up(&[image("web", false)], services);
    assert_eq!(script.asked(), ["load", "deploy db", "deploy job"]);
    script.started("db", &["c1"]);
    assert_eq!(script.row("db").runtime, RuntimeStatus::Pending);
    script.pod(container("db", "c1", PodPhase::Running));
    assert_eq!((script.row("db").runtime, script.asked()), (RuntimeStatus::Ok, vec!["build web".to_owned()]));
    script.started("job", &["c2"]);
    script.pod(container("job", "c2", PodPhase::Succeeded));
    assert_eq!(script.row("job").runtime, RuntimeStatus::Ok);
    script.pod(container("job", "c2", PodPhase::Failed));
    let row = script.row("job");
    assert_eq!((row.runtime, row.runtime_message.as_str()), (RuntimeStatus::Error, "Error: exit status 1"));
}

#[test]
fn a_container_that_was_replaced_does_not_count() {
    let mut script = Script::up(&[], vec![service("db", "a", &[])]);
    script.pod(container("db", "old", PodPhase::Running));
    script.started("db", &["new"]);
    script.pod(container("db", "new", PodPhase::Running));
    script.pod(container("db", "old", PodPhase::Failed));
    let row = script.row("db");
    assert_eq!((row.runtime, row.pods), (RuntimeStatus::Ok, 1));
    // Somebody else has made all of them anew.
    script.send(Event::PodDeleted(uid("new")));
    script.pod(container("db", "newer", PodPhase::Running));
    script.send(Event::PodDeleted(uid("old")));
    assert_eq!(script.row("db").runtime, RuntimeStatus::Ok);
}

#[test]
fn an_edit_goes_into_the_container_of_a_service_and_into_its_successor() {
    let mut script = Script::up(&[image("web", true)], vec![service("web", "a", &["web"])]);
    script.built("web", "1");
    script.started("web", &["c1"]);
    script.pod(container("web", "c1", PodPhase::Running));
    script.asked();
    script.changed(&["/p/web/src/a.py"]);
    assert_eq!(script.asked(), ["sync c1/c1 /app/a.py"]);
    script.finish("sync c1/c1 /app/a.py", WorkResult::ComposeLive(Ok(())));
    assert_eq!(script.row("web").update, UpdateStatus::Ok);
    script.send(Event::PodDeleted(uid("c1")));
    script.pod(container("web", "c2", PodPhase::Running));
    assert_eq!(script.asked(), ["sync c2/c2 /app/a.py"]);
    assert_eq!(script.row("web").runtime, RuntimeStatus::Pending);
    script.finish("sync c2/c2 /app/a.py", WorkResult::ComposeLive(Ok(())));
    assert_eq!(script.row("web").runtime, RuntimeStatus::Ok);
}

#[test]
fn an_edit_while_a_live_update_restarts_its_container_waits_for_it() {
    let restarting = |image: Arc<Image>| {
        let mut image = Image::clone(&image);
        image.live_update.as_mut().expect("one").restart_container = Some(span());
        Arc::new(image)
    };
    let mut script = Script::up(&[restarting(image("web", true))], vec![service("web", "a", &["web"])]);
    script.built("web", "1");
    script.started("web", &["c1"]);
    script.pod(container("web", "c1", PodPhase::Running));
    script.changed(&["/p/web/src/a.py"]);
    script.asked();
    // It has been killed and does not run yet.
    script.pod(container("web", "c1", PodPhase::Failed));
    script.changed(&["/p/web/src/b.py"]);
    assert_eq!(script.asked(), [""; 0]);
    script.pod(container("web", "c1", PodPhase::Running));
    script.finish("sync c1/c1 /app/a.py", WorkResult::ComposeLive(Ok(())));
    assert_eq!(script.asked(), ["sync c1/c1 /app/b.py"]);
}

#[test]
fn only_a_service_whose_own_definition_changed_is_started_again() {
    let mut script = Script::up(&[], vec![service("web", "a", &[]), service("db", "a", &[]), service("old", "a", &[])]);
    for (name, id) in [("web", "c1"), ("db", "c2"), ("old", "c3")] {
        script.started(name, &[id]);
        script.pod(container(name, id, PodPhase::Running));
    }
    script.asked();
    script.changed(&["/p/Devfile"]);
    script.load(&project(&[], vec![service("web", "b", &[]), service("db", "a", &[])]));
    assert_eq!(script.asked(), ["load", "remove old", "deploy web"]);
}

#[test]
fn disabling_a_service_removes_its_containers_and_a_lost_engine_makes_it_wait() {
    let mut script = Script::up(&[], vec![service("db", "a", &[])]);
    script.started("db", &["c1"]);
    script.pod(container("db", "c1", PodPhase::Running));
    script.asked();
    script.send(Event::Command(Command::Disable(Selection::All)));
    assert_eq!(script.asked(), ["remove db"]);
    script.finish("remove db", WorkResult::Housekeeping(Ok(())));
    script.send(Event::DockerChanged(Connection::Lost("gone".into())));
    script.send(Event::Command(Command::Enable(Selection::All)));
    assert_eq!((script.asked(), script.hold("db")), (vec![], Some(Hold::WaitingForDocker)));
    script.send(Event::DockerChanged(Connection::Ok));
    assert_eq!(script.asked(), ["deploy db"]);
}

#[test]
fn ci_judges_services_by_their_containers() {
    let verdict = |phase| {
        let project = project(&[], vec![service("db", "a", &[])]);
        let mut script = Script::new(Mode::Ci { timeout: None }, &project);
        script.started("db", &["c1"]);
        script.pod(container("db", "c1", phase));
        script.engine.snapshot().verdict
    };
    assert_eq!(verdict(PodPhase::Running), Some(Verdict::Success));
    assert_eq!(verdict(PodPhase::Succeeded), Some(Verdict::Success));
    assert!(matches!(verdict(PodPhase::Failed), Some(Verdict::Failure { .. })));
}

#[test]
fn a_configuration_that_needs_an_engine_is_evaluated_again_when_one_answers() {
    let wanted = project(&[], vec![service("db", "a", &[])]);
    let failed = |script: &mut Script| {
        let outcome = ConfigOutcome {
            project: None,
            reached: None,
            diagnostics: vec![],
            config_files: wanted.config_files.clone(),
            duration: Duration::ZERO,
            needs_engine: true,
        };
        script.finish("load", WorkResult::Config(Box::new(outcome)));
        script.send(Event::DockerChanged(Connection::Lost("gone".into())));
    };
    let mut script = Script::new(Mode::Up, &wanted);
    script.started("db", &["c1"]);
    script.pod(container("db", "c1", PodPhase::Running));
    script.changed(&["/p/Devfile"]);
    script.asked();
    failed(&mut script);
    assert_eq!(script.row("db").runtime, RuntimeStatus::Ok, "what runs goes on");
    script.send(Event::DockerChanged(Connection::Ok));
    assert_eq!(script.asked(), ["load"]);
    script.load(&wanted);
    assert_eq!(script.asked(), [""; 0]);

    // In `ci` the engine may still be starting; what is missing at last is the engine, not the configuration.
    let mut script = Script::new(Mode::Ci { timeout: None }, &wanted);
    script.send(Event::FilesChanged(vec!["/p/Devfile".into()]));
    failed(&mut script);
    assert_eq!(script.engine.snapshot().verdict, None);
    script.now = script.engine.wake_at().expect("the end of its patience");
    script.send(Event::Woken);
    let gone = Verdict::Failure { resource: None, reason: "gone".into() };
    assert_eq!(script.engine.snapshot().verdict, Some(gone));
}
