//! Removes what is left of earlier builds (reference §3.12): old images that devloop has named, and stopped containers that
//! ran images which devloop has built.
//!
//! Nothing of others is touched: an image counts as ours when its only name is one that [`super::BuiltImage::content_tag`]
//! makes, of an image of the project; a container when it runs such an image and has the label of what devloop builds. The build cache is left to the
//! engine's own collector, because its records do not say whose they are.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use bollard::models::ContainerSummary;
use bollard::query_parameters::{
    InspectContainerOptions, ListContainersOptionsBuilder, ListImagesOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveImageOptionsBuilder,
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http_body_util::{BodyExt as _, Empty};

use super::build_request::is_content_tag;
use super::containers::{PROJECT, moment};
use super::engine::Engine;
use super::engine_error::EngineError;
use super::registry_names::image_names;
use super::{CONTENT_TAG_PREFIX, wire};
use crate::project::{ImageReference, Registry};

/// The label of every image that devloop builds, and so of the containers that run one.
pub(super) const BUILT_LABEL: (&str, &str) = ("devloop.dev/built", "true");

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PruneRequest {
    /// The images of the project, as declared.
    pub images: Vec<ImageReference>,
    /// The registry that the project names, if any.
    pub registry: Option<Registry>,
    /// What is younger stays.
    pub max_age: Duration,
    /// How many of the newest builds of each image stay.
    pub keep_recent: usize,
    /// Names of images that are still needed, whatever their age.
    pub needed: HashSet<String>,
    /// Compose projects whose containers stay: that one has ended is what is known of it.
    pub compose_projects: HashSet<String>,
}

/// What was removed, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PruneReport {
    /// Names of images.
    pub images: Vec<String>,
    /// Names of containers.
    pub containers: Vec<String>,
    /// How many bytes are free now; `None` when nothing was removed, or the engine does not say.
    pub freed: Option<u64>,
    /// How many bytes a rehearsal's images take, layers that they share with others included.
    pub expected: Option<u64>,
    /// What could not be removed, and why. What is in use is none of it.
    pub failures: Vec<String>,
}

impl PruneReport {
    /// Whether there was nothing to remove.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty() && self.containers.is_empty() && self.failures.is_empty()
    }
}

/// A build of an image of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Build {
    /// Which of the project's images.
    image: usize,
    id: String,
    /// All its names.
    names: Vec<String>,
    tagged: DateTime<Utc>,
    size: u64,
}

impl Engine {
    /// Finds what may go as of `now`, and removes it unless it is only a rehearsal. What a container uses stays.
    pub async fn prune(
        &self,
        request: &PruneRequest,
        now: DateTime<Utc>,
        rehearse: bool,
    ) -> Result<PruneReport, EngineError> {
        let mut report = PruneReport::default();
        let containers = self.stopped_containers(request, now).await?;
        let going: HashSet<&String> = containers.iter().map(|(id, _)| id).collect();
        let used = self.images_in_use(&going).await?;
        let images = outdated(self.builds(&request.images, request.registry.as_ref()).await?, request, &used, now);
        if rehearse || (containers.is_empty() && images.is_empty()) {
            report.containers = containers.into_iter().map(|(_, name)| name).collect();
            report.expected = rehearse.then(|| images.iter().map(|(_, size)| size).sum());
            report.images = images.into_iter().map(|(name, _)| name).collect();
            return Ok(report);
        }
        let before = self.size_of_images().await;
        for (id, name) in containers {
            let removed =
                self.bollard().remove_container(&id, Some(RemoveContainerOptionsBuilder::new().build())).await;
            note(removed.map(drop), name, &mut report.containers, &mut report.failures);
        }
        for (name, _) in images {
            let options = RemoveImageOptionsBuilder::default().build();
            let removed = self.bollard().remove_image(&name, Some(options), None).await;
            note(removed.map(drop), name, &mut report.images, &mut report.failures);
        }
        let after = self.size_of_images().await;
        report.freed = before.zip(after).map(|(before, after)| before.saturating_sub(after));
        Ok(report)
    }

    /// Id and name of the containers of the project's images that ended long ago.
    async fn stopped_containers(
        &self,
        request: &PruneRequest,
        now: DateTime<Utc>,
    ) -> Result<Vec<(String, String)>, EngineError> {
        let (label, value) = BUILT_LABEL;
        let filters = HashMap::from([
            ("label", vec![format!("{label}={value}")]),
            ("status", ["created", "exited", "dead"].map(str::to_owned).to_vec()),
        ]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let mut found = Vec::new();
        for container in self.bollard().list_containers(Some(options)).await? {
            let labels = container.labels.clone().unwrap_or_default();
            if labels.get(PROJECT).is_some_and(|project| request.compose_projects.contains(project)) {
                continue;
            }
            // Those of another project are left to it.
            let image = container.image.as_deref().and_then(|name| ImageReference::parse(name).ok());
            let is_own = |name: &ImageReference| {
                request.images.iter().any(|image| is_build(name, image, request.registry.as_ref()))
            };
            if !image.as_ref().is_some_and(is_own) {
                continue;
            }
            let name = shown(&container);
            let Some(id) = container.id else { continue };
            if self.ended(&id).await?.is_some_and(|ended| is_old(ended, request.max_age, now)) {
                found.push((id, name));
            }
        }
        Ok(found)
    }

    /// When a container ended, or was created if it never ran; `None` when it is gone.
    async fn ended(&self, id: &str) -> Result<Option<DateTime<Utc>>, EngineError> {
        match self.bollard().inspect_container(id, None::<InspectContainerOptions>).await {
            Ok(container) => {
                let finished = container.state.and_then(|state| state.finished_at);
                Ok(moment(finished.as_deref()).or(container.created))
            }
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The ids of the images of all containers but those that are going.
    async fn images_in_use(&self, going: &HashSet<&String>) -> Result<HashSet<String>, EngineError> {
        let all = ListContainersOptionsBuilder::default().all(true).build();
        let containers = self.bollard().list_containers(Some(all)).await?.into_iter();
        let staying = containers.filter(|container| container.id.as_ref().is_none_or(|id| !going.contains(id)));
        Ok(staying.filter_map(|container| container.image_id).collect())
    }

    /// The builds of these images that are in the engine.
    async fn builds(&self, images: &[ImageReference], registry: Option<&Registry>) -> Result<Vec<Build>, EngineError> {
        let mut builds = Vec::new();
        for found in self.bollard().list_images(Some(ListImagesOptionsBuilder::default().build())).await? {
            let names: Vec<ImageReference> =
                found.repo_tags.iter().filter_map(|name| ImageReference::parse(name).ok()).collect();
            let owner = names.iter().find_map(|name| images.iter().position(|image| is_build(name, image, registry)));
            let Some(image) = owner else { continue };
            let tagged = match self.bollard().inspect_image(&found.id).await {
                Ok(image) => image.metadata.and_then(|metadata| metadata.last_tag_time),
                Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            let created = DateTime::from_timestamp(found.created, 0).unwrap_or_default();
            let tagged = tagged.filter(|tagged| tagged.timestamp() > 0).unwrap_or(created);
            let size = u64::try_from(found.size).unwrap_or_default();
            builds.push(Build { image, id: found.id, names: found.repo_tags, tagged, size });
        }
        Ok(builds)
    }

    /// What all images take together, shared layers once; `None` when the engine does not say.
    async fn size_of_images(&self) -> Option<u64> {
        let request = http::Request::get(self.versioned("/system/df?type=image")).body(Empty::<Bytes>::new()).ok()?;
        let response = wire::send(self.endpoint(), request).await.ok()?;
        let body = response.into_body().collect().await.ok()?.to_bytes();
        let usage: serde_json::Value = serde_json::from_slice(&body).ok()?;
        usage.get("LayersSize").or_else(|| usage.pointer("/ImageUsage/TotalSize"))?.as_u64()
    }
}

/// Whether a name is one that devloop gave to a build of `image`, in whatever registry.
fn is_build(name: &ImageReference, image: &ImageReference, registry: Option<&Registry>) -> bool {
    let Some(tag) = name.tag.as_deref() else { return false };
    let Some(start) = tag.rfind(CONTENT_TAG_PREFIX) else { return false };
    let content = &tag[start..];
    if !is_content_tag(content) {
        return false;
    }
    // A registry that the cluster advertises need not be known here: it is how the name begins.
    let advertised =
        Registry { host: name.domain.clone(), host_from_cluster: String::new(), single_name: String::new() };
    let registries = [None, registry, Some(&advertised)];
    registries.iter().any(|registry| image_names(image, content, *registry).is_ok_and(|names| names.local == *name))
}

/// The names and sizes of the images that may go.
fn outdated(
    mut builds: Vec<Build>,
    request: &PruneRequest,
    used: &HashSet<String>,
    now: DateTime<Utc>,
) -> Vec<(String, u64)> {
    builds.sort_by(|a, b| b.tagged.cmp(&a.tagged).then_with(|| a.id.cmp(&b.id)));
    let mut newer: BTreeMap<usize, usize> = BTreeMap::new();
    builds.retain(|build| {
        let before = newer.entry(build.image).or_default();
        *before += 1;
        *before > request.keep_recent
    });
    let going = builds.into_iter().filter(|build| {
        is_old(build.tagged, request.max_age, now)
            && !used.contains(&build.id)
            && !build.names.iter().any(|name| request.needed.contains(name))
    });
    // With another name it is somebody's else too.
    let only_name = |build: Build| Some((<[String; 1]>::try_from(build.names).ok()?, build.size));
    going.filter_map(only_name).map(|([name], size)| (name, size)).collect()
}

fn is_old(moment: DateTime<Utc>, max_age: Duration, now: DateTime<Utc>) -> bool {
    now.signed_duration_since(moment).to_std().is_ok_and(|age| age >= max_age)
}

fn shown(container: &ContainerSummary) -> String {
    let name = container.names.iter().flatten().next().map(|name| name.trim_start_matches('/').to_owned());
    name.or_else(|| container.id.clone()).unwrap_or_default()
}

/// What has gone meanwhile, or is used meanwhile, is no failure.
fn note(result: Result<(), bollard::errors::Error>, name: String, done: &mut Vec<String>, failures: &mut Vec<String>) {
    match result {
        Ok(()) => done.push(name),
        Err(bollard::errors::Error::DockerResponseServerError { status_code: 404 | 409, .. }) => {}
        Err(error) => failures.push(format!("{name}: {}", EngineError::from(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> ImageReference {
        ImageReference::parse(text).expect(text)
    }

    #[test]
    fn only_names_that_devloop_gives_are_its_builds() {
        let check = |name: &str, image: &str, single_name: &str, expected: bool| {
            let registry =
                Registry { host: "reg:5000".into(), host_from_cluster: String::new(), single_name: single_name.into() };
            assert_eq!(is_build(&parse(name), &parse(image), Some(&registry)), expected, "{name} of {image}");
        };
        check("shop/web:devloop-0123456789abcdef", "shop/web", "", true);
        check("shop/web:devloop-0123456789abcdef", "shop/api", "", false);
        check("localhost:5000/shop_web:devloop-0123456789abcdef", "shop/web", "", true);
        check("reg:5000/all:web-devloop-0123456789abcdef", "shop/web", "all", true);
        for tag in ["latest", "devloop-1", "devloop-0123456789abcdeg", "devloop-build-1700000000", "v1"] {
            check(&format!("shop/web:{tag}"), "shop/web", "", false);
        }
    }

    #[test]
    fn what_is_new_needed_used_or_named_twice_stays() {
        let now = DateTime::from_timestamp(1_000_000, 0).expect("a moment");
        let build = |image: usize, id: &str, hours: i64, names: &[&str]| Build {
            image,
            id: id.to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            tagged: now - chrono::Duration::hours(hours),
            size: 1,
        };
        let builds = vec![
            build(0, "old", 9, &["web:old"]),
            build(0, "newest", 7, &["web:newest"]),
            build(0, "young", 8, &["web:young"]),
            build(0, "used", 10, &["web:used"]),
            build(0, "needed", 11, &["web:needed"]),
            build(0, "two", 12, &["web:two", "mine"]),
            build(1, "other", 20, &["api:other"]),
        ];
        let request = |keep_recent, hours| PruneRequest {
            images: Vec::new(),
            registry: None,
            max_age: Duration::from_hours(hours),
            keep_recent,
            needed: HashSet::from(["web:needed".to_owned()]),
            compose_projects: HashSet::new(),
        };
        let used = HashSet::from(["used".to_owned()]);
        let going = |keep, hours| -> Vec<String> {
            let going = outdated(builds.clone(), &request(keep, hours), &used, now);
            going.into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(going(2, 6), ["web:old"]);
        assert_eq!(going(0, 6), ["web:newest", "web:young", "web:old", "api:other"]);
        assert_eq!(going(0, 9), ["web:old", "api:other"]);
        assert_eq!(going(0, 100), [""; 0]);
    }
}
