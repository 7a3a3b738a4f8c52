//! Once a session has come to rest after a load of the configuration, the pages of the program that only that needed are let
//! go of: the evaluation, the connections' beginnings, the first deploys.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::engine::{ConfigState, Snapshot};
use crate::process::drop_program_pages;

/// Nothing has happened for so long.
const QUIET: Duration = Duration::from_secs(3);

/// Follows a session to its end.
pub(super) async fn tidy(mut snapshots: watch::Receiver<Arc<Snapshot>>) {
    let mut tidied = 0;
    loop {
        let loads = {
            let snapshot = snapshots.borrow_and_update();
            let loads = snapshot.config.loads;
            let is_due = loads != tidied
                && snapshot.config.state != ConfigState::Loading
                && snapshot.resources.iter().all(|resource| resource.current.is_none());
            is_due.then_some(loads)
        };
        let Some(loads) = loads else {
            if snapshots.changed().await.is_err() {
                return;
            }
            continue;
        };
        match timeout(QUIET, snapshots.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => {
                tidied = loads;
                if let Err(error) = drop_program_pages() {
                    tracing::debug!(%error, "the pages of the start stay");
                }
            }
        }
    }
}
