//! The examples as their users meet them: from nothing to rows on the page, edits of each kind, and nothing left over.
//!
//! The ports and the namespace are the examples' own, so only one of these tests can run on a machine at a time.

use std::fs;
use std::path::Path;

use crate::support::devloop::{Running, binary, devloop, free_port, get, post};
use crate::support::example::{Example, namespace_exists, processes_in, wait_for_turn};
use crate::support::frame_to_svg::frame_to_svg;
use crate::support::ground::kubectl;
use crate::support::pty::Pty;

/// What of github-dashboard listens on this machine.
const PORTS: [u16; 4] = [5432, 5001, 3001, 4202];
const NAMESPACE: &str = "github-dashboard";
const WEB: u16 = 4202;
/// The value of the Secret in `k8s/postgres.yaml`.
const PASSWORD: &str = "dashboard-dev";
/// The images of the API's pods, and their names.
fn api_pods() -> String {
    let format = "jsonpath={range .items[*]}{.metadata.name} {.spec.containers[0].image}{\"\\n\"}{end}";
    kubectl(&["-n", NAMESPACE, "get", "pods", "-l", "app=api", "-o", format])
}

/// What the page asks for, or why there is no answer.
fn repositories() -> String {
    get(WEB, "/api/repos").map_or_else(|error| error, |(_, body)| body)
}

#[track_caller]
fn no_secret(text: &str) {
    for form in [PASSWORD, "ZGFzaGJvYXJkLWRldg"] {
        assert!(!text.contains(form), "the Secret's value is shown as {form}");
    }
}

#[test]
#[ignore = "needs cluster (namespace github-dashboard, ports 5432, 5001, 3001, 4202)"]
fn github_dashboard_from_nothing_through_every_edit_to_nothing() {
    wait_for_turn(NAMESPACE, &PORTS);
    let example = Example::new("github-dashboard");

    let ci = devloop(example.path(), &["ci"]);
    ci.code(0);
    assert!(ci.stdout.contains("SUCCESS. All workloads are healthy."), "{}", ci.stdout);
    no_secret(&ci.stdout);
    no_secret(&devloop(example.path(), &["config", "--json"]).code(0).stdout);

    // From the address in the browser to the rows of the database.
    let mut up = Running::up(example.path(), &[]);
    up.wait_until("the page", || get(WEB, "/").map_or(0, |(status, _)| status), |status| *status == 200);
    assert!(get(WEB, "/").expect("it answered").1.contains("/src/main.jsx"));
    let rows = up.wait_until("rows", repositories, |it| it.contains("\"rocket\""));
    assert!(rows.contains("\"stars\":412"));
    let query = r#"{"query":"{ allRepositories { nodes { name } } }"}"#;
    let (status, body) = post(WEB, "/graphql", "application/json", query).expect("an answer");
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("\"rocket\"") && body.contains("\"magnet\""), "{body}");
    // Each of the other forwards by itself.
    assert_eq!(get(3001, "/health/ready").expect("the API").0, 200);
    assert_eq!(get(5001, "/graphiql").expect("GraphiQL").0, 200);
    std::net::TcpStream::connect(("127.0.0.1", 5432)).expect("the database's port");

    // The API's source: another answer from the same pod.
    let before = api_pods();
    assert!(repositories().starts_with(r#"{"repositories":[{"id":1,"#));
    example.edit("api/src/repositories/repositories.service.js", "stars DESC", "stars ASC");
    up.wait_until("the other order", repositories, |it| it.starts_with(r#"{"repositories":[{"id":3,"#));
    assert_eq!(api_pods(), before, "a live update keeps the pod and its image");

    // The web's source, through Vite.
    example.edit("web/src/App.jsx", "<h1>GitHub dashboard", "<h1>Our dashboard");
    let module = || get(WEB, "/src/App.jsx").map_or_else(|error| error, |(_, body)| body);
    up.wait_until("the other heading", module, |it| it.contains("Our dashboard"));

    // The manifest: rolled out, with the edited source in it.
    example.edit("k8s/api.yaml", "memory: 256Mi", "memory: 300Mi");
    up.wait_until("another pod", api_pods, |it| it.lines().count() == 1 && *it != before);
    let limit = "jsonpath={.items[0].spec.containers[0].resources.limits.memory}";
    assert_eq!(kubectl(&["-n", NAMESPACE, "get", "pods", "-l", "app=api", "-o", limit]), "300Mi");
    up.wait_until("its answer", repositories, |it| it.contains(":[{\"id\":3,"));

    // A broken Dockerfile: an error of that resource, and the pods from before answer.
    let good = api_pods();
    let dockerfile = fs::read_to_string(example.file("api/Dockerfile")).expect("a Dockerfile");
    let mark = up.mark();
    fs::write(example.file("api/Dockerfile"), format!("{dockerfile}RUN echo no such compiler >&2; exit 4\n")).unwrap();
    up.wait_for_after(mark, "failed with exit code 4");
    assert_eq!(api_pods(), good);
    assert!(repositories().contains("rocket"));
    let mark = up.mark();
    example.edit("api/src/repositories/repositories.service.js", "stars ASC", "stars DESC");
    fs::write(example.file("api/Dockerfile"), &dockerfile).unwrap();
    up.wait_for_after(mark, "api │ DONE IN");
    up.wait_until("the first order again", repositories, |it| it.starts_with(r#"{"repositories":[{"id":1,"#));

    assert!(up.quit().success());
    no_secret(&up.text());
    for port in PORTS {
        std::net::TcpListener::bind(("127.0.0.1", port)).unwrap_or_else(|error| panic!("port {port}: {error}"));
    }
    assert_eq!(processes_in(example.path()), Vec::<String>::new());

    // Without the flag the namespace is all that stays, with it nothing does.
    let down = devloop(example.path(), &["down"]);
    down.code(0);
    no_secret(&down.stdout);
    assert!(down.stdout.contains("namespace/github-dashboard kept"), "{}", down.stdout);
    let kinds = "deployments,replicasets,jobs,pods,services,configmaps,persistentvolumeclaims,networkpolicies";
    let left = kubectl(&["-n", NAMESPACE, "get", kinds, "-o", "name"]);
    let ours: Vec<&str> = left.lines().filter(|name| *name != "configmap/kube-root-ca.crt").collect();
    assert_eq!(ours, Vec::<&str>::new());
    devloop(example.path(), &["down", "--delete-namespaces"]).code(0);
    assert!(!namespace_exists(NAMESPACE));
    let everywhere = kubectl(&["get", "configmaps,persistentvolumes", "-A", "--no-headers"]);
    assert!(!everywhere.contains(NAMESPACE), "a record or volume is left:\n{everywhere}");
}

#[test]
#[ignore = "needs cluster (Deployment hello in the default namespace)"]
fn hello_is_up_edited_and_gone() {
    let example = Example::new("hello");
    let port = free_port();
    example.edit("Devfile", "port_forwards=8000", &format!("port_forwards='{port}:8000'"));
    let mut up = Running::up(example.path(), &[]);
    let answer = || get(port, "/").map_or_else(|error| error, |(_, body)| body);
    let message = fs::read_to_string(example.file("app/message.txt")).expect("the message");
    up.wait_until("the message", answer, |it| it.contains(message.trim()));
    fs::write(example.file("app/message.txt"), "Good evening\n").unwrap();
    up.wait_until("the other message", answer, |it| it.contains("Good evening"));
    assert!(up.quit().success());
    devloop(example.path(), &["down"]).code(0);
    assert_eq!(kubectl(&["get", "deployments,pods,services", "-l", "app=hello", "-o", "name"]), "");
}

/// The picture in the README is a frame of this session: `DEVLOOP_WRITE_DOCS=1` writes it.
#[test]
#[ignore = "needs cluster (namespace github-dashboard, ports 5432, 5001, 3001, 4202)"]
fn a_picture_of_the_real_dashboard() {
    wait_for_turn(NAMESPACE, &PORTS);
    let example = Example::new("github-dashboard");
    devloop(example.path(), &["ci"]).code(0);
    let env = [("COLORTERM", "truecolor")];
    let mut pty = Pty::spawn_in(example.path(), binary(), &["up"], &env, 112, 30);
    pty.wait_for("6/6 ok");
    // Up past whatever is selected, then to the API: configuration, group, postgraphile, api.
    pty.send("kkkkkkkkjj");
    pty.wait_for("── api ");
    example.edit("api/src/repositories/repositories.service.js", "stars DESC", "stars ASC");
    pty.wait_for("repositories.service.js");
    pty.wait_for("updated! (1 copied");
    let again = |screen: &vt100::Screen| {
        let contents = screen.contents();
        contents.rfind("API on port 3001") > contents.find("updated! (1 copied")
    };
    pty.wait_until("the API to start again", again);
    pty.wait_for("6/6 ok");
    let screen = pty.screen();
    no_secret(&screen.contents());
    for text in ["postgres", "Completed", ":4202", ":5001", "cluster ●"] {
        assert!(screen.contents().contains(text), "{text} is missing in\n{}", screen.contents());
    }
    if std::env::var_os("DEVLOOP_WRITE_DOCS").is_some() {
        let svg = frame_to_svg(&screen, "The dashboard of devloop with examples/github-dashboard");
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/dashboard.svg"), svg).expect("docs can be written");
    }
    pty.send("q");
    assert!(pty.wait_exit().success());
    pty.check_restored();
}
