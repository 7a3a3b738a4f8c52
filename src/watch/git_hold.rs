//! How long the changes of a repository wait while git is at work in it. Pure: time and files are arguments.

use std::time::{Duration, Instant};

/// After git has let go of its lock, a next command of the same script may follow.
const QUIET: Duration = Duration::from_millis(100);
/// Between the commits of a rebase, git and its hooks take longer.
const QUIET_OPERATION: Duration = Duration::from_millis(500);
/// A lock under which nothing happens for so long is waited for no longer: it was left behind, or git waits for a person.
const IDLE: Duration = Duration::from_secs(3);
/// Changes wait no longer than this, whatever git does.
const LONGEST: Duration = Duration::from_secs(30);
/// Who waits for so long is told why.
const TELL_AFTER: Duration = Duration::from_secs(1);

/// What is known of git's work in one repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct GitHold {
    phase: Phase,
    /// Changes wait since then.
    waiting_since: Option<Instant>,
    told: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// git does nothing.
    #[default]
    Free,
    /// git has the lock and writes.
    Locked { began: Instant, last: Instant },
    /// git has let go of the lock, and may go on.
    Settling { began: Instant, last: Instant, operation: bool },
    /// The lock is there, and nobody works under it.
    Left,
}

/// What is there when a moment has come that [`GitHold::due`] named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sight {
    /// `index.lock`.
    pub lock: bool,
    /// A rebase or a sequence of picks has begun and has not ended.
    pub operation: bool,
}

/// What to do at such a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Wait,
    /// Say why changes wait.
    Explain,
    /// git has finished.
    Release,
    /// The lock is still there, but is not waited for any longer.
    GiveUp {
        /// For how long nothing had happened.
        after: Duration,
    },
}

impl GitHold {
    /// Whether changes wait.
    pub fn holds(&self) -> bool {
        matches!(self.phase, Phase::Locked { .. } | Phase::Settling { .. })
    }

    /// git has taken its lock.
    pub fn locked(&mut self, now: Instant) {
        let began = match self.phase {
            Phase::Locked { began, .. } | Phase::Settling { began, .. } => began,
            Phase::Free | Phase::Left => now,
        };
        self.phase = Phase::Locked { began, last: now };
    }

    /// There is a lock of which nobody knows who works under it.
    pub fn found_old_lock(&mut self) {
        self.phase = Phase::Left;
    }

    /// git has let go of its lock.
    pub fn unlocked(&mut self, operation: bool, now: Instant) {
        self.phase = match self.phase {
            Phase::Locked { began, .. } => Phase::Settling { began, last: now, operation },
            other @ Phase::Settling { .. } => other,
            Phase::Free | Phase::Left => Phase::Free,
        };
    }

    /// Something has happened in the repository.
    pub fn touched(&mut self, now: Instant) {
        if let Phase::Locked { last, .. } | Phase::Settling { last, .. } = &mut self.phase {
            *last = now;
        }
    }

    /// A change waits.
    pub fn waits(&mut self, now: Instant) {
        self.waiting_since.get_or_insert(now);
        self.touched(now);
    }

    /// When to look again; `None` while there is nothing to look for.
    pub fn due(&self) -> Option<Instant> {
        let explain = self.waiting_since.filter(|_| !self.told).map(|since| since + TELL_AFTER);
        match self.phase {
            Phase::Free | Phase::Left => None,
            Phase::Locked { began, last } => {
                Some((last + IDLE).min(began + LONGEST).min(explain.unwrap_or(last + IDLE)))
            }
            // Nothing waits for what may follow.
            Phase::Settling { last, .. } if self.waiting_since.is_none() => Some(last),
            Phase::Settling { began, last, operation } => {
                let quiet = if operation { QUIET_OPERATION } else { QUIET };
                Some((last + quiet).min(began + LONGEST))
            }
        }
    }

    /// Decides at a moment that [`Self::due`] named. After [`Verdict::Release`] and [`Verdict::GiveUp`] nothing waits any more.
    pub fn decide(&mut self, sight: Sight, now: Instant) -> Verdict {
        let Some(due) = self.due().filter(|due| *due <= now) else { return Verdict::Wait };
        match self.phase {
            Phase::Free | Phase::Left => Verdict::Wait,
            // The system did not tell of its end.
            Phase::Locked { .. } if !sight.lock => {
                self.unlocked(sight.operation, now);
                Verdict::Wait
            }
            Phase::Locked { began, last } if last + IDLE <= now || began + LONGEST <= now => {
                let after = if last + IDLE <= now { IDLE } else { LONGEST };
                *self = Self { phase: Phase::Left, ..Self::default() };
                Verdict::GiveUp { after }
            }
            Phase::Locked { .. } => {
                self.told = true;
                Verdict::Explain
            }
            Phase::Settling { began, .. } if sight.lock && due < began + LONGEST => {
                self.locked(now);
                Verdict::Wait
            }
            Phase::Settling { .. } => {
                *self = Self::default();
                if sight.lock {
                    self.phase = Phase::Left;
                }
                Verdict::Release
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GONE: Sight = Sight { lock: false, operation: false };
    const LOCK: Sight = Sight { lock: true, operation: false };

    fn milliseconds(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn what_git_writes_under_its_lock_waits_until_it_is_quiet() {
        let start = Instant::now();
        let mut hold = GitHold::default();
        assert_eq!((hold.holds(), hold.due()), (false, None), "an edit without git waits for nothing");
        hold.locked(start);
        assert!(hold.holds());
        for step in 1..20 {
            hold.waits(start + milliseconds(step));
        }
        hold.unlocked(false, start + milliseconds(20));
        assert_eq!(hold.due(), Some(start + milliseconds(120)));
        // The next command of a script.
        hold.locked(start + milliseconds(60));
        hold.waits(start + milliseconds(70));
        hold.unlocked(false, start + milliseconds(80));
        assert_eq!(hold.decide(GONE, start + milliseconds(179)), Verdict::Wait);
        assert!(hold.holds());
        assert_eq!(hold.decide(GONE, start + milliseconds(180)), Verdict::Release);
        assert_eq!((hold.holds(), hold.due()), (false, None));
    }

    #[test]
    fn a_lock_without_changes_is_over_with_its_end() {
        let start = Instant::now();
        let mut hold = GitHold::default();
        hold.locked(start);
        hold.unlocked(false, start + milliseconds(4));
        assert_eq!(hold.due(), Some(start + milliseconds(4)));
        assert_eq!(hold.decide(GONE, start + milliseconds(4)), Verdict::Release);
        assert!(!hold.holds());
    }

    #[test]
    fn between_the_commits_of_a_rebase_it_waits_longer() {
        let start = Instant::now();
        let mut hold = GitHold::default();
        hold.locked(start);
        hold.waits(start);
        hold.unlocked(true, start);
        assert_eq!(hold.due(), Some(start + QUIET_OPERATION));
    }

    #[test]
    fn a_lock_that_is_left_is_explained_and_given_up() {
        let start = Instant::now();
        let mut hold = GitHold::default();
        hold.locked(start);
        hold.waits(start + milliseconds(10));
        assert_eq!(hold.due(), Some(start + milliseconds(1010)));
        assert_eq!(hold.decide(LOCK, start + milliseconds(1010)), Verdict::Explain);
        assert_eq!(hold.due(), Some(start + milliseconds(3010)), "said once");
        assert_eq!(hold.decide(LOCK, start + milliseconds(3010)), Verdict::GiveUp { after: IDLE });
        hold.waits(start + milliseconds(4000));
        assert!(!hold.holds(), "later edits do not wait");
        hold.unlocked(false, start + milliseconds(5000));
        hold.locked(start + milliseconds(6000));
        assert!(hold.holds(), "a new lock is another one");
    }

    #[test]
    fn nothing_waits_for_ever_whatever_git_does() {
        let start = Instant::now();
        let mut hold = GitHold::default();
        hold.locked(start);
        let mut now = start;
        let verdict = loop {
            now += milliseconds(700);
            hold.waits(now);
            match hold.decide(LOCK, now) {
                Verdict::Wait | Verdict::Explain => assert!(now < start + LONGEST + IDLE),
                verdict => break verdict,
            }
        };
        assert_eq!(verdict, Verdict::GiveUp { after: LONGEST });
        let mut hold = GitHold::default();
        hold.locked(start);
        let mut now = start;
        while hold.holds() {
            now += milliseconds(90);
            hold.waits(now);
            hold.unlocked(true, now);
            hold.decide(Sight { lock: false, operation: true }, now);
            assert!(now <= start + LONGEST + QUIET_OPERATION);
        }
    }

    #[test]
    fn the_end_of_a_lock_that_nobody_told_is_seen() {
        let start = Instant::now();
        let mut hold = GitHold::default();
        hold.locked(start);
        hold.waits(start);
        assert_eq!(hold.decide(GONE, start + TELL_AFTER), Verdict::Wait);
        assert_eq!(hold.decide(GONE, start + TELL_AFTER + QUIET), Verdict::Release);
        hold.locked(start);
        hold.waits(start);
        hold.unlocked(false, start);
        assert_eq!(hold.decide(LOCK, start + QUIET), Verdict::Wait, "and a beginning");
        assert!(hold.holds());
    }

    #[test]
    fn an_old_lock_holds_nothing() {
        let mut hold = GitHold::default();
        hold.found_old_lock();
        assert!(!hold.holds());
    }
}
