//! Effect `PruneImages`: removes what is left of earlier builds (reference §3.12).

use std::collections::HashSet;
use std::sync::Arc;

use chrono::Utc;
use tokio_util::sync::CancellationToken;

use super::edges::SharedEdges;
use super::effects::housekeeping;
use crate::docker::{Engine, PruneReport, PruneRequest};
use crate::engine::{WorkError, WorkResult};
use crate::logs::LogSource;
use crate::project::{ImageBuild, Project, Target};

/// What of a project's builds may go. `needed` are the names of images that a running session still needs.
fn prune_request(project: &Project, needed: HashSet<String>) -> PruneRequest {
    let own = project.images.values().filter(|image| !matches!(image.build, ImageBuild::Compose(_)));
    let services = project.resources.values().filter_map(|resource| match &resource.target {
        Target::Compose(target) => Some(target.project.name.clone()),
        Target::Kubernetes(_) | Target::Local(_) => None,
    });
    let settings = &project.settings;
    PruneRequest {
        images: own.map(|image| image.reference.clone()).collect(),
        registry: settings.default_registry.clone(),
        max_age: settings.prune.max_age,
        keep_recent: settings.prune.keep_recent,
        needed,
        compose_projects: services.collect(),
    }
}

/// Removes what may go now, or only says what would be removed.
///
/// # Errors
///
/// In words for people, when the engine does not answer or refuses.
pub async fn prune_now(project: &Project, rehearse: bool) -> Result<PruneReport, String> {
    let engine = Engine::connect().await.map_err(|error| error.to_string())?;
    let request = prune_request(project, HashSet::new());
    engine.prune(&request, Utc::now(), rehearse).await.map_err(|error| error.to_string())
}

/// Failures are only logged: nobody waits for it.
pub(super) async fn prune(
    edges: SharedEdges,
    project: Arc<Project>,
    needed: HashSet<String>,
    cancel: CancellationToken,
) -> WorkResult {
    let log = edges.logs.sink(None, LogSource::Build);
    let pruning = async {
        let engine = edges.docker().await.map_err(|error| match error {
            WorkError::Failed(message) | WorkError::Lost(message) => message,
            WorkError::Cancelled => "cancelled".to_owned(),
        })?;
        let request = prune_request(&project, needed);
        engine.prune(&request, Utc::now(), false).await.map_err(|error| error.to_string())
    };
    match cancel.run_until_cancelled(pruning).await {
        Some(Ok(report)) => {
            if let Some(line) = summary(&report) {
                log.info(line);
            }
            for failure in report.failures {
                log.warn(format!("Cannot remove {failure}"));
            }
        }
        Some(Err(error)) => log.warn(format!("What is left of earlier builds was not removed: {error}")),
        None => {}
    }
    housekeeping(Ok(()))
}

/// One line that says what was removed; `None` when nothing was.
pub fn summary(report: &PruneReport) -> Option<String> {
    let mut kinds = Vec::new();
    for (names, one, several) in
        [(&report.images, "old image", "old images"), (&report.containers, "stopped container", "stopped containers")]
    {
        match names.len() {
            0 => {}
            1 => kinds.push(format!("1 {one} ({})", names[0])),
            count => kinds.push(format!("{count} {several} ({})", names.join(", "))),
        }
    }
    if kinds.is_empty() {
        return None;
    }
    let freed = report.freed.map(|bytes| format!(": {} freed", size(bytes))).unwrap_or_default();
    Some(format!("Removed {}{freed}", kinds.join(" and ")))
}

/// As docker writes sizes.
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB"] {
        if value < 999.5 {
            let digits = usize::from(unit != "B" && value < 10.0);
            return format!("{value:.digits$} {unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.1} GB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_removed_is_said_in_one_line() {
        let report = |images: &[&str], containers: &[&str], freed| PruneReport {
            images: images.iter().map(|name| (*name).to_owned()).collect(),
            containers: containers.iter().map(|name| (*name).to_owned()).collect(),
            freed,
            expected: None,
            failures: Vec::new(),
        };
        assert_eq!(summary(&report(&[], &[], Some(5))), None);
        assert_eq!(
            summary(&report(&["a:1", "a:2"], &["c"], Some(1_234_567))).as_deref(),
            Some("Removed 2 old images (a:1, a:2) and 1 stopped container (c): 1.2 MB freed")
        );
        assert_eq!(summary(&report(&["a:1"], &[], None)).as_deref(), Some("Removed 1 old image (a:1)"));
        assert_eq!([0, 999, 1000, 45_000, 2_500_000_000].map(size), ["0 B", "999 B", "1.0 kB", "45 kB", "2.5 GB"]);
    }
}
