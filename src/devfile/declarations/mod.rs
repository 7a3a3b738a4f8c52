//! What the builtins of a Devfile recorded, in the order of the calls, still unresolved: names and references are not
//! looked up, duplicates are kept, each with the place of its call. [`super::assemble`] makes a project of it.
//!
//! Everything that needs the disk (Dockerfiles, ignore files, whether a folder is a repository) has been read, so that
//! the assembly is pure.

mod call_site;
mod custom_deploy_declaration;
mod compose_declaration;
mod declarations;
mod go_regexp;
mod image_declaration;
mod kubernetes_declaration;
mod local_declaration;
mod object_matcher;
mod watched_path;

pub use call_site::CallSite;
pub use compose_declaration::{ComposeDeclaration, ComposeServiceDeclaration, ComposeSource};
pub use custom_deploy_declaration::CustomDeployDeclaration;
pub use declarations::{Declarations, SelectedResource, Selection};
pub use image_declaration::{CustomBuildDeclaration, DockerBuildDeclaration, ImageBuildDeclaration, ImageDeclaration};
pub use kubernetes_declaration::{KubernetesResourceCall, ObjectDeclaration, ObjectFragment, WorkloadRegistration};
pub use local_declaration::LocalResourceDeclaration;
pub use object_matcher::{ObjectMatcher, ObjectMatcherError};
pub use watched_path::WatchedPath;
