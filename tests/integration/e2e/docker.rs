//! Images with the real engine: builds, their errors, cancelling, secrets, large contexts.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use devloop::docker::{BuildError, BuildRequest, Builder, BuiltImage, Engine, PruneRequest};
use devloop::logs::{LogSource, LogStore};
use devloop::project::{ImageReference, PathFilter, PatternSet};
use tokio_util::sync::CancellationToken;

/// A folder to build in, and everything that the builds logged.
pub(super) struct Ground {
    folder: tempfile::TempDir,
    pub(super) engine: Engine,
    pub(super) logs: LogStore,
}

impl Ground {
    pub(super) async fn new() -> Self {
        let engine = Engine::connect().await.expect("an engine");
        Self { folder: tempfile::tempdir().expect("temp folder"), engine, logs: LogStore::new() }
    }

    pub(super) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        std::fs::write(path, text).expect("file");
    }

    pub(super) fn request(&self, dockerfile: &str) -> BuildRequest {
        BuildRequest {
            builder: Builder::BuildKit,
            context: self.folder.path().to_owned(),
            filter: Arc::default(),
            dockerfile: dockerfile.to_owned(),
            build_args: BTreeMap::new(),
            target: String::new(),
            ssh: Vec::new(),
            secrets: Vec::new(),
            network: "none".to_owned(),
            extra_tags: Vec::new(),
            cache_from: Vec::new(),
            pull: false,
            platform: String::new(),
            extra_hosts: Vec::new(),
        }
    }

    pub(super) async fn build(&self, request: &BuildRequest) -> Result<BuiltImage, BuildError> {
        let log = self.logs.sink(None, LogSource::Build);
        self.engine.build(request, &log, &CancellationToken::new()).await
    }

    /// Builds and returns what `cat FILE` says in the image.
    pub(super) async fn built(&self, request: &BuildRequest, file: &str) -> String {
        let image = self.build(request).await.unwrap_or_else(|error| panic!("{error}\n{}", self.log()));
        docker(&["run", "--rm", "--network=none", &image.id, "cat", file])
    }

    pub(super) fn log(&self) -> String {
        let lines: Vec<String> = self.logs.reader().since(0).iter().map(|line| line.text.to_string()).collect();
        lines.join("\n")
    }
}

pub(super) fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("docker");
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A text that no other run of the tests has, so that nothing is cached.
pub(super) fn unique() -> String {
    format!("{:?}-{}", Instant::now(), std::process::id()).replace(|c: char| !c.is_ascii_alphanumeric(), "")
}

pub(super) fn parse(text: &str) -> ImageReference {
    ImageReference::parse(text).expect("reference")
}

#[tokio::test]
#[ignore = "needs docker (builds an image)"]
async fn a_build_sends_the_context_and_says_what_it_does() {
    let ground = Ground::new().await;
    ground.write("src/hello", "hello from the context");
    ground.write("bin/run", "#!/bin/sh\necho ran $1");
    std::fs::set_permissions(ground.folder.path().join("bin/run"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("mode");
    std::os::unix::fs::symlink("hello", ground.folder.path().join("src/link")).expect("link");
    let unique = unique();
    let request = ground.request(&format!(
        "FROM busybox\nARG WHO=nobody\nCOPY src /src\nCOPY bin/run /run.sh\nRUN /run.sh {unique} && cat /src/link > /out && echo $WHO >> /out\n"
    ));
    let request = BuildRequest { build_args: BTreeMap::from([("WHO".to_owned(), "me".to_owned())]), ..request };
    assert_eq!(ground.built(&request, "/out").await, "hello from the contextme");
    let log = ground.log();
    println!("{log}");
    for expected in [" [2/4] COPY src /src", "] RUN /run.sh", &format!("     ran {unique}"), "     DONE "] {
        assert!(log.contains(expected), "{expected}\n{log}");
    }
}

#[tokio::test]
#[ignore = "needs docker (builds an image)"]
async fn what_is_unchanged_has_the_same_id_and_a_change_another() {
    let ground = Ground::new().await;
    ground.write("a", "one");
    let request = ground.request("FROM busybox\nCOPY a /a\nRUN cat /a > /b\n");
    let first = ground.build(&request).await.expect("first");
    // Written again with the same content: only the time differs.
    ground.write("a", "one");
    let second = ground.build(&request).await.expect("second");
    assert_eq!(first, second);
    assert!(ground.log().contains("CACHED"), "{}", ground.log());
    ground.write("a", "two");
    assert_eq!(ground.built(&request, "/b").await, "two");
    std::fs::remove_file(ground.folder.path().join("a")).expect("remove");
    let error = ground.build(&request).await.expect_err("the file is gone").to_string();
    assert_eq!(error, "`a` is not in the build context: check the path, .dockerignore, `only` and `ignore`");
}

#[tokio::test]
#[ignore = "needs docker (builds an image)"]
async fn a_changed_dockerfile_of_the_same_length_is_seen() {
    let ground = Ground::new().await;
    let text = |letter: &str| format!("FROM busybox\nRUN echo {letter} > /out\n");
    assert_eq!(ground.built(&ground.request(&text("a")), "/out").await, "a");
    assert_eq!(ground.built(&ground.request(&text("b")), "/out").await, "b");
}

#[tokio::test]
#[ignore = "needs docker (builds an image)"]
async fn ignored_files_are_not_sent() {
    let ground = Ground::new().await;
    ground.write("keep/me", "");
    ground.write("drop/me", "");
    ground.write("drop/but/this", "");
    ground.write(".dockerignore", "everything-else-would-be-wrong\n*\n");
    let set = PatternSet::from_file(ground.folder.path(), "ignore", "drop\n!drop/but/this\n").expect("patterns");
    let request = ground.request("FROM busybox\nCOPY . /c\nRUN cd /c && find . -type f | sort > /out\n");
    let request = BuildRequest { filter: Arc::new(PathFilter { sets: vec![set] }), ..request };
    assert_eq!(ground.built(&request, "/out").await, "./.dockerignore\n./drop/but/this\n./keep/me");
}

#[tokio::test]
#[ignore = "needs docker (builds an image)"]
async fn errors_name_step_line_or_image() {
    let ground = Ground::new().await;
    let unique = unique();
    let error = |dockerfile: String| {
        let request = ground.request(&dockerfile);
        let ground = &ground;
        async move { ground.build(&request).await.expect_err("an error") }
    };
    let failed = error(format!("FROM busybox\nRUN echo {unique}; echo the last words >&2; exit 3\n")).await;
    let BuildError::Step { exit_code, ref output, ref step } = failed else { panic!("{failed:?}") };
    assert_eq!(exit_code, Some(3));
    // The two outputs of a program are two streams, so their order is not certain.
    assert!(output.contains(&"the last words".to_owned()) && output.contains(&unique), "{output:?}");
    assert!(step.contains("[2/2] RUN echo"), "{step}");

    let failed = error("FROM busybox\nRUN true\nFOO bar\n".to_owned()).await;
    let BuildError::Dockerfile { line: Some(3), ref message } = failed else { panic!("{failed:?}") };
    assert!(message.contains("FOO"), "{message}");

    let failed = error("FROM localhost:1/devloop/nosuch:1\n".to_owned()).await;
    let BuildError::BaseImage { ref image, .. } = failed else { panic!("{failed:?}") };
    assert_eq!(image, "localhost:1/devloop/nosuch:1");

    let failed = error("FROM localhost:5000/devloop/nosuch:1\n".to_owned()).await;
    assert!(matches!(failed, BuildError::BaseImage { .. }), "{failed:?}");

    let failed = error("FROM busybox AS a\nFROM busybox AS b\nCOPY --from=c / /\n".to_owned()).await;
    println!("{failed}");

    let mut request = ground.request("FROM busybox AS a\n");
    request.target = "nosuch".to_owned();
    let failed = ground.build(&request).await.expect_err("no such target");
    assert!(failed.to_string().contains("nosuch"), "{failed:?}");
}

#[tokio::test]
#[ignore = "needs docker (builds an image)"]
async fn an_unreadable_context_is_named() {
    let ground = Ground::new().await;
    let mut request = ground.request("FROM busybox\nCOPY . /\n");
    request.context = ground.folder.path().join("gone");
    let failed = ground.build(&request).await.expect_err("no folder");
    assert!(matches!(failed, BuildError::Context(_)), "{failed:?}");
    assert!(failed.to_string().contains("/gone` is not a folder"), "{failed}");
}

#[tokio::test]
#[ignore = "needs docker (builds an image)"]
async fn targets_secrets_and_dockerfiles_from_anywhere() {
    let ground = Ground::new().await;
    let secret = tempfile::NamedTempFile::new().expect("secret");
    std::fs::write(secret.path(), "s3cret").expect("secret");
    let unique = unique();
    let mut request = ground.request(&format!(
        "FROM busybox AS first\nRUN --mount=type=secret,id=token --mount=type=secret,id=path \
         echo {unique} && wc -c < /run/secrets/token > /out && test -s /run/secrets/path\nFROM first\nRUN false\n"
    ));
    request.target = "first".to_owned();
    request.platform = "linux/amd64".to_owned();
    request.secrets = vec![format!("id=token,src={}", secret.path().display()), "id=path,env=PATH".to_owned()];
    assert_eq!(ground.built(&request, "/out").await, "6");
    request.secrets = vec!["id=token,src=/nosuch".to_owned()];
    let failed = ground.build(&request).await.expect_err("no secret");
    assert!(matches!(failed, BuildError::Parameter { parameter: "secret", .. }), "{failed:?}");
}

#[tokio::test]
#[ignore = "needs docker (builds an image, runs ssh-agent)"]
async fn ssh_keys_reach_the_build_through_an_agent() {
    let ground = Ground::new().await;
    let key = ground.folder.path().join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "devloop-test", "-f"])
        .arg(&key)
        .status();
    assert!(made.expect("ssh-keygen").success());
    // No ssh-add in busybox: the request for the identities, asked by hand, and the key's comment in the answer.
    let unique = unique();
    let mut request = ground.request(&format!(
        "FROM python:3-slim\nRUN --mount=type=ssh,id=git python3 -c \"import socket,os;print('{unique}');\
         s=socket.socket(socket.AF_UNIX);s.connect(os.environ['SSH_AUTH_SOCK']);s.sendall(b'\\\\0\\\\0\\\\0\\\\x01\\\\x0b');\
         open('/out','wb').write(s.recv(4096)[-12:])\"\n"
    ));
    request.ssh = vec![format!("git={}", key.display())];
    assert_eq!(ground.built(&request, "/out").await, "devloop-test");
}

#[tokio::test]
#[ignore = "needs docker (builds an image)"]
async fn a_cancelled_build_stops_in_the_engine() {
    let ground = Ground::new().await;
    // A duration that nobody else sleeps for, to find the process by.
    let seconds = format!("98765{}", std::process::id());
    let request = ground.request(&format!("FROM busybox\nRUN echo started && sleep {seconds}\n"));
    let cancel = CancellationToken::new();
    let log = ground.logs.sink(None, LogSource::Build);
    let mut reader = ground.logs.reader();
    let started = async {
        while !reader.since(0).iter().any(|line| line.text.contains("     started")) {
            reader.changed().await;
        }
        // The shell has said so before it starts `sleep`.
        while !is_running(&seconds) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
        Instant::now()
    };
    let build = async {
        let failed = ground.engine.build(&request, &log, &cancel).await.expect_err("cancelled");
        (failed, Instant::now())
    };
    let (cancelled, (failed, ended)) =
        tokio::time::timeout(Duration::from_mins(1), Box::pin(async { tokio::join!(started, build) }))
            .await
            .expect("the build starts and stops");
    assert!(matches!(failed, BuildError::Cancelled), "{failed:?}");
    println!("cancelled within {:?}", ended - cancelled);
    assert!(ended - cancelled < Duration::from_secs(2));
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_running(&seconds) {
        assert!(Instant::now() < deadline, "the step's process is still running");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Whether `sleep SECONDS` runs anywhere on this machine (the engine's containers included).
pub(super) fn is_running(seconds: &str) -> bool {
    let needle = format!("sleep\0{seconds}\0");
    std::fs::read_dir("/proc")
        .expect("/proc")
        .flatten()
        .any(|process| std::fs::read(process.path().join("cmdline")).is_ok_and(|line| line == needle.as_bytes()))
}

#[tokio::test]
#[ignore = "needs docker (sends a large context)"]
async fn large_contexts_are_streamed_and_sent_once() {
    let ground = Ground::new().await;
    let megabyte = unique().repeat(1 << 20)[..1 << 20].to_owned();
    for number in 0..300 {
        ground.write(&format!("big/{number}"), &megabyte);
    }
    for number in 0..20_000 {
        ground.write(&format!("small/{}/{number}", number % 100), "x");
    }
    let request = ground.request("FROM busybox\nCOPY . /c\nRUN find /c -type f | wc -l > /out\n");
    // Forgets the peak that the files above made.
    std::fs::write("/proc/self/clear_refs", "5").expect("clear_refs");
    let before = memory();
    let start = Instant::now();
    assert_eq!(ground.built(&request, "/out").await, "20300");
    let first = start.elapsed();
    ground.write("small/0/0", "changed");
    let start = Instant::now();
    let sent_before = written();
    ground.build(&request).await.expect("changed");
    let changed = start.elapsed();
    let sent = written() - sent_before;
    // The names of all files, and the content of one.
    println!("after one change {sent} bytes were sent");
    assert!(sent < 4 << 20, "{sent} bytes were sent for one small file");
    let start = Instant::now();
    ground.build(&request).await.expect("unchanged");
    println!("unchanged: {:?}", start.elapsed());
    println!(
        "300 MB in 20,300 files: {first:?}, after one change {:?}; memory grew by {} MB",
        changed,
        (memory() - before) >> 20
    );
    assert!(memory() - before < 100 << 20, "the context is not held in memory");
}

/// What this process has written to anything so far, in bytes.
fn written() -> u64 {
    let counts = std::fs::read_to_string("/proc/self/io").expect("io");
    let line = counts.lines().find(|line| line.starts_with("wchar:")).expect("a count");
    line.split_whitespace().nth(1).expect("number").parse().expect("bytes")
}

/// Resident memory at its peak, in bytes.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("peak");
    line.split_whitespace().nth(1).expect("number").parse::<u64>().expect("kB") * 1024
}

#[tokio::test]
#[ignore = "needs docker (builds images)"]
async fn one_image_is_built_from_another() {
    let ground = Ground::new().await;
    let unique = unique();
    let base =
        ground.build(&ground.request(&format!("FROM busybox\nRUN echo {unique} > /base\n"))).await.expect("base");
    let local = parse("devloop-test/base").with_tag(base.content_tag());
    ground.engine.tag(&base, &local).await.expect("tag");
    let text = "ARG B=devloop-test/base\nFROM ${B}\nRUN cat /base /base > /out\n";
    let references = devloop::project::image_references(text, &BTreeMap::new());
    let local_text = local.to_string();
    let rewritten = devloop::project::rewrite_dockerfile(text, references.iter().map(|one| (one, local_text.as_str())));
    assert_eq!(ground.built(&ground.request(&rewritten), "/out").await, format!("{unique}\n{unique}"));
    ground.engine.remove(&local).await.expect("remove");
    assert!(!ground.engine.exists(&local).await.expect("exists"));
}

#[tokio::test]
#[ignore = "needs docker (builds images side by side)"]
async fn builds_of_one_context_run_side_by_side() {
    let ground = Ground::new().await;
    ground.write("a", "one");
    let unique = unique();
    let requests: Vec<_> = (0..6)
        .map(|number| ground.request(&format!("FROM busybox\nCOPY a /a\nRUN echo {unique}{number} >> /a\n")))
        .collect();
    let built = futures::future::join_all(requests.iter().map(|request| ground.build(request))).await;
    let ids: std::collections::BTreeSet<String> = built.into_iter().map(|image| image.expect("image").id).collect();
    assert_eq!(ids.len(), requests.len());
}

#[tokio::test]
#[ignore = "needs docker (sends a large context)"]
async fn a_build_is_cancelled_while_the_context_is_sent() {
    let ground = Ground::new().await;
    let megabyte = unique().repeat(1 << 20)[..1 << 20].to_owned();
    for number in 0..200 {
        ground.write(&format!("big/{number}"), &format!("{number}{megabyte}"));
    }
    let request = ground.request("FROM busybox\nCOPY . /c\n");
    let cancel = CancellationToken::new();
    let log = ground.logs.sink(None, LogSource::Build);
    let stop = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        cancel.cancel();
        Instant::now()
    };
    let (cancelled, (built, ended)) =
        tokio::join!(stop, async { (ground.engine.build(&request, &log, &cancel).await, Instant::now()) });
    assert!(matches!(built, Err(BuildError::Cancelled)), "{built:?}");
    assert!(ended - cancelled < Duration::from_secs(2));
    // The test's end waits for the threads that were reading files: they have to end too.
}

#[tokio::test]
#[ignore = "needs docker (builds and removes images)"]
async fn old_builds_and_stopped_containers_are_removed_and_nothing_else() {
    let ground = Ground::new().await;
    let unique = unique().to_lowercase();
    let image = parse(&format!("devloop-test/old-{unique}"));
    let second = format!("{unique}:mine");
    let mut tags = Vec::new();
    for number in 0..5 {
        let request = ground.request(&format!("FROM busybox\nRUN echo {unique}{number} > /a; sleep 1\n"));
        let built = ground.build(&request).await.expect("image");
        let tag = image.with_tag(built.content_tag());
        ground.engine.tag(&built, &tag).await.expect("tag");
        if number == 2 {
            docker(&["tag", &tag.to_string(), &second]);
        }
        tags.push(tag.to_string());
    }
    // One is used by a container, one has a name of the user's, and one was run by a container that has ended.
    let image_label =
        docker(&["image", "inspect", "--format", "{{index .Config.Labels \"devloop.dev/built\"}}", &tags[3]]);
    assert_eq!(image_label.trim(), "true");
    let running = docker(&["run", "-d", &tags[1], "sleep", "1000"]);
    let ended = format!("ended-{unique}");
    docker(&["run", "--name", &ended, &tags[0], "true"]);
    let request = PruneRequest {
        images: vec![image.clone()],
        registry: None,
        max_age: Duration::from_hours(1),
        keep_recent: 1,
        needed: std::collections::HashSet::new(),
        compose_projects: std::collections::HashSet::new(),
    };
    let now = chrono::Utc::now();
    let nothing = ground.engine.prune(&request, now, false).await.expect("it works");
    assert!(nothing.is_empty(), "all are young: {nothing:?}");

    let later = now + chrono::Duration::hours(2);
    let rehearsed = ground.engine.prune(&request, later, true).await.expect("it works");
    assert_eq!(rehearsed.images, [tags[3].clone(), tags[0].clone()]);
    assert_eq!((&rehearsed.containers, rehearsed.freed), (&vec![ended.clone()], None));
    for tag in &tags {
        assert!(ground.engine.exists(&parse(tag)).await.expect("an answer"), "a rehearsal removes nothing");
    }
    let report = ground.engine.prune(&request, later, false).await.expect("it works");
    assert_eq!((&report.images, &report.containers), (&rehearsed.images, &rehearsed.containers));
    assert!(report.freed.is_some() && report.failures.is_empty(), "{report:?}");
    let left: Vec<&String> = tags.iter().filter(|tag| !report.images.contains(tag)).collect();
    for tag in &left {
        assert!(ground.engine.exists(&parse(tag)).await.expect("an answer"), "{tag} stays");
    }

    docker(&["rm", "-f", running.trim()]);
    docker(&["rmi", &second]);
    for tag in left {
        ground.engine.remove(&parse(tag)).await.expect("remove");
    }
}

#[tokio::test]
#[ignore = "needs docker (builds an image)"]
async fn a_dockerfile_frontend_that_cannot_be_had_is_named() {
    let ground = Ground::new().await;
    let request = ground.request("# syntax=localhost:1/docker/dockerfile:1\nFROM busybox\n");
    let failed = ground.build(&request).await.expect_err("no such frontend");
    println!("{failed:?}");
    assert!(failed.to_string().contains("localhost:1/docker/dockerfile:1"), "{failed}");
}

#[tokio::test]
#[ignore = "needs docker (builds images)"]
async fn a_platform_is_built_for_and_what_cannot_run_here_is_explained() {
    let ground = Ground::new().await;
    ground.write("file", &unique());
    let mut request = ground.request("FROM scratch\nCOPY file /file\n");
    request.platform = "linux/arm64".to_owned();
    let image = ground.build(&request).await.expect("nothing runs in this build");
    assert_eq!(docker(&["image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", &image.id]), "linux/arm64");
    // The start of a program for arm64 is enough for the kernel to refuse it.
    let mut program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0\x01\0\0\0".to_vec();
    program.resize(4096, 0);
    std::fs::write(ground.folder().join("program"), program).expect("file");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(ground.folder().join("program"), mode).expect("mode");
    request.dockerfile = "FROM scratch\nCOPY program /program\nRUN [\"/program\"]\n".to_owned();
    for builder in [Builder::BuildKit, Builder::Classic] {
        request.builder = builder;
        let failed = ground.build(&request).await.expect_err("it cannot run here");
        assert!(matches!(failed, BuildError::ForeignPlatform { .. }), "{builder:?}: {failed:?}\n{}", ground.log());
        assert!(failed.to_string().contains("binfmt"), "{failed}");
    }
}

#[tokio::test]
#[ignore = "needs docker (builds images side by side)"]
async fn a_step_that_is_shared_with_a_cancelled_build_is_done_all_the_same() {
    let ground = Ground::new().await;
    let unique = unique();
    let request = ground.request(&format!("FROM busybox\nRUN echo started {unique}; sleep 3; echo {unique} > /out\n"));
    let started = format!("     started {unique}");
    let cancel = CancellationToken::new();
    let (first_logs, second_logs) = (LogStore::new(), LogStore::new());
    let wait_for = async |logs: &LogStore, text: &str| {
        let mut reader = logs.reader();
        while !reader.since(0).iter().any(|line| line.text.contains(text)) {
            reader.changed().await;
        }
    };
    let first = async { ground.engine.build(&request, &first_logs.sink(None, LogSource::Build), &cancel).await };
    let second = async {
        wait_for(&first_logs, &started).await;
        let log = second_logs.sink(None, LogSource::Build);
        let goes_on = CancellationToken::new();
        let build = ground.engine.build(&request, &log, &goes_on);
        let stop = async {
            wait_for(&second_logs, "] RUN ").await;
            cancel.cancel();
        };
        tokio::join!(build, stop).0
    };
    let both = Box::pin(async { tokio::join!(first, second) });
    let (first, second) = tokio::time::timeout(Duration::from_mins(1), both).await.expect("both end");
    assert!(matches!(first, Err(BuildError::Cancelled)), "{first:?}");
    let image = second.expect("it is built");
    assert_eq!(docker(&["run", "--rm", "--network=none", &image.id, "cat", "/out"]), unique);
    let lines: Vec<String> = second_logs.reader().since(0).iter().map(|line| line.text.to_string()).collect();
    println!("{}", lines.join("\n"));
}

#[tokio::test]
#[ignore = "needs docker (builds an image)"]
async fn an_image_can_carry_its_cache() {
    let ground = Ground::new().await;
    let unique = unique();
    let mut request = ground.request(&format!("FROM busybox\nRUN echo {unique} > /out\n"));
    request.build_args = BTreeMap::from([("BUILDKIT_INLINE_CACHE".to_owned(), "1".to_owned())]);
    let image = ground.build(&request).await.expect("image");
    let reference = parse("localhost:5000/devloop-test/cache").with_tag(&unique);
    ground.engine.tag(&image, &reference).await.expect("tag");
    let log = ground.logs.sink(None, LogSource::Build);
    ground.engine.push(&reference, &log, &CancellationToken::new()).await.expect("push");
    request.cache_from = vec![format!("type=registry,ref={reference}")];
    request.build_args.clear();
    assert_eq!(ground.built(&request, "/out").await, unique);
    // Its configuration says which steps its layers are.
    let saved = format!("docker save {reference} | grep -a -c moby.buildkit.cache.v0");
    let found = Command::new("sh").args(["-c", &saved]).output().expect("sh").stdout;
    assert_ne!(String::from_utf8_lossy(&found).trim(), "0");
    ground.engine.remove(&reference).await.expect("remove");
    request.cache_from = vec!["type=gha".to_owned()];
    let failed = ground.build(&request).await.expect_err("no such cache");
    assert!(matches!(failed, BuildError::Parameter { parameter: "cache_from", .. }), "{failed:?}");
}
