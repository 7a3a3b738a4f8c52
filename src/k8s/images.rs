//! Where an object refers to images (reference §3.2).

use std::fmt::Write as _;

use serde_json::Value;

use super::json_path::{JsonPath, JsonPathError, child};
use super::object::{ImageLocator, Object};
use crate::project::{ImageReference, ParseReferenceError};

/// What kind of place refers to an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImagePlace {
    /// `image` of a container, init container or ephemeral container.
    Container,
    /// `volumes[].image.reference`.
    Volume,
    /// A whole reference that a registered locator found.
    Locator,
    /// Repository and tag in two fields of an object that a registered locator found.
    LocatorObject {
        /// Field with the repository.
        repo_field: String,
        /// Field with the tag.
        tag_field: String,
    },
    /// `env[].value` of a container.
    EnvVar,
}

/// A reference to an image in an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageUse {
    /// JSON pointer to the reference, or to the object with its parts.
    pub pointer: String,
    /// What kind of place it is.
    pub place: ImagePlace,
    /// The reference.
    pub reference: ImageReference,
}

/// Why the images of an object cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageUseError {
    /// A container's image is no image reference.
    #[error("`{pointer}`: {source}", pointer = dotted(.pointer))]
    Reference {
        /// JSON pointer to it.
        pointer: String,
        /// Why.
        source: ParseReferenceError,
    },
    /// A registered locator leads to a value of another type.
    #[error("the JSONPath expression `{expression}` must lead to {want}; `{pointer}` is {found}", pointer = dotted(.pointer))]
    Type {
        /// As registered.
        expression: String,
        /// JSON pointer to what it found.
        pointer: String,
        /// What should be there.
        want: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A registered locator is not valid.
    #[error(transparent)]
    Locator(#[from] JsonPathError),
}

/// Decides whether a reference in an object means an image of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageMatcher {
    /// The declared reference.
    pub reference: ImageReference,
    /// Whether tag and digest must be the same (or absent in both).
    pub exact: bool,
}

impl ImageMatcher {
    /// Whether `reference` means this image.
    pub fn matches(&self, reference: &ImageReference) -> bool {
        self.reference.same_repository(reference)
            && (!self.exact || (self.reference.tag == reference.tag && self.reference.digest == reference.digest))
    }
}

/// All references of `object` to images, in document order; those in environment variables are in [`env_images`].
pub fn image_uses(object: &Object) -> Result<Vec<ImageUse>, ImageUseError> {
    let mut uses = Vec::new();
    if is_known_kind(object) {
        for pointer in pod_spec_pointers(&object.value) {
            pod_spec_images(&object.value, &pointer, &mut uses)?;
        }
    }
    for locator in &object.locators {
        for found in located(object, locator)? {
            if !uses.iter().any(|known: &ImageUse| known.pointer == found.pointer) {
                uses.push(found);
            }
        }
    }
    Ok(uses)
}

/// Values of environment variables that are image references: most are no images at all, so they count only where
/// an image asks for it.
pub fn env_images(object: &Object) -> Vec<ImageUse> {
    let mut uses = Vec::new();
    for pointer in container_pointers(object) {
        let env = object.value.pointer(&pointer).and_then(|container| container.get("env")).and_then(Value::as_array);
        for (index, variable) in env.into_iter().flatten().enumerate() {
            let Some(text) = variable.get("value").and_then(Value::as_str) else { continue };
            if let Ok(reference) = ImageReference::parse(text) {
                uses.push(ImageUse {
                    pointer: format!("{pointer}/env/{index}/value"),
                    place: ImagePlace::EnvVar,
                    reference,
                });
            }
        }
    }
    uses
}

/// Pointers to all containers of all pod specs, init and ephemeral containers included.
pub(super) fn container_pointers(object: &Object) -> Vec<String> {
    if !is_known_kind(object) {
        return Vec::new();
    }
    let mut pointers = Vec::new();
    for spec in pod_spec_pointers(&object.value) {
        for field in CONTAINER_FIELDS {
            let list = format!("{spec}/{field}");
            let count = object.value.pointer(&list).and_then(Value::as_array).map_or(0, Vec::len);
            pointers.extend((0..count).map(|index| format!("{list}/{index}")));
        }
    }
    pointers
}

const CONTAINER_FIELDS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Whether pod specs are looked for: only Kubernetes' own kinds are known to mean containers by `containers`.
pub(super) fn is_known_kind(object: &Object) -> bool {
    matches!(
        object.id.group(),
        "" | "apps"
            | "batch"
            | "extensions"
            | "policy"
            | "autoscaling"
            | "networking.k8s.io"
            | "rbac.authorization.k8s.io"
            | "storage.k8s.io"
            | "scheduling.k8s.io"
            | "admissionregistration.k8s.io"
    )
}

/// Pointers to everything that has a list of containers or of init containers, at any depth.
pub(super) fn pod_spec_pointers(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect_pod_specs(value, &mut Vec::new(), &mut found);
    found
}

/// One step of the way to a value. Only the ways to what is found are written down.
enum Step<'v> {
    Key(&'v str),
    Index(usize),
}

fn collect_pod_specs<'v>(value: &'v Value, way: &mut Vec<Step<'v>>, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if ["containers", "initContainers"].iter().any(|key| map.get(*key).is_some_and(Value::is_array)) {
                let pointer = way.iter().fold(String::new(), |pointer, step| match step {
                    Step::Key(key) => child(&pointer, key),
                    Step::Index(index) => format!("{pointer}/{index}"),
                });
                found.push(pointer);
                return;
            }
            for (key, value) in map {
                way.push(Step::Key(key));
                collect_pod_specs(value, way, found);
                way.pop();
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                way.push(Step::Index(index));
                collect_pod_specs(item, way, found);
                way.pop();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn pod_spec_images(root: &Value, spec: &str, uses: &mut Vec<ImageUse>) -> Result<(), ImageUseError> {
    let Some(value) = root.pointer(spec) else { return Ok(()) };
    let places = CONTAINER_FIELDS.iter().map(|field| (*field, "image", ImagePlace::Container)).chain([(
        "volumes",
        "image/reference",
        ImagePlace::Volume,
    )]);
    for (list, field, place) in places {
        for (index, item) in value.get(list).and_then(Value::as_array).into_iter().flatten().enumerate() {
            let Some(text) = item.pointer(&format!("/{field}")).and_then(Value::as_str) else { continue };
            if text.is_empty() {
                continue;
            }
            let pointer = format!("{spec}/{list}/{index}/{field}");
            let reference = ImageReference::parse(text)
                .map_err(|source| ImageUseError::Reference { pointer: pointer.clone(), source })?;
            uses.push(ImageUse { pointer, place: place.clone(), reference });
        }
    }
    Ok(())
}

fn located(object: &Object, locator: &ImageLocator) -> Result<Vec<ImageUse>, ImageUseError> {
    let mut uses = Vec::new();
    match locator {
        ImageLocator::Paths(paths) => {
            for path in paths {
                for pointer in JsonPath::parse(path)?.find(&object.value) {
                    let text = match object.value.pointer(&pointer) {
                        None | Some(Value::Null) => continue,
                        Some(Value::String(text)) if text.is_empty() => continue,
                        Some(Value::String(text)) => text,
                        Some(value) => return Err(wrong_type(path, pointer, "a text", value)),
                    };
                    let reference = ImageReference::parse(text)
                        .map_err(|source| ImageUseError::Reference { pointer: pointer.clone(), source })?;
                    uses.push(ImageUse { pointer, place: ImagePlace::Locator, reference });
                }
            }
        }
        ImageLocator::Object { path, repo_field, tag_field } => {
            for pointer in JsonPath::parse(path)?.find(&object.value) {
                if let Some(value) =
                    object.value.pointer(&pointer).filter(|value| !value.is_object() && !value.is_null())
                {
                    return Err(wrong_type(path, pointer, "an object with the parts of an image reference", value));
                }
                let field = |name: &str| object.value.pointer(&child(&pointer, name)).and_then(Value::as_str);
                let Some(repository) = field(repo_field).filter(|text| !text.is_empty()) else { continue };
                let text = match field(tag_field).filter(|text| !text.is_empty()) {
                    Some(tag) => format!("{repository}:{tag}"),
                    None => repository.to_owned(),
                };
                let reference = ImageReference::parse(&text)
                    .map_err(|source| ImageUseError::Reference { pointer: pointer.clone(), source })?;
                uses.push(ImageUse {
                    pointer,
                    place: ImagePlace::LocatorObject { repo_field: repo_field.clone(), tag_field: tag_field.clone() },
                    reference,
                });
            }
        }
    }
    Ok(uses)
}

fn wrong_type(expression: &str, pointer: String, want: &'static str, value: &Value) -> ImageUseError {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    ImageUseError::Type { expression: expression.to_owned(), pointer, want, found }
}

/// A JSON pointer as people write the path to a field: `spec.containers[0].image`.
pub fn dotted(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if part.parse::<usize>().is_ok() {
            let _ = write!(path, "[{part}]");
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&part);
        }
    }
    path
}
