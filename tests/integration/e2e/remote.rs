//! What another terminal sees of pods, and does in them: `describe`, `exec`, `doctor`.

use serde_json::Value;

use crate::schemas::check;
use crate::support::devloop::{Running, binary, devloop, devloop_with, free_port, get};
use crate::support::ground::Ground;
use crate::support::pty::Pty;

fn json(ground: &Ground, args: &[&str]) -> Value {
    let ended = devloop(ground.path(), &[args, &["--json"]].concat());
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_pod_is_looked_into_and_commands_run_in_it() {
    let ground = Ground::new("remote");
    let port = free_port();
    let devfile = ground.web_service("web", port);
    ground.write("Devfile", &format!("{devfile}local_resource('here', serve_cmd='sleep 100')\n"));
    let up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || get(port, "/").is_ok(), |it| *it);
    devloop(ground.path(), &["wait", "--timeout", "60s"]).code(0);

    let described = json(&ground, &["describe", "web", "here"]);
    check("describe", &described);
    check("ports", &json(&ground, &["ports"]));
    check("status", &json(&ground, &["status"]));
    let web = described["resources"][0].clone();
    let objects: Vec<&str> =
        web["objects"].as_array().expect("objects").iter().filter_map(|it| it["kind"].as_str()).collect();
    assert!(objects.contains(&"Deployment"), "{web}");
    let pod = &web["pod_details"][0];
    assert!(pod["conditions"].as_array().expect("conditions").iter().any(|it| it["kind"] == "Ready"), "{pod}");
    assert_eq!((&pod["containers"][0]["state"], &pod["containers"][0]["ready"]), (&"running".into(), &true.into()));
    let tag = web["image_details"][0]["tag"].as_str().expect("a tag");
    assert!(pod["containers"][0]["image"].as_str().expect("an image").ends_with(tag), "{web}");
    assert_eq!(web["live"][0]["state"], "in_sync", "{web}");
    let steps = web["history"][0]["steps"].as_array().expect("steps");
    assert!(steps.iter().any(|step| step["text"] == "deploying"), "{web}");

    ground.write("web/www/index.html", "edited\n");
    devloop(ground.path(), &["wait", "--after", "web/www/index.html"]).code(0);
    let live = json(&ground, &["describe", "web"])["resources"][0]["live"][0].clone();
    assert_eq!((&live["state"], &live["last_sync"]["files"]), (&"in_sync".into(), &1.into()), "{live}");
    let text = devloop(ground.path(), &["describe", "web"]);
    assert!(text.stdout.contains("conditions met: ") && text.stdout.contains("in sync"), "{}", text.stdout);

    // The output, the two streams apart, and the exit code.
    let script = "cat /www/index.html; echo to standard error >&2; exit 7";
    let ran = devloop(ground.path(), &["exec", "web", "--", "sh", "-c", script]);
    ran.code(7);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("edited\n", "to standard error\n"));
    let ended = devloop(ground.path(), &["exec", "--json", "web", "--", "echo", "hello"]);
    let ran: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    check("exec", &ran);
    assert_eq!((&ran["exit_code"], &ran["stdout"]), (&0.into(), &"hello\n".into()));
    assert!(devloop(ground.path(), &["exec", "here", "--", "ls"]).code(1).stderr.contains("run on this machine"));
    assert!(devloop(ground.path(), &["exec", "web", "-c", "x", "--", "ls"]).code(1).stderr.contains("there are web"));
    assert!(devloop(ground.path(), &["exec", "web", "--", "no-such"]).code(1).stderr.contains("has no `no-such`"));

    // A shell on a terminal, with its size, its keys and its exit code.
    let mut shell = Pty::spawn_in(ground.path(), binary(), &["exec", "web"], &[], 90, 20);
    shell.wait_for("/ #");
    shell.send("stty size\r");
    shell.wait_for("20 90");
    shell.resize(101, 33);
    shell.wait_until("the new size", |screen| screen.size() == (33, 101));
    shell.send("echo $((40 + 1))x; sleep 300\r");
    // Before, the shell reads keys itself, and this one would be a part of the line.
    shell.wait_for("41x");
    shell.send("\x03");
    shell.send("while [ \"$(stty size)\" != '33 101' ]; do sleep 0.1; done; echo seen $((40 + 2)); exit 9\r");
    shell.wait_for("seen 42");
    assert_eq!(shell.wait_exit().exit_code(), 9);

    let doctor = devloop(ground.path(), &["doctor", "--json"]);
    doctor.code(0);
    let answer: Value = serde_json::from_str(&doctor.stdout).expect("JSON");
    check("doctor", &answer);
    for name in ["engine", "cluster", "permissions", "configuration", "registry"] {
        let findings = answer["findings"].as_array().expect("findings");
        let found = findings.iter().find(|finding| finding["check"] == name);
        assert!(found.is_some_and(|found| found["health"] == "ok" || found["health"] == "warning"), "{name}: {answer}");
    }
    drop(up);
    devloop(ground.path(), &["down"]).code(0);
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn failures_of_a_run_are_noted_at_the_line_of_the_dockerfile_and_of_the_yaml() {
    let ground = Ground::new("notes");
    let devfile = ground.web_service("web", free_port());
    ground.write("Devfile", &devfile);
    let dir = std::fs::canonicalize(ground.path()).expect("a folder");
    let workspace = dir.to_string_lossy().into_owned();
    let github = [("GITHUB_ACTIONS", "true"), ("GITHUB_WORKSPACE", workspace.as_str())];
    let good = std::fs::read_to_string(dir.join("web/Dockerfile")).expect("text");
    ground.write("web/Dockerfile", &format!("{good}RUN echo the reason; \\\n  exit 7\n"));
    let failed = devloop_with(&dir, &["ci"], &github);
    failed.code(1);
    let note =
        |text: &str| text.lines().filter(|line| line.starts_with("::error ")).map(str::to_owned).collect::<Vec<_>>();
    let notes = note(&failed.stdout);
    assert!(notes[0].starts_with("::error file=web/Dockerfile,line=4,title=web failed::"), "{notes:?}");
    assert!(notes[0].contains("exit code 7"), "{notes:?}");

    ground.write("web/Dockerfile", &good);
    let yaml = std::fs::read_to_string(dir.join("web/k8s.yaml")).expect("text");
    let wrong = yaml.replace("containerPort: 8080", "containerPort: 80800000");
    let line = 1 + wrong.lines().position(|line| line.contains("80800000")).expect("it is there");
    ground.write("web/k8s.yaml", &wrong);
    let failed = devloop_with(&dir, &["ci", "--down"], &github);
    failed.code(1);
    let notes = note(&failed.stdout);
    assert!(notes[0].starts_with(&format!("::error file=web/k8s.yaml,line={line},")), "{notes:?}\n{}", failed.stdout);
    assert!(failed.stdout.contains("::group::Tear down\n"), "{}", failed.stdout);
}
