//! Kubernetes as plain data and pure functions: objects, image injection, pods and what their state means.
//!
//! Knows nothing of a connection: that is [`crate::cluster`].

mod images;
mod inject;
#[cfg(test)]
mod inject_tests;
mod json_path;
mod keys;
pub mod kind_order;
mod label_selector;
mod label_value;
mod object;
mod parse_objects;
mod pod;
mod pod_filter;
mod pod_status;
mod pod_template;
#[cfg(test)]
mod pod_tests;
mod secrets;
mod typed_fields;

pub use images::{ImageMatcher, ImagePlace, ImageUse, ImageUseError, dotted, env_images, image_uses};
pub use inject::{InjectError, Injected, InjectedImage, Injection, Wrapper, inject, inject_all};
pub use json_path::{JsonPath, JsonPathError};
pub use keys::{
    DOWN_POLICY_ANNOTATIONS, MANAGED_BY, MANAGED_BY_LABEL, POD_TEMPLATE_HASH_LABEL, PROJECT_LABEL, RESOURCE_LABEL,
};
pub use label_selector::{LabelOperator, LabelRequirement, LabelSelector};
pub use label_value::{is_label_value, label_value};
pub use object::{ImageLocator, Object, ObjectId, is_complete_job};
pub use parse_objects::{ParsedObjects, parse_objects};
pub use pod::{Container, ContainerKind, ContainerState, Pod, PodCondition, PodPhase, Uid};
pub use pod_filter::{current_pods, forward_pod, forward_port, live_update_containers, named_containers};
pub use pod_status::{PodsState, PodsStatus, pod_is_ready, pod_status_word, pods_status};
pub use pod_template::{pod_template_labels, service_selector};
pub use secrets::secret_values;
