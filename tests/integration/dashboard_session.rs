//! A small session of its own for the tests of the dashboard: no cluster, only snapshots, logs and commands. The
//! tests start this binary again on a pseudo-terminal, with the scene in its environment.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use devloop::diagnostic::{Diagnostic, Position, Span};
use devloop::engine::{
    Command, ConfigSnapshot, ConfigState, Connection, ForwardSnapshot, ForwardState, Hold, PodSnapshot, ResourceKind,
    ResourceSnapshot, RuntimeStatus, SessionPhase, SessionTime, Snapshot, UpdateInProgress, UpdateKind, UpdateOutcome,
    UpdateReason, UpdateRecord, UpdateStatus,
};
use devloop::logs::{LogSource, LogStore};
use devloop::project::{ProjectName, ResourceName, TriggerMode};
use devloop::ui::tui::{self, TuiEnd, TuiOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Names the scene.
pub const SCENE: &str = "DEVLOOP_TEST_SCENE";

/// The name of the test that plays it.
pub const TEST: &str = "dashboard_session::play";

#[test]
#[ignore = "played by the tests of the dashboard, on a terminal of its own"]
fn play() {
    let Ok(scene) = std::env::var(SCENE) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("threads can be had");
    let end = runtime.block_on(session(&scene));
    println!("dashboard ended: {end:?}");
}

async fn session(scene: &str) -> TuiEnd {
    let started = Instant::now();
    let mut snapshot = shop();
    let logs = LogStore::new();
    write_logs(&logs);
    if scene == "many" {
        snapshot.resources = (0..300).map(|index| ready(&format!("service-{index:03}"))).collect();
    }
    let (snapshots, snapshot_reader) = watch::channel(Arc::new(snapshot.clone()));
    let (command_sender, mut commands) = mpsc::channel(16);
    let cancel = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be had");
    let dashboard = tui::run(
        snapshot_reader,
        logs.reader(),
        devloop::journal::Journal::new(),
        command_sender,
        TuiOptions::default(),
        cancel.clone(),
    );
    tokio::pin!(dashboard);
    let mut storm = tokio::time::interval(Duration::from_millis(1));
    let mut finish: Option<(tokio::time::Instant, ResourceName)> = None;
    loop {
        let mut publish = false;
        tokio::select! {
                    end = &mut dashboard => return end.expect("it is on a terminal"),
                    _ = terminate.recv() => cancel.cancel(),
                    _ = storm.tick(), if matches!(scene, "storm" | "many") => {
                        let sink = logs.sink(Some("api".into()), LogSource::Runtime);
                        for n in 0..50 {
                            sink.info(format!("\x1b[3{}mrequest\x1b[0m number {n} of a storm of lines", n % 8));
                        }
                    }
                    () = async {
                        match &finish {
                            Some((at, _)) => tokio::time::sleep_until(*at).await,
                            None => std::future::pending().await,
                        }
                    } => {
                        if let Some((_, name)) = finish.take() {
                            for resource in snapshot.resources.iter_mut().filter(|resource| resource.name == name) {
                                *resource = ready(name.as_str());
                            }
                            logs.sink(Some(name.clone()), LogSource::Build).info(format!("{name} is up to date again"));
                            publish = true;
                        }
                    }
                    Some(command) = commands.recv() => {
                        publish = true;
                        match command {
                            Command::Trigger(name) => {
                                for resource in snapshot.resources.iter_mut().filter(|resource| resource.name == name) {
                                    resource.update = UpdateStatus::InProgress;
                                    resource.current = Some(UpdateInProgress {
                                        started: SessionTime(started.elapsed()),
                                        reasons: vec![UpdateReason::Triggered],
                                        step: format!("building {name}"),
        steps: Vec::new(),
                                    });
                                }
                                finish = Some((tokio::time::Instant::now() + Duration::from_millis(500), name));
                            }
                            Command::ReloadConfig => match scene {
                                "panic" => panic!("a bug, on purpose"),
                                "task-panic" => {
                                    let task = tokio::spawn(async { panic!("a bug in a task, on purpose") });
                                    assert!(task.await.is_err());
                                    logs.sink(None, LogSource::Build).info("a task has panicked");
                                }
                                _ => break_config(&mut snapshot),
                            },
                            Command::Quit => {
                                let remaining = vec!["serve process of docs".to_owned()];
                                snapshot.phase = SessionPhase::Stopping { remaining };
                                if scene == "graceful" {
                                    snapshots.send_replace(Arc::new(snapshot.clone()));
                                    tokio::time::sleep(Duration::from_millis(300)).await;
                                    snapshot.phase = SessionPhase::Stopped;
                                }
                            }
                            Command::Restart(_)
                            | Command::Stop(_)
                            | Command::Enable(_)
                            | Command::Disable(_)
                            | Command::SetArgs(_)
                            | Command::Press { .. } => {
                                logs.sink(None, LogSource::Build).info(format!("{command:?}"));
                            }
                        }
                    }
                }
        if publish {
            snapshot.now = SessionTime(started.elapsed());
            snapshots.send_replace(Arc::new(snapshot.clone()));
        }
    }
}

fn break_config(snapshot: &mut Snapshot) {
    let position = Position { line: 14, column: 14 };
    let span = Span::new(PathBuf::from("/home/ada/shop/Devfile"), position, position);
    snapshot.config.state = ConfigState::Failed;
    snapshot.config.diagnostics = Arc::new(vec![
        Diagnostic::error("`k8s_resource` names `wbe`, and there is no such resource")
            .at(span)
            .help("did you mean `web`?"),
    ]);
}

fn write_logs(logs: &LogStore) {
    logs.sink(None, LogSource::Build).info("Loading Devfile");
    let postgres = logs.sink(Some("postgres".into()), LogSource::Runtime);
    postgres.info("LOG:  database system is ready to accept connections");
    let api = logs.sink(Some("api".into()), LogSource::Build);
    api.info("Building shop/api (4 steps)");
    api.info("  [2/4] COPY package.json . \x1b[32mcached\x1b[0m");
    api.info("  [4/4] RUN npm run build 3.1s");
    api.info("Deploying deployment/api, service/api");
    let api = logs.sink(Some("api".into()), LogSource::Runtime);
    api.info("\x1b[36minfo\x1b[0m  listening on :3001");
    api.info("\x1b[36minfo\x1b[0m  GET /orders 200 12ms");
    let web = logs.sink(Some("web".into()), LogSource::Build);
    web.info("3 files copied into web-7c9d5-x2x4z in 84 ms");
    let web = logs.sink(Some("web".into()), LogSource::Runtime);
    web.info("  \x1b[32m\x1b[1mVITE\x1b[0m v5.4.2  ready in 312 ms");
    web.info("\x1b[2m10:41:07\x1b[0m \x1b[36m[vite]\x1b[0m hmr update /src/Orders.tsx");
    api.warn("slow query: 840 ms, select * from orders where state = 'open'");
}

/// A project with something of everything.
fn shop() -> Snapshot {
    let position = |snapshot: &mut ResourceSnapshot, label: &str| snapshot.labels = vec![label.into()];
    let mut postgres = ready("postgres");
    position(&mut postgres, "data");
    postgres.forwards = vec![forward(5432)];
    let mut migrate = ready("migrate");
    position(&mut migrate, "data");
    if let Some(pod) = &mut migrate.pod {
        pod.status = "Completed".into();
    }
    let mut api = ready("api");
    position(&mut api, "services");
    api.forwards = vec![forward(3001)];
    let mut web = ready("web");
    position(&mut web, "services");
    web.forwards = vec![forward(8080)];
    let mut worker = ready("worker");
    position(&mut worker, "services");
    worker.runtime = RuntimeStatus::Error;
    worker.runtime_message = "OOMKilled: container worker exited with code 137".into();
    worker.ready_pods = 0;
    if let Some(pod) = &mut worker.pod {
        pod.status = "CrashLoopBackOff".into();
        pod.restarts = 4;
    }
    let mut e2e = ready("e2e-tests");
    position(&mut e2e, "tools");
    e2e.kind = ResourceKind::Local;
    e2e.runtime = RuntimeStatus::NotApplicable;
    e2e.update = UpdateStatus::Pending;
    e2e.hold = Some(Hold::WaitingForDependencies(vec!["worker".into()]));
    (e2e.pod, e2e.pods, e2e.history) = (None, 0, Vec::new());
    Snapshot {
        project: Some(ProjectName::new("shop")),
        entry_file: "/home/ada/shop/Devfile".into(),
        context: Some("kind-dev".into()),
        namespace: Some("shop".into()),
        started: Utc::now(),
        now: SessionTime::default(),
        config: ConfigSnapshot {
            state: ConfigState::Loaded,
            args: Arc::default(),
            diagnostics: Arc::default(),
            loads: 1,
            duration: Some(Duration::from_millis(310)),
        },
        docker: Connection::Ok,
        cluster: Connection::Ok,
        resources: vec![postgres, migrate, api, web, worker, e2e].into(),
        buttons: Vec::new(),
        commands: Vec::new(),
        phase: SessionPhase::Running,
        verdict: None,
    }
}

fn forward(local: u16) -> ForwardSnapshot {
    let url = format!("http://localhost:{local}/");
    ForwardSnapshot { url, local, container: local, name: String::new(), state: ForwardState::Listening }
}

fn ready(name: &str) -> ResourceSnapshot {
    ResourceSnapshot {
        name: ResourceName::new(name),
        kind: ResourceKind::Kubernetes,
        labels: Vec::new(),
        enabled: true,
        trigger_mode: TriggerMode::Auto,
        update: UpdateStatus::Ok,
        runtime: RuntimeStatus::Ok,
        runtime_message: String::new(),
        hold: None,
        pending_files: Vec::new(),
        pending_file_count: 0,
        reasons: Vec::new(),
        current: None,
        history: vec![UpdateRecord {
            started: SessionTime::default(),
            finished: SessionTime(Duration::from_millis(3_200)),
            kind: UpdateKind::Full,
            reasons: vec![UpdateReason::InitialBuild],
            outcome: UpdateOutcome::Ok,
            rebuild_reason: None,
            files: 0,
            steps: Vec::new(),
        }],
        pod: Some(PodSnapshot {
            name: format!("{name}-7c9d5-x2x4z"),
            namespace: "shop".into(),
            created: Utc::now() - TimeDelta::minutes(4),
            status: "Running".into(),
            restarts: 0,
            ready: true,
        }),
        pods: 1,
        ready_pods: 1,
        pid: None,
        forwards: Vec::new(),
        links: Vec::new(),
        resource_deps: Vec::new(),
        images: vec![name.into()],
        detail: devloop::engine::ResourceDetail::default(),
    }
}
