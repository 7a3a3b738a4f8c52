//! Scripts: events in, effects and holds out. Time is an argument; nothing is mocked, because nothing is outside.

mod ci;
mod compose;
mod configuration;
mod custom_deploy;
mod git;
mod live;
mod local;
mod prune;
mod random;
mod scale;
mod updates;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;

use super::*;
use crate::diagnostic::{Span, Spanned};
use crate::k8s::{Container, ContainerKind, ContainerState, Object, ObjectId, Pod, PodPhase, Uid};
use crate::project::{
    ApiCommand, ApiKind, ApiRuntime, ApiTarget, Button, ButtonInput, ButtonInputKind, CommandLine, ComposeProject,
    ComposeTarget, DiscoveryStrategy, DockerBuild, Dockerfile, Image, ImageBuild, ImageName, ImageReference,
    KubernetesTarget, LiveUpdate, LocalTarget, PathFilter, PodLogSelection, PodReadiness, Project, ProjectName,
    PruneSettings, Resource, ResourceName, Settings, StartOn, Sync, Target, TriggerMode, WatchedTree,
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
            only: vec![],
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
        ignore: Vec::new(),
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
            custom_deploy: None,
            api: None,
        })),
    )
}

/// A service of the Compose project `shop`.
fn service(name: &str, definition: &str, images: &[&str]) -> Resource {
    let project = ComposeProject {
        name: "shop".into(),
        directory: "/p".into(),
        command: vec!["docker-compose".into()],
        version: (1, 29, 2),
        profiles: vec![],
        wait: false,
        config: serde_json::Value::Null,
    };
    let images: Vec<ImageName> = images.iter().map(|name| ImageName::from(*name)).collect();
    resource(
        name,
        Target::Compose(Box::new(ComposeTarget {
            project: Arc::new(project),
            service: name.into(),
            definition: serde_json::json!(definition),
            deployed_images: images.clone(),
            images,
        })),
    )
}

/// A container of a service.
fn container(service: &str, id: &str, phase: PodPhase) -> Pod {
    let mut pod = running("", id, id, "whatever");
    pod.owners = vec![compose_owner("shop", service)];
    pod.namespace = compose_namespace("shop");
    pod.phase = phase;
    if phase != PodPhase::Running {
        let exit_code = i32::from(phase == PodPhase::Failed);
        pod.containers[0].state =
            ContainerState::Terminated { exit_code, reason: "Error".into(), message: String::new(), finished: None };
    }
    pod
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
            ignore: Vec::new(),
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
        api: ApiRuntime::default(),
        // Its own scripts ask for it; in all others it would only be in the way.
        settings: Settings {
            prune: PruneSettings { disabled: true, ..PruneSettings::default() },
            ..Settings::default()
        },
        config_files: vec![tree("/p/Devfile")],
        global_filter: Arc::default(),
        warnings: vec![],
        secrets: vec![],
    })
}

/// Runs the engine and answers its effects by hand.
struct Script {
    engine: Engine,
    /// The same engine, but for that everything is looked at on every event: nothing may come out differently.
    thorough: Option<Engine>,
    now: SessionTime,
    /// Effects that have not been answered, in order.
    open: Vec<Effect>,
    /// Short forms of all effects since the last look.
    seen: Vec<String>,
}

impl Script {
    fn new(mode: Mode, project: &Arc<Project>) -> Self {
        let options = EngineOptions {
            mode,
            entry_file: "/p/Devfile".into(),
            args: Vec::new(),
            started: DateTime::<Utc>::UNIX_EPOCH,
            context: None,
            namespace: None,
            outdated: HashMap::from([("left".to_owned(), vec!["/p/web/src/old.py".into(), "/p/web/old.txt".into()])]),
        };
        let thorough = Some(Engine::new(options.clone()));
        let engine = Engine::new(options);
        let mut script = Self { engine, thorough, now: SessionTime::default(), open: vec![], seen: vec![] };
        script.send(Event::Woken);
        script.load(project);
        script
    }

    fn up(images: &[Arc<Image>], resources: Vec<Resource>) -> Self {
        Self::new(Mode::Up, &project(images, resources))
    }

    fn send(&mut self, event: Event) {
        self.now = self.now + Duration::from_millis(1);
        let thorough = self.thorough.as_mut().map(|engine| {
            engine.touch_all();
            engine.handle(event.clone(), self.now)
        });
        let effects = self.engine.handle(event, self.now);
        if let (Some(engine), Some(expected)) = (&mut self.thorough, thorough) {
            let texts = |effects: &[Effect]| effects.iter().map(text).collect::<Vec<_>>();
            assert_eq!(texts(&effects), texts(&expected), "a resource was not looked at");
            assert_eq!(self.engine.snapshot(), engine.snapshot(), "a row was not made anew");
        }
        for effect in effects {
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
            reached: None,
            diagnostics: vec![],
            config_files: project.config_files.clone(),
            duration: Duration::ZERO,
            needs_engine: false,
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

    /// A service was started; its containers are these.
    fn started(&mut self, name: &str, containers: &[&str]) {
        let id = ObjectId { api_version: "compose".into(), kind: "Service".into(), namespace: None, name: name.into() };
        let objects = vec![DeployedObject { id, uid: compose_owner("shop", name), job_complete: false }];
        let template_hashes = containers.iter().map(|id| (*id).to_owned()).collect();
        self.finish(&format!("deploy {name}"), WorkResult::Compose(Ok(Deployment { objects, template_hashes })));
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

    fn row(&mut self, name: &str) -> ResourceSnapshot {
        let snapshot = self.engine.snapshot();
        snapshot.resources.iter().find(|row| row.name.as_str() == name).expect("a row").clone()
    }

    fn hold(&mut self, name: &str) -> Option<Hold> {
        self.row(name).hold
    }
}

/// All of an effect that is worth comparing.
fn text(effect: &Effect) -> String {
    match effect {
        Effect::Log { resource, text, .. } => format!("{resource:?}: {text}"),
        other => format!("{:?} {:?}", short(other), work_of(other)),
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
        conditions: Vec::new(),
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
        Effect::BuildImage { image, forced, .. } => {
            format!("build {}{}", image.name, if *forced { " anew" } else { "" })
        }
        Effect::Deploy { resource, force, .. } => {
            format!("deploy {}{}", resource.name, if *force { " anew" } else { "" })
        }
        Effect::RunLocal { resource, .. } => format!("run {}", resource.name),
        Effect::Serve { resource, .. } => format!("serve {}", resource.name),
        Effect::RunCommand { command, env, .. } => {
            let env: Vec<String> = env.iter().map(|(key, value)| format!(" {key}={value}")).collect();
            format!("cmd {}{}", command.name, env.concat())
        }
        Effect::LiveUpdate { container, copies, .. } => {
            let files: Vec<String> = copies.iter().map(|copy| copy.remote.display().to_string()).collect();
            format!("sync {}/{} {}", container.pod, container.id, files.join(","))
        }
        Effect::DeleteObjects { resource, .. } => format!("delete objects of {resource}"),
        Effect::DeleteCustom { resource, .. } => format!("run delete command of {}", resource.name),
        Effect::RemoveService { resource, .. } => format!("remove {}", resource.name),
        Effect::PruneStale { .. } => "prune".into(),
        Effect::PruneImages { .. } => "prune images".into(),
        Effect::RestartRollout { resource, .. } => format!("restart {}", resource.name),
        Effect::Cancel { .. } => "cancel".into(),
        Effect::Adopt { .. } | Effect::Log { .. } => return None,
    })
}

fn work_of(effect: &Effect) -> Option<WorkId> {
    match effect {
        Effect::LoadConfig { work, .. }
        | Effect::BuildImage { work, .. }
        | Effect::Deploy { work, .. }
        | Effect::RunLocal { work, .. }
        | Effect::Serve { work, .. }
        | Effect::RunCommand { work, .. }
        | Effect::LiveUpdate { work, .. }
        | Effect::DeleteObjects { work, .. }
        | Effect::DeleteCustom { work, .. }
        | Effect::RemoveService { work, .. }
        | Effect::PruneStale { work, .. }
        | Effect::PruneImages { work, .. }
        | Effect::RestartRollout { work, .. }
        | Effect::Cancel { work } => Some(*work),
        Effect::Adopt { .. } | Effect::Log { .. } => None,
    }
}

fn api_command(name: &str, change: impl FnOnce(&mut ApiCommand)) -> Arc<ApiCommand> {
    let mut command = ApiCommand {
        name: name.into(),
        command: CommandLine { argv: vec![name.into()], dir: "/p".into(), env: vec![] },
        readiness_probe: None,
        file_watches: vec![],
        restart_buttons: vec![],
        start_on: None,
        resource: None,
        disabled: None,
    };
    change(&mut command);
    Arc::new(command)
}

fn button(name: &str, inputs: Vec<ButtonInput>) -> Arc<Button> {
    Arc::new(Button {
        name: name.into(),
        text: name.into(),
        resource: None,
        disabled: false,
        requires_confirmation: false,
        inputs,
    })
}

fn with_api(commands: Vec<Arc<ApiCommand>>, buttons: Vec<Arc<Button>>) -> Arc<Project> {
    let mut project = (*project(&[], vec![])).clone();
    project.api = ApiRuntime {
        commands: commands.into_iter().map(|it| (it.name.clone(), it)).collect(),
        buttons: buttons.into_iter().map(|it| (it.name.clone(), it)).collect(),
        file_watches: [("files".to_owned(), vec![tree("/p/src")])].into(),
    };
    Arc::new(project)
}

fn press(name: &str, inputs: &[(&str, &str)]) -> Event {
    let inputs = inputs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Event::Command(Command::Press { button: name.into(), inputs })
}

fn ended() -> WorkResult {
    WorkResult::Serve("ended".into())
}

#[test]
fn a_command_starts_when_it_is_declared_and_ends_when_it_is_not() {
    let plain = api_command("plain", |_| ());
    let mut script = Script::new(Mode::Up, &with_api(vec![plain.clone()], vec![]));
    assert_eq!(script.asked(), ["load", "cmd plain"]);
    // Loading the same again does not touch it; a change of it does.
    script.send(Event::Command(Command::ReloadConfig));
    script.load(&with_api(vec![plain], vec![]));
    assert_eq!(script.asked(), ["load"]);
    let other = api_command("plain", |command| command.command.argv = vec!["other".into()]);
    script.send(Event::Command(Command::ReloadConfig));
    script.load(&with_api(vec![other], vec![]));
    assert_eq!(script.asked(), ["load", "cancel"]);
    script.finish("cmd plain", ended());
    assert_eq!(script.asked(), ["cmd plain"], "the new one starts when the old one has ended");
    script.send(Event::Command(Command::ReloadConfig));
    script.load(&with_api(vec![], vec![]));
    assert_eq!(script.asked(), ["load", "cancel"]);
    script.finish("cmd plain", ended());
    assert!(script.asked().is_empty());
}

#[test]
fn a_command_waits_for_its_button_and_gets_what_was_filled_in() {
    let text = |name: &str, default: &str| ButtonInput {
        name: name.into(),
        label: String::new(),
        kind: ButtonInputKind::Text { default: default.into(), placeholder: String::new() },
    };
    let late = DateTime::<Utc>::UNIX_EPOCH + Duration::from_hours(1);
    let commands = vec![
        api_command("waits", |command| {
            command.start_on = Some(StartOn { after: Some(DateTime::UNIX_EPOCH), buttons: vec!["go".into()] });
        }),
        api_command("later", |command| {
            command.start_on = Some(StartOn { after: Some(late), buttons: vec!["go".into()] });
        }),
        api_command("again", |command| command.restart_buttons = vec!["go".into()]),
    ];
    let mut script = Script::new(
        Mode::Up,
        &with_api(commands, vec![button("go", vec![text("NAME", "ada"), text("PLACE", "home")])]),
    );
    assert_eq!(script.asked(), ["load", "cmd again"]);
    script.send(press("go", &[("NAME", "bob"), ("OTHER", "ignored")]));
    assert_eq!(script.asked(), ["cmd waits NAME=bob PLACE=home", "cancel"]);
    script.finish("cmd again", ended());
    assert_eq!(script.asked(), ["cmd again NAME=bob PLACE=home"]);
    // A second press replaces the run of the first.
    script.send(press("go", &[]));
    assert_eq!(script.asked(), ["cancel", "cancel"]);
    script.finish("cmd waits NAME=bob PLACE=home", ended());
    assert_eq!(script.asked(), ["cmd waits NAME=ada PLACE=home"]);
    script.send(press("unknown", &[]));
    assert!(script.asked().is_empty());
}

/// A Deployment that `kubernetes_apply` has declared.
fn applied(name: &str, change: impl FnOnce(&mut ApiTarget)) -> Resource {
    let mut resource = deployment(name, &[]);
    if let Target::Kubernetes(target) = &mut resource.target {
        let mut api = ApiTarget {
            kind: ApiKind::KubernetesApply,
            name: name.to_owned(),
            timeout: None,
            watched: vec![],
            restart_buttons: vec![],
            watches: vec![],
            logs: PodLogSelection::default(),
            log_resource: None,
        };
        change(&mut api);
        target.api = Some(Box::new(api));
    }
    resource
}

#[test]
fn an_object_that_is_applied_follows_its_button_its_files_and_its_switch() {
    let resource = applied("web", |api| {
        api.restart_buttons = vec!["again".into()];
        api.watched = vec![tree("/p/web")];
    });
    let mut project = Arc::unwrap_or_clone(with_api(vec![], vec![button("again", vec![])]));
    project.resources.insert("web".into(), Arc::new(resource.clone()));
    let mut script = Script::new(Mode::Up, &Arc::new(project.clone()));
    assert_eq!(script.asked(), ["load", "deploy web"]);
    script.deployed("web");
    assert_eq!(script.row("web").runtime, RuntimeStatus::Ok, "it need not have pods");
    script.asked();

    script.send(press("again", &[]));
    assert_eq!(script.asked(), ["deploy web"]);
    script.deployed("web");
    script.asked();
    script.changed(&["/p/web/a.yaml"]);
    assert_eq!(script.asked(), ["deploy web"]);
    script.deployed("web");
    script.asked();

    // A switch that the configuration turns counts at once, unlike the selection of resources.
    project.resources.insert("web".into(), Arc::new(Resource { enabled: false, ..resource.clone() }));
    script.changed(&["/p/Devfile"]);
    script.load(&Arc::new(project.clone()));
    assert!(!script.row("web").enabled);
    assert!(script.asked().iter().any(|effect| effect.starts_with("delete")));
    project.resources.insert("web".into(), Arc::new(resource));
    script.changed(&["/p/Devfile"]);
    script.load(&Arc::new(project));
    assert!(script.row("web").enabled);
}

#[test]
fn a_ci_run_waits_for_the_apply_of_an_object_and_not_for_its_pods() {
    let mut script = Script::new(Mode::Ci { timeout: None }, &project(&[], vec![applied("web", |_| {})]));
    script.deployed("web");
    script.pod(Pod { phase: PodPhase::Failed, ..running("web", "pod-1", "c1", "web") });
    assert_eq!(script.engine.snapshot().verdict, Some(Verdict::Success));
}

#[test]
fn objects_that_were_registered_before_an_error_count_and_none_is_taken_away_by_it() {
    let before = with_api(vec![api_command("old", |_| {})], vec![]);
    let reached = with_api(vec![api_command("new", |_| {})], vec![]);
    let failed = |reached: &Arc<Project>| {
        WorkResult::Config(Box::new(ConfigOutcome {
            project: None,
            reached: Some(Arc::clone(reached)),
            diagnostics: vec![crate::diagnostic::Diagnostic::error("a slip")],
            config_files: vec![tree("/p/Devfile")],
            duration: Duration::ZERO,
            needs_engine: false,
        }))
    };
    let mut script = Script::new(Mode::Up, &before);
    assert_eq!(script.asked(), ["load", "cmd old"]);
    script.changed(&["/p/Devfile"]);
    script.finish("load", failed(&reached));
    assert_eq!(script.asked(), ["load", "cmd new"], "the old one runs on");
    let names: Vec<String> = script.engine.snapshot().commands.into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["old", "new"]);
    // The next good run takes away what it does not declare.
    script.changed(&["/p/Devfile"]);
    script.load(&reached);
    assert_eq!(script.asked(), ["load", "cancel"]);
}

#[test]
fn a_command_starts_again_when_a_watched_file_changes() {
    let command = api_command("watcher", |command| command.file_watches = vec!["files".into()]);
    let mut script = Script::new(Mode::Up, &with_api(vec![command], vec![]));
    script.asked();
    script.changed(&["/p/other"]);
    assert!(script.asked().is_empty());
    script.changed(&["/p/src/a", "/p/src/b"]);
    assert_eq!(script.asked(), ["cancel"]);
    script.changed(&["/p/src/c"]);
    assert!(script.asked().is_empty(), "it is being stopped for that already");
    script.finish("cmd watcher", ended());
    assert_eq!(script.asked(), ["cmd watcher"]);
    script.finish("cmd watcher", ended());
    assert_eq!(script.engine.snapshot().commands[0].ended.as_deref(), Some("ended"));
    script.changed(&["/p/src/d"]);
    assert_eq!(script.asked(), ["cmd watcher"], "also when it had ended");
}

#[test]
fn a_command_that_is_switched_off_does_not_run() {
    let off = |command: &mut ApiCommand| command.disabled = Some("off".into());
    let mut script = Script::new(Mode::Up, &with_api(vec![api_command("a", off)], vec![]));
    assert_eq!(script.asked(), ["load"]);
    script.send(Event::Command(Command::ReloadConfig));
    script.load(&with_api(vec![api_command("a", |_| ())], vec![]));
    assert_eq!(script.asked(), ["load", "cmd a"]);
    script.send(Event::Command(Command::ReloadConfig));
    script.load(&with_api(vec![api_command("a", off)], vec![]));
    assert_eq!(script.asked(), ["load", "cancel"]);
    script.finish("cmd a", ended());
    assert!(script.asked().is_empty());
    script.send(Event::Command(Command::Quit));
    assert!(script.engine.is_stopped());
}
