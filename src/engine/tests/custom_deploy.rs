//! Resources that the user's own commands deploy.

use super::*;
use crate::project::{CustomBuild, CustomDeploy, Push};

/// The image that stands for the files and containers of live update; nothing is built for it.
fn live_image(name: &str, container: Option<&str>) -> Arc<Image> {
    let mut image = Arc::unwrap_or_clone(image(name, true));
    image.build = ImageBuild::Custom(Box::new(CustomBuild {
        command: command(":"),
        deps: vec![format!("/p/{name}").into()],
        tag: String::new(),
        push: Push::Remote,
        outputs_image_ref_to: None,
    }));
    if let Some(live_update) = &mut image.live_update {
        live_update.container_name = container.map(str::to_owned);
    }
    Arc::new(image)
}

/// Watches `/p/NAME`, but for `/p/NAME/src`.
fn custom(name: &str, images: &[&str]) -> Resource {
    let mut resource = deployment(name, images);
    if let Target::Kubernetes(target) = &mut resource.target {
        target.objects.clear();
        target.custom_deploy = Some(Box::new(CustomDeploy {
            apply: command("apply"),
            delete: Some(command("delete")),
            watched: vec![tree(&format!("/p/{name}/chart"))],
            image_deps: images.iter().map(|name| ImageName::from(*name)).collect(),
        }));
    }
    resource
}

fn live_script(container: Option<&str>, image: &str) -> Script {
    let mut script = Script::up(&[live_image("web", container)], vec![custom("web", &["web"])]);
    let built = BuiltImage { local_ref: String::new(), cluster_ref: String::new(), inject: false };
    script.finish("build web", WorkResult::Image(Ok(built)));
    script.deployed("web");
    script.pod(running("web", "pod-1", "c1", image));
    script.asked();
    script
}

#[test]
fn its_images_come_first_and_a_change_of_its_own_files_only_applies_again() {
    let mut script = Script::up(&[image("api", false)], vec![custom("web", &["api"])]);
    assert_eq!(script.asked(), ["load", "build api"]);
    script.built("api", "1");
    assert_eq!(script.asked(), ["deploy web"]);
    script.deployed("web");
    script.pod(running("web", "pod-1", "c1", "api:1"));
    assert_eq!(script.row("web").runtime, RuntimeStatus::Ok);
    script.asked();

    script.changed(&["/p/web/chart/values.yaml"]);
    assert_eq!(script.asked(), ["deploy web"]);
    script.failed("deploy web", "apply command exited with status 1");
    assert_eq!(script.row("web").update, UpdateStatus::Error);
    assert_eq!(script.asked(), Vec::<String>::new(), "a failed update waits for the next change");
    script.changed(&["/p/web/chart/values.yaml"]);
    script.deployed("web");
    assert_eq!(script.row("web").update, UpdateStatus::Ok);
    script.asked();

    script.changed(&["/p/api/main.go"]);
    assert_eq!(script.asked(), ["build api"]);
}

#[test]
fn files_go_into_containers_of_the_selected_image_or_name() {
    for (container, image) in [(None, "web:prebuilt"), (Some("main"), "registry/anything:1")] {
        let mut script = live_script(container, image);
        script.changed(&["/p/web/src/a.py"]);
        assert_eq!(script.asked(), ["sync pod-1/c1 /app/a.py"], "{container:?}");
        script.finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Ok(())));
        assert_eq!(script.row("web").update, UpdateStatus::Ok);
    }
    let mut script = live_script(Some("sidecar"), "web:1");
    script.changed(&["/p/web/src/a.py"]);
    assert_eq!(script.asked(), Vec::<String>::new(), "no container has this name");
}

#[test]
fn a_file_that_no_sync_covers_applies_again_and_is_then_dealt_with() {
    let mut script = live_script(None, "web:1");
    script.changed(&["/p/web/Makefile"]);
    assert_eq!(script.asked(), ["deploy web"]);
    script.deployed("web");
    assert_eq!(script.asked(), Vec::<String>::new());
    // The pod is the same, and the next edit goes into it as ever.
    script.changed(&["/p/web/src/a.py"]);
    assert_eq!(script.asked(), ["sync pod-1/c1 /app/a.py"]);
}

#[test]
fn a_change_of_both_sides_applies() {
    let mut script = live_script(None, "web:1");
    script.changed(&["/p/web/src/a.py", "/p/web/chart/values.yaml"]);
    assert_eq!(script.asked(), ["deploy web"]);
}

#[test]
fn a_container_that_cannot_take_files_does_not_apply_for_ever() {
    let mut script = live_script(None, "web:1");
    script.changed(&["/p/web/src/a.py"]);
    script.finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Err(LiveError::Impossible("no tar".into()))));
    script.deployed("web");
    script.asked();
    script.pod(running("web", "pod-1", "c1", "web:1"));
    assert_eq!(script.asked(), Vec::<String>::new());
}

#[test]
fn only_what_was_applied_is_deleted() {
    let mut script = Script::up(&[], vec![custom("web", &[]), custom("api", &[])]);
    script.deployed("web");
    script.failed("deploy api", "exit status 1");
    script.asked();
    script.send(Event::Command(Command::Disable(Selection::All)));
    assert_eq!(script.asked(), ["run delete command of web"]);
}

#[test]
fn one_that_vanishes_or_becomes_another_kind_is_deleted() {
    let mut script = Script::up(&[], vec![custom("web", &[]), custom("api", &[])]);
    script.deployed("web");
    script.deployed("api");
    script.asked();
    script.send(Event::Command(Command::ReloadConfig));
    script.load(&project(&[], vec![deployment("api", &[])]));
    let asked = script.asked();
    for effect in ["run delete command of web", "run delete command of api", "deploy api"] {
        assert!(asked.iter().any(|it| it == effect), "{effect} is not in {asked:?}");
    }
}

#[test]
fn another_command_applies_again_and_other_deps_do_not() {
    let change = |change: fn(&mut CustomDeploy)| {
        let mut resource = custom("web", &[]);
        if let Target::Kubernetes(target) = &mut resource.target {
            target.custom_deploy.as_mut().into_iter().for_each(|deploy| change(deploy));
        }
        let mut script = Script::up(&[], vec![custom("web", &[])]);
        script.deployed("web");
        script.asked();
        script.send(Event::Command(Command::ReloadConfig));
        script.load(&project(&[], vec![resource]));
        script.asked()
    };
    assert_eq!(change(|deploy| deploy.apply = command("other")), ["load", "deploy web"]);
    assert_eq!(change(|deploy| deploy.watched.clear()), ["load"]);
}
