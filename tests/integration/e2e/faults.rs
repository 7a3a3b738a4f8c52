//! Parts of the cluster stop and start while `up` runs: it says so, recovers by itself, and no edit is lost.

use std::time::Instant;

use crate::support::devloop::{Running, free_port, get};
use crate::support::ground::Ground;
use crate::support::outage::Outage;

fn page(port: u16, path: &str) -> String {
    get(port, path).map_or_else(|error| error, |(_, body)| body)
}

fn body(port: u16) -> String {
    page(port, "/")
}

fn dockerfile(step: &str) -> String {
    format!("FROM busybox\nCOPY www /www\nRUN {step}\nCMD [\"httpd\", \"-f\", \"-p\", \"8080\", \"-h\", \"/www\"]\n")
}

#[test]
#[ignore = "needs cluster (stops the API server)"]
fn the_api_server_goes_away_and_comes_back() {
    if !Outage::is_possible() {
        return;
    }
    let ground = Ground::new("api");
    let port = free_port();
    let devfile = ground.web_service("web", port);
    ground.write("Devfile", &devfile);
    let up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port), |it| it == "hello from web\n");
    let pod = ground.pod();

    let mark = up.mark();
    let outage = Outage::of("apiserver");
    ground.write("web/www/index.html", "during the outage\n");
    up.wait_for_after(mark, "the cluster does not answer");
    ground.write("web/www/second.html", "second\n");
    let mark = up.mark();
    drop(outage);
    let back = Instant::now();
    up.wait_until("the edit", || body(port), |it| it == "during the outage\n");
    up.wait_until("the second edit", || page(port, "/second.html"), |it| it == "second\n");
    println!("edits of the outage arrived {:?} after its end", back.elapsed());
    up.wait_for_after(mark, "the cluster answers again");
    assert_eq!(ground.pod(), pod, "live update must not replace the pod");

    // A deploy that is under way: its manifest changes, and the server goes at once.
    let yaml = std::fs::read_to_string(ground.path().join("web/k8s.yaml")).expect("the manifest");
    ground.write("web/k8s.yaml", &yaml.replace("spec:\n  selector", "spec:\n  replicas: 2\n  selector"));
    let outage = Outage::of("apiserver");
    drop(outage);
    let replicas = || ground.kubectl(&["get", "deployment", "web", "-o", "jsonpath={.status.readyReplicas}"]);
    up.wait_until("the second replica", replicas, |it| it == "2");
    let wanted = std::collections::BTreeSet::from([ground.hash_here("web/www")]);
    up.wait_until("the edits in each replica", || ground.hashes_in_pods("/www"), |it| *it == wanted);
    ground.write("web/www/index.html", "afterwards\n");
    up.wait_until("an edit afterwards", || body(port), |it| it == "afterwards\n");
}

#[test]
#[ignore = "needs cluster (stops the Docker engine)"]
fn the_engine_goes_away_during_a_build_and_comes_back() {
    if !Outage::is_possible() {
        return;
    }
    let ground = Ground::new("engine");
    let port = free_port();
    let devfile = ground.web_service("web", port);
    ground.write("Devfile", &devfile);
    let up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port), |it| it == "hello from web\n");

    let mark = up.mark();
    let step = "echo begun; sleep 6; echo built > /www/built.html";
    ground.write("web/Dockerfile", &dockerfile(step));
    up.wait_for_after(mark, "RUN echo begun");
    let outage = Outage::of("dockerd");
    ground.write("web/www/index.html", "during the outage\n");
    up.wait_for_after(mark, "will go on when it is back");
    up.wait_for_after(mark, "the Docker engine does not answer");
    assert!(!body(port).is_empty(), "the old pod answers");
    let mark = up.mark();
    drop(outage);
    let back = Instant::now();
    up.wait_for_after(mark, "the Docker engine answers again");
    up.wait_until("the image's file", || page(port, "/built.html"), |it| it == "built\n");
    up.wait_until("the edit", || body(port), |it| it == "during the outage\n");
    println!("built, deployed and synced {:?} after the outage, of which the build sleeps 6 s", back.elapsed());
}

#[test]
#[ignore = "needs cluster (stops the registry)"]
fn the_registry_goes_away_before_a_push_and_comes_back() {
    if !Outage::is_possible() {
        return;
    }
    let ground = Ground::new("registry");
    let port = free_port();
    let devfile = ground.web_service("web", port);
    ground.write("Devfile", &devfile);
    let up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port), |it| it == "hello from web\n");

    let mark = up.mark();
    let outage = Outage::of("registry");
    ground.write("web/Dockerfile", &dockerfile("echo built > /www/built.html"));
    up.wait_for_after(mark, "does not answer");
    ground.write("web/www/index.html", "during the outage\n");
    drop(outage);
    let back = Instant::now();
    up.wait_until("the image's file", || page(port, "/built.html"), |it| it == "built\n");
    up.wait_until("the edit", || body(port), |it| it == "during the outage\n");
    println!("pushed, deployed and synced {:?} after the outage", back.elapsed());
}
