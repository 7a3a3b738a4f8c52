//! The dashboard of a real session: the binary on a pseudo-terminal, a real project behind it.

use std::fs;

use crate::support::devloop::{Running, binary, devloop, free_port, get};
use crate::support::ground::Ground;
use crate::support::pty::Pty;

/// `devloop up` in the project on a terminal.
fn up(ground: &Ground, columns: u16, lines: u16) -> Pty {
    Pty::spawn_in(ground.path(), binary(), &["up"], &[("COLORTERM", "truecolor")], columns, lines)
}

/// The line of the table that is about `name`.
fn row(screen: &vt100::Screen, name: &str) -> String {
    let is_row = |line: &&str| line.split_whitespace().skip_while(|word| *word == "▌").nth(1) == Some(name);
    screen.contents().lines().find(is_row).unwrap_or_default().to_owned()
}

/// Waits until the row of `name` has all of `words`.
#[track_caller]
fn wait_row(pty: &Pty, name: &str, words: &[&str]) {
    pty.wait_until(&format!("the row of {name} with {words:?}"), |screen| {
        let row = row(screen, name);
        words.iter().all(|word| row.contains(word))
    });
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_session_on_the_screen() {
    let ground = Ground::new("screen");
    let (web, docs) = (free_port(), free_port());
    let devfile = ground.web_service("web", web)
        + &ground.web_service("docs", docs)
        + "local_resource('check', 'echo checking the $SHELL; true', labels=['tools'])\n";
    ground.write("Devfile", &devfile);
    let mut pty = up(&ground, 120, 40);
    pty.wait_for("3/3 ok");
    wait_row(&pty, "web", &["●", "ok", "Running", &format!(":{web}")]);
    wait_row(&pty, "docs", &["●", "ok", "Running", &format!(":{docs}")]);
    wait_row(&pty, "check", &["●", "ok"]);
    assert_eq!(get(web, "/").expect("the forward answers").1, "hello from web\n");

    // Selecting a row shows its log only.
    pty.send("/checking the\r");
    pty.wait_for("checking the");
    pty.send("\x1b");
    pty.send("fweb\r");
    pty.wait_gone("docs");
    pty.wait_for("── web ");
    pty.wait_for("STEP 3/3 — Deploying");
    pty.send("\x1b");
    wait_row(&pty, "docs", &["●"]);

    // A trigger updates again.
    pty.send("t");
    pty.wait_for("Triggered");
    pty.wait_for("3/3 ok");

    // An edit goes into the pod.
    ground.write("web/www/index.html", "edited\n");
    pty.wait_for("/www/index.html");

    // A broken Dockerfile is an error of its row alone.
    let dockerfile = fs::read_to_string(ground.path().join("web/Dockerfile")).unwrap();
    ground.write("web/Dockerfile", &format!("{dockerfile}RUN echo the reason; exit 7\n"));
    wait_row(&pty, "web", &["✖", "failed", "Running", "failed with exit code 7"]);
    wait_row(&pty, "docs", &["●"]);
    pty.wait_for("1 failed");
    assert_eq!(get(web, "/").expect("the old pod answers").1, "edited\n");
    pty.send("y");
    pty.wait_for("the reason");
    pty.send("\x1b");
    ground.write("web/Dockerfile", &dockerfile);
    pty.wait_for("3/3 ok");

    // A broken configuration is explained above the rows, which stay.
    ground.write("Devfile", &format!("{devfile}k8s_yalm('x.yaml')\n"));
    pty.wait_for("unknown name `k8s_yalm`");
    pty.wait_for("did you mean `k8s_yaml`?");
    wait_row(&pty, "web", &["●", "Running"]);
    ground.write("Devfile", &devfile);
    pty.wait_until("the panel to go", |screen| row(screen, "(Devfile)").contains("ok"));

    pty.send("?");
    pty.wait_for("select the next problem");
    pty.send("\x1b");
    pty.wait_gone("select the next problem");

    pty.resize(80, 24);
    wait_row(&pty, "web", &["●", "Running"]);
    pty.send("q");
    assert!(pty.wait_exit().success());
    pty.check_restored();
    assert!(get(web, "/").is_err(), "the forward is gone");
    devloop(ground.path(), &["down"]).code(0);
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn control_c_ends_a_session_in_the_middle_of_a_build() {
    let ground = Ground::new("ctrl-c");
    let devfile = ground.web_service("web", free_port());
    ground.write("web/Dockerfile", "FROM busybox\nRUN echo now building; sleep 321\n");
    ground.write("Devfile", &format!("{devfile}local_resource('server', serve_cmd='echo it serves; sleep 654321')\n"));
    let mut pty = up(&ground, 100, 30);
    pty.wait_for("now building");
    pty.wait_for("it serves");
    pty.send("\x03");
    assert!(pty.wait_exit().success());
    pty.check_restored();
    let left = std::process::Command::new("pgrep").args(["-f", "^sleep 654321$"]).output().expect("pgrep");
    assert!(left.stdout.is_empty(), "a process is left");
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn headless_has_lines_instead_of_a_screen() {
    let ground = Ground::new("headless");
    let port = free_port();
    let devfile = ground.web_service("web", port);
    ground.write("Devfile", &devfile);
    let mut up = Running::up(ground.path(), &[]);
    let answer = || get(port, "/").map_or_else(|error| error, |(_, body)| body);
    up.wait_until("the answer", answer, |it| it == "hello from web\n");
    assert!(up.quit().success());
    let text = up.text();
    assert!(!text.contains('\x1b'), "no control sequences: {text:?}");
    assert!(text.contains("          web │ Initial Build\n"), "{text}");
    devloop(ground.path(), &["down"]).code(0);
}
