//! Random sessions: what holds whatever happens.

use super::*;

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
    GitBegan,
    GitEnded(usize),
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
        1 => Just(Step::GitBegan),
        1 => any::<usize>().prop_map(Step::GitEnded),
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
                reached: None,
                project: good.then(|| Arc::clone(project)),
                diagnostics: vec![],
                config_files: project.config_files.clone(),
                duration: Duration::ZERO,
                needs_engine: false,
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
    fn check(&mut self) {
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
                Step::GitBegan => script.send(Event::GitBegan { repository: "/p".into() }),
                Step::GitEnded(place) => {
                    let path = |place: usize| PathBuf::from(format!("/p/{}/src/x", NAMES[place % 4]));
                    let (changed, same) = (vec![path(place)], vec![path(place + 1)]);
                    script.send(Event::GitEnded { repository: "/p".into(), changed, same });
                }
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
