//! What leaves the dashboard: a pager that has the terminal for a while, files, the clipboard. With the real program.

use std::fs;

use crate::support::devloop::binary;
use crate::support::pty::Pty;

#[test]
fn the_pager_has_the_terminal_and_its_control_c_and_gives_it_back() {
    let project = tempfile::tempdir().expect("a folder");
    let folder = project.path().display().to_string();
    fs::write(project.path().join("requests"), "GET /orders\nGET /health\n").expect("written");
    fs::write(project.path().join("Devfile"), "local_resource('shop', cmd='cat requests')\n").expect("written");
    // Ctrl-C while it runs: what it caught is seen, and devloop goes on.
    let pager = format!("{folder}/pager");
    let script =
        "#!/bin/sh\ntrap 'echo CAUGHT' INT\necho PAGER with \"$(grep -c GET \"$1\")\" requests\nread line\nread line\n";
    fs::write(&pager, script).expect("written");
    let pager = format!("sh {pager}");
    let state = format!("{folder}/state");
    let env = [("KUBECONFIG", "/dev/null"), ("PAGER", pager.as_str()), ("XDG_STATE_HOME", state.as_str())];
    let mut pty = Pty::spawn_in(project.path(), binary(), &["up"], &env, 110, 30);
    pty.wait_for("1/1 ok");
    pty.send("j");
    pty.wait_for("── shop ");

    pty.send("P");
    pty.wait_for("PAGER with 2 requests");
    assert!(!pty.screen().alternate_screen(), "it has the normal screen");
    pty.send("\x03");
    pty.wait_for("CAUGHT");
    pty.send("\n\n");
    pty.wait_until("the dashboard", |screen| screen.alternate_screen() && screen.contents().contains("1/1 ok"));

    // Only what is wanted is written.
    pty.send("F/orders\r");
    pty.wait_until("the lines to be filtered", |screen| !screen.contents().contains("GET /health"));
    pty.send("\x13");
    pty.wait_for("saved as");
    let saved =
        fs::read_dir(format!("{state}/devloop/saved")).expect("a folder").next().expect("a file").expect("read");
    let text = fs::read_to_string(saved.path()).expect("a log");
    assert!(text.contains("GET /orders") && !text.contains("GET /health"), "{text}");
    assert!(!text.contains('\x1b'), "without colours: {text}");
    pty.send("c");
    pty.wait_for("copied 1 line");

    pty.send("E");
    pty.wait_for("runs here, in no container");
    pty.send("q");
    assert!(pty.wait_exit().success());
    pty.check_restored();
}
