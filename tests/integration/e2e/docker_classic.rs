//! The builder before BuildKit, of the real engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use devloop::docker::{BuildError, BuildRequest, Builder};
use devloop::logs::LogSource;
use devloop::project::{PathFilter, PatternSet};
use tokio_util::sync::CancellationToken;

use super::docker::{Ground, is_running, unique};

fn classic(ground: &Ground, dockerfile: &str) -> BuildRequest {
    BuildRequest { builder: Builder::Classic, ..ground.request(dockerfile) }
}

#[tokio::test]
#[ignore = "needs docker (builds an image)"]
async fn the_classic_builder_gets_context_arguments_and_target() {
    let ground = Ground::new().await;
    ground.write("src/hello", "hello from the context");
    ground.write("src/drop/me", "");
    ground.write("src/drop/but/this", "");
    ground.write("bin/run", "#!/bin/sh\necho ran $1");
    let run = ground.folder().join("bin/run");
    std::fs::set_permissions(run, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("mode");
    std::os::unix::fs::symlink("hello", ground.folder().join("src/link")).expect("link");
    let set = PatternSet::from_file(ground.folder(), "ignore", "src/drop\n!src/drop/but/this\n").expect("patterns");
    let unique = unique();
    let request = classic(
        &ground,
        &format!(
            "FROM busybox AS first\nARG WHO=nobody\nCOPY . /c\nRUN /c/bin/run {unique} && cat /c/src/link > /out && \
             echo $WHO >> /out && cd /c && find . -type f | sort >> /out\nFROM first\nRUN false\n"
        ),
    );
    let request = BuildRequest {
        build_args: BTreeMap::from([("WHO".to_owned(), "me".to_owned())]),
        filter: Arc::new(PathFilter { sets: vec![set] }),
        target: "first".to_owned(),
        platform: "linux/amd64".to_owned(),
        ..request
    };
    let expected = "hello from the contextme\n./bin/run\n./src/drop/but/this\n./src/hello";
    assert_eq!(ground.built(&request, "/out").await, expected);
    let log = ground.log();
    println!("{log}");
    for expected in ["[3/4] COPY . /c", "[4/4] RUN /c/bin/run", &format!("     ran {unique}")] {
        assert!(log.contains(expected), "{expected}\n{log}");
    }
    // The same again is cached, and a change is seen.
    let first = ground.build(&request).await.expect("first");
    assert_eq!(ground.build(&request).await.expect("again"), first);
    assert!(ground.log().contains("     CACHED"), "{}", ground.log());
    ground.write("src/hello", "hello again");
    assert!(ground.built(&request, "/out").await.starts_with("hello againme\n"));
}

#[tokio::test]
#[ignore = "needs docker (builds an image)"]
async fn errors_of_the_classic_builder_name_step_line_or_image() {
    let ground = Ground::new().await;
    let unique = unique();
    let error = async |dockerfile: &str| ground.build(&classic(&ground, dockerfile)).await.expect_err("an error");
    let failed = error(&format!("FROM busybox\nRUN echo {unique}; echo the last words >&2; exit 3\n")).await;
    let BuildError::Step { exit_code: Some(3), ref output, ref step } = failed else { panic!("{failed:?}") };
    assert!(output.contains(&"the last words".to_owned()) && output.contains(&unique), "{output:?}");
    assert!(step.contains("[2/2] RUN echo"), "{step}");

    let failed = error("FROM busybox\nRUN true\nFOO bar\n").await;
    let BuildError::Dockerfile { line: Some(3), ref message } = failed else { panic!("{failed:?}") };
    assert!(message.contains("FOO"), "{message}");

    let failed = error("FROM localhost:5000/devloop/nosuch:1\n").await;
    assert!(matches!(&failed, BuildError::BaseImage { image, .. } if image.contains("devloop/nosuch:1")), "{failed:?}");

    let failed = error("FROM busybox\nCOPY gone /\n").await;
    assert!(matches!(&failed, BuildError::MissingFile { path } if path == "gone"), "{failed:?}");

    let failed = error("FROM busybox\nRUN --mount=type=cache,target=/x true\n").await;
    assert!(matches!(failed, BuildError::NeedsBuildKit(_)), "{failed:?}");

    let target = BuildRequest { target: "nosuch".to_owned(), ..classic(&ground, "FROM busybox AS a\n") };
    let failed = ground.build(&target).await.expect_err("no such target");
    assert!(matches!(&failed, BuildError::Dockerfile { .. }) && failed.to_string().contains("nosuch"), "{failed:?}");

    let request = classic(&ground, "FROM busybox\n");
    for (name, request) in [
        ("secret", BuildRequest { secrets: vec!["id=a,env=PATH".to_owned()], ..request.clone() }),
        ("ssh", BuildRequest { ssh: vec!["default".to_owned()], ..request.clone() }),
    ] {
        let failed = ground.build(&request).await.expect_err("refused").to_string();
        assert!(
            failed.starts_with(&format!("`{name}` needs BuildKit")) && failed.contains("DOCKER_BUILDKIT"),
            "{failed}"
        );
    }
    let nowhere = BuildRequest { context: ground.folder().join("gone"), ..request };
    let failed = ground.build(&nowhere).await.expect_err("no folder");
    assert!(matches!(failed, BuildError::Context(_)), "{failed:?}");
}

#[tokio::test]
#[ignore = "needs docker (builds an image)"]
async fn a_cancelled_build_of_the_classic_builder_stops_in_the_engine() {
    let ground = Ground::new().await;
    let seconds = format!("98764{}", std::process::id());
    let request = classic(&ground, &format!("FROM busybox\nRUN echo started && sleep {seconds}\n"));
    let cancel = CancellationToken::new();
    let log = ground.logs.sink(None, LogSource::Build);
    let started = async {
        while !is_running(&seconds) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        cancel.cancel();
    };
    let both = Box::pin(async { tokio::join!(started, ground.engine.build(&request, &log, &cancel)) });
    let ((), built) = tokio::time::timeout(Duration::from_mins(1), both).await.expect("it starts and stops");
    assert!(matches!(built, Err(BuildError::Cancelled)), "{built:?}");
    let deadline = Instant::now() + Duration::from_secs(20);
    while is_running(&seconds) {
        assert!(Instant::now() < deadline, "the step's process is still running");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
