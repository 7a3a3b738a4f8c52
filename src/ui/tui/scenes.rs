//! Hand-written sessions for the tests of the screen: snapshots with their logs.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::clock::Clock;
use crate::diagnostic::{Diagnostic, Position, Span};
use crate::engine::{
    ConfigSnapshot, ConfigState, Connection, ForwardSnapshot, ForwardState, Hold, PodSnapshot, ResourceKind,
    ResourceSnapshot, RuntimeStatus, SessionPhase, SessionTime, Snapshot, UpdateInProgress, UpdateKind, UpdateOutcome,
    UpdateReason, UpdateRecord, UpdateStatus,
};
use crate::logs::{LogSource, LogStore};
use crate::project::{ProjectName, ResourceName, TriggerMode};

pub(super) fn seconds(seconds: u64) -> SessionTime {
    SessionTime(Duration::from_secs(seconds))
}

fn started() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("a valid time")
}

/// A session that has just begun.
pub(super) fn loading() -> Snapshot {
    Snapshot {
        project: None,
        entry_file: "/home/ada/shop/Devfile".into(),
        context: None,
        namespace: None,
        started: started(),
        now: seconds(2),
        config: ConfigSnapshot {
            state: ConfigState::Loading,
            args: Arc::default(),
            diagnostics: Arc::default(),
            loads: 1,
            duration: None,
        },
        docker: Connection::Connecting,
        cluster: Connection::Connecting,
        resources: Vec::new().into(),
        buttons: Vec::new(),
        commands: Vec::new(),
        phase: SessionPhase::Running,
        verdict: None,
    }
}

/// A project that is loaded, without resources.
pub(super) fn project() -> Snapshot {
    Snapshot {
        project: Some(ProjectName::new("shop")),
        context: Some("kind-dev".into()),
        namespace: Some("shop".into()),
        now: seconds(95),
        config: ConfigSnapshot {
            state: ConfigState::Loaded,
            args: Arc::default(),
            diagnostics: Arc::default(),
            loads: 1,
            duration: Some(Duration::from_millis(310)),
        },
        docker: Connection::Ok,
        cluster: Connection::Ok,
        ..loading()
    }
}

/// A Kubernetes resource that was deployed and is ready.
pub(super) fn ready(name: &str) -> ResourceSnapshot {
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
            started: seconds(10),
            finished: SessionTime(Duration::from_millis(13_200)),
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
            created: started() + TimeDelta::seconds(13),
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
        detail: crate::engine::ResourceDetail::default(),
    }
}

fn forward(local: u16, state: ForwardState) -> ForwardSnapshot {
    ForwardSnapshot { url: format!("http://localhost:{local}/"), local, container: 80, name: String::new(), state }
}

/// Everything is well.
pub(in crate::ui) fn green() -> Snapshot {
    let mut web = ready("web");
    web.forwards = vec![forward(8080, ForwardState::Listening), forward(9229, ForwardState::Listening)];
    web.resource_deps = vec!["api".into()];
    let mut api = ready("api");
    api.forwards = vec![forward(3001, ForwardState::Listening)];
    let mut migrate = ready("migrate");
    if let Some(pod) = &mut migrate.pod {
        pod.status = "Completed".into();
    }
    let lint = ResourceSnapshot {
        kind: ResourceKind::Local,
        runtime: RuntimeStatus::NotApplicable,
        pod: None,
        pods: 0,
        images: Vec::new(),
        ..ready("lint")
    };
    Snapshot { resources: vec![ready("postgres"), migrate, api, web, lint].into(), ..project() }
}

/// The first updates run.
pub(super) fn building() -> Snapshot {
    let untouched = |name: &str| ResourceSnapshot {
        update: UpdateStatus::Pending,
        runtime: RuntimeStatus::Unknown,
        history: Vec::new(),
        pod: None,
        pods: 0,
        ready_pods: 0,
        reasons: vec![UpdateReason::InitialBuild],
        ..ready(name)
    };
    let api = ResourceSnapshot {
        update: UpdateStatus::InProgress,
        current: Some(UpdateInProgress {
            started: seconds(78),
            reasons: vec![UpdateReason::InitialBuild],
            step: "building api (step 4/9)".into(),
            steps: Vec::new(),
        }),
        ..untouched("api")
    };
    let mut postgres = ready("postgres");
    postgres.runtime = RuntimeStatus::Pending;
    postgres.ready_pods = 0;
    postgres.runtime_message = "readiness probe failed: connection refused".into();
    let migrate = ResourceSnapshot {
        hold: Some(Hold::WaitingForDependencies(vec!["postgres".into()])),
        resource_deps: vec!["postgres".into()],
        ..untouched("migrate")
    };
    let web = ResourceSnapshot {
        hold: Some(Hold::WaitingForDependencies(vec!["migrate".into(), "api".into()])),
        ..untouched("web")
    };
    let lint = ResourceSnapshot {
        hold: Some(Hold::ParallelLimit { limit: 3 }),
        kind: ResourceKind::Local,
        runtime: RuntimeStatus::NotApplicable,
        ..untouched("lint")
    };
    let docs = ResourceSnapshot {
        hold: Some(Hold::Manual),
        trigger_mode: TriggerMode::Manual,
        kind: ResourceKind::Local,
        runtime: RuntimeStatus::NotApplicable,
        ..untouched("docs")
    };
    Snapshot { resources: vec![postgres, migrate, api, web, lint, docs].into(), ..project() }
}

/// All that can go wrong, beside what is well.
pub(in crate::ui) fn trouble() -> Snapshot {
    let mut snapshot = green();
    let mut rows = snapshot.resources.to_vec();
    let [postgres, migrate, api, web, _lint] = rows.as_mut_slice() else { unreachable!("green has five") };
    postgres.labels = vec!["data".into()];
    migrate.labels = vec!["data".into()];
    migrate.enabled = false;
    migrate.update = UpdateStatus::None;
    migrate.runtime = RuntimeStatus::None;
    api.labels = vec!["backend".into()];
    api.update = UpdateStatus::Error;
    api.pending_files = vec!["/home/ada/shop/api/src/main.ts".into()];
    api.pending_file_count = 3;
    api.history.insert(
        0,
        UpdateRecord {
            started: seconds(80),
            finished: seconds(92),
            kind: UpdateKind::Full,
            reasons: vec![UpdateReason::ChangedFiles],
            outcome: UpdateOutcome::Failed(
                "Dockerfile:7: `npm run build` exited with code 2\nsrc/main.ts(3,1): error".into(),
            ),
            rebuild_reason: Some("`package.json` is one of `fall_back_on`".into()),
            files: 3,
            steps: Vec::new(),
        },
    );
    web.labels = vec!["frontend".into(), "public".into()];
    web.runtime = RuntimeStatus::Error;
    web.runtime_message = "CrashLoopBackOff: container web exited with code 137 (OOMKilled)".into();
    web.ready_pods = 0;
    if let Some(pod) = &mut web.pod {
        pod.status = "CrashLoopBackOff".into();
        pod.restarts = 6;
        pod.ready = false;
    }
    web.forwards[1].state = ForwardState::Failed("port 9229 is used by `node` (pid 4711)".into());
    snapshot.resources = rows.into();
    snapshot
}

/// The Devfile was broken; the last good project runs.
pub(super) fn config_error() -> Snapshot {
    let at = |line, column| {
        let position = Position { line, column };
        Span::new(std::path::Path::new("/home/ada/shop/Devfile"), position, position)
    };
    let mut snapshot = green();
    snapshot.config.state = ConfigState::Failed;
    snapshot.config.loads = 2;
    snapshot.config.diagnostics = Arc::new(vec![
        Diagnostic::error("`k8s_resource` names `wbe`, and there is no such resource")
            .at(at(14, 14))
            .help("did you mean `web`?"),
        Diagnostic::error("image `shop/api` is declared twice").at(at(9, 1)).related(at(3, 1), "first declared here"),
    ]);
    snapshot
}

/// As many resources as a large team has.
pub(super) fn many(count: usize) -> Snapshot {
    let mut snapshot = project();
    snapshot.resources = (0..count).map(|index| ready(&format!("service-{index:03}"))).collect();
    if let Some(bad) = snapshot.resources.iter_mut().nth(count / 2) {
        bad.update = UpdateStatus::Error;
    }
    snapshot
}

/// Lines of several resources.
pub(super) fn logs() -> LogStore {
    let store = LogStore::new();
    store.sink(None, LogSource::Build).info("Loading Devfile");
    let api = store.sink(Some("api".into()), LogSource::Build);
    api.info("STEP 1/2: Building Dockerfile: [shop/api]");
    api.info("  [4/9] RUN npm ci");
    api.error("`npm run build` exited with code 2\nsrc/main.ts(3,1): error TS2304: cannot find name 'foo'");
    let web = store.sink(Some("web".into()), LogSource::Runtime);
    web.info("\x1b[32mVITE\x1b[0m ready in 312 ms");
    web.info("GET /orders 200 12ms");
    web.info("GET /orders?page=2&size=100&sort=created&direction=descending&filter=open 200 31ms");
    web.warn("heap out of memory soon");
    store
}

/// The time at which a scene is seen.
pub(super) fn clock(snapshot: &Snapshot) -> Clock {
    Clock::after(snapshot, Duration::ZERO)
}
