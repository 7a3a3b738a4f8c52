//! Where the time went: spans made of what happened, and the chain of those that decided when it was over. Pure.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::happening::Happening;
use super::journal::Entry;
use crate::project::ResourceName;

/// What a span of time was spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The configuration was evaluated.
    Config,
    /// A resource had something to do and waited.
    Waiting,
    /// Images were built and objects applied, a command ran, or files were copied.
    Update,
    /// A part of an update.
    Step,
    /// What was deployed or started was not ready yet.
    Starting,
}

/// A span of time.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Span {
    /// Whose; `None` for the configuration.
    pub resource: Option<ResourceName>,
    /// On what.
    pub phase: Phase,
    /// For people: the reasons of an update, the name of a step, why it waited.
    pub text: String,
    /// Seconds since the timeline's start.
    pub start: f64,
    /// Seconds since the timeline's start; `None` while it goes on.
    pub end: Option<f64>,
    /// Whether it ended in a failure.
    pub failed: bool,
    /// Whether it is part of the critical path: had it been shorter, everything would have been over sooner.
    pub critical: bool,
    /// The resources that it waited for.
    #[serde(skip)]
    on: Vec<ResourceName>,
}

/// The spans of a stretch of time, and how long it all took.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Timeline {
    /// When it begins.
    pub started: DateTime<Utc>,
    /// From its beginning to the end of its last span, in seconds.
    pub seconds: f64,
    /// By start.
    pub spans: Vec<Span>,
}

/// Rounding of times: what ends so little after another begins is before it, seconds.
const EPSILON: f64 = 0.002;

impl Timeline {
    /// The timeline of all entries; `None` when there is nothing in it.
    pub fn of<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> Option<Self> {
        let mut builder = Builder::default();
        for entry in entries {
            builder.add(entry);
        }
        builder.finish()
    }

    /// Only the newest stretch in which something went on without a pause: the start of the session, or the newest edit.
    #[must_use]
    pub fn newest(&self) -> Self {
        let now = self.seconds;
        let mut start = 0.0;
        let mut busy_until = f64::NEG_INFINITY;
        for span in self.spans.iter().filter(|span| span.works()) {
            if span.start > busy_until + EPSILON {
                start = span.start;
            }
            busy_until = busy_until.max(span.end.unwrap_or(now));
        }
        let spans = self.spans.iter().filter(|span| span.end.unwrap_or(now) > start || span.start >= start).cloned();
        let spans = spans
            .map(|span| Span {
                start: (span.start - start).max(0.0),
                end: span.end.map(|end| end - start),
                critical: false,
                ..span
            })
            .collect();
        let shift = chrono::TimeDelta::microseconds((start * 1e6) as i64);
        Self::with(self.started + shift, spans)
    }

    /// The critical path in words, in the order of time: what each part was, and how long by `took`, which is given seconds.
    pub fn critical_path_text(&self, took: impl Fn(f64) -> String) -> String {
        let parts = self.spans.iter().filter(|span| span.critical).map(|span| {
            let name = span.resource.as_ref().map_or("configuration", ResourceName::as_str);
            let what = if span.phase == Phase::Starting { " starting" } else { "" };
            format!("{name}{what} {}", took(span.end.unwrap_or(self.seconds) - span.start))
        });
        parts.collect::<Vec<_>>().join(" → ")
    }

    fn with(started: DateTime<Utc>, mut spans: Vec<Span>) -> Self {
        spans.sort_by(|a, b| a.start.total_cmp(&b.start));
        let seconds = spans.iter().map(|span| span.end.unwrap_or(span.start)).fold(0.0, f64::max);
        let mut timeline = Self { started, seconds, spans };
        for index in timeline.critical_path() {
            timeline.spans[index].critical = true;
        }
        timeline
    }

    /// The spans that decided when it was over, the last one first: each could begin only when the next in the list had ended.
    fn critical_path(&self) -> Vec<usize> {
        let last = |candidates: &mut dyn Iterator<Item = usize>| {
            candidates.max_by(|&a, &b| self.end(a).total_cmp(&self.end(b)).then(b.cmp(&a)))
        };
        let mut path = Vec::new();
        let mut next = last(&mut (0..self.spans.len()).filter(|&index| self.spans[index].works()));
        while let Some(index) = next {
            path.push(index);
            let span = &self.spans[index];
            // What it waited for just before it began.
            let wait = self.spans.iter().rfind(|it| {
                it.phase == Phase::Waiting
                    && it.resource == span.resource
                    && it.start < span.start
                    && it.end.is_some_and(|end| (end - span.start).abs() <= EPSILON)
            });
            let before = |&other: &usize| {
                let it = &self.spans[other];
                let related = it.phase == Phase::Config
                    || it.resource == span.resource
                    || wait.is_some_and(|wait| {
                        // A wait for a free place, or for an image, is for whatever ended then.
                        wait.on.is_empty() || it.resource.as_ref().is_some_and(|name| wait.on.contains(name))
                    });
                it.works() && related && !path.contains(&other) && it.end.is_some_and(|end| end <= span.start + EPSILON)
            };
            next = last(&mut (0..self.spans.len()).filter(before));
        }
        path
    }

    fn end(&self, index: usize) -> f64 {
        self.spans[index].end.unwrap_or(f64::INFINITY)
    }
}

impl Span {
    /// Whether something was done in it, rather than waited for.
    fn works(&self) -> bool {
        matches!(self.phase, Phase::Config | Phase::Update | Phase::Starting)
    }
}

/// Turns beginnings and ends into spans.
#[derive(Default)]
struct Builder {
    started: Option<DateTime<Utc>>,
    spans: Vec<Span>,
    open: HashMap<(Option<ResourceName>, u8), usize>,
    /// What is not ready, and why. Before its first update and while it is updated it cannot be.
    pending: HashMap<ResourceName, String>,
    updated: HashSet<ResourceName>,
}

impl Builder {
    fn add(&mut self, entry: &Entry) {
        let started = *self.started.get_or_insert(entry.time);
        let at = (entry.time - started).num_microseconds().unwrap_or_default() as f64 / 1e6;
        let resource = entry.happening.resource().cloned();
        match &entry.happening {
            Happening::ConfigLoading => self.begin(None, Phase::Config, "configuration".to_owned(), at, &[]),
            Happening::ConfigLoaded { .. } => self.finish_span(None, Phase::Config, at, false),
            Happening::ConfigFailed { .. } => self.finish_span(None, Phase::Config, at, true),
            // Nobody is in a hurry with what only a person may start.
            Happening::Waiting { reason, .. } if reason == "manual" => {
                self.finish_span(resource, Phase::Waiting, at, false);
            }
            Happening::Waiting { text, on, .. } => {
                self.finish_span(resource.clone(), Phase::Waiting, at, false);
                self.begin(resource, Phase::Waiting, text.clone(), at, on);
            }
            Happening::WaitingEnded { .. } => self.finish_span(resource, Phase::Waiting, at, false),
            Happening::UpdateStarted { reasons, .. } => {
                self.finish_span(resource.clone(), Phase::Waiting, at, false);
                self.finish_span(resource.clone(), Phase::Starting, at, false);
                self.begin(resource, Phase::Update, reasons.join(", "), at, &[]);
            }
            Happening::Step { step, .. } => {
                self.finish_span(resource.clone(), Phase::Step, at, false);
                self.begin(resource, Phase::Step, step.clone(), at, &[]);
            }
            Happening::UpdateFinished { outcome, .. } => {
                let failed = outcome == "failed";
                self.finish_span(resource.clone(), Phase::Step, at, failed);
                self.finish_span(resource.clone(), Phase::Update, at, failed);
                let Some(name) = resource else { return };
                let is_open = self.open.contains_key(&(Some(name.clone()), Phase::Starting as u8));
                if let Some(message) = self.pending.get(&name).filter(|_| !failed && !is_open) {
                    self.begin(Some(name.clone()), Phase::Starting, message.clone(), at, &[]);
                }
                self.updated.insert(name);
            }
            Happening::RuntimeChanged { runtime, message, .. } => {
                let Some(name) = resource else { return };
                if runtime == "pending" {
                    let key = |phase| (Some(name.clone()), phase as u8);
                    let is_busy = self.open.contains_key(&key(Phase::Update));
                    let is_open = self.open.contains_key(&key(Phase::Starting));
                    if self.updated.contains(&name) && !is_busy && !is_open {
                        self.begin(Some(name.clone()), Phase::Starting, message.clone(), at, &[]);
                    }
                    self.pending.insert(name, message.clone());
                } else {
                    self.pending.remove(&name);
                    self.finish_span(Some(name), Phase::Starting, at, runtime == "error");
                }
            }
            Happening::ResourceRemoved { .. } | Happening::EnabledChanged { enabled: false, .. } => {
                for phase in [Phase::Waiting, Phase::Step, Phase::Update, Phase::Starting] {
                    self.finish_span(resource.clone(), phase, at, false);
                }
            }
            Happening::Docker { .. }
            | Happening::Cluster { .. }
            | Happening::ResourceAdded { .. }
            | Happening::EnabledChanged { .. }
            | Happening::PodChanged { .. }
            | Happening::ForwardChanged { .. }
            | Happening::Verdict { .. }
            | Happening::Stopping => {}
        }
    }

    fn begin(&mut self, resource: Option<ResourceName>, phase: Phase, text: String, start: f64, on: &[ResourceName]) {
        self.open.insert((resource.clone(), phase as u8), self.spans.len());
        let on = on.to_vec();
        self.spans.push(Span { resource, phase, text, start, end: None, failed: false, critical: false, on });
    }

    fn finish_span(&mut self, resource: Option<ResourceName>, phase: Phase, at: f64, failed: bool) {
        if let Some(index) = self.open.remove(&(resource, phase as u8)) {
            let span = &mut self.spans[index];
            span.end = Some(at.max(span.start));
            span.failed = failed;
        }
    }

    fn finish(self) -> Option<Timeline> {
        let started = self.started.filter(|_| !self.spans.is_empty())?;
        Some(Timeline::with(started, self.spans))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64, happening: Happening) -> Entry {
        let start = DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
        Entry { cursor: 0, time: start + chrono::TimeDelta::milliseconds(milliseconds), happening }
    }

    fn name(name: &str) -> ResourceName {
        ResourceName::new(name)
    }

    fn started(whose: &str) -> Happening {
        Happening::UpdateStarted { resource: name(whose), reasons: vec!["Initial Build".to_owned()] }
    }

    fn finished(whose: &str) -> Happening {
        Happening::UpdateFinished {
            resource: name(whose),
            kind: "full".to_owned(),
            outcome: "ok".to_owned(),
            error: None,
            reasons: vec![],
            rebuild_reason: None,
            files: 0,
            seconds: 0.0,
        }
    }

    fn runtime(whose: &str, runtime: &str) -> Happening {
        Happening::RuntimeChanged { resource: name(whose), runtime: runtime.to_owned(), message: String::new() }
    }

    fn loaded() -> Happening {
        Happening::ConfigLoaded { seconds: 0.1, warnings: 0 }
    }

    fn path(timeline: &Timeline) -> Vec<(String, Phase)> {
        let spans = timeline.spans.iter().filter(|span| span.critical);
        spans.map(|span| (span.resource.as_ref().map_or(String::new(), ToString::to_string), span.phase)).collect()
    }

    /// The configuration, then a database that takes long to start, then a service that waits for it; another one is quick.
    fn first_start() -> Vec<Entry> {
        let waits = Happening::Waiting {
            resource: name("web"),
            reason: "waiting-for-dep".to_owned(),
            text: "waiting for db".to_owned(),
            on: vec![name("db")],
        };
        vec![
            at(0, Happening::ConfigLoading),
            at(100, loaded()),
            // As the engine has it: nothing is ready before it has been deployed.
            at(100, runtime("db", "pending")),
            at(100, started("db")),
            at(100, started("quick")),
            at(100, waits),
            at(300, finished("quick")),
            at(400, finished("db")),
            at(2400, runtime("db", "ok")),
            at(2400, started("web")),
            at(2900, finished("web")),
        ]
    }

    #[test]
    fn the_critical_path_goes_through_what_was_waited_for() {
        let entries = first_start();
        let timeline = Timeline::of(&entries).expect("there are spans");
        assert!((timeline.seconds - 2.9).abs() < 1e-9, "{timeline:?}");
        let expected = [("", Phase::Config), ("db", Phase::Update), ("db", Phase::Starting), ("web", Phase::Update)];
        assert_eq!(path(&timeline), expected.map(|(name, phase)| (name.to_owned(), phase)));
    }

    #[test]
    fn the_newest_stretch_begins_after_the_last_pause() {
        let mut entries = first_start();
        entries.extend([at(60_000, started("quick")), at(60_020, finished("quick"))]);
        let newest = Timeline::of(&entries).expect("there are spans").newest();
        assert_eq!(path(&newest), [("quick".to_owned(), Phase::Update)]);
        assert!((newest.seconds - 0.02).abs() < 1e-6, "{newest:?}");
        assert_eq!(newest.started, entries[entries.len() - 2].time);
    }

    #[test]
    fn steps_end_with_the_next_one_and_a_failed_update_fails_its_last() {
        let step = |text: &str| Happening::Step { resource: name("web"), step: text.to_owned() };
        let mut failed = finished("web");
        if let Happening::UpdateFinished { outcome, .. } = &mut failed {
            *outcome = "failed".to_owned();
        }
        let entries = [at(0, started("web")), at(0, step("building")), at(500, step("applying")), at(600, failed)];
        let timeline = Timeline::of(&entries).expect("there are spans");
        let steps: Vec<_> = timeline.spans.iter().filter(|it| it.phase == Phase::Step).collect();
        assert_eq!(
            steps.iter().map(|it| (it.end, it.failed)).collect::<Vec<_>>(),
            [(Some(0.5), false), (Some(0.6), true)]
        );
    }

    #[test]
    fn nothing_gives_no_timeline() {
        assert_eq!(Timeline::of(&[]), None);
    }
}
