//! What an event costs with 10, 100, 300 and 1,000 resources: a measurement for `tests/bench/run --only scale`, and the
//! structure behind it as tests.

use std::time::Instant;

use super::*;

/// Half of them Deployments with an image that is live-updated and a pod, half commands that serve.
pub(super) fn settled(count: usize) -> Script {
    let names: Vec<String> = (0..count).map(|number| format!("r{number}")).collect();
    let images: Vec<Arc<Image>> = names.iter().step_by(2).map(|name| image(name, true)).collect();
    let resources = names
        .iter()
        .enumerate()
        .map(
            |(number, name)| {
                if number % 2 == 0 { deployment(name, &[name.as_str()]) } else { local(name, None, Some("serve")) }
            },
        )
        .collect();
    let mut script = Script::up(&images, resources);
    script.thorough = None;
    while !script.open.is_empty() {
        let (work, result) = match script.open.remove(0) {
            Effect::BuildImage { work, image, .. } => {
                let reference = format!("{}:1", image.name);
                let built = BuiltImage { local_ref: reference.clone(), cluster_ref: reference, inject: true };
                (work, WorkResult::Image(Ok(built)))
            }
            Effect::Deploy { work, resource, .. } => {
                let name = resource.name.as_str();
                let id = object("Deployment", name).id.clone();
                let objects = vec![DeployedObject { id, uid: uid(name), job_complete: false }];
                script.pod(running(name, &format!("pod-{name}"), &format!("c-{name}"), &format!("{name}:1")));
                (work, WorkResult::Deploy(Ok(Deployment { objects, ..Deployment::default() })))
            }
            Effect::Serve { work, .. } => {
                script.send(Event::ServeStarted { work, pid: 1 });
                continue;
            }
            Effect::PruneStale { work, .. } => (work, WorkResult::Housekeeping(Ok(()))),
            Effect::Log { .. } | Effect::Adopt { .. } => continue,
            other => panic!("unexpected {other:?}"),
        };
        script.send(Event::Finished { work, result });
    }
    script.asked();
    script
}

/// Which of the rows of `settled(count)` is in the middle and has a pod.
fn middle(count: usize) -> String {
    format!("r{}", count / 4 * 2)
}

impl Script {
    /// A file is saved, and the container has it a moment later.
    fn save_and_sync(&mut self, name: &str, picture: bool) {
        self.changed(&[&format!("/p/{name}/src/x")]);
        if picture {
            drop(self.engine.snapshot());
        }
        let sync = self.open.iter().position(|effect| matches!(effect, Effect::LiveUpdate { .. }));
        let work = work_of(&self.open.remove(sync.expect("a live update"))).expect("a work");
        self.send(Event::Finished { work, result: WorkResult::Live(Ok(())) });
        if picture {
            drop(self.engine.snapshot());
        }
        self.open.clear();
        self.seen.clear();
    }

    fn pod_restarts(&mut self, name: &str, restarts: u32) {
        let mut pod = running(name, &format!("pod-{name}"), &format!("c-{name}"), &format!("{name}:1"));
        pod.containers[0].restarts = restarts;
        self.pod(pod);
    }
}

fn nanoseconds(times: u32, mut what: impl FnMut(u32)) -> u128 {
    for time in 0..=times / 10 {
        what(time);
    }
    let began = Instant::now();
    for time in 0..times {
        what(time);
    }
    began.elapsed().as_nanos() / u128::from(times)
}

/// One line of JSON per number of resources. Run by `tests/bench/run --only scale`.
#[test]
#[ignore = "a measurement: tests/bench/run --only scale"]
fn measure_events() {
    for count in [10, 100, 300, 1_000] {
        let began = Instant::now();
        let mut script = settled(count);
        let start = began.elapsed().as_micros();
        let name = middle(count);
        let times = 1_000;
        let save = nanoseconds(times, |_| script.save_and_sync(&name, false)) / 2;
        let save_pictured = nanoseconds(times, |_| script.save_and_sync(&name, true)) / 2;
        let pod = nanoseconds(times, |time| script.pod_restarts(&name, time));
        let pod_pictured = nanoseconds(times, |time| {
            script.pod_restarts(&name, time);
            drop(script.engine.snapshot());
        });
        let unrelated = nanoseconds(times, |_| script.changed(&["/p/elsewhere/x"]));
        println!(
            "{}",
            serde_json::json!({"resources": count, "start_us": start, "save_ns": save, "save_pictured_ns": save_pictured,
                "pod_ns": pod, "pod_pictured_ns": pod_pictured, "unrelated_ns": unrelated})
        );
    }
}

/// How often the plan looks at a resource and how many rows are made, for what happens to one of many.
fn effort(count: usize, what: impl FnOnce(&mut Script, &str)) -> (u64, u64) {
    let mut script = settled(count);
    script.changed(&["/p/elsewhere/x"]);
    drop(script.engine.snapshot());
    let before = (script.engine.attention.looks, script.engine.attention.rows);
    what(&mut script, &middle(count));
    (script.engine.attention.looks - before.0, script.engine.attention.rows - before.1)
}

#[track_caller]
fn check_growth(most: u64, what: impl Fn(&mut Script, &str)) {
    let (few, many) = (effort(10, &what), effort(300, &what));
    assert_eq!(few, many, "looks and rows with 10 and with 300 resources");
    assert!(few.0 <= most && few.1 <= most, "{few:?}");
}

#[test]
fn a_save_costs_what_it_touches() {
    check_growth(4, |script, name| script.save_and_sync(name, true));
}

#[test]
fn a_change_of_a_pod_costs_what_it_touches() {
    check_growth(2, |script, name| {
        script.pod_restarts(name, 1);
        drop(script.engine.snapshot());
    });
}

#[test]
fn a_file_of_nobody_costs_nothing() {
    check_growth(0, |script, _| {
        script.changed(&["/p/elsewhere/y"]);
        drop(script.engine.snapshot());
    });
}

#[test]
fn a_picture_shares_the_rows_that_are_the_same() {
    let mut script = settled(20);
    let before = script.engine.snapshot();
    script.changed(&["/p/elsewhere/y"]);
    assert!(before.resources.is_same(&script.engine.snapshot().resources));
    script.save_and_sync(&middle(20), false);
    let after = script.engine.snapshot();
    let pairs = before.resources.shared().iter().zip(after.resources.shared());
    assert_eq!(pairs.filter(|(before, after)| !Arc::ptr_eq(before, after)).count(), 1);
}

#[test]
fn what_follows_pods_is_told_of_those_that_moved() {
    let mut script = settled(20);
    assert_eq!(script.engine.take_moved(), Moved::All);
    script.pod_restarts("r4", 1);
    assert_eq!(script.engine.take_moved(), Moved::Some(vec!["r4".into()]));
    script.changed(&["/p/elsewhere/x"]);
    assert_eq!(script.engine.take_moved(), Moved::Some(vec![]));
}
