//! git at work: what waits, what is done once, and what not at all.

use super::*;

impl Script {
    fn git_began(&mut self, root: &str) {
        self.send(Event::GitBegan { repository: root.into() });
    }

    fn git_ended(&mut self, root: &str, changed: &[&str], same: &[&str]) {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect();
        self.send(Event::GitEnded { repository: root.into(), changed: paths(changed), same: paths(same) });
    }

    /// Long after everything that has happened.
    fn later(&mut self) {
        self.now = self.now + Duration::from_mins(1);
    }
}

#[test]
fn a_branch_switch_is_one_live_update_of_what_differs() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    script.later();
    script.git_began("/p");
    assert_eq!(script.asked(), [""; 0]);
    script.git_ended("/p", &["/p/web/src/a.py"], &["/p/web/src/b.py", "/p/web/Dockerfile"]);
    assert_eq!(script.asked(), ["sync pod-1/c1 /app/a.py"], "what is the same needs neither a sync nor a build");
}

#[test]
fn what_is_taken_back_causes_nothing() {
    let mut script = Script::up(&[image("web", false)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    script.later();
    script.git_began("/p");
    script.git_ended("/p", &[], &["/p/web/src/a.py", "/p/Devfile"]);
    assert_eq!((script.asked(), script.row("web").pending_file_count), (vec![], 0));
}

#[test]
fn what_was_read_meanwhile_is_brought_again() {
    // A transfer was on its way.
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    script.changed(&["/p/web/src/a.py"]);
    script.asked();
    script.git_began("/p");
    script.finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Ok(())));
    script.git_ended("/p", &[], &["/p/web/src/a.py", "/p/web/src/b.py"]);
    assert_eq!(script.asked(), ["sync pod-1/c1 /app/a.py,/app/b.py"]);
    // A build was running.
    let mut script = Script::up(&[image("web", false)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    script.changed(&["/p/web/x"]);
    script.later();
    script.git_began("/p");
    script.git_ended("/p", &[], &["/p/web/y"]);
    assert_eq!(script.asked(), ["build web", "cancel"]);
    // It ended a moment before git's beginning was told.
    let mut script = Script::up(&[image("web", false)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    script.git_began("/p");
    script.git_ended("/p", &[], &["/p/web/y"]);
    assert_eq!(script.asked(), ["build web"]);
    // The configuration was being read.
    let mut script = Script::up(&[image("web", false)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    script.later();
    script.send(Event::Command(Command::ReloadConfig));
    script.asked();
    script.git_began("/p");
    script.git_ended("/p", &[], &["/p/Devfile"]);
    script.finish("load", WorkResult::Crashed("a mixture".into()));
    assert_eq!(script.asked(), ["load"]);
}

#[test]
fn nothing_begins_in_the_middle_of_gits_work() {
    let mut script =
        Script::up(&[image("web", true)], vec![deployment("web", &["web"]), local("gen", Some("make"), None)]);
    script.finish("run gen", WorkResult::Local(Ok(())));
    script.bring_up("web");
    script.later();
    script.git_began("/p/web");
    script.send(Event::Command(Command::Trigger("web".into())));
    assert_eq!((script.asked(), script.hold("web")), (vec![], Some(Hold::WaitingForGit)));
    assert_eq!(script.hold("web").map(|hold| hold.to_string()), Some("git is changing its files".to_owned()));
    script.changed(&["/p/gen/x"]);
    assert_eq!(script.asked(), ["run gen"], "what lies elsewhere goes on");
    script.git_ended("/p/web", &[], &[]);
    assert_eq!(script.asked(), ["build web anew"]);
}

#[test]
fn the_configuration_is_read_once_after_git_has_finished() {
    let mut script = Script::up(&[image("web", false)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    script.later();
    script.git_began("/p");
    script.send(Event::Command(Command::ReloadConfig));
    assert_eq!(script.asked(), [""; 0]);
    script.git_ended("/p", &["/p/Devfile", "/p/web/x"], &[]);
    assert_eq!(script.asked(), ["load"]);
}
