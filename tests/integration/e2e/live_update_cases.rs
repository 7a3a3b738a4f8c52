//! What other tools' users report of live updates: at the end the containers hold what the folder holds.
//!
//! `docs/live-update.md` has the table of all cases and their tests.

use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

use crate::support::devloop::{Running, free_port, get};
use crate::support::ground::{Ground, deployment};

/// Names, kinds, links, the right to execute and contents of all that is below the current folder.
const TREE: &str = r#"find . -exec sh -c 'for f; do
  if [ -L "$f" ]; then k="link $(readlink "$f")"; elif [ -d "$f" ]; then k=folder
  else k=$(md5sum <"$f"); [ -x "$f" ] && k="$k x"; fi
  printf "%s %s\n" "$f" "$k"
done' _ {} + | LC_ALL=C sort | od -c"#;

fn body(port: u16, path: &str) -> String {
    get(port, path).map_or_else(|error| error, |(_, body)| body)
}

fn shell(ground: &Ground, script: &str) -> String {
    let output = Command::new("sh").args(["-ec", script]).current_dir(ground.path()).output().expect("sh");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Output of a script in a container; what went wrong when it cannot be told.
fn in_container(ground: &Ground, pod: &str, container: &str, script: &str) -> String {
    let all = ["-n", &ground.namespace, "exec", pod, "-c", container, "--", "sh", "-c", script];
    let output = Command::new("kubectl").args(all).output().expect("kubectl is on the PATH");
    String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr }).into_owned()
}

fn pods(ground: &Ground) -> Vec<String> {
    ground.kubectl(&["get", "pods", "-o", "name"]).lines().map(str::to_owned).collect()
}

/// Waits until each container `web` holds what `web/www` holds.
#[track_caller]
fn wait_for_trees(up: &Running, ground: &Ground, what: &str) {
    let wanted = shell(ground, &format!("cd web/www; {TREE}"));
    let trees = || -> Vec<String> {
        pods(ground).iter().map(|pod| in_container(ground, pod, "web", &format!("cd /www && {TREE}"))).collect()
    };
    up.wait_until(what, trees, |it| !it.is_empty() && it.iter().all(|tree| *tree == wanted));
}

fn restarts(ground: &Ground) -> String {
    ground.kubectl(&["get", "pods", "-o", "jsonpath={.items[*].status.containerStatuses[*].restartCount}"])
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn edits_of_every_kind_arrive_as_they_are() {
    let ground = Ground::new("kinds");
    let port = free_port();
    ground.write("Devfile", &ground.web_service("web", port));
    shell(&ground, "cd web/www; mkdir sub; for i in 1 2 3 4 5 6; do echo $i > sub/f$i; done; ln -s f1 sub/link");
    let up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port, "/"), |it| it == "hello from web\n");
    let pod = pods(&ground);
    let odd = std::ffi::OsStr::from_bytes(b"web/www/not \xff\xfe utf-8\n's $HOME");
    for (what, script) in [
        ("a deletion", "rm web/www/sub/f1"),
        ("a rename", "mv web/www/sub/f2 web/www/sub/renamed"),
        ("a move into a new folder", "mkdir -p web/www/new/deep; mv web/www/sub/f3 web/www/new/deep/"),
        ("a file in the place of a folder", "rm -r web/www/new; echo now a file > web/www/new"),
        ("a folder in the place of a file", "rm web/www/sub/f4; mkdir web/www/sub/f4; echo in it > web/www/sub/f4/x"),
        ("a link", "ln -s ../index.html web/www/sub/to-index"),
        ("another target of a link", "ln -sfn f5 web/www/sub/link"),
        ("a file in the place of a link", "rm web/www/sub/link; echo no link > web/www/sub/link"),
        ("the right to execute", "chmod +x web/www/sub/f5"),
        ("the right to execute, taken away", "chmod -x web/www/sub/f5"),
        ("an empty file", ": > web/www/sub/f6"),
        ("a folder that went away with all that was in it", "rm -r web/www/sub"),
    ] {
        shell(&ground, script);
        wait_for_trees(&up, &ground, what);
    }
    std::fs::write(ground.path().join(odd), "odd").expect("written");
    wait_for_trees(&up, &ground, "a name that is not UTF-8");
    shell(&ground, "for i in $(seq 300); do echo $i > web/www/index.html; done");
    wait_for_trees(&up, &ground, "the last of 300 rewrites");
    // Larger than any buffer or window on the way, and written while it is sent.
    shell(&ground, "head -c 150000000 /dev/urandom > web/www/large; head -c 9000000 /dev/zero >> web/www/large");
    wait_for_trees(&up, &ground, "a large file");
    shell(&ground, "for i in $(seq 40); do head -c 3000000 /dev/urandom >> web/www/large; done");
    wait_for_trees(&up, &ground, "a file that grew while it was sent");
    assert_eq!((pods(&ground), restarts(&ground)), (pod, "0".to_owned()), "live update must not replace anything");
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn containers_and_pods_that_come_later_hold_every_edit() {
    let ground = Ground::new("later");
    let port = free_port();
    let devfile = ground.web_service("web", port);
    shell(&ground, "mv web/k8s.yaml .");
    ground.write("Devfile", &devfile.replace("web/k8s.yaml", "k8s.yaml"));
    let mut up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port, "/"), |it| it == "hello from web\n");
    let many = |name: &str| format!("mkdir web/www/{name}; for i in $(seq 500); do echo $i > web/www/{name}/f$i; done");
    shell(&ground, &many("one"));
    wait_for_trees(&up, &ground, "the first files");

    // The container ends, also with files on the way: the next one starts from the image.
    shell(&ground, &many("two"));
    let pod = ground.pod();
    in_container(&ground, &pod, "web", "kill -TERM 1");
    up.wait_until("the container's restart", || restarts(&ground), |it| it == "1");
    wait_for_trees(&up, &ground, "all files in the next container");
    assert_eq!(ground.pod(), pod);

    ground.kubectl(&["scale", "deployment/web", "--replicas=3"]);
    up.wait_until("three pods", || pods(&ground).len(), |it| *it == 3);
    wait_for_trees(&up, &ground, "all files in each replica");
    ground.kubectl(&["scale", "deployment/web", "--replicas=1"]);
    up.wait_until("one pod", || pods(&ground).len(), |it| *it == 1);

    // A rollout that is under way while files are sent, by somebody else and by a changed manifest.
    shell(&ground, &many("three"));
    ground.kubectl(&["rollout", "restart", "deployment/web"]);
    wait_for_trees(&up, &ground, "all files after somebody's rollout");
    shell(&ground, &many("four"));
    let yaml = std::fs::read_to_string(ground.path().join("k8s.yaml")).expect("the manifest");
    ground.write("k8s.yaml", &yaml.replace("        image:", "        env: [{name: A, value: b}]\n        image:"));
    up.wait_until(
        "the new manifest",
        || ground.kubectl(&["get", "pods", "-o", "jsonpath={.items[*].spec.containers[0].env[0].value}"]),
        |it| it == "b",
    );
    wait_for_trees(&up, &ground, "all files after the rollout");

    // What is saved while no devloop runs is there as well.
    assert!(up.quit().success());
    shell(&ground, "rm -r web/www/one; echo between > web/www/index.html");
    let again = Running::up(ground.path(), &[]);
    again.wait_until("the edit of the pause", || body(port, "/"), |it| it == "between\n");
    again.wait_until("one pod", || pods(&ground).len(), |it| *it == 1);
    wait_for_trees(&again, &ground, "the tree of now");
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn an_edit_that_is_taken_back_between_two_sessions_is_taken_back_in_the_container() {
    let ground = Ground::new("back");
    let port = free_port();
    ground.write("Devfile", &ground.web_service("web", port));
    ground.write("web/www/kept.html", "kept\n");
    let mut up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port, "/"), |it| it == "hello from web\n");
    let pod = pods(&ground);
    shell(
        &ground,
        "echo edited > web/www/index.html; mkdir web/www/new; echo new > web/www/new/file; rm web/www/kept.html",
    );
    wait_for_trees(&up, &ground, "the edits");
    assert!(up.quit().success());

    // The image is that of the first session, and so is the pod.
    ground.write("web/www/index.html", "hello from web\n");
    ground.write("web/www/kept.html", "kept\n");
    shell(&ground, "rm -r web/www/new");
    let mut up = Running::up(ground.path(), &[]);
    wait_for_trees(&up, &ground, "the edits that were taken back");
    up.wait_for("updated!");
    assert!(up.quit().success());

    // Nothing has changed since: nothing is sent.
    let up = Running::up(ground.path(), &[]);
    up.wait_until("the answer", || body(port, "/"), |it| it == "hello from web\n");
    ground.write("web/www/index.html", "later\n");
    up.wait_until("a later edit", || body(port, "/"), |it| it == "later\n");
    assert_eq!(up.text().matches("updated!").count(), 1, "{}", up.text());
    assert_eq!(pods(&ground), pod, "the pod of the first session");
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_save_during_a_build_arrives_beside_what_was_built() {
    let ground = Ground::new("during");
    let port = free_port();
    let devfile = ground.web_service("web", port);
    ground.write("Devfile", &devfile);
    let up = Running::up(ground.path(), &[]);
    up.wait_until("the first answer", || body(port, "/"), |it| it == "hello from web\n");
    let mark = up.mark();
    let dockerfile = std::fs::read_to_string(ground.path().join("web/Dockerfile")).expect("the Dockerfile");
    ground.write("web/Dockerfile", &dockerfile.replace("CMD", "RUN echo begun; sleep 4; echo built > /built\nCMD"));
    up.wait_for_after(mark, "begun");
    ground.write("web/www/index.html", "saved during the build\n");
    ground.write("web/www/second.html", "second\n");
    up.wait_until("the save", || body(port, "/"), |it| it == "saved during the build\n");
    up.wait_until("the other save", || body(port, "/second.html"), |it| it == "second\n");
    up.wait_until("one pod", || pods(&ground).len(), |it| *it == 1);
    up.wait_until("the build", || in_container(&ground, &ground.pod(), "web", "cat /built"), |it| it == "built\n");
    wait_for_trees(&up, &ground, "both");
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_folder_of_fourteen_images_reaches_each_of_their_containers() {
    let ground = Ground::new("fourteen");
    ground.write("shared/text", "one\n");
    ground.write("other/text", "other\n");
    let mut devfile = String::new();
    let mut containers = String::new();
    for number in 0..14 {
        ground.write(
            &format!("i{number}.dockerfile"),
            &format!("FROM busybox\nCOPY shared /shared\nRUN mkdir /own && echo {number} > /own/number\nCMD [\"sleep\", \"100000\"]\n"),
        );
        // One file goes to two places, and the first `sync` that covers it wins.
        let build = format!(
            "docker_build('{image}', '.', dockerfile='i{number}.dockerfile', only=['shared', 'other'], live_update=[sync('shared/deep', '/deep'), sync('shared', '/shared'), sync('other', '/other')])\n",
            image = ground.image(&format!("i{number}")),
        );
        devfile.push_str(&build);
        let container = format!("      - {{name: c{number}, image: {}}}\n", ground.image(&format!("i{number}")));
        containers.push_str(&container);
    }
    let text = deployment("web", &ground.namespace);
    let start = text.find("      containers:").expect("containers");
    let busybox = "{image: busybox, command: [sh, -c, 'mkdir -p /shared; exec sleep 100000']}";
    let init = busybox.replace("mkdir -p /shared; exec sleep 100000", "true").replace('{', "{name: first, ");
    ground.write(
        "k8s.yaml",
        &format!(
            "{}      initContainers: [{init}, {{name: own, image: {}, command: [sh, -c, cat /shared/text]}}]\n      containers:\n      - {}\n{containers}",
            &text[..start],
            ground.image("i0"),
            busybox.replace('{', "{name: sidecar, ")
        ),
    );
    ground.write("Devfile", &format!("{devfile}k8s_yaml('k8s.yaml')\n"));
    let up = Running::up(ground.path(), &[]);
    let ready = || ground.kubectl(&["get", "pods", "-o", "jsonpath={.items[*].status.containerStatuses[*].ready}"]);
    up.wait_until("fifteen containers", ready, |it| it.matches("true").count() == 15);
    let pod = ground.pod();
    shell(&ground, "echo two > shared/text; mkdir shared/deep; echo deep > shared/deep/x; echo new > other/text");
    for number in 0..14 {
        let look = || {
            in_container(
                &ground,
                &pod,
                &format!("c{number}"),
                "cat /shared/text /deep/x /other/text /own/number; ls /shared",
            )
        };
        up.wait_until("the edit in each container", look, |it| *it == format!("two\ndeep\nnew\n{number}\ntext\n"));
    }
    assert_eq!(in_container(&ground, &pod, "sidecar", "ls /shared"), "", "a container of another image is left alone");
    assert_eq!((ground.pod(), restarts(&ground)), (pod, ["0"; 15].join(" ")));
}

/// A service `web` of this Dockerfile on port 8080, `www` synced to `folder`, and what stands beside `image:` in its
/// container.
fn write_service(ground: &Ground, port: u16, dockerfile: &str, folder: &str, more: &str) {
    let devfile = ground.web_service("web", port).replace("'/www'", &format!("'{folder}'"));
    ground.write("web/Dockerfile", dockerfile);
    let yaml = deployment("web", &ground.namespace);
    ground.write("web/k8s.yaml", &yaml.replace("        ports:", &format!("{more}        ports:")));
    ground.write("Devfile", &devfile);
}

const HTTPD: &str = "[\"/busybox\", \"httpd\", \"-f\", \"-p\", \"8080\", \"-h\", \"/www\"]";

#[test]
#[ignore = "needs cluster (a namespace)"]
fn containers_without_a_shell_carry_the_receiver_after_one_build() {
    let volume = "        volumeMounts: [{name: own, mountPath: /www/live}]\n";
    let program = static_server();
    for (name, user, more) in [
        ("scratch", "", String::new()),
        ("distroless", "USER 1000\n", String::new()),
        ("rofs", "USER 1000\n", format!("        securityContext: {{readOnlyRootFilesystem: true}}\n{volume}")),
    ] {
        let ground = Ground::new(name);
        let port = free_port();
        let dockerfile =
            format!("FROM scratch\nCOPY server /server\n{user}COPY --chown=1000 www /www\nCMD [\"/server\"]\n");
        write_service(&ground, port, &dockerfile, "/www", &more);
        std::fs::copy(&program, ground.path().join("web/server")).expect("copied");
        if more.contains("readOnly") {
            let yaml = std::fs::read_to_string(ground.path().join("web/k8s.yaml")).expect("the manifest");
            let volumes = "      volumes: [{name: own, emptyDir: {}}]\n      containers:";
            ground.write("web/k8s.yaml", &yaml.replace("      containers:", volumes));
        }
        let mut up = Running::up(ground.path(), &[]);
        up.wait_until("the first answer", || body(port, "/"), |it| it == "hello from web\n");
        let first = ground.pod();
        ground.write("web/www/live/text", "one\n");
        up.wait_for("the container has no `sh`, which live updates need: from now on its image carries");
        up.wait_for("Adding `/.devloop/receiver-");
        up.wait_until("the pod of the next image", || pods(&ground), |it| it.len() == 1 && !it[0].ends_with(&first));
        up.wait_until("its answer", || body(port, "/"), |it| it == "hello from web\n");
        let pod = ground.pod();
        for text in ["two\n", "three\n"] {
            let mark = up.mark();
            ground.write("web/www/live/text", text);
            ground.write("web/www/live/deep/text", text);
            up.wait_for_after(mark, "updated!");
            up.wait_until("the edit", || body(port, "/live/text"), |it| it == text);
            up.wait_until("the edit below", || body(port, "/live/deep/text"), |it| it == text);
        }
        assert_eq!((ground.pod(), restarts(&ground)), (pod, "0".to_owned()), "{name}: no new image\n{}", up.text());
        assert!(up.quit().success());

        // The next session knows.
        if name == "scratch" {
            ground.write("web/Dockerfile", &dockerfile.replace("CMD", "LABEL next=session\nCMD"));
            let next = Running::up(ground.path(), &[]);
            next.wait_for("Adding `/.devloop/receiver-");
            next.wait_until("the last edit", || body(port, "/live/text"), |it| it == "three\n");
            next.wait_until("one pod", || pods(&ground).len(), |it| *it == 1);
            ground.write("web/www/live/text", "four\n");
            next.wait_for("updated!");
            next.wait_until("the edit", || body(port, "/live/text"), |it| it == "four\n");
            assert!(!next.text().contains("which live updates need:"), "{}", next.text());
        }
    }
}

/// A web server for `/www` that needs nothing but the kernel.
fn static_server() -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("devloop-server-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("created");
    std::fs::write(folder.join("server.rs"), include_str!("static_server.txt")).expect("written");
    let options =
        ["--edition=2024", "-Copt-level=s", "-Ctarget-feature=+crt-static", "-Cstrip=symbols", "-o", "server"];
    let made = Command::new("rustc").args(options).arg("server.rs").current_dir(&folder).status().expect("rustc");
    assert!(made.success());
    folder.join("server")
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn a_container_without_a_shell_is_built_anew_where_the_receiver_is_not_wanted() {
    let ground = Ground::new("noshell");
    let port = free_port();
    let dockerfile = format!("FROM busybox\nRUN cp /bin/busybox /busybox && rm /bin/sh\nCOPY www /www\nCMD {HTTPD}\n");
    write_service(&ground, port, &dockerfile, "/www", "");
    let up = Running::up_with(ground.path(), &[], &[("DEVLOOP_RECEIVER", "shell")]);
    up.wait_until("the first answer", || body(port, "/"), |it| it == "hello from web\n");
    for text in ["one\n", "two\n"] {
        let mark = up.mark();
        ground.write("web/www/index.html", text);
        up.wait_for_after(mark, "the container has no `sh`, which live updates need");
        up.wait_until("the rebuilt image", || body(port, "/"), |it| it == text);
    }
    assert!(!up.text().contains("updated!"), "{}", up.text());
}

#[test]
#[ignore = "needs cluster (a namespace)"]
fn users_without_rights_read_only_roots_other_paths_and_no_tar_take_edits() {
    let volume = "        volumeMounts: [{name: own, mountPath: /www}]\n";
    for (name, user, more) in [
        ("user", "USER 1000\n", ""),
        ("readonly", "", "        securityContext: {readOnlyRootFilesystem: true}\n"),
        ("both", "USER 1000\n", "        securityContext: {readOnlyRootFilesystem: true, runAsUser: 1001}\n"),
        ("path", "ENV PATH=/opt/tools\n", ""),
        ("notar", "RUN rm /bin/tar /opt/tools/tar\n", ""),
    ] {
        let ground = Ground::new(name);
        let port = free_port();
        // The volume is filled by the first process, as programs do that keep what they generate in one.
        let dockerfile = format!(
            "FROM busybox\nCOPY --chown=1000 www /www\nCOPY www /from\nRUN mkdir -p /opt && cp -r /bin /opt/tools\n{user}CMD [\"/bin/sh\", \"-c\", \"[ -e /www/index.html ] || cp /from/* /www; exec httpd -f -p 8080 -h /www\"]\n"
        );
        let on_volume = more.contains("readOnly");
        write_service(&ground, port, &dockerfile, "/www", &format!("{more}{}", if on_volume { volume } else { "" }));
        if on_volume {
            let yaml = std::fs::read_to_string(ground.path().join("web/k8s.yaml")).expect("the manifest");
            let volumes = "      volumes: [{name: own, emptyDir: {}}]\n      containers:";
            ground.write("web/k8s.yaml", &yaml.replace("      containers:", volumes));
        }
        let up = Running::up(ground.path(), &[]);
        up.wait_until("the first answer", || body(port, "/"), |it| it == "hello from web\n");
        let pod = ground.pod();
        for text in ["one\n", "two\n"] {
            ground.write("web/www/index.html", text);
            ground.write("web/www/deep/er.html", text);
            up.wait_until("the edit", || body(port, "/"), |it| it == text);
            up.wait_until("the edit below", || body(port, "/deep/er.html"), |it| it == text);
        }
        assert_eq!(ground.pod(), pod, "{name}: no new image\n{}", up.text());
        assert!(up.text().contains("updated!"), "{name}");
    }
}
