//! Containers of Compose projects: what they are and do, their logs, and news of them.

use std::collections::HashMap;

use bollard::container::LogOutput;
use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum, HealthStatusEnum};
use bollard::query_parameters::{
    EventsOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder, LogsOptionsBuilder,
    RestartContainerOptionsBuilder,
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt as _};

use super::engine::Engine;
use super::engine_error::EngineError;

/// Compose marks what it creates.
pub(super) const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
const ONE_OFF: &str = "com.docker.compose.oneoff";

/// News that change what is known of a container; there are others, such as those of each health check.
const EVENTS: [&str; 12] = [
    "create",
    "start",
    "die",
    "oom",
    "stop",
    "restart",
    "pause",
    "unpause",
    "destroy",
    "rename",
    "health_status",
    "update",
];

/// What a container does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerStatus {
    /// Not started yet.
    Created,
    /// Runs.
    Running,
    /// Stopped for a while.
    Paused,
    /// Between two starts.
    Restarting,
    /// Ended.
    Exited,
    /// Being removed, or what is left when that failed.
    Removing,
}

/// A container of a Compose service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceContainer {
    /// Its id.
    pub id: String,
    /// Its name, without the leading slash.
    pub name: String,
    /// The project.
    pub project: String,
    /// The service.
    pub service: String,
    /// The id of its image.
    pub image: String,
    /// When it was created.
    pub created: DateTime<Utc>,
    /// What it does.
    pub status: ContainerStatus,
    /// When it was started last.
    pub started: Option<DateTime<Utc>>,
    /// When it ended last.
    pub finished: Option<DateTime<Utc>>,
    /// How it ended last.
    pub exit_code: i32,
    /// Why it could not be started; may be empty.
    pub error: String,
    /// Whether it was killed because it took too much memory.
    pub out_of_memory: bool,
    /// `starting`, `healthy` or `unhealthy`; `None` without a health check.
    pub health: Option<String>,
    /// Restarts by the engine.
    pub restarts: u32,
}

/// News of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerEvent {
    /// It is new or has changed.
    Changed(String),
    /// It has been removed.
    Removed(String),
}

impl Engine {
    /// All containers of a project's services, whatever they do; those of `compose run` are left out.
    pub async fn project_containers(&self, project: &str) -> Result<Vec<ServiceContainer>, EngineError> {
        let filters = HashMap::from([("label", vec![format!("{PROJECT}={project}")])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let listed = self.bollard().list_containers(Some(options)).await?;
        let mut containers = Vec::new();
        for id in listed.into_iter().filter_map(|container| container.id) {
            containers.extend(self.service_container(&id).await?);
        }
        Ok(containers)
    }

    /// A container; `None` when it is gone or belongs to no service.
    pub async fn service_container(&self, id: &str) -> Result<Option<ServiceContainer>, EngineError> {
        match self.bollard().inspect_container(id, None::<InspectContainerOptions>).await {
            Ok(container) => Ok(convert(container)),
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The engine's own time, in seconds since 1970.
    pub async fn time(&self) -> Result<i64, EngineError> {
        let time = self.bollard().info().await?.system_time.unwrap_or_default();
        let parsed = DateTime::parse_from_rfc3339(&time)
            .map_err(|_| EngineError::Refused(format!("it says that the time is `{time}`")))?;
        Ok(parsed.timestamp())
    }

    /// News of a project's containers from the second `since` on (by the engine's clock). Ends with an error.
    pub fn container_events(
        &self,
        project: &str,
        since: i64,
    ) -> impl Stream<Item = Result<ContainerEvent, EngineError>> + Send + use<> {
        let filters = HashMap::from([
            ("type", vec!["container".to_owned()]),
            ("label", vec![format!("{PROJECT}={project}")]),
            ("event", EVENTS.map(str::to_owned).to_vec()),
        ]);
        let options = EventsOptionsBuilder::new().since(&since.to_string()).filters(&filters).build();
        self.bollard().events(Some(options)).filter_map(|event| async move {
            let event = match event {
                Ok(event) => event,
                Err(error) => return Some(Err(error.into())),
            };
            let id = event.actor?.id?;
            Some(Ok(match event.action.as_deref() {
                Some("destroy") => ContainerEvent::Removed(id),
                _ => ContainerEvent::Changed(id),
            }))
        })
    }

    /// The log of a container from the second `since` on, each line with its time; goes on until the container ends.
    ///
    /// Whether a piece is of standard error is said beside it: lines of the two streams may be cut into each other.
    pub fn container_log(
        &self,
        id: &str,
        since: Option<i64>,
    ) -> impl Stream<Item = Result<(bool, Bytes), EngineError>> + Send + use<> {
        let since = since.and_then(|second| i32::try_from(second).ok()).unwrap_or_default();
        let options =
            LogsOptionsBuilder::new().follow(true).stdout(true).stderr(true).timestamps(true).since(since).build();
        self.bollard().logs(id, Some(options)).map(|piece| match piece? {
            LogOutput::StdErr { message } => Ok((true, message)),
            LogOutput::StdOut { message } | LogOutput::StdIn { message } | LogOutput::Console { message } => {
                Ok((false, message))
            }
        })
    }

    /// Restarts a container.
    pub async fn restart_container(&self, id: &str) -> Result<(), EngineError> {
        let options = RestartContainerOptionsBuilder::new().build();
        Ok(self.bollard().restart_container(id, Some(options)).await?)
    }

    /// The id of the first of these images that there is.
    pub async fn image_id(&self, references: &[String]) -> Result<Option<String>, EngineError> {
        for reference in references {
            match self.bollard().inspect_image(reference).await {
                Ok(image) => return Ok(image.id),
                Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }
}

fn convert(container: ContainerInspectResponse) -> Option<ServiceContainer> {
    let labels = container.config.and_then(|config| config.labels).unwrap_or_default();
    let label = |name: &str| labels.get(name).cloned();
    if label(ONE_OFF).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return None;
    }
    let state = container.state.unwrap_or_default();
    let status = match state.status {
        Some(ContainerStateStatusEnum::RUNNING | ContainerStateStatusEnum::STOPPING) => ContainerStatus::Running,
        Some(ContainerStateStatusEnum::PAUSED) => ContainerStatus::Paused,
        Some(ContainerStateStatusEnum::RESTARTING) => ContainerStatus::Restarting,
        Some(ContainerStateStatusEnum::EXITED) => ContainerStatus::Exited,
        Some(ContainerStateStatusEnum::REMOVING | ContainerStateStatusEnum::DEAD) => ContainerStatus::Removing,
        Some(ContainerStateStatusEnum::CREATED | ContainerStateStatusEnum::EMPTY) | None => ContainerStatus::Created,
    };
    let health = state.health.and_then(|health| health.status).and_then(|status| match status {
        HealthStatusEnum::EMPTY | HealthStatusEnum::NONE => None,
        other => Some(other.to_string()),
    });
    Some(ServiceContainer {
        id: container.id?,
        name: container.name.unwrap_or_default().trim_start_matches('/').to_owned(),
        project: label(PROJECT)?,
        service: label(SERVICE)?,
        image: container.image.unwrap_or_default(),
        created: container.created.unwrap_or_default(),
        status,
        started: moment(state.started_at.as_deref()),
        finished: moment(state.finished_at.as_deref()),
        exit_code: state.exit_code.and_then(|code| i32::try_from(code).ok()).unwrap_or_default(),
        error: state.error.unwrap_or_default(),
        out_of_memory: state.oom_killed.unwrap_or_default(),
        health,
        restarts: container.restart_count.and_then(|count| u32::try_from(count).ok()).unwrap_or_default(),
    })
}

/// What has not happened is in the year 1.
pub(super) fn moment(text: Option<&str>) -> Option<DateTime<Utc>> {
    let moment = DateTime::parse_from_rfc3339(text?).ok()?.with_timezone(&Utc);
    (moment.timestamp() > 0).then_some(moment)
}
