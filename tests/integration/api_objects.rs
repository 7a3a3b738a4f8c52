//! Objects of the `v1alpha1` API in whole sessions: buttons, commands, file watches, config maps. They need no cluster.

use std::fs;
use std::path::Path;

use crate::support::devloop::{Running, binary};
use crate::support::pty::Pty;

/// What extensions that make buttons do.
const CMD_BUTTON: &str = "
def cmd_button(name, resource, argv, text, inputs=[], requires_confirmation=False, env=[]):
    v1alpha1.ui_button(name=name, text=text, inputs=inputs, requires_confirmation=requires_confirmation,
        annotations={'tilt.dev/resource': resource},
        location=v1alpha1.ui_component_location(component_id=resource, component_type='Resource'))
    v1alpha1.cmd(name='btn-' + name, args=argv, dir=config.main_dir, env=env,
        annotations={'tilt.dev/resource': resource},
        start_on=v1alpha1.start_on_spec(start_after='2020-01-01T00:00:00.000000Z', ui_buttons=[name]))
def text_input(name, default=''):
    return v1alpha1.ui_input_spec(name=name, text=v1alpha1.ui_text_input_spec(default_value=default))
";

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, text).expect("written");
}

#[test]
fn a_button_of_an_extension_runs_its_command_with_what_was_filled_in() {
    let project = tempfile::tempdir().expect("a folder");
    write(project.path(), "ext/uibutton/Tiltfile", CMD_BUTTON);
    write(
        project.path(),
        "Devfile",
        "v1alpha1.extension_repo('default', url='file://' + os.path.abspath('ext'))
load('ext://uibutton', 'cmd_button', 'text_input')
local_resource('shop', cmd='true')
cmd_button('greet', 'shop', ['sh', '-c', 'echo hello $GREETED$FIXED; echo $GREETED > greeted'], 'Greet somebody',
    inputs=[text_input('GREETED', 'ad')], env=['FIXED=!'])
",
    );
    let env = [("KUBECONFIG", "/dev/null")];
    let mut pty = Pty::spawn_in(project.path(), binary(), &["up"], &env, 110, 30);
    pty.wait_for("1/1 ok");
    pty.send("j");
    pty.wait_for("── shop ");
    pty.send("b");
    pty.wait_for("Greet somebody");
    pty.send("\r");
    pty.wait_for("GREETED: ad_");
    pty.send("a\r");
    pty.wait_for("hello ada!");
    assert_eq!(fs::read_to_string(project.path().join("greeted")).expect("it ran"), "ada\n");
    pty.wait_for("cmd btn-greet ended with exit code 0");
    pty.send("q");
    assert!(pty.wait_exit().success());
}

#[test]
fn commands_run_beside_resources_and_follow_files_and_switches() {
    let project = tempfile::tempdir().expect("a folder");
    let devfile = |off: bool| {
        let off = if off { "true" } else { "false" };
        format!(
            "local_resource('shop', cmd='true')
v1alpha1.config_map('switches', data={{'off': '{off}'}})
v1alpha1.file_watch('sources', watched_paths=['src'], ignores=[{{'base_path': 'src', 'patterns': ['*.log']}}])
v1alpha1.cmd('watcher', args=['sh', '-c', 'echo \"sources: $(cat src/a)\"; exec sleep 1000'],
    restart_on={{'file_watches': ['sources']}})
v1alpha1.cmd('switched', args=['sh', '-c', 'echo switched on; trap \"echo switched off; exit\" TERM; sleep 1000 & wait $!'],
    annotations={{'tilt.dev/resource': 'shop'}}, disable_source={{'config_map': {{'name': 'switches', 'key': 'off'}}}})
"
        )
    };
    write(project.path(), "src/a", "one\n");
    write(project.path(), "Devfile", &devfile(true));
    let mut up = Running::up_with(project.path(), &[], &[("KUBECONFIG", "/dev/null")]);
    up.wait_for("sources: one");
    write(project.path(), "src/a", "two\n");
    up.wait_for("sources: two");
    let mark = up.mark();
    write(project.path(), "src/x.log", "ignored\n");
    write(project.path(), "Devfile", &devfile(false));
    up.wait_for("shop │ switched on");
    write(project.path(), "Devfile", &devfile(true));
    up.wait_for("shop │ switched off");
    assert!(!up.text()[mark..].contains("sources:"), "nothing that it watches has changed: {}", up.text());
    assert!(up.quit().success());
}
