//! What time it is for a frame.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::engine::{SessionTime, Snapshot};

/// What time it is for a frame: drawing itself never asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// In the session.
    pub session: SessionTime,
    /// On the wall.
    pub wall: DateTime<Utc>,
}

impl Clock {
    /// The time `passed` after `snapshot` was taken.
    pub fn after(snapshot: &Snapshot, passed: Duration) -> Self {
        let session = snapshot.now + passed;
        Self { session, wall: snapshot.started + session.0 }
    }

    /// How long ago `moment` was; zero when it is to come.
    pub fn age_of(&self, moment: DateTime<Utc>) -> Duration {
        (self.wall - moment).to_std().unwrap_or_default()
    }
}
