//! Resolves the owners of pods from what three independent watches say, in whatever order they say it. Pure.
//!
//! A pod is told only once its chain of owners is known: a ReplicaSet exists before its pods do, but the watches do not
//! keep that order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::list_watch::Change;
use super::pod_convert::Owner;
use super::watch_pods::PodEvent;
use crate::k8s::{Pod, Uid};

/// Chains are short; a longer one is a cycle.
const MAX_DEPTH: usize = 8;

/// What is kept of a ReplicaSet.
#[derive(Clone, Debug)]
pub(super) struct OwnerRecord {
    pub uid: Uid,
    pub created: DateTime<Utc>,
    pub owner: Option<Owner>,
}

/// What is kept of a Job.
#[derive(Clone, Debug)]
pub(super) struct JobRecord {
    pub owner: OwnerRecord,
    pub name: String,
    /// Whether it succeeded, and why not.
    pub finished: Option<(bool, String)>,
}

/// Whether the objects of a kind are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// Not listed yet.
    NotYet,
    /// Listed and watched.
    Yes,
    /// Cannot be listed, for lack of rights or of a connection: nothing waits for it.
    Unavailable,
}

struct Tracked {
    pod: Pod,
    owner: Option<Owner>,
    /// Until when it is held back; `None` once it has been told.
    held_until: Option<Instant>,
}

/// The state behind [`super::watch_namespace`].
pub(super) struct Owners {
    namespace: Arc<str>,
    hold: Duration,
    pods: HashMap<Uid, Tracked>,
    /// ReplicaSets and Jobs.
    records: HashMap<Uid, OwnerRecord>,
    replica_sets: (Known, HashSet<Uid>),
    jobs: (Known, HashSet<Uid>),
    finished_jobs: HashSet<Uid>,
    /// What owns the owners of all other kinds, once it has been looked up.
    above: HashMap<Uid, Option<Owner>>,
    looked_up: HashSet<Uid>,
    unresolved: Vec<Owner>,
    /// A list of pods that waits for the first lists of the other kinds, and until when.
    restart_due: Option<Instant>,
}

impl Owners {
    pub fn new(namespace: Arc<str>, hold: Duration) -> Self {
        Self {
            namespace,
            hold,
            pods: HashMap::new(),
            records: HashMap::new(),
            replica_sets: (Known::NotYet, HashSet::new()),
            jobs: (Known::NotYet, HashSet::new()),
            finished_jobs: HashSet::new(),
            above: HashMap::new(),
            looked_up: HashSet::new(),
            unresolved: Vec::new(),
            restart_due: None,
        }
    }

    pub fn pods_changed(&mut self, change: Change<(Pod, Option<Owner>)>, now: Instant) -> Vec<PodEvent> {
        match change {
            Change::Listed(pods) => {
                let mut before = std::mem::take(&mut self.pods);
                for (pod, owner) in pods {
                    let known = before.remove(&pod.uid);
                    let pod = keep_owners(pod, known.as_ref());
                    self.pods.insert(pod.uid.clone(), Tracked { pod, owner, held_until: None });
                }
                self.restart_due = Some(now + self.hold);
                self.restart_if_known()
            }
            Change::Applied((pod, owner)) => {
                let uid = pod.uid.clone();
                let before = self.pods.get(&uid);
                let held_until = before.map_or(Some(now + self.hold), |tracked| tracked.held_until);
                let pod = keep_owners(pod, before);
                self.pods.insert(uid.clone(), Tracked { pod, owner, held_until });
                if self.restart_due.is_some() { Vec::new() } else { self.tell(&uid).into_iter().collect() }
            }
            Change::Deleted((pod, _)) => match self.pods.remove(&pod.uid) {
                Some(tracked) if tracked.held_until.is_none() && self.restart_due.is_none() => {
                    vec![PodEvent::Deleted(pod.uid)]
                }
                _ => Vec::new(),
            },
            Change::Lost(reason) => vec![PodEvent::Lost { namespace: self.namespace.clone(), reason }],
            Change::Recovered => vec![PodEvent::Recovered { namespace: self.namespace.clone() }],
        }
    }

    pub fn owners_changed(&mut self, change: Change<OwnerRecord>) -> Vec<PodEvent> {
        apply(change, &mut self.records, &mut self.replica_sets);
        self.owners_known()
    }

    pub fn jobs_changed(&mut self, change: Change<JobRecord>) -> Vec<PodEvent> {
        let mut finished = Vec::new();
        let mut note = |job: JobRecord, already: &mut HashSet<Uid>| {
            if let Some((succeeded, message)) = job.finished
                && already.insert(job.owner.uid.clone())
            {
                finished.push(PodEvent::JobFinished { uid: job.owner.uid.clone(), name: job.name, succeeded, message });
            }
            job.owner
        };
        let change = match change {
            Change::Listed(jobs) => {
                let known: HashSet<Uid> = jobs.iter().map(|job| job.owner.uid.clone()).collect();
                self.finished_jobs.retain(|uid| known.contains(uid));
                Change::Listed(jobs.into_iter().map(|job| note(job, &mut self.finished_jobs)).collect())
            }
            Change::Applied(job) => Change::Applied(note(job, &mut self.finished_jobs)),
            Change::Deleted(job) => {
                self.finished_jobs.remove(&job.owner.uid);
                Change::Deleted(job.owner)
            }
            Change::Lost(reason) => Change::Lost(reason),
            Change::Recovered => Change::Recovered,
        };
        apply(change, &mut self.records, &mut self.jobs);
        let mut events = self.owners_known();
        events.extend(finished);
        events
    }

    /// Notes what owns an owner that [`Self::take_unresolved`] asked for.
    pub fn resolved(&mut self, owner: &Uid, above: Option<Owner>) -> Vec<PodEvent> {
        let extends = above.is_some();
        self.above.insert(owner.clone(), above);
        if !extends || self.restart_due.is_some() {
            return Vec::new();
        }
        let told = |tracked: &&Tracked| tracked.held_until.is_none() && tracked.pod.owners.contains(owner);
        let affected: Vec<Uid> = self.pods.values().filter(told).map(|tracked| tracked.pod.uid.clone()).collect();
        affected.iter().filter_map(|uid| self.tell(uid)).collect()
    }

    /// Owners of other kinds whose own owner should be looked up; each is returned once.
    pub fn take_unresolved(&mut self) -> Vec<Owner> {
        std::mem::take(&mut self.unresolved)
    }

    /// When [`Self::release`] has something to do.
    pub fn next_due(&self) -> Option<Instant> {
        self.pods.values().filter_map(|tracked| tracked.held_until).chain(self.restart_due).min()
    }

    /// Tells what has been held back for too long, with the owners that are known.
    pub fn release(&mut self, now: Instant) -> Vec<PodEvent> {
        if self.restart_due.is_some_and(|due| due <= now) {
            return self.restart();
        }
        let due: Vec<Uid> = self
            .pods
            .values()
            .filter(|tracked| tracked.held_until.is_some_and(|until| until <= now))
            .map(|tracked| tracked.pod.uid.clone())
            .collect();
        due.iter().filter_map(|uid| self.tell_anyway(uid)).collect()
    }

    fn owners_known(&mut self) -> Vec<PodEvent> {
        if self.restart_due.is_some() {
            return self.restart_if_known();
        }
        // Held ones, and those that were told while the owners could not be listed.
        let affected: Vec<Uid> = self
            .pods
            .values()
            .filter(|tracked| tracked.held_until.is_some() || self.chain(tracked).uids.len() > tracked.pod.owners.len())
            .map(|tracked| tracked.pod.uid.clone())
            .collect();
        affected.iter().filter_map(|uid| self.tell(uid)).collect()
    }

    fn restart_if_known(&mut self) -> Vec<PodEvent> {
        let waits = self.restart_due.is_some()
            && (self.replica_sets.0 == Known::NotYet
                || self.jobs.0 == Known::NotYet
                || self.pods.values().any(|tracked| !self.chain(tracked).complete));
        if self.restart_due.is_none() || waits { Vec::new() } else { self.restart() }
    }

    fn restart(&mut self) -> Vec<PodEvent> {
        self.restart_due = None;
        let uids: Vec<Uid> = self.pods.keys().cloned().collect();
        let pods = uids
            .iter()
            .filter_map(|uid| match self.tell_anyway(uid) {
                Some(PodEvent::Applied(pod)) => Some(*pod),
                _ => None,
            })
            .collect();
        vec![PodEvent::Restarted { namespace: self.namespace.clone(), pods }]
    }

    /// The pod with its owners, unless one of them is about to arrive.
    fn tell(&mut self, uid: &Uid) -> Option<PodEvent> {
        let tracked = self.pods.get(uid)?;
        if tracked.held_until.is_some() && !self.chain(tracked).complete {
            return None;
        }
        self.tell_anyway(uid)
    }

    fn tell_anyway(&mut self, uid: &Uid) -> Option<PodEvent> {
        let chain = self.chain(self.pods.get(uid)?);
        let tracked = self.pods.get_mut(uid)?;
        tracked.held_until = None;
        // A ReplicaSet may go before its pods do; they are still its pods.
        if chain.uids.len() >= tracked.pod.owners.len() {
            tracked.pod.owners = chain.uids;
        }
        tracked.pod.owner_created = chain.nearest_created.or(tracked.pod.owner_created);
        let event = PodEvent::Applied(Box::new(tracked.pod.clone()));
        if let Some(top) = chain.top.filter(|top| self.looked_up.insert(top.uid.clone())) {
            self.unresolved.push(top);
        }
        Some(event)
    }

    fn chain(&self, tracked: &Tracked) -> Chain {
        let mut chain = Chain { uids: Vec::new(), nearest_created: None, complete: true, top: None };
        let mut next = tracked.owner.as_ref();
        while let Some(owner) = next {
            if chain.uids.len() == MAX_DEPTH {
                break;
            }
            chain.uids.push(owner.uid.clone());
            let record = self.records.get(&owner.uid);
            if chain.uids.len() == 1 {
                chain.nearest_created = record.map(|record| record.created);
            }
            let known = match owner.kind.as_str() {
                "ReplicaSet" => self.replica_sets.0,
                "Job" => self.jobs.0,
                _ => {
                    let above = self.above.get(&owner.uid);
                    if above.is_none() {
                        chain.top = Some(owner.clone());
                    }
                    next = above.and_then(Option::as_ref);
                    continue;
                }
            };
            let Some(record) = record else {
                chain.complete = known == Known::Unavailable;
                break;
            };
            next = record.owner.as_ref();
        }
        chain
    }
}

/// Keeps what was known of the owners of a pod, unless it has been adopted by another.
fn keep_owners(mut pod: Pod, before: Option<&Tracked>) -> Pod {
    if let Some(before) = before.filter(|before| before.pod.owners.first() == pod.owners.first()) {
        pod.owners.clone_from(&before.pod.owners);
        pod.owner_created = before.pod.owner_created;
    }
    pod
}

struct Chain {
    uids: Vec<Uid>,
    nearest_created: Option<DateTime<Utc>>,
    /// Nothing that is watched is missing from it.
    complete: bool,
    /// The last owner, when what owns it has not been looked up.
    top: Option<Owner>,
}

fn apply(change: Change<OwnerRecord>, records: &mut HashMap<Uid, OwnerRecord>, kind: &mut (Known, HashSet<Uid>)) {
    let (known, members) = kind;
    match change {
        Change::Listed(listed) => {
            for uid in members.drain() {
                records.remove(&uid);
            }
            for record in listed {
                members.insert(record.uid.clone());
                records.insert(record.uid.clone(), record);
            }
            *known = Known::Yes;
        }
        Change::Applied(record) => {
            members.insert(record.uid.clone());
            records.insert(record.uid.clone(), record);
        }
        Change::Deleted(record) => {
            members.remove(&record.uid);
            records.remove(&record.uid);
        }
        Change::Lost(_) => {
            if *known == Known::NotYet {
                *known = Known::Unavailable;
            }
        }
        // What follows is a list, which sets the state.
        Change::Recovered => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::k8s::PodPhase;

    fn uid(name: &str) -> Uid {
        Uid(name.into())
    }

    fn owner(kind: &str, name: &str) -> Owner {
        Owner { uid: uid(name), api_version: "apps/v1".into(), kind: kind.into(), name: name.into() }
    }

    fn record(name: &str, above: Option<Owner>) -> OwnerRecord {
        OwnerRecord { uid: uid(name), created: DateTime::UNIX_EPOCH, owner: above }
    }

    fn pod(name: &str, owner: Owner) -> (Pod, Option<Owner>) {
        let pod = Pod {
            uid: uid(name),
            name: name.into(),
            namespace: "n".into(),
            labels: BTreeMap::new(),
            owners: vec![owner.uid.clone()],
            owner_created: None,
            created: DateTime::UNIX_EPOCH,
            deleting: false,
            phase: PodPhase::Pending,
            reason: String::new(),
            message: String::new(),
            unschedulable: None,
            conditions: Vec::new(),
            node: None,
            containers: Vec::new(),
        };
        (pod, Some(owner))
    }

    fn told(events: &[PodEvent]) -> Vec<String> {
        let describe = |pod: &Pod| {
            let owners: Vec<&str> = pod.owners.iter().map(|owner| &*owner.0).collect();
            format!("{} < {}", pod.name, owners.join(" < "))
        };
        events
            .iter()
            .map(|event| match event {
                PodEvent::Restarted { pods, .. } => {
                    let mut pods: Vec<String> = pods.iter().map(describe).collect();
                    pods.sort();
                    format!("restarted [{}]", pods.join(", "))
                }
                PodEvent::Applied(pod) => describe(pod),
                other => format!("{other:?}"),
            })
            .collect()
    }

    fn listed() -> Owners {
        let mut owners = Owners::new("n".into(), Duration::from_secs(5));
        owners.pods_changed(Change::Listed(Vec::new()), Instant::now());
        owners.owners_changed(Change::Listed(Vec::new()));
        assert_eq!(told(&owners.jobs_changed(Change::Listed(Vec::new()))), ["restarted []"]);
        owners
    }

    #[test]
    fn the_first_list_waits_for_the_lists_of_owners() {
        let mut owners = Owners::new("n".into(), Duration::from_secs(5));
        let now = Instant::now();
        assert!(owners.pods_changed(Change::Listed(vec![pod("p", owner("ReplicaSet", "rs"))]), now).is_empty());
        assert!(owners.jobs_changed(Change::Listed(Vec::new())).is_empty());
        let events = owners.owners_changed(Change::Listed(vec![record("rs", Some(owner("Deployment", "d")))]));
        assert_eq!(told(&events), ["restarted [p < rs < d]"]);
        assert_eq!(owners.take_unresolved(), [owner("Deployment", "d")]);
    }

    #[test]
    fn a_pod_is_held_until_its_replica_set_arrives() {
        let mut owners = listed();
        assert!(owners.pods_changed(Change::Applied(pod("p", owner("ReplicaSet", "rs"))), Instant::now()).is_empty());
        let events = owners.owners_changed(Change::Applied(record("rs", Some(owner("Deployment", "d")))));
        assert_eq!(told(&events), ["p < rs < d"]);
        assert_eq!(owners.next_due(), None);
    }

    #[test]
    fn a_pod_whose_owner_never_arrives_is_told_in_the_end() {
        let mut owners = listed();
        let now = Instant::now();
        owners.pods_changed(Change::Applied(pod("p", owner("ReplicaSet", "rs"))), now);
        let due = owners.next_due().expect("something is held");
        assert_eq!(told(&owners.release(due)), ["p < rs"]);
    }

    #[test]
    fn without_the_right_to_watch_replica_sets_pods_are_told_at_once() {
        let mut owners = Owners::new("n".into(), Duration::from_secs(5));
        owners.jobs_changed(Change::Listed(Vec::new()));
        owners.owners_changed(Change::Lost("forbidden".into()));
        let events = owners.pods_changed(Change::Listed(vec![pod("p", owner("ReplicaSet", "rs"))]), Instant::now());
        assert_eq!(told(&events), ["restarted [p < rs]"]);
    }

    #[test]
    fn an_owner_above_the_deployment_is_added_when_it_has_been_looked_up() {
        let mut owners = listed();
        owners.owners_changed(Change::Applied(record("rs", Some(owner("Deployment", "d")))));
        owners.pods_changed(Change::Applied(pod("p", owner("ReplicaSet", "rs"))), Instant::now());
        assert_eq!(owners.take_unresolved().len(), 1);
        let events = owners.resolved(&uid("d"), Some(owner("Shop", "s")));
        assert_eq!(told(&events), ["p < rs < d < s"]);
        assert_eq!(owners.take_unresolved(), [owner("Shop", "s")]);
        assert!(owners.resolved(&uid("s"), None).is_empty());
    }

    #[test]
    fn a_held_pod_that_goes_away_is_never_told() {
        let mut owners = listed();
        let now = Instant::now();
        owners.pods_changed(Change::Applied(pod("p", owner("ReplicaSet", "rs"))), now);
        assert!(owners.pods_changed(Change::Deleted(pod("p", owner("ReplicaSet", "rs"))), now).is_empty());
        assert_eq!(owners.next_due(), None);
    }

    #[test]
    fn a_pod_that_outlives_its_replica_set_keeps_its_owners() {
        let mut owners = listed();
        let now = Instant::now();
        owners.owners_changed(Change::Applied(record("rs", Some(owner("Deployment", "d")))));
        owners.pods_changed(Change::Applied(pod("p", owner("ReplicaSet", "rs"))), now);
        assert!(owners.owners_changed(Change::Deleted(record("rs", None))).is_empty());
        let events = owners.pods_changed(Change::Applied(pod("p", owner("ReplicaSet", "rs"))), now);
        assert_eq!(told(&events), ["p < rs < d"]);
    }

    #[test]
    fn pods_told_without_their_owners_are_told_again_once_these_are_listed() {
        let mut owners = Owners::new("n".into(), Duration::from_secs(5));
        owners.jobs_changed(Change::Listed(Vec::new()));
        owners.owners_changed(Change::Lost("no connection".into()));
        owners.pods_changed(Change::Listed(vec![pod("p", owner("ReplicaSet", "rs"))]), Instant::now());
        let events = owners.owners_changed(Change::Listed(vec![record("rs", Some(owner("Deployment", "d")))]));
        assert_eq!(told(&events), ["p < rs < d"]);
    }

    #[test]
    fn a_finished_job_is_told_once() {
        let mut owners = listed();
        let job = || JobRecord { owner: record("j", None), name: "j".into(), finished: Some((true, String::new())) };
        assert_eq!(owners.jobs_changed(Change::Applied(job())).len(), 1);
        assert!(owners.jobs_changed(Change::Applied(job())).is_empty());
        assert!(owners.jobs_changed(Change::Listed(vec![job()])).is_empty());
    }
}
