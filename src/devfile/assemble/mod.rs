//! [`super::declarations`] to a [`crate::project::Project`]: names, references and defaults are resolved, and every
//! problem is reported, not the first. Pure: whatever needs the disk has been read by the builtins.
//!
//! The order is that of reference §3.1: images, objects, grouping, `k8s_resource` calls, local resources, checks.

mod api_kubernetes;
mod api_runtime;
mod assemble;
mod custom_deploys;
mod compose;
mod dependencies;
mod filters;
mod grouping;
mod images;
mod live_updates;
mod names;
mod objects;
mod project_name;
mod refinements;
mod selection;
mod unused_images;

#[cfg(test)]
mod test_devfile;
#[cfg(test)]
mod tests;

pub use assemble::{AssembleOptions, Assembled, assemble};
pub use names::NameWorkloads;
pub(crate) use names::id_text;
pub use project_name::project_name;
