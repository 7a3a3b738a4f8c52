//! Commands on this machine.

use super::*;

#[test]
fn a_serve_process_is_restarted_after_each_update_and_not_by_itself() {
    let mut script = Script::up(&[], vec![local("api", Some("make"), Some("./api"))]);
    assert_eq!(script.asked(), ["load", "run api"]);
    script.finish("run api", WorkResult::Local(Ok(())));
    assert_eq!(script.asked(), ["serve api"]);
    let work =
        script.open.iter().find_map(|effect| matches!(effect, Effect::Serve { .. }).then(|| work_of(effect).unwrap()));
    script.send(Event::ServeStarted { work: work.unwrap(), pid: 7 });
    assert_eq!(script.row("api").runtime, RuntimeStatus::Ok);
    script.changed(&["/p/api/x"]);
    script.finish("run api", WorkResult::Local(Ok(())));
    assert_eq!(script.asked(), ["run api", "cancel"]);
    script.finish("serve api", WorkResult::Serve("ended by signal 15".into()));
    assert_eq!(script.asked(), ["serve api"]);
    script.finish("serve api", WorkResult::Serve("exited with exit code 0".into()));
    assert_eq!(script.asked(), [""; 0]);
    assert_eq!(script.row("api").runtime, RuntimeStatus::Error);
}

#[test]
fn a_local_command_that_must_run_alone_does() {
    let mut alone = local("codegen", Some("make"), None);
    if let Target::Local(target) = &mut alone.target {
        target.allow_parallel = false;
    }
    let mut script = Script::up(&[], vec![alone, deployment("web", &[])]);
    assert_eq!(script.asked(), ["load", "run codegen"]);
    assert_eq!(script.hold("web"), Some(Hold::WaitingForLocal("codegen".into())));
    script.finish("run codegen", WorkResult::Local(Ok(())));
    assert_eq!(script.asked(), ["deploy web"]);
}
