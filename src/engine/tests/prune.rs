//! Removing what is left of earlier builds.

use super::*;
use crate::project::PruneFrequency;

fn project_with(frequency: PruneFrequency, resources: Vec<Resource>) -> Arc<Project> {
    let mut project = Project::clone(&project(&[image("web", false)], resources));
    project.settings.prune = PruneSettings { frequency, ..PruneSettings::default() };
    Arc::new(project)
}

fn prunes(script: &mut Script) -> usize {
    script.asked().iter().filter(|effect| *effect == "prune images").count()
}

#[test]
fn it_is_done_when_the_session_is_idle_and_then_at_each_interval() {
    let hour = Duration::from_hours(1);
    let project = project_with(PruneFrequency::Interval(hour), vec![service("web", "a", &["web"])]);
    let mut script = Script::new(Mode::Up, &project);
    assert_eq!(prunes(&mut script), 0, "a build is running");
    script.built("web", "1");
    assert_eq!(prunes(&mut script), 0, "a deploy is running");
    script.started("web", &["c1"]);
    assert_eq!(prunes(&mut script), 1);
    script.finish("prune images", WorkResult::Housekeeping(Ok(())));
    let next = script.engine.wake_at().expect("it wakes up for the next time");
    script.send(Event::Woken);
    assert_eq!(prunes(&mut script), 0);
    script.now = next;
    script.send(Event::Woken);
    assert_eq!(prunes(&mut script), 1);
}

#[test]
fn it_is_done_after_so_many_builds_and_never_without_leave() {
    let service = || vec![service("web", "a", &["web"])];
    let rebuild = |script: &mut Script, tag: &str| {
        script.changed(&["/p/web/x"]);
        script.built("web", tag);
        script.started("web", &["c1"]);
    };
    let mut script = Script::new(Mode::Up, &project_with(PruneFrequency::Builds(2), service()));
    script.built("web", "1");
    script.started("web", &["c1"]);
    assert_eq!(prunes(&mut script), 1);
    script.finish("prune images", WorkResult::Housekeeping(Ok(())));
    rebuild(&mut script, "2");
    assert_eq!((prunes(&mut script), script.engine.wake_at()), (0, None));
    rebuild(&mut script, "3");
    assert_eq!(prunes(&mut script), 1);

    let mut disabled = Project::clone(&project_with(PruneFrequency::Builds(1), service()));
    disabled.settings.prune.disabled = true;
    let mut script = Script::new(Mode::Up, &Arc::new(disabled));
    script.built("web", "1");
    script.started("web", &["c1"]);
    assert_eq!(prunes(&mut script), 0);

    let mut script = Script::new(Mode::Ci { timeout: None }, &project_with(PruneFrequency::Builds(1), service()));
    script.built("web", "1");
    script.started("web", &["c1"]);
    assert_eq!(prunes(&mut script), 0);
}
