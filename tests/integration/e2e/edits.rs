//! Edits of awkward kinds while `up` runs: at the end the containers hold what the folder holds.

use std::fs;
use std::process::Command;

use crate::support::devloop::{Running, devloop, free_port, get};
use crate::support::ground::Ground;

fn body(port: u16) -> String {
    get(port, "/").map_or_else(|error| error, |(_, body)| body)
}

/// Waits until the pod's `/www` is the project's `web/www`.
#[track_caller]
fn wait_for_tree(up: &Running, ground: &Ground, what: &str) {
    let wanted = ground.hash_here("web/www");
    up.wait_until(what, || ground.hash_in_pod(&ground.pod(), "/www"), |it| *it == wanted);
}

fn shell(ground: &Ground, script: &str) {
    let output = Command::new("sh").args(["-ec", script]).current_dir(ground.path()).output().expect("sh");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn renames_recreated_folders_branches_and_atomic_saves_arrive_complete() {
    let ground = Ground::new("edits");
    let port = free_port();
    let devfile = ground.web_service("web", port);
    ground.write("Devfile", &devfile);
    shell(&ground, "mkdir -p web/www/a/b; for i in $(seq 40); do echo $i > web/www/a/b/f$i; done");
    let up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port), |it| it == "hello from web\n");
    let pod = ground.pod();

    shell(&ground, "mv web/www/a web/www/renamed");
    wait_for_tree(&up, &ground, "the renamed folder");

    shell(&ground, "rm -rf web/www/renamed; mkdir -p web/www/renamed/b; echo new > web/www/renamed/b/f1");
    wait_for_tree(&up, &ground, "the folder that was deleted and made again");
    ground.write("web/www/renamed/b/f2", "written into the new folder\n");
    wait_for_tree(&up, &ground, "a file of the new folder");

    let save = "echo saved > web/www/.index.tmp; mv web/www/.index.tmp web/www/index.html";
    shell(&ground, &format!("for i in 1 2 3 4 5; do {save}; done"));
    // Vim's way: the old file is moved aside, the new one gets its name, and the old one is deleted.
    let vim = "mv web/www/index.html web/www/index.html~; echo vim > web/www/index.html; rm web/www/index.html~";
    shell(&ground, vim);
    wait_for_tree(&up, &ground, "atomic saves");
    up.wait_until("the last save", || body(port), |it| it == "vim\n");

    let git = "git -c user.name=t -c user.email=t@t -c init.defaultBranch=main";
    shell(
        &ground,
        &format!(
            "{git} init -q; {git} add web/www; {git} commit -qm one; {git} checkout -qb other
             rm -r web/www/renamed; mkdir web/www/c; for i in $(seq 200); do echo other $i > web/www/c/f$i; done
             echo other > web/www/index.html; {git} add -A web/www; {git} commit -qm two; {git} checkout -q main
             {git} checkout -q other; {git} checkout -q main; {git} checkout -q other"
        ),
    );
    wait_for_tree(&up, &ground, "another branch");
    up.wait_until("the branch's page", || body(port), |it| it == "other\n");

    // A file becomes a folder and the other way round.
    shell(
        &ground,
        "rm web/www/c/f1; mkdir web/www/c/f1; echo in > web/www/c/f1/x; rm -r web/www/c/f1; echo x > web/www/c/f1",
    );
    wait_for_tree(&up, &ground, "a folder that became a file");
    assert_eq!(ground.pod(), pod, "live update must not replace the pod");
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_branch_switch_is_one_live_update_of_the_net_difference() {
    let ground = Ground::new("branch");
    let port = free_port();
    let devfile = ground.web_service("web", port);
    ground.write("Devfile", &devfile);
    shell(
        &ground,
        "git init -q -b one; git config user.email a@b; git config user.name n; mkdir web/www/a
         for i in $(seq 2000); do echo $i > web/www/a/$i; done; git add web/www; git commit -qm one
         git checkout -qb two; for i in $(seq 1900); do echo x$i > web/www/a/$i; done; rm web/www/a/1???; git add web/www
         git commit -qm two; git checkout -qb three; echo three > web/www/a/7; git add web/www; git commit -qm three
         git checkout -q one",
    );
    let up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port), |it| it == "hello from web\n");
    wait_for_tree(&up, &ground, "the first branch");
    let pod = ground.pod();
    // What has just been sent when git begins may be sent again: that is not what is tested here.
    let settle = || std::thread::sleep(std::time::Duration::from_secs(1));
    let updates = || up.text().lines().filter(|line| line.contains("updated! (")).count();
    settle();

    shell(&ground, "git checkout -q two; git checkout -q three; git checkout -q one");
    up.wait_for("0 files changed, 1999 written with the content that they had");
    shell(&ground, "git checkout -q two; git checkout -q three");
    up.wait_for("1999 files changed, 0 written with the content that they had");
    wait_for_tree(&up, &ground, "the third branch");
    up.wait_for("999 copied, 1000 deleted");
    settle();
    shell(&ground, "git checkout -q two; git checkout -q one; git checkout -q two");
    up.wait_for("1 file changed, 998 written with the content that they had");
    wait_for_tree(&up, &ground, "the second branch");
    up.wait_for("1 copied, 0 deleted");
    assert_eq!(updates(), 2, "{}", up.text());
    assert_eq!(ground.pod(), pod, "live update must not replace the pod");
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_pod_that_is_deleted_during_a_transfer_has_a_complete_successor() {
    let ground = Ground::new("cut");
    let port = free_port();
    let devfile = ground.web_service("web", port);
    ground.write("Devfile", &devfile);
    let up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port), |it| it == "hello from web\n");
    for round in 0..3 {
        let pod = ground.pod();
        shell(
            &ground,
            &format!("mkdir web/www/r{round}; for i in $(seq 800); do echo $i > web/www/r{round}/f$i; done"),
        );
        ground.kubectl(&["delete", "pod", &pod, "--wait=false"]);
        wait_for_tree(&up, &ground, "all files in the successor");
    }
    assert!(!up.text().contains("panicked"));
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_pod_that_the_node_evicts_while_files_are_saved_has_a_complete_successor() {
    let ground = Ground::new("evicted");
    let port = free_port();
    let devfile = ground.web_service("web", port);
    ground.write("Devfile", &devfile);
    // The kubelet evicts a pod whose volume outgrows its limit, and leaves it there as failed.
    let manifest = fs::read_to_string(ground.path().join("web/k8s.yaml")).expect("the manifest");
    let with_volume = manifest
        .replace("      containers:", "      volumes: [{name: scratch, emptyDir: {sizeLimit: 1Mi}}]\n      containers:")
        .replace("        ports:", "        volumeMounts: [{name: scratch, mountPath: /scratch}]\n        ports:");
    ground.write("web/k8s.yaml", &with_volume);
    let up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port), |it| it == "hello from web\n");
    ground.kubectl(&["exec", &ground.pod(), "--", "dd", "if=/dev/zero", "of=/scratch/file", "bs=1M", "count=8"]);
    let phases = || ground.kubectl(&["get", "pods", "-o", "jsonpath={.items[*].status.reason}"]);
    let saves = std::cell::Cell::new(0);
    let save_and_look = || {
        saves.set(saves.get() + 1);
        ground.write(&format!("web/www/saved-{}", saves.get() % 40), &format!("save {}\n", saves.get()));
        phases()
    };
    up.wait_until("an eviction", save_and_look, |reasons| reasons.contains("Evicted"));
    ground.write("web/www/index.html", "after it\n");
    up.wait_until("the last save", || body(port), |it| it == "after it\n");
    let wanted = ground.hash_here("web/www");
    let running = || ground.kubectl(&["get", "pods", "--field-selector=status.phase=Running", "-o", "name"]);
    up.wait_until(
        "every save in the successor",
        || ground.hash_in_pod(running().trim().trim_start_matches("pod/"), "/www"),
        |it| *it == wanted,
    );
    devloop(ground.path(), &["wait", "web", "--timeout", "1m"]).code(0);
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_manifest_that_is_deleted_or_broken_changes_nothing_until_it_is_mended() {
    let ground = Ground::new("manifest");
    let port = free_port();
    // Outside the folder of the image, which would be built anew.
    let devfile = ground.web_service("web", port).replace("web/k8s.yaml", "manifest.yaml");
    shell(&ground, "mv web/k8s.yaml manifest.yaml");
    ground.write("Devfile", &devfile);
    let up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port), |it| it == "hello from web\n");
    let pod = ground.pod();
    let manifest = ground.path().join("manifest.yaml");
    let good = fs::read_to_string(&manifest).expect("the manifest");

    let mark = up.mark();
    fs::remove_file(&manifest).expect("it is there");
    up.wait_for_after(mark, "manifest.yaml");
    ground.write("web/www/index.html", "while it is away\n");
    up.wait_until("an edit", || body(port), |it| it == "while it is away\n");
    let mark = up.mark();
    ground.write("manifest.yaml", &good);
    up.wait_for_after(mark, "Successfully loaded");

    let mark = up.mark();
    ground.write("manifest.yaml", &good.replace("metadata: {", "metadata: {{"));
    up.wait_for_after(mark, "error:");
    ground.write("web/www/index.html", "while it is broken\n");
    up.wait_until("another edit", || body(port), |it| it == "while it is broken\n");
    let mark = up.mark();
    ground.write("manifest.yaml", &good);
    up.wait_for_after(mark, "Successfully loaded");
    assert_eq!(ground.pod(), pod, "nothing has changed in the end");

    // Half of it is mended in the Devfile and half in the manifest.
    ground.write("Devfile", "k8s_yaml(\n");
    ground.write("manifest.yaml", &good.replace("spec:\n  selector", "spec:\n  replicas: 2\n  selector"));
    ground.write("web/www/index.html", "before the mending\n");
    up.wait_until("a third edit", || body(port), |it| it == "before the mending\n");
    ground.write("Devfile", &devfile);
    let replicas = || ground.kubectl(&["get", "deployment", "web", "-o", "jsonpath={.status.readyReplicas}"]);
    up.wait_until("the second replica", replicas, |it| it == "2");
    let wanted = std::collections::BTreeSet::from([ground.hash_here("web/www")]);
    up.wait_until("the edits in each replica", || ground.hashes_in_pods("/www"), |it| *it == wanted);
}
