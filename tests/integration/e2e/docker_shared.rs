//! Images that somebody else has built from the same input: found in the registry, and nothing else is.

use std::collections::BTreeMap;
use std::fs::File;
use std::process::Command;
use std::time::{Duration, SystemTime};

use devloop::docker::{Bases, BuildRequest, ContentKey};

use super::docker::{Ground as BuildGround, docker, unique};
use crate::support::devloop::{devloop_with, get};
use crate::support::ground::{Ground, deployment};

fn checkout(ground: &Ground, image: &str) {
    let dockerfile = "FROM busybox\nCOPY www /www\nRUN cat /www/index.html > /made\n\
                      CMD [\"httpd\", \"-f\", \"-p\", \"8080\", \"-h\", \"/www\"]\n";
    ground.write("web/Dockerfile", dockerfile);
    ground.write("web/www/index.html", &format!("one of {image}\n"));
    let yaml = deployment("web", &ground.namespace);
    ground.write("k8s.yaml", &yaml.replace(&format!("image: {}/web", ground.namespace), &format!("image: {image}")));
    ground.write("Devfile", &format!("docker_build('{image}', 'web')\nk8s_yaml('k8s.yaml')\n"));
}

/// `devloop ci` with a cache folder of its own: what it said.
fn ci(ground: &Ground) -> String {
    let cache = ground.path().join("cache").display().to_string();
    let ended = devloop_with(ground.path(), &["ci"], &[("XDG_CACHE_HOME", &cache)]);
    ended.code(0);
    ended.stdout
}

/// The image and the version of the Deployment, and its pods.
fn state(ground: &Ground) -> (String, String) {
    let image = "jsonpath={.spec.template.spec.containers[0].image}";
    let version = "jsonpath={.items[*].metadata.resourceVersion}";
    let deployment = ground.kubectl(&["get", "deployment", "web", "-o", image]);
    (deployment, ground.kubectl(&["get", "deployments,pods", "-o", version]))
}

#[test]
#[ignore = "needs cluster (two namespaces)"]
fn a_second_checkout_builds_and_pushes_nothing_and_a_start_without_changes_does_nothing() {
    let (mine, theirs) = (Ground::new("mine"), Ground::new("theirs"));
    let image = mine.image("web");
    checkout(&mine, &image);
    let said = ci(&mine);
    assert!(said.contains("[3/3] RUN cat") && said.contains("layers: "), "{said}");
    let repository = image.replace('/', "_");
    let (_, tags) = get(5000, &format!("/v2/{repository}/tags/list")).expect("the registry answers");
    assert!(tags.contains("devloop-key-"), "{tags}");
    let (deployed, _) = state(&mine);

    // Again: nothing is built, pushed or applied.
    let before = state(&mine);
    let said = ci(&mine);
    assert!(said.contains("nothing to build: the image of this very input is there"), "{said}");
    assert!(!said.contains("layers: ") && !said.contains(" RUN "), "{said}");
    assert_eq!(state(&mine), before, "the Deployment and its pod are as they were");

    // Elsewhere, at other times, with nothing in the engine.
    docker(&["rmi", "-f", &deployed]);
    checkout(&theirs, &image);
    let hour_ago = SystemTime::now() - Duration::from_hours(1);
    let index = theirs.path().join("web/www/index.html");
    File::options().write(true).open(index).expect("open").set_modified(hour_ago).expect("set");
    let said = ci(&theirs);
    assert!(said.contains("nothing to build: the registry has an image of this very input"), "{said}");
    assert!(!said.contains("layers: ") && !said.contains(" RUN "), "{said}");
    assert_eq!(state(&theirs).0, deployed);
    let inspected = Command::new("docker").args(["image", "inspect", &deployed]).output().expect("docker");
    assert!(!inspected.status.success(), "it was not pulled either");

    // Another content of the same length is another image; and with the switch nobody else's is used.
    theirs.write("web/www/index.html", &format!("two of {image}\n"));
    let said = ci(&theirs);
    assert!(said.contains("[3/3] RUN cat"), "{said}");
    assert_ne!(state(&theirs).0, deployed);
    theirs.write("web/www/index.html", &format!("one of {image}\n"));
    let cache = theirs.path().join("another").display().to_string();
    let env = [("XDG_CACHE_HOME", cache.as_str()), ("DEVLOOP_SHARED_IMAGES", "off")];
    let ended = devloop_with(theirs.path(), &["ci"], &env);
    ended.code(0);
    assert!(!ended.stdout.contains("the registry has an image"), "{}", ended.stdout);
}

#[tokio::test]
#[ignore = "needs docker (looks up images)"]
async fn what_an_image_depends_on_is_in_its_key_or_it_has_none() {
    let ground = BuildGround::new().await;
    let unique = unique();
    let plain = ground.request(&format!("FROM busybox\nRUN echo {unique}\n"));
    let key = async |request: &BuildRequest| -> Option<ContentKey> {
        ground.engine.survey(request, true).await?.content_key(&ground.engine, Bases::AsOfNow).await
    };
    let first = key(&plain).await;
    assert!(first.is_some());
    assert_eq!(key(&plain).await, first);
    let mut seen = vec![first];
    let mut differs = async |what: &str, request: BuildRequest| {
        let now = key(&request).await;
        assert!(now.is_some() && !seen.contains(&now), "{what}: {now:?}");
        seen.push(now);
    };
    let build_args = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
    differs("an argument", BuildRequest { build_args, ..plain.clone() }).await;
    differs("a stage", BuildRequest { target: "a".to_owned(), ..plain.clone() }).await;
    differs("a platform", BuildRequest { platform: "linux/amd64".to_owned(), ..plain.clone() }).await;
    differs("a network", BuildRequest { network: String::new(), ..plain.clone() }).await;
    differs("a host", BuildRequest { extra_hosts: vec!["a:10.0.0.1".to_owned()], ..plain.clone() }).await;
    // The base image is another one under the same name.
    let base = format!("devloop-test/base-{}:1", unique.to_lowercase());
    docker(&["tag", "busybox", &base]);
    let on_base = BuildRequest { dockerfile: format!("FROM {base}\n"), ..plain.clone() };
    differs("another base image", on_base.clone()).await;
    let other = ground.build(&plain).await.expect("an image");
    docker(&["tag", &other.id, &base]);
    differs("another base image of the same name", on_base).await;
    docker(&["rmi", &base]);
    for (what, request) in [
        ("a secret", BuildRequest { secrets: vec!["id=a,env=PATH".to_owned()], ..plain.clone() }),
        ("an agent", BuildRequest { ssh: vec!["default".to_owned()], ..plain.clone() }),
        ("pull", BuildRequest { pull: true, ..plain.clone() }),
        (
            "an address",
            BuildRequest { dockerfile: "FROM scratch\nADD https://a.example/b /b\n".to_owned(), ..plain.clone() },
        ),
        ("an unknown base", BuildRequest { dockerfile: "FROM localhost:1/nosuch:1\n".to_owned(), ..plain }),
    ] {
        assert_eq!(key(&request).await, None, "{what}");
    }
}
