//! Compose projects with the real compose command and the real engine, beside Kubernetes objects and alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::devloop::{Running, devloop_with, free_port, get};
use crate::support::ground::Ground;

/// Tests that are run with both series of the compose command.
macro_rules! with_both_series {
    ($($needs:literal $test:ident;)*) => {
        mod first_series {
            $(#[test] #[ignore = $needs] fn $test() { super::$test(super::Series::First); })*
        }
        mod second_series {
            $(#[test] #[ignore = $needs] fn $test() { super::$test(super::Series::Second); })*
        }
    };
}

with_both_series! {
    "needs cluster (a namespace, the engine's containers)" two_built_and_two_stock_services_live_beside_kubernetes_objects;
    "needs cluster (the engine's containers)" a_restarted_container_runs_what_was_copied_into_it;
    "needs cluster (the engine's containers)" a_service_is_built_under_another_name_and_waited_for;
    "needs cluster (the engine's containers)" failures_are_told_in_words_that_help;
    "needs cluster (the engine's containers)" an_image_without_a_shell_is_live_updated;
    "needs cluster (the engine's containers)" a_configuration_waits_for_an_engine;
    "needs cluster (the compose command)" projects_are_understood_from_files_blobs_profiles_and_environment_files;
}

/// A series of the compose command. They differ in what `config` prints and in the names that they give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Series {
    /// `docker-compose`, which is written in Python.
    First,
    /// `docker compose`, a plugin of the docker command.
    Second,
}

/// Variables for devloop.
type Variables = Vec<(&'static str, String)>;

impl Series {
    /// How the version begins.
    fn version(self) -> &'static str {
        match self {
            Self::First => "1.",
            Self::Second => "2.",
        }
    }

    /// What makes devloop find this series, and whether it has a cluster. `None` when the machine does not have the series;
    /// `tests/cluster/cluster env` names the second one, which thus wins over the other that is on the `PATH` too.
    fn variables(self, cluster: bool) -> Option<Variables> {
        let mut variables = match self {
            Self::First => vec![("DEVLOOP_DOCKER_COMPOSE_CMD", "docker-compose".to_owned())],
            Self::Second => match std::env::var("DEVLOOP_TEST_COMPOSE2") {
                Ok(folder) => vec![("DOCKER_CONFIG", folder)],
                Err(_) => vec![("DEVLOOP_DOCKER_COMPOSE_CMD", "docker compose".to_owned())],
            },
        };
        let question: &[&str] = match self {
            Self::First => &["docker-compose", "version", "--short"],
            Self::Second => &["docker", "compose", "version", "--short"],
        };
        let begin = self.version();
        let mut command = Command::new(question[0]);
        let output = command.args(&question[1..]).envs(variables.iter().map(|(name, value)| (name, value))).output();
        let version = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        if !version.trim_start_matches('v').starts_with(begin) {
            assert!(std::env::var("CI").is_err(), "{question:?} is not of series {begin}x: it says {version:?}");
            return None;
        }
        if !cluster {
            variables.push(("KUBECONFIG", "/nonexistent/kubeconfig".to_owned()));
        }
        Some(variables)
    }
}

fn borrowed(variables: &Variables) -> Vec<(&str, &str)> {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// A service that answers with the contents of a file, which it reads for each request.
const API: &str = r#"import http.server
started = open("/app/started.txt").read()
print("api says", started, flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write((started if self.path == "/started" else open("/app/text.txt").read()).encode())
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
"#;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A Compose project in a folder; whatever it has created is removed when this is dropped.
struct ComposeGround<'g> {
    folder: &'g Path,
    name: String,
}

impl<'g> ComposeGround<'g> {
    fn new(folder: &'g Path, name: &str) -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self { folder, name: format!("{name}{}-{number}", std::process::id()) }
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    }

    /// Image `NAME-api`, of [`API`].
    fn api(&self) {
        self.write(
            "api/Dockerfile",
            "FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nSTOPSIGNAL SIGKILL\nCMD [\"python\", \"app.py\"]\n",
        );
        self.write("api/app.py", API);
        self.write("api/text.txt", "one");
        self.write("api/started.txt", "first");
    }

    /// `docker ps -a` of the project: what `format` asks for, sorted.
    fn containers(&self, format: &str) -> Vec<String> {
        let filter = format!("label=com.docker.compose.project={}", self.name);
        docker(&["ps", "-a", "--no-trunc", "--filter", &filter, "--format", format])
    }

    /// The id of the container of a service.
    fn id(&self, service: &str) -> String {
        let all = self.containers("{{.Label \"com.docker.compose.service\"}} {{.ID}}");
        let own: Vec<&String> = all.iter().filter(|line| line.starts_with(&format!("{service} "))).collect();
        own.first().map_or_else(String::new, |line| (*line).clone())
    }
}

impl Drop for ComposeGround<'_> {
    fn drop(&mut self) {
        for id in self.containers("{{.ID}}") {
            let _ = Command::new("docker").args(["rm", "-f", "-v", &id]).output();
        }
        let _ = Command::new("docker").args(["network", "rm", &format!("{}_default", self.name)]).output();
    }
}

#[track_caller]
fn docker(args: &[&str]) -> Vec<String> {
    let output = Command::new("docker").args(args).output().expect("docker is on the PATH");
    assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    let mut lines: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn body(port: u16, path: &str) -> String {
    get(port, path).map_or_else(|error| error, |(_, body)| body)
}

fn two_built_and_two_stock_services_live_beside_kubernetes_objects(series: Series) {
    let Some(variables) = series.variables(true) else { return };
    let variables = borrowed(&variables);
    let ground = Ground::new("compose");
    let compose = ComposeGround::new(ground.path(), "mixed");
    let (port, web, page) = (free_port(), free_port(), free_port());
    compose.api();
    compose.write(
        "worker/Dockerfile",
        "FROM busybox\nCOPY run.sh /run.sh\nSTOPSIGNAL SIGKILL\nCMD [\"sh\", \"/run.sh\"]\n",
    );
    compose.write("worker/run.sh", "echo worker says $WORD; exec sleep 100000\n");
    let image = ground.image("api");
    let services = |word: &str, page: &str| {
        format!(
            "services:\n  api:\n    image: {image}\n    build: ./api\n    ports: ['{port}:8000']\n    depends_on: [cache]\n  \
             worker:\n    build: ./worker\n    environment: {{WORD: {word}}}\n  cache:\n    image: redis:7\n{page}"
        )
    };
    let nginx = format!("  page:\n    image: nginx\n    ports: ['{page}:80']\n    stop_signal: SIGKILL\n");
    compose.write("docker-compose.yml", &services("one", &nginx));
    let devfile = format!(
        "{}docker_compose('docker-compose.yml', project_name='{}')\ndocker_build('{image}', 'api', live_update=[sync('api', '/app')])\n",
        ground.web_service("web", web),
        compose.name
    );
    ground.write("Devfile", &devfile);

    let mut up = Running::up_with(ground.path(), &[], &variables);
    up.wait_until("the service built here", || body(port, "/"), |it| it == "one");
    up.wait_until("the stock service", || body(page, "/"), |it| it.contains("nginx"));
    up.wait_until("the pod", || body(web, "/"), |it| it == "hello from web\n");
    up.wait_for("worker says one");
    up.wait_for("api says first");

    for version in compose.containers("{{.Label \"com.docker.compose.version\"}}") {
        assert!(version.starts_with(series.version()), "it was started by Compose {version}");
    }

    // An edit goes into the container that runs.
    let (api, worker, cache) = (compose.id("api"), compose.id("worker"), compose.id("cache"));
    compose.write("api/text.txt", "two");
    up.wait_until("the edit", || body(port, "/"), |it| it == "two");
    assert_eq!(compose.id("api"), api, "live update must not replace the container");

    // A changed definition replaces its own containers.
    compose.write("docker-compose.yml", &services("two", &nginx));
    up.wait_for("worker says two");
    assert_ne!(compose.id("worker"), worker);
    assert_eq!((compose.id("api"), compose.id("cache")), (api.clone(), cache.clone()));

    // A changed file of an image that Compose builds.
    compose.write("worker/run.sh", "echo worker says three; exec sleep 100000\n");
    up.wait_for("worker says three");

    // A broken project changes nothing, and its mending does.
    let mark = up.mark();
    compose.write("docker-compose.yml", "services: {api: {imagee: x}}\n");
    up.wait_for_after(mark, "the compose command refuses project");
    assert_eq!(body(port, "/"), "two");
    compose.write("docker-compose.yml", &services("four", ""));
    up.wait_until("the removed service", || compose.id("page"), String::is_empty);
    assert_eq!((compose.id("api"), compose.id("cache")), (api, cache));
    assert!(up.quit().success());
    assert!(!compose.id("api").is_empty(), "what was started stays");

    devloop_with(ground.path(), &["ci"], &variables).code(0);
    assert_eq!(body(port, "/"), "two");
    devloop_with(ground.path(), &["down"], &variables).code(0);
    assert_eq!(compose.containers("{{.Names}}"), Vec::<String>::new());
    let network = format!("name={}_default", compose.name);
    assert_eq!(docker(&["network", "ls", "-q", "--filter", &network]), Vec::<String>::new());
    assert_eq!(ground.kubectl(&["get", "deployments", "-o", "name"]), "");
}

fn a_restarted_container_runs_what_was_copied_into_it(series: Series) {
    let Some(variables) = series.variables(false) else { return };
    let variables = borrowed(&variables);
    let folder = tempfile::tempdir().expect("a folder");
    let compose = ComposeGround::new(folder.path(), "restart");
    let port = free_port();
    compose.api();
    compose.write(
        "docker-compose.yml",
        &format!("services:\n  api:\n    image: {}-api\n    ports: ['{port}:8000']\n", compose.name),
    );
    compose.write(
        "Devfile",
        &format!(
            "docker_compose('docker-compose.yml', project_name='{name}')\n\
             docker_build('{name}-api', 'api', live_update=[initial_sync(), sync('api', '/app'), run('echo ran > /app/ran.txt'), restart_container()])\n",
            name = compose.name
        ),
    );
    let up = Running::up_with(folder.path(), &[], &variables);
    up.wait_until("the service", || body(port, "/started"), |it| it == "first");
    let id = compose.id("api");
    let mark = up.mark();
    compose.write("api/started.txt", "second");
    up.wait_until("the restarted service", || body(port, "/started"), |it| it == "second");
    up.wait_for_after(mark, "api says second");
    assert_eq!(compose.id("api"), id, "it is restarted and not replaced");

    // The next one is made from the image, which is older than the edit.
    let container = id.split(' ').nth(1).unwrap_or_default().to_owned();
    docker(&["restart", "-t", "0", &container]);
    up.wait_until("the service after a restart by hand", || body(port, "/started"), |it| it == "second");
}

/// `dc_resource(image=…)` and `docker_compose(wait=True)`.
fn a_service_is_built_under_another_name_and_waited_for(series: Series) {
    let Some(variables) = series.variables(false) else { return };
    let variables = borrowed(&variables);
    let folder = tempfile::tempdir().expect("a folder");
    let compose = ComposeGround::new(folder.path(), "waits");
    compose.write(
        "own/Dockerfile",
        "FROM busybox\nSTOPSIGNAL SIGKILL\nCMD [\"sh\", \"-c\", \"echo own image says hello; exec sleep 100000\"]\n",
    );
    compose.write(
        "docker-compose.yml",
        "services:\n  api:\n    image: busybox\n    volumes: ['./gate:/gate']\n    \
         healthcheck: {test: ['CMD', 'test', '-f', '/gate/open'], interval: 1s, retries: 1000}\n",
    );
    fs::create_dir(folder.path().join("gate")).expect("a folder");
    compose.write(
        "Devfile",
        &format!(
            "docker_compose('docker-compose.yml', project_name='{name}', wait=True)\n\
             docker_build('{name}-own', 'own')\ndc_resource('api', image='{name}-own')\n\
             local_resource('after', 'cat gate/open', resource_deps=['api'])\n",
            name = compose.name
        ),
    );
    let up = Running::up_with(folder.path(), &[], &variables);
    up.wait_for("own image says hello");
    let id = compose.id("api");
    let container = id.split(' ').nth(1).unwrap_or_default();
    let failures = || docker(&["inspect", "-f", "{{.State.Health.FailingStreak}}", container]).concat();
    up.wait_until("questions after health that failed", failures, |it| it != "0" && it != "1");
    compose.write("gate/open", "the gate is open\n");
    up.wait_for("the gate is open");
    assert!(!up.text().contains("No such file"), "what waits for the service did not wait:\n{}", up.text());
}

fn failures_are_told_in_words_that_help(series: Series) {
    let Some(variables) = series.variables(false) else { return };
    let variables = borrowed(&variables);
    let folder = tempfile::tempdir().expect("a folder");
    let compose = ComposeGround::new(folder.path(), "fails");
    let devfile = |yaml: &str| {
        compose.write("docker-compose.yml", yaml);
        compose.write("Devfile", &format!("docker_compose('docker-compose.yml', project_name='{}')\n", compose.name));
    };
    let ci = || devloop_with(folder.path(), &["ci"], &variables);
    let says = |text: &str, part: &str| assert!(text.contains(part), "no {part:?} in\n{text}");

    devfile("services:\n  job:\n    image: busybox\n    command: sh -c 'echo working; exit 3'\n");
    let ended = ci();
    ended.code(1);
    says(&ended.stdout, "working");
    says(&ended.stdout, "exit status 3");

    devfile("services:\n  job:\n    image: busybox\n    command: 'true'\n");
    ci().code(0);

    let taken = std::net::TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = taken.local_addr().expect("it is bound").port();
    devfile(&format!("services:\n  web:\n    image: nginx\n    ports: ['{port}:80']\n"));
    let ended = ci();
    ended.code(1);
    says(&ended.stdout, &format!("port {port} of this machine, which service `web` publishes, is already in use"));

    devloop_with(folder.path(), &["down", "--delete-volumes"], &variables).code(0);
    assert_eq!(compose.containers("{{.Names}}"), Vec::<String>::new());
}

fn projects_are_understood_from_files_blobs_profiles_and_environment_files(series: Series) {
    let Some(variables) = series.variables(false) else { return };
    let variables = borrowed(&variables);
    let folder = tempfile::tempdir().expect("a folder");
    let compose = ComposeGround::new(folder.path(), "config");
    compose.write("docker-compose.yml", "services:\n  web: {image: '${IMAGE}', env_file: web.env, ports: ['8099:80']}\n  tool: {image: busybox, profiles: [tools]}\n");
    compose.write("vars.env", "IMAGE=nginx\n");
    compose.write("web.env", "A=1\n");
    compose.write(
        "Devfile",
        "docker_compose(['docker-compose.yml', blob('services: {web: {environment: {B: \"2\"}}, db: {image: postgres}}')],\n  \
         env_file='vars.env', profiles=['tools'], project_name='one')\n\
         docker_compose(blob('services: {web: {image: redis}}'), project_name='two')\n\
         dc_resource('web', project_name='two', new_name='web2', resource_deps=['db'], labels=['x'])\n\
         dc_resource('web', project_name='one', infer_links=False)\n",
    );
    let ended = devloop_with(folder.path(), &["config", "--json"], &variables);
    ended.code(0);
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let resources = json["resources"].as_array().expect("resources");
    let names: Vec<&str> = resources.iter().filter_map(|resource| resource["name"].as_str()).collect();
    assert_eq!(names, ["db", "tool", "web", "web2"]);
    let web = &resources[2];
    assert_eq!(web["definition"]["image"], "nginx");
    assert_eq!(web["definition"]["environment"], serde_json::json!({"A": "1", "B": "2"}));
    assert_eq!(web["links"], serde_json::json!([]));
    assert_eq!(resources[3]["resource_deps"], serde_json::json!(["db"]));
    let files: Vec<&str> = json["config_files"].as_array().into_iter().flatten().filter_map(|it| it.as_str()).collect();
    for name in ["docker-compose.yml", "vars.env", "web.env"] {
        assert!(files.iter().any(|file| file.ends_with(&format!("/{name}"))), "{name} is not in {files:?}");
    }
}

fn an_image_without_a_shell_is_live_updated(series: Series) {
    let Some(variables) = series.variables(false) else { return };
    let variables = borrowed(&variables);
    let folder = tempfile::tempdir().expect("a folder");
    let compose = ComposeGround::new(folder.path(), "bare");
    let port = free_port();
    compose.api();
    let dockerfile = fs::read_to_string(folder.path().join("api/Dockerfile")).expect("it is there");
    compose.write("api/Dockerfile", &format!("{dockerfile}RUN rm -f /bin/sh /bin/tar /bin/rm\n"));
    compose.write(
        "docker-compose.yml",
        &format!("services:\n  web:\n    image: {}-web\n    ports: ['{port}:8000']\n", compose.name),
    );
    compose.write(
        "Devfile",
        &format!(
            "docker_compose('docker-compose.yml', project_name='{name}')\n\
             docker_build('{name}-web', 'api', live_update=[sync('api', '/app'), run(['python', '-c', 'print(6 * 7)'])])\n",
            name = compose.name
        ),
    );
    let mut up = Running::up_with(folder.path(), &[], &variables);
    up.wait_until("the service", || body(port, "/"), |it| it == "one");
    let id = compose.id("web");
    let container = id.split(' ').nth(1).unwrap_or_default().to_owned();
    let mark = up.mark();
    compose.write("api/new/folder/x.txt", "new");
    up.wait_for_after(mark, ", by the engine)");
    up.wait_for_after(mark, "42");
    let script = "print(open('/app/new/folder/x.txt').read())";
    assert_eq!(docker(&["exec", &container, "python", "-c", script]), ["new"]);
    compose.write("api/text.txt", "two");
    up.wait_until("the edit", || body(port, "/"), |it| it == "two");
    assert_eq!(compose.id("web"), id, "live update must not replace the container");

    // Nothing there could delete a file.
    fs::remove_file(folder.path().join("api/new/folder/x.txt")).expect("it is there");
    up.wait_until("the rebuilt service", || compose.id("web"), |it| !it.is_empty() && *it != id);
    up.wait_until("its answer", || body(port, "/"), |it| it == "two");
    assert!(up.quit().success());

    let pruned = devloop_with(folder.path(), &["prune", "--dry-run", "--json"], &variables);
    pruned.code(0);
    let json: serde_json::Value = serde_json::from_str(&pruned.stdout).expect("JSON");
    crate::schemas::check("prune", &json);
    let nothing = serde_json::json!([]);
    assert_eq!(
        (&json["schema"], &json["images"], &json["containers"]),
        (&1.into(), &nothing, &nothing),
        "all is young"
    );
    assert_eq!(json["dry_run"], true);
    devloop_with(folder.path(), &["down"], &variables).code(0);
}

fn a_configuration_waits_for_an_engine(series: Series) {
    let Some(variables) = series.variables(false) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let compose = ComposeGround::new(folder.path(), "waits");
    let socket = folder.path().join("docker.sock");
    let mut variables = borrowed(&variables);
    let address = format!("unix://{}", socket.display());
    variables.push(("DOCKER_HOST", &address));
    compose.write("docker-compose.yml", "services:\n  db:\n    image: redis:7\n    stop_signal: SIGKILL\n");
    compose.write("Devfile", &format!("docker_compose('docker-compose.yml', project_name='{}')\n", compose.name));

    let mut up = Running::up_with(folder.path(), &[], &variables);
    up.wait_for("Compose service `db` runs by a container engine, and there is none");
    up.wait_for("Devfile:1");
    let real = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
    let real = real.strip_prefix("unix://").expect("a socket");
    std::os::unix::fs::symlink(real, &socket).expect("a link");
    up.wait_until("the service", || compose.id("db"), |it| !it.is_empty());

    // A change that cannot be taken in keeps what runs.
    let id = compose.id("db");
    fs::remove_file(&socket).expect("it is there");
    let mark = up.mark();
    compose.write(
        "Devfile",
        &format!("print('again')\ndocker_compose('docker-compose.yml', project_name='{}')\n", compose.name),
    );
    up.wait_for_after(mark, "and there is none");
    // Else it is back before anybody has seen that it was away.
    up.wait_for_after(mark, "the Docker engine does not answer");
    std::os::unix::fs::symlink(real, &socket).expect("a link");
    up.wait_for_after(mark, "the Docker engine answers again");
    assert_eq!(compose.id("db"), id);
    assert!(up.quit().success());
}
