//! What devloop must not touch: contexts that are not allowed, ports of others, and the user's choice of context.

use std::net::TcpListener;

use crate::support::devloop::{Running, devloop_with, free_port, get};
use crate::support::ground::{Ground, kubectl};

fn body(port: u16) -> String {
    get(port, "/").map_or_else(|error| error, |(_, body)| body)
}

/// The kubeconfig in use, as text.
fn kubeconfig() -> String {
    kubectl(&["config", "view", "--raw", "--minify", "--flatten"])
}

/// The current context's name.
fn context() -> String {
    kubectl(&["config", "current-context"]).trim().to_owned()
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_context_that_is_not_local_is_refused_before_the_first_write() {
    let ground = Ground::new("prod");
    let devfile = ground.web_service("web", free_port());
    let config = ground.write("kubeconfig", &kubeconfig().replace(&context(), "gke_prod"));
    let env = [("KUBECONFIG", config.to_str().expect("a path in UTF-8"))];
    ground.write("Devfile", &devfile);
    for command in [&["ci"][..], &["down"], &["up", "--headless", "--context", "gke_prod"]] {
        if command[0] == "up" {
            let up = Running::up_with(ground.path(), &command[2..], &env);
            up.wait_for("allow_k8s_contexts('gke_prod')");
            continue;
        }
        let refused = devloop_with(ground.path(), command, &env);
        assert_ne!(refused.status.code(), Some(0), "{command:?}: {}{}", refused.stdout, refused.stderr);
        let said = refused.stdout + &refused.stderr;
        assert!(said.contains("allow_k8s_contexts('gke_prod')"), "{command:?}: {said}");
    }
    let written = ground.kubectl(&["get", "deployments,pods,services,configmaps,secrets", "-o", "name"]);
    assert!(
        written.lines().all(|name| name.contains("kube-root-ca.crt") || name.contains("default-token")),
        "{written}"
    );

    // The user who means it goes on without a restart.
    let up = Running::up_with(ground.path(), &[], &env);
    up.wait_for("allow_k8s_contexts('gke_prod')");
    ground.write("Devfile", &format!("allow_k8s_contexts('gke_prod')\n{devfile}"));
    let pods = || ground.kubectl(&["get", "pods", "-o", "name"]);
    up.wait_until("a pod", pods, |it| !it.is_empty());
    drop(up);
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn switching_the_current_context_elsewhere_changes_nothing() {
    let ground = Ground::new("switch");
    let port = free_port();
    let devfile = ground.web_service("web", port);
    ground.write("Devfile", &devfile);
    let config = ground.write("kubeconfig", &kubeconfig());
    let path = config.to_str().expect("a path in UTF-8");
    kubectl(&["--kubeconfig", path, "config", "set-cluster", "elsewhere", "--server=https://127.0.0.1:1"]);
    kubectl(&["--kubeconfig", path, "config", "set-context", "elsewhere", "--cluster=elsewhere"]);
    let up = Running::up_with(ground.path(), &[], &[("KUBECONFIG", path)]);
    up.wait_until("the first answer", || body(port), |it| it == "hello from web\n");
    kubectl(&["--kubeconfig", path, "config", "use-context", "elsewhere"]);
    ground.write("web/www/index.html", "edited\n");
    up.wait_until("an edit", || body(port), |it| it == "edited\n");
    let local = format!(
        "{devfile}local_resource('ask', 'kubectl config current-context; kubectl get namespace {} -o name')\n",
        ground.namespace
    );
    ground.write("Devfile", &local);
    up.wait_for(&format!("│ namespace/{}", ground.namespace));
    let yaml = std::fs::read_to_string(ground.path().join("web/k8s.yaml")).expect("the manifest");
    ground.write("web/k8s.yaml", &yaml.replace("spec:\n  selector", "spec:\n  replicas: 2\n  selector"));
    let replicas = || ground.kubectl(&["get", "deployment", "web", "-o", "jsonpath={.spec.replicas}"]);
    up.wait_until("a deploy", replicas, |it| it == "2");
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_busy_port_names_its_holder_and_opens_when_it_is_free() {
    let ground = Ground::new("busy");
    let (busy, other) = (free_port(), free_port());
    let devfile = ground.web_service("web", busy);
    let both = format!("port_forwards=['{busy}:8080', '{other}:8080']");
    ground.write("Devfile", &devfile.replace(&format!("port_forwards='{busy}:8080'"), &both));
    let holder = TcpListener::bind(("127.0.0.1", busy)).expect("it was free");
    let up = Running::up(ground.path(), &[]);
    up.wait_for(&format!("port {busy} is in use by"));
    up.wait_for(&format!("(pid {})", std::process::id()));
    up.wait_until("the other port", || body(other), |it| it == "hello from web\n");
    drop(holder);
    up.wait_until("the port that was busy", || body(busy), |it| it == "hello from web\n");
}
