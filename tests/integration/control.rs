//! A running session, asked and commanded from another terminal.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::support::devloop::{Ended, Running, binary, devloop_with, pause};
use crate::support::pty::Pty;

const DEVFILE: &str = "
local_resource('greet', cmd='cat name.txt && test ! -e fail', deps=['name.txt', 'fail'])
local_resource('server', serve_cmd='while :; do sleep 1; done', resource_deps=['greet'])
local_resource('later', cmd='echo later', auto_init=False, trigger_mode=TRIGGER_MODE_MANUAL)
";

/// A project of local commands in a folder, with a runtime folder of its own.
struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("Devfile"), DEVFILE).expect("a file");
        fs::write(folder.path().join("name.txt"), "one\n").expect("a file");
        fs::create_dir_all(folder.path().join("below/it")).expect("a folder");
        fs::create_dir(folder.path().join("run")).expect("a folder");
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn up(&self) -> Running {
        let run = self.path().join("run");
        Running::up_with(self.path(), &[], &[("XDG_RUNTIME_DIR", &run.to_string_lossy())])
    }

    fn ask(&self, args: &[&str]) -> Ended {
        self.ask_in(self.path(), args)
    }

    fn ask_in(&self, dir: &Path, args: &[&str]) -> Ended {
        let (run, state) = (self.path().join("run"), self.path().join("state"));
        let env = [("XDG_RUNTIME_DIR", run.to_string_lossy()), ("XDG_STATE_HOME", state.to_string_lossy())];
        devloop_with(dir, args, &env.each_ref().map(|(name, value)| (*name, &**value)))
    }

    fn json(&self, args: &[&str]) -> Value {
        let ended = self.ask(&[args, &["--json"]].concat());
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
    }

    /// Starts a session in the background, whose log is in the folder of the project. It ends with what is returned.
    fn up_in_background(&self, args: &[&str]) -> (Ended, Background<'_>) {
        let ended = self.ask(&[&["up", "-d"], args].concat());
        (ended, Background(self))
    }

    /// A dashboard on a terminal of its own.
    fn attach(&self) -> Pty {
        let run = self.path().join("run").to_string_lossy().into_owned();
        Pty::spawn_in(self.path(), binary(), &["attach"], &[("XDG_RUNTIME_DIR", &run)], 110, 30)
    }

    fn wait(&self, args: &[&str]) -> Ended {
        // The socket is there soon after the start.
        let deadline = std::time::Instant::now() + crate::support::devloop::DEADLINE;
        loop {
            let ended = self.ask(&[&["wait"], args].concat());
            if ended.status.code() != Some(3) {
                return ended;
            }
            assert!(std::time::Instant::now() < deadline, "{ended:?}");
            pause();
        }
    }
}

/// A session in the background of a project: it must not outlive its test.
struct Background<'p>(&'p Project);

impl Drop for Background<'_> {
    fn drop(&mut self) {
        let status = self.0.ask(&["status", "--json"]);
        let Ok(status) = serde_json::from_str::<Value>(&status.stdout) else { return };
        if self.0.ask(&["quit", "--timeout", "20s"]).status.success() {
            return;
        }
        let _ = std::process::Command::new("kill").args(["-KILL", &status["pid"].to_string()]).status();
    }
}

#[test]
fn a_session_is_asked_and_commanded_from_another_terminal() {
    let project = Project::new();
    project.ask(&["status"]).code(3);
    let mut up = project.up();
    let ready = project.wait(&[]);
    ready.code(0);
    assert!(ready.stdout.contains("greet: first update in "), "{}", ready.stdout);

    // From below the project's folder too.
    let status = project.ask_in(&project.path().join("below/it"), &["status"]);
    status.code(0);
    assert!(status.stdout.starts_with("RESOURCE  UPDATE          RUNTIME"), "{}", status.stdout);
    let status = project.json(&["status"]);
    let names: Vec<&str> =
        status["resources"].as_array().expect("resources").iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(names, ["greet", "server", "later"]);
    assert_eq!((&status["schema"], &status["pid"]), (&1.into(), &up.pid().into()));
    assert_eq!(status["resources"][1]["runtime"], "ok");

    let logs = project.ask(&["logs", "greet", "--tail", "1", "--source", "build"]);
    logs.code(0);
    assert!(logs.stdout.ends_with('\n') && logs.stdout.lines().count() == 1, "{}", logs.stdout);
    assert_eq!(project.ask(&["logs", "greet", "later", "--grep", "one"]).code(0).stdout, "       greet │ one\n");

    project.ask(&["trigger", "later"]).code(0);
    up.wait_for("later │ later");
    let error = project.ask(&["trigger", "serve"]);
    error.code(1);
    assert!(error.stderr.contains("did you mean `server`?"), "{}", error.stderr);
    project.ask(&["disable", "server"]).code(0);
    up.wait_until(
        "it is disabled",
        || project.json(&["status", "server"]),
        |it| it["resources"][0]["enabled"] == false,
    );
    let error = project.ask(&["restart", "server"]);
    error.code(1);
    assert!(error.stderr.contains("devloop enable server"), "{}", error.stderr);
    project.ask(&["enable", "--only", "greet"]).code(0);
    project.ask(&["enable", "--all"]).code(0);
    project.wait(&["server"]).code(0);
    assert!(up.quit().success());
    let left = fs::read_dir(project.path().join("run/devloop")).expect("the folder").flatten();
    assert!(!left.map(|entry| entry.path()).any(|path| path.extension().is_some_and(|it| it == "sock")));
}

#[test]
fn wait_after_an_edit_answers_whether_it_has_landed() {
    let project = Project::new();
    let _up = project.up();
    project.wait(&[]).code(0);
    for number in 0..20 {
        let name = format!("name {number}\n");
        fs::write(project.path().join("name.txt"), &name).expect("a file");
        project.wait(&["--after", "name.txt"]).code(0);
        let logs = project.ask(&["logs", "greet", "--grep", "name ", "--tail", "1"]);
        assert_eq!(logs.stdout, name);
    }

    fs::write(project.path().join("fail"), "").expect("a file");
    let failed = project.wait(&["--after", "fail"]);
    failed.code(1);
    assert!(failed.stdout.contains("greet: failed: "), "{}", failed.stdout);
    // Asked later, it is the same.
    project.wait(&["--after", "name.txt"]).code(1);
    let why = project.ask(&["why", "greet"]);
    why.code(0);
    assert!(why.stdout.contains("error") && why.stdout.contains("Changed Files"), "{}", why.stdout);
    project.ask(&["status"]).code(1);
    fs::remove_file(project.path().join("fail")).expect("a file");
    project.wait(&["--after", "fail"]).code(0);

    let foreign = project.wait(&["--after", "below/unknown"]);
    foreign.code(1);
    assert!(foreign.stderr.contains("belongs to no resource"), "{}", foreign.stderr);
}

#[test]
fn arguments_are_replaced_while_it_runs() {
    let project = Project::new();
    let up = project.up();
    project.wait(&[]).code(0);
    assert_eq!(project.ask(&["args"]).code(0).stdout, "arguments: none\n");
    project.ask(&["args", "greet"]).code(0);
    let enabled = || {
        let status = project.json(&["status"]);
        let resources = status["resources"].as_array().expect("resources").clone();
        resources.iter().filter(|it| it["enabled"] == true).map(|it| it["name"].to_string()).collect::<Vec<_>>()
    };
    up.wait_until("the selection", enabled, |names| *names == ["\"greet\""]);
    assert_eq!(project.json(&["args", "greet"])["changed"], false);
    project.ask(&["args", "--clear"]).code(0);
    up.wait_until("everything", enabled, |names| names.len() == 3);
}

#[test]
fn a_wait_ends_at_its_limit() {
    let project = Project::new();
    fs::write(project.path().join("Devfile"), "local_resource('slow', cmd='sleep 4711')\n").expect("a file");
    let _up = project.up();
    let waited = project.wait(&["--timeout", "300ms"]);
    waited.code(1);
    assert!(waited.stdout.contains("timeout after 0.3"), "{}", waited.stdout);
}

#[test]
fn a_second_session_leaves_the_socket_to_the_first_and_a_dead_one_to_the_next() {
    let project = Project::new();
    let mut first = project.up();
    project.wait(&[]).code(0);
    let socket =
        fs::read_dir(project.path().join("run/devloop")).expect("the folder").flatten().next().expect("it").path();
    let folder = socket.parent().expect("a folder");
    assert_eq!(fs::metadata(folder).expect("the folder").permissions().mode() & 0o777, 0o700);
    let second = project.up();
    second.wait_for("another devloop runs for this Devfile");
    assert_eq!(project.json(&["status"])["pid"], first.pid());
    drop(second);

    first.signal("KILL");
    first.wait();
    assert!(socket.exists());
    project.ask(&["status"]).code(3);
    let third = project.up();
    project.wait(&[]).code(0);
    assert_eq!(project.json(&["status"])["pid"], third.pid());
}

#[test]
fn a_folder_that_others_may_enter_is_not_used() {
    let project = Project::new();
    let folder = project.path().join("run/devloop");
    fs::create_dir(&folder).expect("a folder");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("permissions");
    let up = project.up();
    up.wait_for("is not this user's alone");
    assert!(fs::read_dir(&folder).expect("the folder").next().is_none());
}

/// `PATH` without the folders that have a `tilt`.
fn path_without_tilt() -> String {
    let path = std::env::var("PATH").expect("PATH");
    let without: Vec<&str> = path.split(':').filter(|folder| !Path::new(folder).join("tilt").exists()).collect();
    without.join(":")
}

#[test]
fn commands_that_call_tilt_reach_their_session() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = folder.path().join("run");
    fs::create_dir_all(folder.path().join("elsewhere")).expect("folders");
    fs::create_dir(&runtime).expect("a folder");
    // As the public extensions do it: a version at the load, then commands against the session.
    fs::write(
        folder.path().join("Tiltfile"),
        "
version = str(local('tilt version', quiet=True)).split(', ')[0].replace('v', '')
if [int(part) for part in version.split('.')] < [0, 30, 0]:
    fail('too old')
local_resource('later', 'echo it was triggered', auto_init=False, trigger_mode=TRIGGER_MODE_MANUAL, allow_parallel=True)
local_resource('off', 'true', labels=['a'])
local_resource('asks', dir='elsewhere', allow_parallel=True, cmd='tilt trigger later && tilt disable off && \
    tilt wait --for=condition=Ready uiresource/later --timeout=20s && \
    echo state $(tilt get uiresource off -o jsonpath={.status.disableStatus.state}) && tilt get uiresource -o name')
local_resource('unknown', allow_parallel=True, cmd='echo {} | tilt apply -f - || tilt patch x || echo it was said', resource_deps=['asks'])
",
    )
    .expect("a file");
    let env = [("XDG_RUNTIME_DIR", runtime.to_string_lossy().into_owned()), ("PATH", path_without_tilt())];
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut up = Running::up_with(folder.path(), &["-f", "Tiltfile"], &env);
    up.wait_for("it was triggered");
    up.wait_for("state Disabled");
    up.wait_for("uiresource.tilt.dev/later");
    up.wait_for("`tilt patch x` is nothing that devloop knows");
    up.wait_for("only by commands of a configuration while it is evaluated");
    up.wait_for("it was said");
    assert!(up.quit().success());

    // A real one comes first.
    let real = folder.path().join("bin");
    fs::create_dir(&real).expect("a folder");
    let program = real.join("tilt");
    fs::write(&program, "#!/bin/sh\necho v9.9.9, built today\n").expect("a file");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("permissions");
    fs::write(folder.path().join("Tiltfile"), "local_resource(str(local('tilt version')).split(',')[0], 'true')\n")
        .expect("a file");
    let path = format!("{}:{}", path_without_tilt(), real.display());
    let runtime = runtime.to_string_lossy();
    let config = devloop_with(folder.path(), &["config"], &[("PATH", &path), ("XDG_RUNTIME_DIR", &runtime)]);
    config.code(0);
    assert!(config.stdout.contains("v9.9.9 [local]"), "{config:?}");
}

#[test]
fn objects_that_a_command_of_the_configuration_applies_are_registered() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(
        folder.path().join("Tiltfile"),
        "
button = {'apiVersion': 'tilt.dev/v1alpha1', 'kind': 'UIButton', 'metadata': {'name': 'go'},
    'spec': {'text': 'Go', 'location': {'componentType': 'Global', 'componentID': 'nav'}}}
cmd = {'apiVersion': 'tilt.dev/v1alpha1', 'kind': 'Cmd', 'metadata': {'name': 'btn-go'},
    'spec': {'args': ['echo', 'gone'], 'dir': config.main_dir, 'startOn': {'uiButtons': ['go']}}}
local('echo \"${YAML}\" | %s apply -f -' % sys.executable, env={'YAML': str(encode_yaml_stream([button, cmd]))}, echo_off=True)
local_resource('a', 'true')
",
    )
    .expect("a file");
    let config = devloop_with(folder.path(), &["config", "--json"], &[]);
    config.code(0);
    let config: Value = serde_json::from_str(&config.stdout).expect("JSON");
    let objects: Vec<(&str, &str)> = config["api_objects"]
        .as_array()
        .expect("objects")
        .iter()
        .filter_map(|object| Some((object["kind"].as_str()?, object["name"].as_str()?)))
        .collect();
    assert_eq!(objects, [("UIButton", "go"), ("Cmd", "btn-go")]);

    // What cannot be registered fails the command, and with it the configuration.
    let tiltfile = "local('echo \"kind: Pod\" | tilt apply -f -')\nlocal_resource('a', 'true')\n";
    fs::write(folder.path().join("Tiltfile"), tiltfile).expect("a file");
    let config = devloop_with(folder.path(), &["config"], &[("PATH", &path_without_tilt())]);
    config.code(5);
    assert!(config.stderr.contains("cannot be applied"), "{}", config.stderr);
}

#[test]
fn events_go_on_from_a_cursor_and_the_timeline_is_made_of_them() {
    let project = Project::new();
    let _up = project.up();
    project.wait(&[]).code(0);
    let events = |args: &[&str]| -> Vec<Value> {
        let ended = project.ask(&[&["events", "--json"], args].concat());
        ended.code(0);
        ended.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let start = events(&[]);
    let kinds = |events: &[Value], resource: &str| -> Vec<String> {
        let of = |event: &&Value| event["resource"] == resource;
        events.iter().filter(of).filter_map(|event| event["event"].as_str()).map(str::to_owned).collect()
    };
    let cursors: Vec<u64> = start.iter().filter_map(|event| event["cursor"].as_u64()).collect();
    assert_eq!(cursors, (1..=cursors.len() as u64).collect::<Vec<_>>(), "{start:?}");
    assert_eq!(start[0]["event"], "config_loading");
    let server = kinds(&start, "server");
    let waits = start.iter().find(|it| it["event"] == "waiting" && it["resource"] == "server").expect("it waits");
    // Local updates run alone, so this comes before the dependency.
    assert_eq!((&waits["reason"], &waits["on"][0]), (&"waiting-for-local".into(), &"greet".into()));
    assert!(server.ends_with(&["runtime_changed".to_owned()]), "{server:?}");

    fs::write(project.path().join("name.txt"), "two\n").expect("a file");
    project.wait(&["--after", "name.txt"]).code(0);
    let edit = events(&["greet", "--after", &cursors.len().to_string()]);
    assert_eq!(kinds(&edit, "greet"), ["update_started", "step", "update_finished"].map(str::to_owned), "{edit:?}");
    assert_eq!((&edit[2]["outcome"], &edit[2]["reasons"][0]), (&"ok".into(), &"Changed Files".into()));

    let newest = project.json(&["timeline"]);
    let spans = newest["spans"].as_array().expect("spans");
    let phases: Vec<_> = spans.iter().map(|span| (&span["resource"], &span["phase"])).collect();
    assert_eq!(phases, [(&"greet".into(), &"update".into()), (&"greet".into(), &"step".into())], "{newest}");
    let trace = project.path().join("trace.json");
    let all = project.ask(&["timeline", "--all", "--trace", &trace.to_string_lossy()]);
    all.code(0);
    assert!(all.stdout.contains("critical path: configuration "), "{}", all.stdout);
    let trace: Value = serde_json::from_str(&fs::read_to_string(trace).expect("the trace")).expect("JSON");
    let complete = trace["traceEvents"].as_array().expect("events").iter().filter(|event| event["ph"] == "X");
    assert!(complete.clone().count() >= 4 && complete.clone().all(|it| it["ts"].is_u64() && it["dur"].is_u64()));
}

#[test]
fn a_resource_is_described_with_everything_that_belongs_to_it() {
    let project = Project::new();
    let _up = project.up();
    project.wait(&[]).code(0);
    let all = project.json(&["get"]);
    let names: Vec<&str> =
        all["resources"].as_array().expect("resources").iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(names, ["greet", "server", "later"]);
    let greet = &project.json(&["describe", "greet"])["resources"][0];
    assert_eq!(greet["dependents"], serde_json::json!(["server"]));
    assert_eq!(greet["history"][0]["steps"][0]["text"], "running");
    let text = project.ask(&["describe", "server", "greet"]);
    text.code(0);
    for line in ["Resource:    server", "Depends on:  greet", "Needed by:   server", "Process:     ", "Updates:"] {
        assert!(text.stdout.contains(line), "{line}: {}", text.stdout);
    }
    let table = project.ask(&["get", "greet"]);
    assert!(table.code(0).stdout.starts_with("RESOURCE  KIND   UPDATE  RUNTIME"), "{}", table.stdout);
    assert!(project.ask(&["describe", "greed"]).code(1).stderr.contains("did you mean `greet`?"));
}

#[test]
fn a_session_in_the_background_is_attached_to_left_and_ended() {
    let project = Project::new();
    let (started, _background) = project.up_in_background(&["greet", "server"]);
    started.code(0);
    let pid = project.json(&["status"])["pid"].as_u64().expect("a pid");
    assert!(started.stdout.contains(&format!("with pid {pid}")), "{}", started.stdout);
    project.wait(&[]).code(0);
    let again = project.ask(&["up", "-d"]);
    again.code(1);
    assert!(again.stderr.contains(&format!("already, with pid {pid}")), "{}", again.stderr);
    let log = fs::read_dir(project.path().join("state/devloop/sessions")).expect("the folder").flatten().next();
    assert!(fs::read_to_string(log.expect("a log").path()).expect("text").contains("greet │ one"));

    let mut dashboard = project.attach();
    dashboard.wait_for("greet");
    dashboard.wait_for("one");
    // What it does reaches the session.
    fs::write(project.path().join("name.txt"), "seen from afar\n").expect("a file");
    project.wait(&["--after", "name.txt"]).code(0);
    dashboard.wait_for("seen from afar");
    dashboard.send("q");
    assert!(dashboard.wait_exit().success());
    dashboard.check_restored();
    dashboard.wait_for("the session goes on");

    let mut dashboard = project.attach();
    dashboard.wait_for("seen from afar");
    let detached = project.json(&["detach"]);
    crate::schemas::check("detach", &detached);
    assert_eq!(detached["dashboards"], 1);
    assert!(dashboard.wait_exit().success());
    let mut dashboard = project.attach();
    dashboard.wait_for("seen from afar");
    project.ask(&["quit"]).code(0);
    assert!(dashboard.wait_exit().success());
    dashboard.wait_for("the session has ended");
    project.ask(&["status"]).code(3);
    // It is nobody's child here: whoever adopts it may leave its entry for a while.
    let runs = || fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    let deadline = std::time::Instant::now() + crate::support::devloop::DEADLINE;
    while runs() {
        assert!(std::time::Instant::now() < deadline, "it is still there");
        pause();
    }
}

#[test]
fn down_ends_the_session_first() {
    let project = Project::new();
    let (started, _background) = project.up_in_background(&[]);
    started.code(0);
    project.wait(&[]).code(0);
    let down = project.ask(&["down"]);
    down.code(0);
    assert!(down.stderr.contains("ending the running session"), "{}", down.stderr);
    project.ask(&["status"]).code(3);
}

#[test]
fn a_session_that_cannot_start_in_the_background_says_why() {
    let project = Project::new();
    let folder = project.path().join("run/devloop");
    fs::create_dir(&folder).expect("a folder");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("permissions");
    let (started, _background) = project.up_in_background(&[]);
    started.code(1);
    assert!(started.stderr.contains("is not this user's alone"), "{}", started.stderr);
}

#[test]
fn a_session_in_the_background_holds_nothing_that_its_starter_holds() {
    let project = Project::new();
    let held = project.path().join("held.lock");
    fs::write(&held, "").expect("a file");
    let (run, state) = (project.path().join("run"), project.path().join("state"));
    let started = std::process::Command::new("sh")
        .args(["-c", "exec 9<held.lock; exec \"$0\" up -d"])
        .arg(binary())
        .current_dir(project.path())
        .envs([("XDG_RUNTIME_DIR", run), ("XDG_STATE_HOME", state)])
        .stdin(std::process::Stdio::null())
        .output()
        .expect("sh starts");
    let _background = Background(&project);
    assert!(started.status.success(), "{started:?}");
    let pid = project.json(&["status"])["pid"].as_u64().expect("a pid");
    let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors").flatten();
    let targets: Vec<_> = open.filter_map(|entry| fs::read_link(entry.path()).ok()).collect();
    assert!(targets.len() > 3 && !targets.contains(&fs::canonicalize(&held).expect("a path")), "{targets:?}");
    // It has a session of its own, so that no terminal ends it.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("its state");
    let session = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(3)).expect("a session");
    assert_eq!(session, pid.to_string());
}
