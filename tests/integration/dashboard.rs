//! The dashboard on a real pseudo-terminal: what is drawn, what keys do, and that the terminal is restored.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::dashboard_session::{SCENE, TEST};
use crate::support::frame_to_svg::frame_to_svg;
use crate::support::pty::Pty;

fn play(scene: &str, columns: u16, lines: u16) -> Pty {
    let this = std::env::current_exe().expect("tests are programs");
    let args = [TEST, "--exact", "--ignored", "--nocapture", "--test-threads=1"];
    // A backtrace would push the message of a panic off the screen.
    let env = [(SCENE, scene), ("COLORTERM", "truecolor"), ("RUST_BACKTRACE", "0")];
    let pty = Pty::spawn(&this, &args, &env, columns, lines);
    pty.wait_until("the dashboard", |screen| screen.alternate_screen() && screen.contents().contains("quit"));
    pty
}

#[test]
fn keys_reach_the_session_and_its_answers_the_screen() {
    let mut pty = play("graceful", 110, 30);
    pty.wait_for("OOMKilled: container worker exited with code 137");
    pty.wait_for("4/6 ok");
    // Into the group `services`: the configuration, two of `data`, then api.
    pty.send("jjjt");
    pty.wait_for("building api");
    pty.wait_for("api is up to date again");
    pty.send("\t");
    pty.wait_for("── worker ");
    pty.send("?");
    pty.wait_for("select the next problem");
    pty.send("\x1b");
    pty.wait_until("the help to close", |screen| !screen.contents().contains("select the next problem"));
    pty.send("q");
    pty.wait_for("serve process of docs");
    assert!(pty.wait_exit().success());
    pty.check_restored();
    pty.wait_for("dashboard ended: Session");
}

#[test]
fn the_second_control_c_leaves_at_once() {
    let mut pty = play("stuck", 80, 24);
    pty.send("\x03");
    pty.wait_for("Ctrl-C once more leaves at once");
    pty.send("\x03");
    assert!(pty.wait_exit().success());
    pty.check_restored();
    pty.wait_for("dashboard ended: AtOnce");
}

#[test]
fn the_terminal_is_restored_when_the_session_is_terminated() {
    let mut pty = play("stuck", 80, 24);
    pty.signal(Signal::TERM);
    assert!(pty.wait_exit().success());
    pty.check_restored();
}

#[test]
fn the_terminal_is_restored_on_a_panic_and_its_message_can_be_read() {
    let mut pty = play("panic", 80, 24);
    pty.send("r");
    assert!(!pty.wait_exit().success());
    pty.check_restored();
    assert!(pty.screen().contents().contains("a bug, on purpose"), "{}", pty.screen().contents());
}

#[test]
fn the_dashboard_goes_on_when_a_task_panics() {
    let mut pty = play("task-panic", 80, 24);
    pty.send("r");
    pty.wait_until("the dashboard to come back", |screen| {
        screen.alternate_screen() && screen.contents().contains("a task has panicked")
    });
    pty.send("\x03\x03");
    assert!(pty.wait_exit().success());
    pty.check_restored();
}

#[test]
fn the_screen_follows_the_window() {
    let mut pty = play("stuck", 110, 30);
    pty.wait_for("RUNTIME");
    pty.resize(40, 10);
    pty.wait_until("the narrow screen", |screen| {
        let contents = screen.contents();
        contents.contains("q quit") && !contents.contains("RUNTIME") && contents.contains("shop")
    });
    pty.resize(20, 4);
    pty.wait_for("window too small");
    pty.resize(110, 30);
    pty.wait_for("RUNTIME");
}

#[test]
fn the_mouse_selects_and_scrolls() {
    let mut pty = play("stuck", 110, 30);
    let line = |pty: &Pty, text: &str| {
        let contents = pty.screen().contents();
        1 + contents.lines().position(|line| line.contains(text)).unwrap_or_else(|| panic!("no {text} in\n{contents}"))
    };
    let row = line(&pty, "● web");
    // Press and release in the SGR protocol of xterm.
    pty.send(&format!("\x1b[<0;10;{row}M\x1b[<0;10;{row}m"));
    pty.wait_for("── web ");
    pty.send(&format!("\x1b[<65;10;{row}M"));
    pty.wait_for("── worker ");
}

#[test]
fn a_search_finds_and_a_paste_is_no_storm_of_commands() {
    let mut pty = play("stuck", 110, 30);
    pty.send("\x1b[200~qqqq\x1b[201~");
    pty.send("/vite");
    pty.wait_for("`vite` 2/2");
    pty.send("\r");
    pty.send("N");
    pty.wait_for("`vite` 1/2");
    assert!(!pty.screen().contents().contains("stopping"), "{}", pty.screen().contents());
}

#[test]
fn a_broken_configuration_is_explained_on_the_screen() {
    let mut pty = play("stuck", 110, 30);
    pty.send("r");
    pty.wait_for("did you mean `web`?");
    pty.wait_for("Devfile:14:14");
}

#[test]
fn no_color_is_respected() {
    let this = std::env::current_exe().expect("tests are programs");
    let args = [TEST, "--exact", "--ignored", "--nocapture"];
    let pty = Pty::spawn(&this, &args, &[(SCENE, "stuck"), ("NO_COLOR", "1")], 110, 30);
    pty.wait_for("OOMKilled");
    pty.wait_for("VITE");
    let screen = pty.screen();
    for line in 0..30 {
        for column in 0..110 {
            let cell = screen.cell(line, column).expect("it is on the screen");
            assert_eq!(cell.fgcolor(), vt100::Color::Default, "{:?} at {line}:{column}", cell.contents());
        }
    }
}

#[test]
fn a_storm_of_logs_leaves_keys_prompt_and_frames_few() {
    let mut pty = play("many", 110, 30);
    pty.send("a");
    pty.wait_for("of a storm");
    let (from, bytes) = (Instant::now(), pty.bytes());
    for _ in 0..20 {
        pty.send("j");
    }
    pty.wait_for("▌ ● service-019");
    let took = from.elapsed();
    assert!(took < Duration::from_secs(3), "20 keys took {took:?}");
    // 30 frames of at most 110 by 30 cells with their colours in a second.
    let most = 30.0 * 110.0 * 30.0 * 12.0 * (took.as_secs_f64() + 1.0);
    assert!(((pty.bytes() - bytes) as f64) < most, "{} bytes in {took:?}", pty.bytes() - bytes);
    pty.send("\x03\x03");
    assert!(pty.wait_exit().success());
}

#[test]
fn a_picture_shows_what_is_on_the_screen() {
    let pty = play("stuck", 112, 28);
    pty.wait_for("slow query");
    let svg = frame_to_svg(&pty.screen(), "The dashboard of devloop");
    for text in ["CrashLoopBackOff", "slow query", "kind-dev/shop"] {
        assert!(svg.contains(text), "{text}");
    }
}
