//! Whether a CI run is over, and why (reference §3.15).

use std::time::Duration;

use super::engine::{Engine, Mode};
use super::snapshot::{Connection, UpdateOutcome};
use super::state::{ResourceState, ServeState};
use super::status::{RuntimeStatus, SessionTime};
use super::verdict::Verdict;
use crate::diagnostic::count;
use crate::project::{PodReadiness, Project, Resource, ResourceName, Target};

/// A cluster or engine that does not answer for this long fails a CI run: a restart of either takes less.
const MAX_OUTAGE: Duration = Duration::from_mins(1);

/// One that has never answered is probably not going to.
const MAX_ABSENCE: Duration = Duration::from_secs(3);

/// How one resource stands for a CI run.
enum Standing {
    /// Nothing more is expected of it.
    Done,
    /// Something is still to come; the text says what.
    Waiting(String),
    /// It failed.
    Failed(String),
}

impl Engine {
    /// Decides once whether a CI run is over.
    pub(super) fn judge(&mut self) {
        let Mode::Ci { timeout } = self.options.mode else { return };
        if self.state.verdict.is_none() {
            self.state.verdict = self.verdict(timeout);
        }
    }

    fn verdict(&self, flag: Option<Duration>) -> Option<Verdict> {
        if self.state.config.running.is_some() || self.state.config.pending {
            return self.over_time(flag, None);
        }
        if self.state.config.needs_engine {
            return self.too_long_away().or_else(|| self.over_time(flag, None));
        }
        if self.state.config.failed {
            let errors = self.state.config.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
            let reason = format!("the configuration has {}", count(errors, "error"));
            return Some(Verdict::Failure { resource: None, reason });
        }
        let project = self.state.project.clone()?;
        if let Some(verdict) = self.too_long_away() {
            return Some(verdict);
        }
        let mut waiting = Vec::new();
        let mut targets = 0;
        for (name, resource) in &project.resources {
            let Some(state) = self.state.resources.get(name) else { continue };
            if !state.enabled || (!resource.auto_init && !state.started_once) {
                continue;
            }
            targets += 1;
            match self.standing(&project, resource, state) {
                Standing::Done => {}
                Standing::Waiting(what) => waiting.push((name.clone(), what)),
                Standing::Failed(reason) => {
                    return Some(Verdict::Failure { resource: Some(name.clone()), reason });
                }
            }
        }
        if waiting.is_empty() && targets > 0 {
            return Some(Verdict::Success);
        }
        if waiting.is_empty() {
            let reason = "no resource is enabled: there is nothing to prove".to_owned();
            return Some(Verdict::Failure { resource: None, reason });
        }
        self.over_time(flag, Some(&waiting))
    }

    fn over_time(&self, flag: Option<Duration>, waiting: Option<&[(ResourceName, String)]>) -> Option<Verdict> {
        let limit = self.ci_timeout(flag)?;
        if self.now.0 < limit {
            return None;
        }
        let what = match waiting {
            Some(waiting) => {
                let list: Vec<String> = waiting.iter().map(|(name, what)| format!("{name}: {what}")).collect();
                let verb = if waiting.len() == 1 { "is" } else { "are" };
                format!("{} {verb} not ready ({})", count(waiting.len(), "resource"), list.join("; "))
            }
            None => "the configuration is still being evaluated".to_owned(),
        };
        let resource = waiting.and_then(|waiting| waiting.first()).map(|(name, _)| name.clone());
        let reason = format!("timeout after {}: {what}", humantime::format_duration(limit));
        Some(Verdict::Failure { resource, reason })
    }

    fn ci_timeout(&self, flag: Option<Duration>) -> Option<Duration> {
        match self.state.project.as_ref().and_then(|project| project.settings.ci.timeout) {
            Some(declared) => declared,
            None => flag,
        }
    }

    fn standing(&self, project: &Project, resource: &Resource, state: &ResourceState) -> Standing {
        if state.update.is_some() {
            return Standing::Waiting("being updated".to_owned());
        }
        if !state.started_once || state.interrupted {
            let why = self.holds.get(&resource.name).map(ToString::to_string);
            return Standing::Waiting(why.unwrap_or_else(|| "waiting".to_owned()));
        }
        if state.last_ok == Some(false) {
            let reason = state.history.front().map_or("its update failed", |record| match &record.outcome {
                UpdateOutcome::Failed(reason) | UpdateOutcome::Cancelled(reason) => reason,
                UpdateOutcome::Ok => "its update failed",
            });
            return Standing::Failed(reason.to_owned());
        }
        // A run is about the resources of the configuration: an API object is to be applied, no more.
        if resource.api().is_some() {
            return Standing::Done;
        }
        match &resource.target {
            Target::Local(target) => self.local_standing(target.serve_cmd.is_some(), project, state),
            Target::Kubernetes(target) => self.kubernetes_standing(target.pod_readiness, project, state),
            Target::Compose(_) => self.compose_standing(project, state),
        }
    }

    fn local_standing(&self, serves: bool, project: &Project, state: &ResourceState) -> Standing {
        if !serves {
            return Standing::Done;
        }
        match &state.serve {
            ServeState::Running { ready: true, .. } => Standing::Done,
            ServeState::Exited { message } => Standing::Failed(message.clone()),
            ServeState::Running { .. } | ServeState::Idle | ServeState::Stopping { .. } => {
                self.not_ready(project, state, "its process is not ready")
            }
        }
    }

    fn kubernetes_standing(&self, readiness: PodReadiness, project: &Project, state: &ResourceState) -> Standing {
        match state.runtime.status {
            RuntimeStatus::Ok | RuntimeStatus::NotApplicable => Standing::Done,
            RuntimeStatus::Error => match (project.settings.ci.k8s_grace_period, state.deployed_at) {
                (Some(grace), Some(deployed)) if !grace.is_zero() => {
                    if self.now.since(deployed) < grace {
                        Standing::Waiting(format!("retrying: {}", state.runtime.message))
                    } else {
                        Standing::Failed(format!("exceeded grace period: {}", state.runtime.message))
                    }
                }
                _ => Standing::Failed(state.runtime.message.clone()),
            },
            RuntimeStatus::Pending | RuntimeStatus::Unknown | RuntimeStatus::None => {
                let what = if state.runtime.message.is_empty() { "not ready" } else { &state.runtime.message };
                match readiness {
                    // Jobs are exempt from the readiness limit.
                    PodReadiness::Succeeded => Standing::Waiting(what.to_owned()),
                    PodReadiness::Wait | PodReadiness::Ignore => self.not_ready(project, state, what),
                }
            }
        }
    }

    fn compose_standing(&self, project: &Project, state: &ResourceState) -> Standing {
        match state.runtime.status {
            RuntimeStatus::Ok | RuntimeStatus::NotApplicable => Standing::Done,
            RuntimeStatus::Error => Standing::Failed(state.runtime.message.clone()),
            RuntimeStatus::Pending | RuntimeStatus::Unknown | RuntimeStatus::None => {
                let what = if state.runtime.message.is_empty() { "not running" } else { &state.runtime.message };
                self.not_ready(project, state, what)
            }
        }
    }

    fn not_ready(&self, project: &Project, state: &ResourceState, what: &str) -> Standing {
        match (project.settings.ci.readiness_timeout, state.unready_since) {
            (Some(limit), Some(since)) if !limit.is_zero() && self.now.since(since) >= limit => {
                Standing::Failed(format!("not ready after {}: {what}", humantime::format_duration(limit)))
            }
            _ => Standing::Waiting(what.to_owned()),
        }
    }

    /// An outside system that has not answered for too long.
    fn too_long_away(&self) -> Option<Verdict> {
        self.outages().into_iter().find_map(|(state, since, seen)| match (state, since) {
            (Some(Connection::Lost(message)), Some(since)) if self.now.since(since) >= outage_limit(seen) => {
                Some(Verdict::Failure { resource: None, reason: message.clone() })
            }
            _ => None,
        })
    }

    /// State, start of the outage and whether it ever answered, of each outside system.
    fn outages(&self) -> [(&Option<Connection>, Option<SessionTime>, bool); 2] {
        [
            (&self.state.cluster, self.state.cluster_lost_since, self.state.cluster_seen),
            (&self.state.docker, self.state.docker_lost_since, self.state.docker_seen),
        ]
    }

    /// The next moment at which time alone can change something: the verdict of a CI run, else when to clean up.
    pub fn wake_at(&self) -> Option<SessionTime> {
        let Mode::Ci { timeout } = self.options.mode else { return self.next_image_prune() };
        if self.state.verdict.is_some() {
            return None;
        }
        let mut moments: Vec<SessionTime> = self.ci_timeout(timeout).map(SessionTime).into_iter().collect();
        for (_, since, seen) in self.outages() {
            moments.extend(since.map(|since| since + outage_limit(seen)));
        }
        if let Some(project) = &self.state.project {
            let ci = &project.settings.ci;
            for state in self.state.resources.values() {
                if let (Some(limit), Some(since)) = (ci.readiness_timeout, state.unready_since) {
                    moments.push(since + limit);
                }
                if let (Some(grace), Some(deployed)) = (ci.k8s_grace_period, state.deployed_at) {
                    moments.push(deployed + grace);
                }
            }
        }
        moments.into_iter().filter(|moment| *moment > self.now).min()
    }
}

fn outage_limit(seen: bool) -> Duration {
    if seen { MAX_OUTAGE } else { MAX_ABSENCE }
}
