//! Custom builds and kind nodes with the real engine.

use std::path::PathBuf;

use devloop::docker::{CustomBuildError, CustomBuildRequest, CustomBuilt, Engine};
use devloop::logs::{LogSource, LogStore};
use devloop::project::{CommandLine, CustomBuild, ImageReference, Push, Registry};
use tokio_util::sync::CancellationToken;

use super::docker::{docker, parse};

fn request(script: &str, push: Push) -> CustomBuildRequest {
    let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
    let command = CommandLine { argv, dir: PathBuf::from("/"), env: vec![("EXPECTED_REF".into(), "loses".into())] };
    let registry = Registry {
        host: "localhost:5000".into(),
        host_from_cluster: "registry:5000".into(),
        single_name: String::new(),
    };
    CustomBuildRequest {
        image: parse("devloop-test/custom"),
        build: CustomBuild { command, deps: vec![], tag: String::new(), push, outputs_image_ref_to: None },
        registry: Some(registry),
        base_images: Vec::new(),
        engine_is_shared: false,
    }
}

async fn run(engine: &Engine, request: &CustomBuildRequest) -> Result<CustomBuilt, CustomBuildError> {
    let run = |command: CommandLine| async move {
        let mut process = tokio::process::Command::new(&command.argv[0]);
        process.args(&command.argv[1..]).current_dir(&command.dir).envs(command.env).status().await
    };
    engine.custom_build(request, &CancellationToken::new(), run).await
}

#[tokio::test]
#[ignore = "needs docker (tags images)"]
async fn custom_builds_are_found_tagged_and_named() {
    let engine = Engine::connect().await.expect("an engine");
    let busybox = engine.image(&parse("busybox")).await.expect("busybox");
    let built = run(&engine, &request("docker tag busybox $EXPECTED_REF", Push::Devloop)).await.expect("built");
    let expected = format!("localhost:5000/devloop-test_custom:{}", busybox.content_tag());
    assert_eq!(built.names.local.to_string(), expected);
    assert_eq!(built.names.in_cluster.to_string(), expected.replace("localhost", "registry"));
    assert_eq!(built.image, Some(busybox.clone()));
    assert!(built.to_be_pushed && engine.exists(&built.names.local).await.expect("exists"));
    engine.remove(&built.names.local).await.expect("remove");

    let own = run(&engine, &request("docker tag busybox $EXPECTED_REF", Push::Never)).await.expect("built");
    let tag = own.names.in_cluster.tag.clone().expect("tag");
    assert!(tag.starts_with("devloop-build-") && !own.to_be_pushed, "{own:?}");
    assert_eq!(own.names.in_cluster.domain, "registry:5000");
    engine.remove(&own.names.local).await.expect("remove");

    let remote = run(&engine, &request("true", Push::Remote)).await.expect("built");
    assert_eq!((remote.image, remote.to_be_pushed), (None, false));

    let none = run(&engine, &request("true", Push::Devloop)).await.expect_err("no image");
    assert!(none.to_string().starts_with("`true` has left no image `localhost:5000/devloop-test_custom:"), "{none}");
    let failed = run(&engine, &request("exit 4", Push::Devloop)).await.expect_err("failed");
    assert!(failed.to_string().starts_with("`exit 4` failed: exit status: 4"), "{failed}");

    let folder = tempfile::tempdir().expect("temp folder");
    let file = folder.path().join("ref");
    std::fs::write(&file, "left over").expect("file");
    let mut in_file = request("true", Push::Devloop);
    in_file.build.outputs_image_ref_to = Some(file.clone());
    let stale = run(&engine, &in_file).await.expect_err("the old file does not count");
    assert!(matches!(stale, CustomBuildError::OutputFile { .. }), "{stale}");
    in_file.build.command.argv[2] = format!("echo busybox:1 > {}; test -z \"$EXPECTED_TAG\"", file.display());
    let built = run(&engine, &in_file).await.expect("built");
    assert_eq!(built.names.local.to_string(), "busybox:1");
    for reference in
        docker(&["images", "--format", "{{.Repository}}:{{.Tag}}", "localhost:5000/devloop-test_custom"]).lines()
    {
        engine.remove(&parse(reference)).await.expect("remove");
    }
}

#[tokio::test]
#[ignore = "needs docker (runs containers that look like kind nodes)"]
async fn images_are_streamed_into_kind_nodes() {
    let engine = Engine::connect().await.expect("an engine");
    let cluster = format!("devloop-test-{}", std::process::id());
    // No kind here: a node with a `ctr` that keeps what it is given.
    let ctr = "#!/bin/sh\necho \"$@\" > /tmp/arguments\ncat > /tmp/archive\ntest ! -e /tmp/broken || { echo 'ctr: no room' >&2; exit 1; }\n";
    let node = docker(&[
        "run",
        "-d",
        "--rm",
        "--network=none",
        "--label",
        &format!("io.x-k8s.kind.cluster={cluster}"),
        "--name",
        &format!("{cluster}-control-plane"),
        "-e",
        &format!("CTR={ctr}"),
        "busybox",
        "sh",
        "-c",
        "printf '%s' \"$CTR\" > /bin/ctr; chmod +x /bin/ctr; touch /ready; sleep 300",
    ]);
    while !docker(&["exec", &node, "sh", "-c", "test -e /ready && echo ready || true"]).contains("ready") {
        tokio::task::yield_now().await;
    }
    let logs = LogStore::new();
    let log = logs.sink(None, LogSource::Build);
    let cancel = CancellationToken::new();
    let references: Vec<ImageReference> = vec![parse("busybox:1"), parse("alpine:3")];
    let loaded = engine.load_into_kind(&cluster, &references, &log, &cancel).await;
    let manifest = docker(&["exec", &node, "tar", "-xOf", "/tmp/archive", "manifest.json"]);
    let arguments = docker(&["exec", &node, "cat", "/tmp/arguments"]);
    docker(&["exec", &node, "touch", "/tmp/broken"]);
    let refused = engine.load_into_kind(&cluster, &references[..1], &log, &cancel).await;
    docker(&["rm", "-f", &node]);
    loaded.expect("loaded");
    assert!(manifest.contains("busybox:1") && manifest.contains("alpine:3"), "{manifest}");
    assert_eq!(arguments, "--namespace=k8s.io images import --digests -");
    assert_eq!(
        refused.expect_err("refused").to_string(),
        format!("the kind node `{cluster}-control-plane` does not take the image: ctr: no room")
    );
    let gone = engine.load_into_kind(&cluster, &references, &log, &cancel).await.expect_err("no nodes").to_string();
    assert!(gone.starts_with(&format!("no node of the kind cluster `{cluster}`")), "{gone}");
}
