//! What a row does not show: objects, pods, images, and how far the containers of live update are.

use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use super::state::ResourceState;
use super::status::SessionTime;
use crate::k8s::{ObjectId, Pod};
use crate::project::{Image, ImageBuild, ImageName, Resource, Target};

/// What a row does not show but a look into the resource does.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ResourceDetail {
    /// What was applied, with namespaces; before the first time what the configuration declares.
    pub objects: Arc<Vec<ObjectId>>,
    /// Whether `objects` have been applied in this session.
    pub applied: bool,
    /// The pods of the current generation, the one that stands for the resource first. A container of a Compose service
    /// is a pod of one container.
    pub pods: Vec<Arc<Pod>>,
    /// The images, bases first.
    pub images: Vec<ImageDetail>,
    /// The containers that live update goes into.
    pub live: Vec<LiveDetail>,
}

/// How an image stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ImageDetail {
    /// As declared.
    pub name: ImageName,
    /// `docker`, `custom` or `compose`.
    pub build: String,
    /// The tag that the builder knows the newest build by, which holds its key; `None` before the first one.
    pub local_ref: Option<String>,
    /// The tag that the cluster knows it by; `None` for one that is only a base.
    pub cluster_ref: Option<String>,
    /// Whether it is being built, be it for another resource.
    pub building: bool,
    /// Why the newest build failed.
    pub error: Option<String>,
    /// The images that it is built from.
    pub base_images: Vec<ImageName>,
    /// Whether it declares live update.
    pub live_update: bool,
}

/// How far a container is that live update goes into.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LiveDetail {
    /// Its pod.
    pub pod: String,
    /// Its name in the pod.
    pub container: String,
    /// The image that it runs.
    pub image: ImageName,
    /// How far it is.
    pub state: LiveState,
    /// The newest transfer into this instance.
    pub last_sync: Option<LastSync>,
}

/// How far a container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum LiveState {
    /// It holds every file as it is now.
    InSync,
    /// So many files have changed since.
    Pending(usize),
    /// So many files are on their way.
    Syncing(usize),
    /// It does not run.
    NotRunning,
}

/// A transfer that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LastSync {
    /// When.
    pub finished: SessionTime,
    /// How long it took.
    pub took: Duration,
    /// Changed files.
    pub files: usize,
}

impl Engine {
    pub(super) fn resource_detail(
        &self,
        resource: &Resource,
        state: &ResourceState,
        pods: Vec<Arc<Pod>>,
    ) -> ResourceDetail {
        let objects = match (&state.deployed, &resource.target) {
            (Some(deployed), _) => Arc::clone(&deployed.ids),
            (None, Target::Kubernetes(target)) => {
                Arc::new(target.objects.iter().map(|object| object.id.clone()).collect())
            }
            (None, Target::Local(_) | Target::Compose(_)) => Arc::default(),
        };
        let project = self.state.project.as_ref();
        let images = resource.target.images().iter().filter_map(|name| project?.images.get(name));
        ResourceDetail {
            objects,
            applied: state.deployed.is_some(),
            pods,
            images: images.map(|image| self.image_detail(image)).collect(),
            live: self.live_detail(resource, state),
        }
    }

    fn image_detail(&self, image: &Image) -> ImageDetail {
        let state = self.state.images.get(&image.name);
        let built = state.and_then(|state| state.built.as_ref()).map(|built| &built.image);
        let named = |reference: &String| Some(reference.clone()).filter(|reference| !reference.is_empty());
        ImageDetail {
            name: image.name.clone(),
            build: match image.build {
                ImageBuild::Docker(_) => "docker",
                ImageBuild::Custom(_) => "custom",
                ImageBuild::Compose(_) => "compose",
            }
            .to_owned(),
            local_ref: built.and_then(|built| named(&built.local_ref)),
            cluster_ref: built.and_then(|built| named(&built.cluster_ref)),
            building: state.is_some_and(|state| state.building.is_some()),
            error: state.and_then(|state| state.failed.clone()),
            base_images: image.base_images.clone(),
            live_update: image.live_update.is_some(),
        }
    }
}
