//! Scripts: events in, effects and holds out. Time is an argument; nothing is mocked, because nothing is outside.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;

use super::*;
use crate::diagnostic::{Span, Spanned};
use crate::k8s::{Container, ContainerKind, ContainerState, Object, ObjectId, Pod, PodPhase, Uid};
use crate::project::{
    CommandLine, DiscoveryStrategy, DockerBuild, Dockerfile, Image, ImageBuild, ImageName, ImageReference,
    KubernetesTarget, LiveUpdate, LocalTarget, PathFilter, PodReadiness, Project, ProjectName, Resource, ResourceName,
    Settings, Sync, Target, TriggerMode, WatchedTree,
};

fn span() -> Span {
    Span::file("/p/Devfile")
}

fn tree(root: &str) -> WatchedTree {
    WatchedTree { root: root.into(), filter: Arc::new(PathFilter::default()) }
}

fn image(name: &str, live: bool) -> Arc<Image> {
    let dir = format!("/p/{name}");
    Arc::new(Image {
        name: ImageName::from(name),
        reference: ImageReference::parse(name).unwrap(),
        exact: false,
        origin: span(),
        build: ImageBuild::Docker(Box::new(DockerBuild {
            context: dir.clone().into(),
            context_filter: Arc::default(),
            dockerfile: Dockerfile { path: None, contents: "FROM scratch".into() },
            build_args: BTreeMap::new(),
            target: String::new(),
            ssh: vec![],
            secrets: vec![],
            network: String::new(),
            extra_tags: vec![],
            cache_from: vec![],
            pull: false,
            platform: String::new(),
            extra_hosts: vec![],
        })),
        base_images: vec![],
        live_update: live.then(|| LiveUpdate {
            syncs: vec![Sync { local: format!("{dir}/src").into(), remote: "/app".into(), origin: span() }],
            ..LiveUpdate::default()
        }),
        match_in_env_vars: false,
        entrypoint: None,
        container_args: None,
        watched: vec![tree(&dir)],
    })
}

fn object(kind: &str, name: &str) -> Arc<Object> {
    let id = ObjectId {
        api_version: "apps/v1".into(),
        kind: kind.into(),
        namespace: Some("default".into()),
        name: name.into(),
    };
    Arc::new(Object { id, value: serde_json::json!({ "name": name }), origin: span(), locators: vec![] })
}

fn resource(name: &str, target: Target) -> Resource {
    Resource {
        name: name.into(),
        origin: span(),
        target,
        resource_deps: vec![],
        trigger_mode: TriggerMode::Auto,
        auto_init: true,
        labels: std::collections::BTreeSet::new(),
        links: vec![],
        enabled: true,
    }
}

/// A Deployment of the same name as its images' first.
fn deployment(name: &str, images: &[&str]) -> Resource {
    let images: Vec<ImageName> = images.iter().map(|name| ImageName::from(*name)).collect();
    resource(
        name,
        Target::Kubernetes(Box::new(KubernetesTarget {
            objects: vec![object("Deployment", name)],
            deployed_images: images.clone(),
            images,
            pod_readiness: PodReadiness::Wait,
            port_forwards: vec![],
            extra_pod_selectors: vec![],
            discovery: DiscoveryStrategy::Default,
        })),
    )
}

fn command(text: &str) -> CommandLine {
    CommandLine { argv: vec!["sh".into(), "-c".into(), text.into()], dir: "/p".into(), env: vec![] }
}

fn local(name: &str, cmd: Option<&str>, serve: Option<&str>) -> Resource {
    resource(
        name,
        Target::Local(Box::new(LocalTarget {
            cmd: cmd.map(command),
            serve_cmd: serve.map(command),
            watched: vec![tree(&format!("/p/{name}"))],
            allow_parallel: true,
            readiness_probe: None,
        })),
    )
}

fn after(mut resource: Resource, deps: &[&str]) -> Resource {
    resource.resource_deps = deps.iter().map(|dep| Spanned { value: ResourceName::from(*dep), span: span() }).collect();
    resource
}

fn project(images: &[Arc<Image>], resources: Vec<Resource>) -> Arc<Project> {
    Arc::new(Project {
        name: ProjectName::from("p"),
        root: "/p".into(),
        entry_file: "/p/Devfile".into(),
        images: images.iter().map(|image| (image.name.clone(), Arc::clone(image))).collect(),
        resources: resources.into_iter().map(|it| (it.name.clone(), Arc::new(it))).collect::<IndexMap<_, _>>(),
        api_objects: vec![],
        settings: Settings::default(),
        config_files: vec![tree("/p/Devfile")],
        global_filter: Arc::default(),
        warnings: vec![],
        secrets: vec![],
    })
}

/// Runs the engine and answers its effects by hand.
struct Script {
    engine: Engine,
    now: SessionTime,
    /// Effects that have not been answered, in order.
    open: Vec<Effect>,
    /// Short forms of all effects since the last look.
    seen: Vec<String>,
}

impl Script {
    fn new(mode: Mode, project: &Arc<Project>) -> Self {
        let engine = Engine::new(EngineOptions {
            mode,
            entry_file: "/p/Devfile".into(),
            started: DateTime::<Utc>::UNIX_EPOCH,
            context: None,
            namespace: None,
        });
        let mut script = Self { engine, now: SessionTime::default(), open: vec![], seen: vec![] };
        script.send(Event::Woken);
        script.load(project);
        script
    }

    fn up(images: &[Arc<Image>], resources: Vec<Resource>) -> Self {
        Self::new(Mode::Up, &project(images, resources))
    }

    fn send(&mut self, event: Event) {
        self.now = self.now + Duration::from_millis(1);
        for effect in self.engine.handle(event, self.now) {
            if let Some(text) = short(&effect) {
                self.seen.push(text);
            }
            self.open.push(effect);
        }
    }

    /// What was asked for since the last call, but for log lines.
    fn asked(&mut self) -> Vec<String> {
        std::mem::take(&mut self.seen)
    }

    fn take(&mut self, what: &str) -> WorkId {
        let position = self.open.iter().position(|effect| short(effect).is_some_and(|text| text == what));
        let position = position.unwrap_or_else(|| {
            panic!("{what} was not asked for, but {:?}", self.open.iter().filter_map(short).collect::<Vec<_>>())
        });
        work_of(&self.open.remove(position)).expect("an effect with work")
    }

    fn finish(&mut self, what: &str, result: WorkResult) {
        let work = self.take(what);
        self.send(Event::Finished { work, result });
    }

    fn load(&mut self, project: &Arc<Project>) {
        let outcome = ConfigOutcome {
            project: Some(Arc::clone(project)),
            diagnostics: vec![],
            config_files: project.config_files.clone(),
            duration: Duration::ZERO,
        };
        self.finish("load", WorkResult::Config(Box::new(outcome)));
    }

    fn built(&mut self, image: &str, tag: &str) {
        let reference = format!("{image}:{tag}");
        let built = BuiltImage { local_ref: reference.clone(), cluster_ref: reference, inject: true };
        self.finish(&format!("build {image}"), WorkResult::Image(Ok(built)));
    }

    fn deployed(&mut self, name: &str) {
        let objects =
            vec![DeployedObject { id: object("Deployment", name).id.clone(), uid: uid(name), job_complete: false }];
        let deployment = Deployment { objects, template_hashes: std::collections::BTreeSet::new() };
        self.finish(&format!("deploy {name}"), WorkResult::Deploy(Ok(deployment)));
    }

    fn failed(&mut self, what: &str, message: &str) {
        let error = WorkError::Failed(message.into());
        let result = match what.split(' ').next() {
            Some("build") => WorkResult::Image(Err(error)),
            Some("deploy") => WorkResult::Deploy(Err(error)),
            _ => WorkResult::Local(Err(error)),
        };
        self.finish(what, result);
    }

    fn changed(&mut self, paths: &[&str]) {
        self.send(Event::FilesChanged(paths.iter().map(PathBuf::from).collect()));
    }

    fn pod(&mut self, pod: Pod) {
        self.send(Event::PodChanged(Box::new(pod)));
    }

    /// Builds, deploys and starts `name` with the image of the same name.
    fn bring_up(&mut self, name: &str) {
        self.built(name, "1");
        self.deployed(name);
        self.pod(running(name, "pod-1", "c1", &format!("{name}:1")));
        self.asked();
    }

    fn row(&self, name: &str) -> ResourceSnapshot {
        let snapshot = self.engine.snapshot();
        snapshot.resources.into_iter().find(|row| row.name.as_str() == name).expect("a row")
    }

    fn hold(&self, name: &str) -> Option<Hold> {
        self.row(name).hold
    }
}

fn uid(name: &str) -> Uid {
    Uid(name.into())
}

fn running(owner: &str, pod: &str, id: &str, image: &str) -> Pod {
    Pod {
        uid: uid(pod),
        name: pod.into(),
        namespace: "default".into(),
        labels: BTreeMap::new(),
        owners: vec![uid(owner)],
        owner_created: None,
        created: DateTime::<Utc>::UNIX_EPOCH,
        deleting: false,
        phase: PodPhase::Running,
        reason: String::new(),
        message: String::new(),
        unschedulable: None,
        node: None,
        containers: vec![Container {
            name: "main".into(),
            kind: ContainerKind::Regular,
            image: image.into(),
            id: Some(id.into()),
            state: ContainerState::Running { started: DateTime::<Utc>::UNIX_EPOCH },
            last_termination: None,
            ready: true,
            restarts: 0,
            ports: vec![],
        }],
    }
}

fn short(effect: &Effect) -> Option<String> {
    Some(match effect {
        Effect::LoadConfig { .. } => "load".into(),
        Effect::BuildImage { image, force, .. } => format!("build {}{}", image.name, if *force { " anew" } else { "" }),
        Effect::Deploy { resource, force, .. } => {
            format!("deploy {}{}", resource.name, if *force { " anew" } else { "" })
        }
        Effect::RunLocal { resource, .. } => format!("run {}", resource.name),
        Effect::Serve { resource, .. } => format!("serve {}", resource.name),
        Effect::LiveUpdate { container, copies, .. } => {
            let files: Vec<String> = copies.iter().map(|copy| copy.remote.display().to_string()).collect();
            format!("sync {}/{} {}", container.pod, container.id, files.join(","))
        }
        Effect::DeleteObjects { resource, .. } => format!("delete objects of {resource}"),
        Effect::PruneStale { .. } => "prune".into(),
        Effect::RestartRollout { resource, .. } => format!("restart {}", resource.name),
        Effect::Cancel { .. } => "cancel".into(),
        Effect::Adopt { .. } | Effect::Log { .. } => return None,
    })
}

fn work_of(effect: &Effect) -> Option<WorkId> {
    match effect {
        Effect::LoadConfig { work }
        | Effect::BuildImage { work, .. }
        | Effect::Deploy { work, .. }
        | Effect::RunLocal { work, .. }
        | Effect::Serve { work, .. }
        | Effect::LiveUpdate { work, .. }
        | Effect::DeleteObjects { work, .. }
        | Effect::PruneStale { work, .. }
        | Effect::RestartRollout { work, .. }
        | Effect::Cancel { work } => Some(*work),
        Effect::Adopt { .. } | Effect::Log { .. } => None,
    }
}

#[test]
fn a_resource_is_built_deployed_and_ready() {
    let mut script = Script::up(&[image("web", false)], vec![deployment("web", &["web"])]);
    assert_eq!(script.asked(), ["load", "build web"]);
    script.built("web", "1");
    assert_eq!(script.asked(), ["deploy web"]);
    script.deployed("web");
    assert_eq!(script.row("web").runtime, RuntimeStatus::Pending);
    script.pod(running("web", "pod-1", "c1", "web:1"));
    let row = script.row("web");
    assert_eq!((row.update, row.runtime), (UpdateStatus::Ok, RuntimeStatus::Ok));
}

#[test]
fn dependent_waits_until_its_dependency_has_been_ready_once() {
    let mut script = Script::up(&[], vec![after(deployment("web", &[]), &["db"]), deployment("db", &[])]);
    assert_eq!(script.asked(), ["load", "deploy db"]);
    assert_eq!(script.hold("web"), Some(Hold::WaitingForDependencies(vec!["db".into()])));
    script.deployed("db");
    assert_eq!(script.asked(), [""; 0]);
    script.pod(running("db", "pod-1", "c1", "x"));
    assert_eq!(script.asked(), ["deploy web"]);
}

#[test]
fn an_image_of_several_resources_is_built_once() {
    let mut script = Script::up(&[image("app", false)], vec![deployment("a", &["app"]), deployment("b", &["app"])]);
    assert_eq!(script.asked(), ["load", "build app"]);
    assert_eq!(script.hold("b"), Some(Hold::BuildingComponent(vec!["app".into()])));
    script.built("app", "1");
    assert_eq!(script.asked(), ["deploy a", "deploy b"]);
}

#[test]
fn a_failing_build_fails_once_for_all_its_resources_and_waits_for_a_change() {
    let mut script = Script::up(&[image("app", false)], vec![deployment("a", &["app"]), deployment("b", &["app"])]);
    script.asked();
    script.failed("build app", "no such file");
    assert_eq!(script.asked(), [""; 0]);
    assert_eq!((script.row("a").update, script.row("b").update), (UpdateStatus::Error, UpdateStatus::Error));
    script.changed(&["/p/app/main.py"]);
    assert_eq!(script.asked(), ["build app"]);
}

#[test]
fn no_more_updates_run_than_may() {
    let resources: Vec<Resource> = (0..5).map(|i| deployment(&format!("r{i}"), &[])).collect();
    let mut script = Script::up(&[], resources);
    assert_eq!(script.asked(), ["load", "deploy r0", "deploy r1", "deploy r2"]);
    assert_eq!(script.hold("r3"), Some(Hold::ParallelLimit { limit: 3 }));
    script.deployed("r1");
    assert_eq!(script.asked(), ["deploy r3"]);
}

#[test]
fn an_edit_goes_into_the_running_container_without_a_build() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.asked();
    script.bring_up("web");
    script.changed(&["/p/web/src/a.py"]);
    assert_eq!(script.asked(), ["sync pod-1/c1 /app/a.py"]);
    assert_eq!(script.row("web").update, UpdateStatus::InProgress);
    script.finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Ok(())));
    let row = script.row("web");
    assert_eq!((row.update, row.pending_file_count, script.asked().len()), (UpdateStatus::Ok, 0, 0));
}

#[test]
fn live_updates_go_on_for_ever() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    for _ in 0..50 {
        script.changed(&["/p/web/src/a.py"]);
        assert_eq!(script.asked(), ["sync pod-1/c1 /app/a.py"]);
        script.finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Ok(())));
    }
}

#[test]
fn a_file_that_no_sync_covers_rebuilds_and_says_why() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    script.changed(&["/p/web/src/a.py", "/p/web/requirements.txt"]);
    assert_eq!(script.asked(), ["build web"]);
    script.built("web", "2");
    script.deployed("web");
    let reason = script.row("web").history[0].rebuild_reason.clone().unwrap();
    assert!(reason.contains("requirements.txt"), "{reason}");
}

#[test]
fn a_restarted_container_gets_its_files_again_before_it_counts_as_ready() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    script.changed(&["/p/web/src/a.py"]);
    script.finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Ok(())));
    script.asked();
    script.pod(running("web", "pod-1", "c2", "web:1"));
    assert_eq!(script.asked(), ["sync pod-1/c2 /app/a.py"]);
    assert_eq!(script.row("web").runtime, RuntimeStatus::Pending);
    script.finish("sync pod-1/c2 /app/a.py", WorkResult::Live(Ok(())));
    assert_eq!(script.row("web").runtime, RuntimeStatus::Ok);
}

#[test]
fn a_save_during_a_build_arrives_after_it() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.asked();
    script.changed(&["/p/web/src/a.py"]);
    assert_eq!(script.asked(), [""; 0], "live update will bring it, so the build goes on");
    script.built("web", "1");
    script.deployed("web");
    script.asked();
    script.pod(running("web", "pod-1", "c1", "web:1"));
    assert_eq!(script.asked(), ["sync pod-1/c1 /app/a.py"]);
}

#[test]
fn a_build_that_a_save_made_stale_is_cancelled_and_started_again() {
    let mut script = Script::up(&[image("web", false)], vec![deployment("web", &["web"])]);
    script.asked();
    script.changed(&["/p/web/main.go"]);
    assert_eq!(script.asked(), ["cancel"]);
    script.finish("build web", WorkResult::Image(Err(WorkError::Cancelled)));
    assert_eq!(script.asked(), ["build web"]);
    script.built("web", "1");
    script.deployed("web");
    assert_eq!(script.asked(), ["deploy web", "prune"]);
    assert_eq!(script.row("web").pending_file_count, 0);
}

#[test]
fn the_connection_breaking_is_repaired_and_then_rebuilt() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    script.changed(&["/p/web/src/a.py"]);
    for _ in 0..2 {
        script.asked();
        script.finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Err(LiveError::Interrupted("reset".into()))));
        assert_eq!(script.asked(), ["sync pod-1/c1 /app/a.py"]);
    }
    script.finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Err(LiveError::Interrupted("reset".into()))));
    assert_eq!(script.asked(), ["build web"]);
}

#[test]
fn a_failing_run_step_is_shown_and_does_not_rebuild() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    script.changed(&["/p/web/src/a.py"]);
    script.finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Err(LiveError::RunFailed("exit 1".into()))));
    script.asked();
    assert_eq!(script.row("web").update, UpdateStatus::Error);
    script.changed(&["/p/web/src/a.py"]);
    assert_eq!(script.asked(), ["sync pod-1/c1 /app/a.py"]);
    script.finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Ok(())));
    assert_eq!(script.row("web").update, UpdateStatus::Ok);
}

#[test]
fn a_broken_build_does_not_loop_and_the_old_pods_stay() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    script.changed(&["/p/web/Makefile"]);
    script.asked();
    script.failed("build web", "syntax error");
    assert_eq!(script.asked(), [""; 0]);
    let row = script.row("web");
    assert_eq!((row.update, row.runtime), (UpdateStatus::Error, RuntimeStatus::Ok));
    script.pod(running("web", "pod-1", "c1", "web:1"));
    assert_eq!(script.asked(), [""; 0]);
    script.changed(&["/p/web/src/a.py"]);
    assert_eq!(script.asked(), ["build web"], "after a failed build every change builds");
}

#[test]
fn a_lost_engine_interrupts_and_the_update_goes_on_when_it_is_back() {
    let mut script = Script::up(&[image("web", false)], vec![deployment("web", &["web"])]);
    script.asked();
    script.send(Event::DockerChanged(Connection::Lost("stopped".into())));
    script.finish("build web", WorkResult::Image(Err(WorkError::Lost("the engine went away".into()))));
    assert_eq!(script.asked(), [""; 0]);
    assert_eq!(script.hold("web"), Some(Hold::WaitingForDocker));
    script.send(Event::DockerChanged(Connection::Ok));
    assert_eq!(script.asked(), ["build web"]);
}

#[test]
fn a_failed_reload_keeps_what_runs_and_a_good_one_touches_only_what_changed() {
    let images = [image("web", false)];
    let mut script = Script::up(&images, vec![deployment("web", &["web"]), deployment("db", &[])]);
    script.built("web", "1");
    script.deployed("web");
    script.deployed("db");
    script.asked();
    script.changed(&["/p/Devfile"]);
    assert_eq!(script.asked(), ["load"]);
    let broken = ConfigOutcome {
        project: None,
        diagnostics: vec![crate::diagnostic::Diagnostic::error("broken")],
        config_files: vec![tree("/p/Devfile")],
        duration: Duration::ZERO,
    };
    script.finish("load", WorkResult::Config(Box::new(broken)));
    assert_eq!(script.asked(), [""; 0]);
    assert_eq!(script.engine.snapshot().config.state, ConfigState::Failed);
    script.changed(&["/p/Devfile"]);
    let mut changed = deployment("web", &["web"]);
    if let Target::Kubernetes(target) = &mut changed.target {
        target.objects =
            vec![Arc::new(Object { value: serde_json::json!({"replicas": 2}), ..(*target.objects[0]).clone() })];
    }
    script.load(&project(&images, vec![changed]));
    assert_eq!(script.asked(), ["load", "delete objects of db", "deploy web"]);
}

#[test]
fn a_serve_process_is_restarted_after_each_update_and_not_by_itself() {
    let mut script = Script::up(&[], vec![local("api", Some("make"), Some("./api"))]);
    assert_eq!(script.asked(), ["load", "run api"]);
    script.finish("run api", WorkResult::Local(Ok(())));
    assert_eq!(script.asked(), ["serve api"]);
    let work =
        script.open.iter().find_map(|effect| matches!(effect, Effect::Serve { .. }).then(|| work_of(effect).unwrap()));
    script.send(Event::ServeStarted { work: work.unwrap(), pid: 7 });
    assert_eq!(script.row("api").runtime, RuntimeStatus::Ok);
    script.changed(&["/p/api/x"]);
    script.finish("run api", WorkResult::Local(Ok(())));
    assert_eq!(script.asked(), ["run api", "cancel"]);
    script.finish("serve api", WorkResult::Serve("ended by signal 15".into()));
    assert_eq!(script.asked(), ["serve api"]);
    script.finish("serve api", WorkResult::Serve("exited with exit code 0".into()));
    assert_eq!(script.asked(), [""; 0]);
    assert_eq!(script.row("api").runtime, RuntimeStatus::Error);
}

#[test]
fn a_local_command_that_must_run_alone_does() {
    let mut alone = local("codegen", Some("make"), None);
    if let Target::Local(target) = &mut alone.target {
        target.allow_parallel = false;
    }
    let mut script = Script::up(&[], vec![alone, deployment("web", &[])]);
    assert_eq!(script.asked(), ["load", "run codegen"]);
    assert_eq!(script.hold("web"), Some(Hold::WaitingForLocal("codegen".into())));
    script.finish("run codegen", WorkResult::Local(Ok(())));
    assert_eq!(script.asked(), ["deploy web"]);
}

#[test]
fn a_trigger_on_an_automatic_resource_builds_and_deploys_anew() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    script.send(Event::Command(Command::Trigger("web".into())));
    assert_eq!(script.asked(), ["build web anew"]);
    let built = BuiltImage { local_ref: "web:1".into(), cluster_ref: "web:1".into(), inject: true };
    script.finish("build web anew", WorkResult::Image(Ok(built)));
    assert_eq!(script.asked(), ["deploy web anew"]);
}

#[test]
fn a_manual_resource_collects_changes_until_it_is_triggered() {
    let mut web = deployment("web", &["web"]);
    web.trigger_mode = TriggerMode::Manual;
    let mut script = Script::up(&[image("web", true)], vec![web]);
    script.bring_up("web");
    script.changed(&["/p/web/src/a.py"]);
    assert_eq!((script.asked().len(), script.hold("web")), (0, Some(Hold::Manual)));
    script.send(Event::Command(Command::Trigger("web".into())));
    assert_eq!(script.asked(), ["sync pod-1/c1 /app/a.py"]);
}

#[test]
fn quitting_cancels_everything_and_ends_when_all_has_ended() {
    let mut script =
        Script::up(&[image("web", false)], vec![deployment("web", &["web"]), local("api", None, Some("./api"))]);
    script.asked();
    script.send(Event::Command(Command::Quit));
    assert_eq!(script.asked(), ["cancel", "cancel"]);
    assert!(!script.engine.is_stopped());
    script.finish("build web", WorkResult::Image(Err(WorkError::Cancelled)));
    script.finish("serve api", WorkResult::Serve("stopped".into()));
    assert!(script.engine.is_stopped());
    assert_eq!(script.engine.snapshot().phase, SessionPhase::Stopped);
}

fn ci(resources: Vec<Resource>) -> Script {
    Script::new(Mode::Ci { timeout: Some(Duration::from_mins(1)) }, &project(&[], resources))
}

#[test]
fn ci_succeeds_when_everything_is_ready_and_ignores_what_was_never_asked_for() {
    let mut never = deployment("debug", &[]);
    never.auto_init = false;
    let mut script = ci(vec![deployment("web", &[]), never]);
    script.deployed("web");
    assert_eq!(script.engine.snapshot().verdict, None);
    script.pod(running("web", "pod-1", "c1", "x"));
    assert_eq!(script.engine.snapshot().verdict, Some(Verdict::Success));
}

#[test]
fn ci_fails_at_once_with_the_reason_of_a_failed_update() {
    let mut script = ci(vec![deployment("web", &[]), local("gen", Some("false"), None)]);
    script.failed("run gen", "exit status 1");
    let verdict = Verdict::Failure { resource: Some("gen".into()), reason: "exit status 1".into() };
    assert_eq!(script.engine.snapshot().verdict, Some(verdict));
}

#[test]
fn ci_never_hangs_past_its_timeout() {
    let mut script = ci(vec![deployment("web", &[])]);
    script.deployed("web");
    let wake = script.engine.wake_at().unwrap();
    script.now = wake;
    script.send(Event::Woken);
    let Some(Verdict::Failure { reason, .. }) = script.engine.snapshot().verdict else { panic!("no verdict") };
    assert!(reason.contains("timeout after 1m"), "{reason}");
}

/// Answers of the outside world to random effects, in random order.
#[derive(Clone, Debug)]
enum Step {
    /// Answers the open effect at this place (modulo their number), well or badly.
    Answer {
        place: usize,
        good: bool,
    },
    Edit(usize),
    Pod(usize),
    Trigger(usize),
    Stop(usize),
    Disable(usize),
    Enable(usize),
    Docker(bool),
    Cluster(bool),
    Reload(bool),
}

fn step() -> impl proptest::strategy::Strategy<Value = Step> {
    use proptest::prelude::*;
    prop_oneof![
        10 => (any::<usize>(), prop::bool::weighted(0.8)).prop_map(|(place, good)| Step::Answer { place, good }),
        4 => any::<usize>().prop_map(Step::Edit),
        4 => any::<usize>().prop_map(Step::Pod),
        1 => any::<usize>().prop_map(Step::Trigger),
        1 => any::<usize>().prop_map(Step::Stop),
        1 => any::<usize>().prop_map(Step::Disable),
        1 => any::<usize>().prop_map(Step::Enable),
        1 => any::<bool>().prop_map(Step::Docker),
        1 => any::<bool>().prop_map(Step::Cluster),
        1 => any::<bool>().prop_map(Step::Reload),
    ]
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn random_project() -> Arc<Project> {
    let mut shared = deployment("c", &["a", "b"]);
    shared.trigger_mode = TriggerMode::Manual;
    project(
        &[image("a", true), image("b", false)],
        vec![
            deployment("a", &["a"]),
            after(deployment("b", &["b"]), &["a"]),
            shared,
            after(local("d", Some("x"), Some("y")), &["b"]),
        ],
    )
}

impl Script {
    /// Ends a piece of work that was asked for.
    fn answer(&mut self, place: usize, good: bool, project: &Arc<Project>) {
        self.open.retain(|effect| work_of(effect).is_some());
        if self.open.is_empty() {
            return;
        }
        let effect = self.open.remove(place % self.open.len());
        let Some(work) = work_of(&effect) else { return };
        let failed = || WorkError::Failed("bad luck".into());
        let result = match &effect {
            Effect::LoadConfig { .. } => WorkResult::Config(Box::new(ConfigOutcome {
                project: good.then(|| Arc::clone(project)),
                diagnostics: vec![],
                config_files: project.config_files.clone(),
                duration: Duration::ZERO,
            })),
            Effect::BuildImage { image, .. } => {
                let reference = format!("{}:{}", image.name, work.0);
                let built = BuiltImage { local_ref: reference.clone(), cluster_ref: reference, inject: true };
                WorkResult::Image(if good { Ok(built) } else { Err(failed()) })
            }
            Effect::Deploy { resource, .. } => {
                let id = object("Deployment", resource.name.as_str()).id.clone();
                let objects = vec![DeployedObject { id, uid: uid(resource.name.as_str()), job_complete: false }];
                let deployment = Deployment { objects, template_hashes: std::collections::BTreeSet::new() };
                WorkResult::Deploy(if good { Ok(deployment) } else { Err(failed()) })
            }
            Effect::RunLocal { .. } => WorkResult::Local(if good { Ok(()) } else { Err(failed()) }),
            Effect::Serve { .. } if good => {
                self.open.push(effect);
                self.send(Event::ServeStarted { work, pid: 1 });
                return;
            }
            Effect::Serve { .. } => WorkResult::Serve("ended".into()),
            Effect::LiveUpdate { .. } => {
                WorkResult::Live(if good { Ok(()) } else { Err(LiveError::Interrupted("reset".into())) })
            }
            Effect::Cancel { work } => {
                // What is cancelled ends, each in its own way.
                let Some(place) = self
                    .open
                    .iter()
                    .position(|open| work_of(open) == Some(*work) && !matches!(open, Effect::Cancel { .. }))
                else {
                    return;
                };
                let (work, result) = (
                    *work,
                    match self.open.remove(place) {
                        Effect::BuildImage { .. } => WorkResult::Image(Err(WorkError::Cancelled)),
                        Effect::Deploy { .. } => WorkResult::Deploy(Err(WorkError::Cancelled)),
                        Effect::RunLocal { .. } => WorkResult::Local(Err(WorkError::Cancelled)),
                        Effect::Serve { .. } => WorkResult::Serve("stopped".into()),
                        Effect::LiveUpdate { .. } => WorkResult::Live(Err(LiveError::Cancelled)),
                        Effect::LoadConfig { .. } => WorkResult::Crashed("cancelled".into()),
                        _ => WorkResult::Housekeeping(Err(WorkError::Cancelled)),
                    },
                );
                self.send(Event::Finished { work, result });
                return;
            }
            _ => WorkResult::Housekeeping(if good { Ok(()) } else { Err(failed()) }),
        };
        self.send(Event::Finished { work, result });
    }

    /// What must hold after every event.
    fn check(&self) {
        let building: Vec<&ImageName> = self
            .open
            .iter()
            .filter_map(|effect| match effect {
                Effect::BuildImage { image, .. } => Some(&image.name),
                _ => None,
            })
            .collect();
        let mut distinct = building.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(building.len(), distinct.len(), "two builds of one image at a time");
        let snapshot = self.engine.snapshot();
        let running = snapshot.resources.iter().filter(|row| row.current.is_some()).count();
        assert!(running <= 3, "more updates than may run");
        for row in &snapshot.resources {
            assert!(row.enabled || row.current.is_none(), "{} is disabled and being updated", row.name);
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 300, ..Default::default() })]

    /// Whatever happens in whatever order: no two builds of one image, no more updates than may run, no update of a disabled
    /// resource, and quitting always ends.
    #[test]
    fn random_sessions_keep_the_invariants(steps in proptest::collection::vec(step(), 0..80)) {
        let project = random_project();
        let mut script = Script::new(Mode::Up, &project);
        let name = |place: usize| ResourceName::from(NAMES[place % NAMES.len()]);
        for step in steps {
            match step {
                Step::Answer { place, good } => script.answer(place, good, &project),
                Step::Edit(place) => script.changed(&[&format!("/p/{}/{}", NAMES[place % 4], ["src/x", "y"][place % 2])]),
                Step::Pod(place) => {
                    let owner = NAMES[place % 3];
                    let image = script.engine.project().map_or(String::new(), |_| format!("{owner}:{}", place % 9));
                    script.pod(running(owner, &format!("pod-{owner}"), &format!("c{}", place % 5), &image));
                }
                Step::Trigger(place) => script.send(Event::Command(Command::Trigger(name(place)))),
                Step::Stop(place) => script.send(Event::Command(Command::Stop(name(place)))),
                Step::Disable(place) => script.send(Event::Command(Command::Disable(Selection::Names(vec![name(place)])))),
                Step::Enable(place) => script.send(Event::Command(Command::Enable(Selection::Names(vec![name(place)])))),
                Step::Docker(up) => script.send(Event::DockerChanged(if up { Connection::Ok } else { Connection::Lost("away".into()) })),
                Step::Cluster(up) => script.send(Event::ClusterChanged(if up { Connection::Ok } else { Connection::Lost("away".into()) })),
                Step::Reload(user) => if user { script.send(Event::Command(Command::ReloadConfig)) } else { script.changed(&["/p/Devfile"]) },
            }
            script.check();
        }
        script.send(Event::Command(Command::Quit));
        for _ in 0..200 {
            if script.engine.is_stopped() {
                break;
            }
            // Cancellations first: they are what ends the rest.
            script.open.sort_by_key(|effect| !matches!(effect, Effect::Cancel { .. }));
            script.answer(0, false, &project);
        }
        assert!(script.engine.is_stopped(), "quitting does not end: {:?}", script.open.iter().filter_map(short).collect::<Vec<_>>());
    }
}

#[test]
fn an_edit_during_the_deploy_of_a_shared_image_reaches_both_resources() {
    let mut script = Script::up(&[image("app", false)], vec![deployment("a", &["app"]), deployment("b", &["app"])]);
    script.built("app", "1");
    script.deployed("b");
    script.asked();
    // `a` is still being deployed with the first image when `b` builds the second one.
    script.changed(&["/p/app/main.py"]);
    assert_eq!(script.asked(), ["build app"]);
    script.built("app", "2");
    script.deployed("b");
    script.deployed("a");
    assert!(script.asked().contains(&"deploy a".to_owned()), "`a` runs the first image");
    script.deployed("a");
    assert_eq!(script.asked(), [""; 0]);
}

#[test]
fn an_edit_while_the_cluster_is_away_goes_into_the_container_afterwards() {
    let mut script = Script::up(&[image("web", true)], vec![deployment("web", &["web"])]);
    script.bring_up("web");
    let lost = || Event::ClusterChanged(Connection::Lost("connection refused".into()));
    script.changed(&["/p/web/src/a.py"]);
    script.send(lost());
    script
        .finish("sync pod-1/c1 /app/a.py", WorkResult::Live(Err(LiveError::Interrupted("connection refused".into()))));
    script.changed(&["/p/web/src/b.py"]);
    script.asked();
    assert_eq!(script.hold("web"), Some(Hold::WaitingForCluster));
    script.send(Event::ClusterChanged(Connection::Ok));
    assert_eq!(script.asked(), ["sync pod-1/c1 /app/a.py,/app/b.py"]);
}

#[test]
fn a_deletion_that_met_an_outage_is_made_up_for() {
    let mut script = Script::up(&[], vec![deployment("web", &[]), deployment("db", &[])]);
    script.deployed("web");
    script.deployed("db");
    script.finish("prune", WorkResult::Housekeeping(Ok(())));
    script.changed(&["/p/Devfile"]);
    script.load(&project(&[], vec![deployment("web", &[])]));
    script.asked();
    script.send(Event::ClusterChanged(Connection::Lost("connection refused".into())));
    let lost = WorkError::Lost("connection refused".into());
    script.finish("delete objects of db", WorkResult::Housekeeping(Err(lost)));
    assert_eq!(script.asked(), [""; 0]);
    script.send(Event::ClusterChanged(Connection::Ok));
    assert_eq!(script.asked(), ["prune"]);
}

#[test]
fn a_triggered_update_that_met_an_outage_is_still_a_forced_one() {
    let mut script = Script::up(&[], vec![deployment("job", &[])]);
    script.deployed("job");
    script.send(Event::Command(Command::Trigger("job".into())));
    script.asked();
    script.send(Event::ClusterChanged(Connection::Lost("connection refused".into())));
    script.finish("deploy job anew", WorkResult::Deploy(Err(WorkError::Lost("connection refused".into()))));
    script.send(Event::ClusterChanged(Connection::Ok));
    assert_eq!(script.asked(), ["deploy job anew"]);
}

#[test]
fn an_edit_of_the_devfile_during_its_first_evaluation_evaluates_it_again() {
    let engine = Engine::new(EngineOptions {
        mode: Mode::Up,
        entry_file: "/p/Devfile".into(),
        started: DateTime::<Utc>::UNIX_EPOCH,
        context: None,
        namespace: None,
    });
    let mut script = Script { engine, now: SessionTime::default(), open: vec![], seen: vec![] };
    script.send(Event::Woken);
    script.changed(&["/p/Devfile"]);
    assert_eq!(script.asked(), ["load"]);
    script.load(&project(&[], vec![]));
    assert_eq!(script.asked(), ["load"]);
}
