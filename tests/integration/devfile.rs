//! Configurations as files: `tests/devfiles/{valid,invalid}/NAME/Devfile` with the whole expected output beside it in
//! `expected.txt`: what was declared, or the diagnostics as the user sees them.
//!
//! `DEVLOOP_UPDATE_EXPECTED=1` writes what comes out instead of comparing. A case may say more in `options.json`:
//! `{"args": [...], "subcommand": "ci", "context": "prod", "local": false}`.

use std::fmt::{Debug, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use devloop::devfile::declarations::Declarations;
use devloop::devfile::{Evaluation, KubeInfo, LoadOptions, evaluate};
use devloop::diagnostic::{RenderStyle, render};
use devloop::logs::{LogSource, LogStore};
use regex::Regex;
use tokio_util::sync::CancellationToken;

/// Commands run below the real supervisor.
pub fn commands() -> std::sync::Arc<dyn devloop::devfile::CommandRunner> {
    let supervisor = devloop::process::Supervisor::with_program(env!("CARGO_BIN_EXE_devloop"));
    std::sync::Arc::new(devloop::run::ConfigCommands { supervisor, colors: false, entry_file: None })
}

/// Runs a case; the diagnostics, the log and what was declared.
fn run(folder: &Path) -> String {
    let (evaluation, lines) = evaluate_case(folder);
    normalise(&report(&evaluation, &lines, folder), folder)
}

/// Runs a case; what comes of it and the log.
pub(crate) fn evaluate_case(folder: &Path) -> (Evaluation, Vec<String>) {
    let options: serde_json::Value = std::fs::read_to_string(folder.join("options.json"))
        .map_or(serde_json::Value::Null, |text| serde_json::from_str(&text).expect("options.json is JSON"));
    let text = |key: &str| options.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
    let store = LogStore::new();
    let evaluation = evaluate(LoadOptions {
        entry_file: text("entry_file").map(PathBuf::from),
        dir: folder.to_path_buf(),
        args: options
            .get("args")
            .and_then(serde_json::Value::as_array)
            .map(|args| args.iter().filter_map(|arg| arg.as_str().map(str::to_owned)).collect())
            .unwrap_or_default(),
        subcommand: text("subcommand").unwrap_or_else(|| "up".to_owned()),
        kube: KubeInfo {
            context: Some(text("context").unwrap_or_else(|| "kind-test".to_owned())),
            namespace: text("namespace").unwrap_or_default(),
            is_local_product: options.get("local").and_then(serde_json::Value::as_bool).unwrap_or(true),
            ..KubeInfo::default()
        },
        environment: [("DEVLOOP_TEST".to_owned(), Some("set".to_owned()))].into(),
        commands: commands(),
        cache: devloop::devfile::ParseCache::default(),
        log: store.sink(None, LogSource::Build),
        cancel: CancellationToken::new(),
    });
    let lines: Vec<String> =
        store.reader().since(0).iter().map(|line| format!("{:?} {}", line.level, line.text)).collect();
    (evaluation, lines)
}

fn report(evaluation: &Evaluation, log: &[String], folder: &Path) -> String {
    let mut text = String::new();
    let style = RenderStyle { color: false, base: Some(folder.to_path_buf()) };
    for diagnostic in &evaluation.diagnostics {
        text.push_str(&render(diagnostic, &style));
        text.push('\n');
    }
    let declarations = &evaluation.declarations;
    let config_files: Vec<String> =
        declarations.config_files.iter().map(|tree| tree.root.display().to_string()).collect();
    if evaluation.diagnostics.iter().any(devloop::diagnostic::Diagnostic::is_error) {
        section(&mut text, "config files", &config_files);
        return text;
    }
    section(&mut text, "log", log);
    let show = |items: &[&dyn Debug]| -> Vec<String> { items.iter().map(|item| format!("{item:#?}")).collect() };
    fn refs<T: Debug>(items: &[T]) -> Vec<&dyn Debug> {
        items.iter().map(|item| item as &dyn Debug).collect()
    }
    section(&mut text, "images", &show(&refs(&declarations.images)));
    let objects: Vec<String> = declarations
        .objects
        .iter()
        .map(|object| format!("{} from {} {}", object.object.id, object.object.origin, object.object.value))
        .collect();
    section(&mut text, "objects", &objects);
    section(&mut text, "workloads", &show(&refs(&declarations.workload_registrations)));
    section(&mut text, "k8s_resource", &show(&refs(&declarations.kubernetes_resources)));
    for project in &declarations.compose_projects {
        let about = &project.project;
        let mut lines = vec![format!(
            "{} in {}, {} sources, profiles {:?}, wait {}, {:?} {:?}",
            about.name,
            about.directory.display(),
            project.sources.len(),
            about.profiles,
            about.wait,
            about.command,
            about.version
        )];
        lines.extend(project.services.iter().map(|service| {
            let mut service = service.clone();
            service.service.definition = serde_json::Value::Null;
            if let Some(build) = &mut service.service.build {
                build.definition = serde_json::Value::Null;
            }
            format!("{service:#?}")
        }));
        section(&mut text, "docker_compose", &lines);
    }
    section(&mut text, "local_resource", &show(&refs(&declarations.local_resources)));
    let objects: Vec<String> = declarations
        .api_objects
        .iter()
        .map(|object| {
            let metadata = [("labels", &object.labels), ("annotations", &object.annotations)];
            let metadata: Vec<String> = metadata
                .into_iter()
                .filter(|(_, entries)| !entries.is_empty())
                .map(|(name, entries)| format!(" {name} {entries:?}"))
                .collect();
            let spec = serde_json::to_string_pretty(&object.spec).expect("JSON");
            format!("{} {}{} {spec}", object.kind, object.name, metadata.concat())
        })
        .collect();
    section(&mut text, "api objects", &objects);
    let settings: [&dyn Debug; 5] = [
        &declarations.settings,
        &declarations.default_trigger_mode,
        &declarations.allowed_contexts,
        &declarations.suppressed_unused_images,
        &declarations.selection,
    ];
    let fresh = Declarations::new("");
    let defaults: [&dyn Debug; 5] = [
        &fresh.settings,
        &fresh.default_trigger_mode,
        &fresh.allowed_contexts,
        &fresh.suppressed_unused_images,
        &fresh.selection,
    ];
    let changed: Vec<String> = show(&settings)
        .into_iter()
        .zip(show(&defaults))
        .filter(|(now, fresh)| now != fresh)
        .map(|(now, _)| now)
        .collect();
    section(&mut text, "settings", &changed);
    let ignores: Vec<String> =
        declarations.global_ignores.iter().map(|set| format!("{} at {}", set.source(), set.base().display())).collect();
    section(&mut text, "global ignores", &ignores);
    section(&mut text, "config files", &config_files);
    if evaluation.environment.len() > 1 {
        section(&mut text, "environment", &show(&[&evaluation.environment]));
    }
    text
}

fn section(text: &mut String, title: &str, items: &[String]) {
    if !items.is_empty() {
        let _ = writeln!(text, "## {title}\n{}\n", items.join("\n"));
    }
}

/// Makes the output independent of the folder, and readable: places on one line, no empty fields.
fn normalise(text: &str, folder: &Path) -> String {
    let text = text.replace(&format!("{}/", folder.display()), "").replace(&folder.display().to_string(), "$ROOT");
    let span = Regex::new(
        r#"Span \{\s+file: "([^"]*)",\s+start: Position \{\s+line: (\d+),\s+column: (\d+),\s+\},\s+end: Position \{[^}]*\},\s+\}"#,
    )
    .expect("a valid expression");
    let text = span.replace_all(&text, "$1:$2:$3");
    let empty = Regex::new(r#"(?m)^ +\w+: (\[\]|\{\}|None|""|false|0),\n"#).expect("a valid expression");
    let text = empty.replace_all(&text, "");
    let sets = Regex::new(
        r#"(?s)PatternSet \{\s+base: ("[^"]*"),\s+source: ("[^"]*"),.*?compiled: OnceLock\(\s+<uninit>,\s+\),\s+\}"#,
    )
    .expect("a valid expression");
    let text = sets.replace_all(&text, "PatternSet($1, $2)");
    let lists = Regex::new(r"\n {8,}").expect("a valid expression");
    let text = lists.replace_all(&text, " ");
    text.trim_end().to_owned() + "\n"
}

/// The folders of the cases of a kind.
pub(crate) fn cases(kind: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/devfiles").join(kind);
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root)
        .expect("the folder of the cases")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    folders.sort();
    folders
}

/// Runs all cases of a kind and compares each with its expected output.
fn check(kind: &str, errors: bool) {
    let update = std::env::var_os("DEVLOOP_UPDATE_EXPECTED").is_some();
    let mut failures = String::new();
    let cases = cases(kind);
    assert!(!cases.is_empty());
    for folder in cases {
        let output = run(&folder);
        if output.contains("error: ") != errors {
            let _ = writeln!(failures, "{} belongs into the other folder:\n{output}", folder.display());
            continue;
        }
        let expected_file = folder.join("expected.txt");
        if update {
            std::fs::write(&expected_file, &output).expect("the expected output can be written");
            continue;
        }
        let expected = std::fs::read_to_string(&expected_file).unwrap_or_default();
        if expected != output {
            let diff = similar::TextDiff::from_lines(&expected, &output);
            let _ = writeln!(failures, "{}:\n{}", folder.display(), diff.unified_diff());
        }
    }
    assert!(failures.is_empty(), "DEVLOOP_UPDATE_EXPECTED=1 accepts what comes out\n{failures}");
}

#[test]
fn valid_configurations_declare_what_they_say() {
    check("valid", false);
}

#[test]
fn invalid_configurations_are_explained() {
    check("invalid", true);
}

/// Options for `dir` with nothing special in them.
pub(crate) fn options(dir: &Path, cancel: &CancellationToken) -> LoadOptions {
    LoadOptions {
        entry_file: None,
        dir: dir.to_path_buf(),
        args: Vec::new(),
        subcommand: "up".to_owned(),
        kube: KubeInfo::default(),
        environment: devloop::devfile::EnvironmentOverlay::new(),
        commands: commands(),
        cache: devloop::devfile::ParseCache::default(),
        log: LogStore::new().sink(None, LogSource::Build),
        cancel: cancel.clone(),
    }
}

/// Cancels as soon as `ready` says so, and returns how long the run then still took with its diagnostics.
fn cancelled(devfile: &str, ready: impl Fn(&Path) -> bool + Send + 'static) -> (Duration, String, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("Devfile"), devfile).expect("the Devfile can be written");
    let cancel = CancellationToken::new();
    let canceller = std::thread::spawn({
        let (cancel, folder) = (cancel.clone(), folder.path().to_path_buf());
        move || {
            let deadline = Instant::now() + Duration::from_secs(30);
            while !ready(&folder) && Instant::now() < deadline {
                std::thread::park_timeout(Duration::from_millis(5));
            }
            cancel.cancel();
            Instant::now()
        }
    });
    let evaluation = evaluate(options(folder.path(), &cancel));
    let at = canceller.join().expect("the canceller ends");
    let messages: Vec<String> = evaluation.diagnostics.iter().map(|diagnostic| diagnostic.message.clone()).collect();
    (at.elapsed(), messages.join("\n"), folder)
}

#[test]
fn cancelling_ends_an_endless_computation() {
    let devfile = "local('touch started')\ndef f():\n    for i in range(1000000000):\n        pass\nf()\n";
    let (took, messages, _folder) = cancelled(devfile, |folder| folder.join("started").exists());
    assert_eq!(messages, "the configuration run was cancelled");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn cancelling_ends_a_command_and_what_it_has_started() {
    let devfile = "local('sleep 1000 & echo $! > pid; mv pid started; wait')\n";
    let (took, messages, folder) = cancelled(devfile, |folder| folder.join("started").exists());
    assert_eq!(messages, "the configuration run was cancelled");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let pid = std::fs::read_to_string(folder.path().join("started")).expect("the pid");
    let gone = || match std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())) {
        // A zombie that waits for its reaper does not run any more.
        Ok(stat) => stat.contains(") Z "),
        Err(_) => true,
    };
    let deadline = Instant::now() + Duration::from_secs(5);
    while !gone() && Instant::now() < deadline {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    assert!(gone(), "{pid} is still there");
}

/// Starts `devloop config` in a folder, without a cluster.
fn start_config(folder: &Path) -> std::process::Child {
    std::process::Command::new(env!("CARGO_BIN_EXE_devloop"))
        .arg("config")
        .current_dir(folder)
        .env("KUBECONFIG", folder.join("none"))
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("devloop starts")
}

#[test]
fn a_command_of_the_configuration_does_not_outlive_a_killed_devloop() {
    let folder = tempfile::tempdir().expect("a folder");
    let devfile = "local('sleep 1000 & echo $$ $! > pids; mv pids started; sleep 1000')\n";
    std::fs::write(folder.path().join("Devfile"), devfile).expect("it can be written");
    let mut devloop = start_config(folder.path());
    let started = folder.path().join("started");
    wait_until("the command has started", || started.exists());
    let pids = std::fs::read_to_string(&started).expect("the pids");
    let runs =
        |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    assert!(pids.split_whitespace().all(runs), "{pids}");
    devloop.kill().expect("it can be killed");
    devloop.wait().expect("it ends");
    wait_until("nothing is left", || !pids.split_whitespace().any(runs));
}

#[cfg(unix)]
#[test]
fn an_endless_loop_of_the_configuration_ends_with_ctrl_c() {
    use std::os::unix::process::ExitStatusExt as _;

    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("Devfile"), "local('touch started')\nwhile True:\n    pass\n").expect("written");
    let mut devloop = start_config(folder.path());
    let started = folder.path().join("started");
    wait_until("the loop has started", || started.exists());
    rustix::process::kill_process(rustix::process::Pid::from_child(&devloop), rustix::process::Signal::INT)
        .expect("it is there");
    let asked = Instant::now();
    let status = devloop.wait().expect("it ends");
    assert!(status.signal() == Some(2) || status.code() == Some(130), "{status}");
    // The limit of an endless loop is later than this.
    assert!(asked.elapsed() < Duration::from_secs(10));
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not in time");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn what_a_finished_command_leaves_behind_is_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("Devfile"), "local('sleep 1000 & echo $! > pid')\n").expect("it can be written");
    let started = Instant::now();
    let evaluation = evaluate(options(folder.path(), &CancellationToken::new()));
    assert!(evaluation.diagnostics.is_empty(), "{:?}", evaluation.diagnostics);
    assert!(started.elapsed() < Duration::from_secs(20));
    let pid = std::fs::read_to_string(folder.path().join("pid")).expect("the pid");
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
}

#[test]
fn the_environment_survives_into_the_next_run() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("Devfile"), "os.putenv('COUNT', os.getenv('COUNT', '') + 'x')\n")
        .expect("written");
    let first = evaluate(options(folder.path(), &CancellationToken::new()));
    let second =
        evaluate(LoadOptions { environment: first.environment, ..options(folder.path(), &CancellationToken::new()) });
    assert_eq!(second.environment.get("COUNT"), Some(&Some("xx".to_owned())));
}

#[test]
fn the_environment_can_be_emptied() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |devfile: &str| {
        std::fs::write(folder.path().join("Devfile"), devfile).expect("written");
        let evaluation = evaluate(options(folder.path(), &CancellationToken::new()));
        evaluation.diagnostics.first().map(|diagnostic| diagnostic.message.clone()).unwrap_or_default()
    };
    let told = run("before = len(os.environ)\nname, value = os.environ.popitem()\ngone = name not in os.environ\n\
                    less = before - len(os.environ)\nos.environ.clear()\n\
                    fail(str([type(value), gone, less, len(os.environ), os.environ.keys(), bool(os.environ)]))\n");
    assert_eq!(told, r#"["string", True, 1, 0, [], False]"#);
    assert_eq!(run("os.environ.clear()\nos.environ.popitem()\n"), "`os.environ.popitem`: the environment is empty");
}

#[test]
fn a_broken_configuration_is_still_watched() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("Devfile"), "include('lib')\nfail('here')\n").expect("written");
    std::fs::write(folder.path().join("lib"), "read_file('missing', 'x')\n").expect("written");
    let outcome = devloop::devfile::load(options(folder.path(), &CancellationToken::new()));
    assert!(outcome.project.is_none());
    let names: Vec<String> = outcome
        .config_files
        .iter()
        .map(|tree| tree.root.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["Devfile", ".devloopignore", ".tiltignore", "lib", "missing"]);
}

#[test]
fn a_repository_stands_for_its_root_where_a_path_is_expected() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join("app/.git")).expect("a repository");
    std::fs::write(folder.path().join("app/Dockerfile"), "FROM scratch\n").expect("written");
    let run = |devfile: &str| {
        std::fs::write(folder.path().join("Devfile"), format!("repo = local_git_repo('app')\n{devfile}\n"))
            .expect("written");
        evaluate(options(folder.path(), &CancellationToken::new()))
    };
    let devfile = "docker_build('app', repo)\nlocal_resource('a', 'b', dir=repo, deps=[repo, repo.paths('x')])";
    let evaluation = run(devfile);
    assert!(evaluation.diagnostics.is_empty(), "{:?}", evaluation.diagnostics);
    let local = &evaluation.declarations.local_resources[0];
    let app = folder.path().canonicalize().expect("a folder").join("app");
    assert_eq!(local.cmd.as_ref().expect("a command").dir, app);
    assert_eq!(local.deps.iter().map(|dep| dep.path.clone()).collect::<Vec<_>>(), [app.clone(), app.join("x")]);
    assert!(local.deps[0].is_repository_root);
    for (devfile, message) in [
        ("local_resource('a', 'b', deps=repo)", "`local_resource`: for parameter `deps`: got git.Repo, want"),
        ("{repo: 1}", "a git.Repo is not hashable"),
        ("repo.nothing", "has no .nothing field or method"),
    ] {
        let evaluation = run(devfile);
        let found = evaluation.diagnostics.iter().map(|it| it.message.clone()).collect::<Vec<_>>().join("\n");
        assert!(found.contains(message), "{found}");
    }
}

#[test]
fn the_examples_load() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (dir, file) in [("examples/hello", None), ("examples/github-dashboard", None), (".", Some("Devfile.example"))] {
        let dir = root.join(dir);
        let outcome = devloop::devfile::load(LoadOptions {
            entry_file: file.map(PathBuf::from),
            ..options(&dir, &CancellationToken::new())
        });
        let style = RenderStyle::default();
        let problems: Vec<String> = outcome.diagnostics.iter().map(|diagnostic| render(diagnostic, &style)).collect();
        assert!(outcome.project.is_some(), "{}: {}", dir.display(), problems.join("\n"));
    }
}

#[test]
fn the_first_and_the_last_line_of_a_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = |devfile: &str| {
        std::fs::write(folder.path().join("Devfile"), devfile).expect("the Devfile can be written");
        let store = LogStore::new();
        let log = store.sink(None, LogSource::Build);
        devloop::devfile::load(LoadOptions { log, ..options(folder.path(), &CancellationToken::new()) });
        store.reader().since(0).iter().map(|line| line.text.to_string()).collect::<Vec<_>>()
    };
    let good = lines("print('between')\nlocal_resource('web', 'true')\n");
    assert_eq!(good[0], format!("Loading {}", folder.path().canonicalize().expect("a path").join("Devfile").display()));
    assert_eq!(good[1], "between");
    assert!(good[2].starts_with("Successfully loaded Devfile in 0.") && good[2].ends_with(" s"), "{good:?}");
    assert_eq!(good.len(), 3, "{good:?}");
    let bad = lines("print('before')\nfail('no')\n");
    assert!(!bad.iter().any(|line| line.contains("Successfully")), "{bad:?}");
}

#[test]
fn kustomize_runs_in_the_working_directory_and_watches_all_it_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("written");
    };
    write("Devfile", "k8s_yaml(kustomize('overlay', flags=['--enable-helm']))\n");
    write("overlay/kustomization.yaml", "resources: [../base]\n");
    write("base/kustomization.yaml", "resources: [cm.yaml]\n");
    write("base/cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    // The program is not what is tested: a script in its place tells how it was called.
    write(
        "bin/kustomize",
        "#!/bin/sh\nprintf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: \"%s\"}\\n' \"$*\"\n",
    );
    let script = folder.path().join("bin/kustomize");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("permissions");
    let path = format!("{}:/usr/bin:/bin", folder.path().join("bin").display());
    let evaluation = evaluate(LoadOptions {
        environment: [("PATH".to_owned(), Some(path))].into(),
        ..options(folder.path(), &CancellationToken::new())
    });
    assert!(evaluation.diagnostics.is_empty(), "{:?}", evaluation.diagnostics);
    assert_eq!(evaluation.declarations.objects[0].object.id.name, "build --enable-helm overlay");
    let root = folder.path().canonicalize().expect("a folder");
    let watched: Vec<String> = evaluation
        .declarations
        .config_files
        .iter()
        .filter_map(|tree| tree.root.strip_prefix(&root).ok().map(|path| path.display().to_string()))
        .collect();
    for file in ["overlay/kustomization.yaml", "base/kustomization.yaml", "base/cm.yaml"] {
        assert!(watched.iter().any(|path| path == file), "{file} is not among {watched:?}");
    }
}

#[test]
#[ignore = "benchmark (prints how long a load takes)"]
fn how_long_a_load_takes() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/hello");
    let mut durations: Vec<Duration> =
        (0..50).map(|_| devloop::devfile::load(options(&dir, &CancellationToken::new())).duration).collect();
    let first = durations[0];
    durations.sort();
    eprintln!("first {first:?}, median {:?}, slowest {:?}", durations[25], durations[49]);
}

#[test]
fn only_what_has_changed_is_parsed_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    let object = |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n");
    write("Devfile", "load('lib.star', 'files')\nk8s_yaml(files)\nprint(read_yaml('values.yaml'))\n");
    write("lib.star", "files = ['a.yaml', 'b.yaml']\n");
    write("a.yaml", &object("a"));
    write("b.yaml", &object("b"));
    write("values.yaml", "x: 1\n");
    let cache = devloop::devfile::ParseCache::default();
    let parsed = || {
        let before = cache.parsed();
        let evaluation =
            evaluate(LoadOptions { cache: cache.clone(), ..options(folder.path(), &CancellationToken::new()) });
        assert_eq!(evaluation.diagnostics, []);
        (cache.parsed() - before, evaluation.declarations.objects.len())
    };
    assert_eq!(parsed(), (5, 2));
    assert_eq!(parsed(), (0, 2));
    write("b.yaml", &object("c"));
    assert_eq!(parsed(), (1, 2));
    write("lib.star", "files = ['a.yaml']\n");
    assert_eq!(parsed(), (1, 1));
    // What a run did not need is forgotten.
    write("lib.star", "files = ['a.yaml', 'b.yaml']\n");
    assert_eq!(parsed(), (2, 2));
}
