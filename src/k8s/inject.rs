//! What devloop changes in an object before it is applied (reference §3.2): labels, built images, pull policy,
//! commands, and the mark of the pod template's generation.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::images::{
    ImageMatcher, ImagePlace, ImageUseError, container_pointers, env_images, image_uses, is_known_kind,
    pod_spec_pointers,
};
use super::keys::{MANAGED_BY, MANAGED_BY_LABEL, POD_TEMPLATE_HASH_LABEL, PROJECT_LABEL, RESOURCE_LABEL};
use super::label_value::label_value;
use super::object::{Object, ObjectId};
use crate::project::{ImageCommand, ImageName, ImageReference, ProjectName, ResourceName};

/// An image that has been built, for injection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InjectedImage {
    /// Its name.
    pub name: ImageName,
    /// Which references mean it.
    pub matcher: ImageMatcher,
    /// What stands for it in the cluster.
    pub deployed: ImageReference,
    /// Whether values of environment variables are replaced too.
    pub match_in_env_vars: bool,
    /// Replaces `command` of its containers.
    pub entrypoint: Option<Vec<String>>,
    /// Replaces `args` of its containers; an empty list clears them.
    pub container_args: Option<Vec<String>>,
    /// Stands before the commands of its containers (`restart_process()`), but not of init containers, which have to end.
    pub wrapper: Option<Wrapper>,
}

/// A program that runs the command of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapper {
    /// The program and its own arguments; the command follows.
    pub argv: Vec<String>,
    /// What the image itself says is run, as far as it is known.
    pub image_command: Option<ImageCommand>,
}

/// What is injected into the objects of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injection {
    /// The project.
    pub project: ProjectName,
    /// The resource.
    pub resource: ResourceName,
    /// The images that the resource depends on and that its objects refer to.
    pub images: Vec<InjectedImage>,
}

/// An object ready to be applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Injected {
    /// The object.
    pub value: Value,
    /// Images that were injected into it.
    pub injected_images: Vec<ImageName>,
    /// The marks of its pod templates; empty for objects without.
    pub pod_template_hashes: Vec<String>,
}

/// Why an object cannot be made ready.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InjectError {
    /// Its images cannot be told.
    #[error("{object}: {source}")]
    Images {
        /// The object.
        object: Box<ObjectId>,
        /// Why.
        source: ImageUseError,
    },
    /// `entrypoint` or `container_args` of an image that no container refers to.
    #[error(
        "{object} refers to image `{image}` outside of its containers only, where `entrypoint`, `container_args` and `restart_process()` have no effect: remove them from the image's declaration"
    )]
    OverridesOutsideContainers {
        /// The object.
        object: Box<ObjectId>,
        /// The image.
        image: ImageName,
    },
    /// The image of a container with `restart_process()` says nothing about its command.
    #[error(
        "{object}: `restart_process()` has to know the command of image `{image}`: give it by `entrypoint=` of the image's declaration or by `command` of the container"
    )]
    UnknownCommand {
        /// The object.
        object: Box<ObjectId>,
        /// The image.
        image: ImageName,
    },
    /// No object refers to an image.
    #[error("Docker image missing from yaml: no object of `{resource}` refers to `{image}`")]
    Missing {
        /// The resource.
        resource: ResourceName,
        /// The image.
        image: ImageName,
    },
}

/// Makes all objects of a resource ready; each image must have found its place in one of them.
pub fn inject_all<'o>(
    objects: impl IntoIterator<Item = &'o Object>,
    injection: &Injection,
) -> Result<Vec<Injected>, InjectError> {
    let injected = objects.into_iter().map(|object| inject(object, injection)).collect::<Result<Vec<_>, _>>()?;
    for image in &injection.images {
        if !injected.iter().any(|object| object.injected_images.contains(&image.name)) {
            return Err(InjectError::Missing { resource: injection.resource.clone(), image: image.name.clone() });
        }
    }
    Ok(injected)
}

/// Makes one object ready.
pub fn inject(object: &Object, injection: &Injection) -> Result<Injected, InjectError> {
    let mut value = object.value.clone();
    // The server sets it, and refuses or ignores what others say.
    if let Some(map) = value.as_object_mut() {
        map.remove("status");
    }
    label(object, injection, &mut value);
    if !injection.images.is_empty() {
        set_pull_policies(object, &mut value);
    }
    let injected_images = replace_images(object, injection, &mut value)?;
    let pod_template_hashes = mark_templates(object, &mut value);
    Ok(Injected { value, injected_images, pod_template_hashes })
}

fn label(object: &Object, injection: &Injection, value: &mut Value) {
    let labels = [
        (MANAGED_BY_LABEL, MANAGED_BY.to_owned()),
        (PROJECT_LABEL, label_value(injection.project.as_str())),
        (RESOURCE_LABEL, label_value(injection.resource.as_str())),
    ];
    add_labels(value, &labels);
    if is_known_kind(object) {
        for template in template_pointers(value) {
            if let Some(template) = value.pointer_mut(&template) {
                add_labels(template, &labels);
            }
        }
        follow_in_selectors(value, object.id.kind == "Service");
    }
}

/// Adds to `metadata.labels` of an object or a template.
fn add_labels(owner: &mut Value, labels: &[(&str, String)]) {
    let Some(owner) = owner.as_object_mut() else { return };
    let metadata = object_field(owner, "metadata");
    let own = object_field(metadata, "labels");
    for (key, value) in labels {
        own.insert((*key).to_owned(), Value::from(value.as_str()));
    }
}

/// The mapping in a field; made when the field is absent or null.
fn object_field<'v>(map: &'v mut Map<String, Value>, field: &str) -> &'v mut Map<String, Value> {
    let value = map.entry(field).or_insert(Value::Null);
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it has just been made a mapping")
}

/// Pod templates, and the templates of Jobs in CronJobs: whatever has a `spec` with containers below and is not the
/// object itself. Claims of StatefulSets have none, so they stay as they are: they cannot be changed.
fn template_pointers(value: &Value) -> Vec<String> {
    let mut templates: Vec<String> = Vec::new();
    for spec in pod_spec_pointers(value) {
        let mut pointer = spec.as_str();
        while let Some(owner) = pointer.strip_suffix("/spec") {
            if owner.is_empty() {
                break;
            }
            templates.push(owner.to_owned());
            // A `jobTemplate` lies two steps above its pod template: `jobTemplate/spec/template/spec`.
            pointer = owner.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
    }
    templates
}

/// Selectors that ask for `managed-by` already must ask for what it has become; no other selector is touched.
fn follow_in_selectors(value: &mut Value, is_service: bool) {
    fn adapt(selector: &mut Value) {
        if let Some(value) = selector.get_mut(MANAGED_BY_LABEL) {
            *value = Value::from(MANAGED_BY);
        }
    }
    fn descend(value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    if key == "matchLabels" {
                        adapt(value);
                    } else {
                        descend(value);
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(descend),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    if is_service && let Some(selector) = value.pointer_mut("/spec/selector") {
        adapt(selector);
    }
    descend(value);
}

/// Images that were built here need not be pulled again, and their pods need not wait for each other.
fn set_pull_policies(object: &Object, value: &mut Value) {
    for pointer in container_pointers(object) {
        if let Some(container) = value.pointer_mut(&pointer).and_then(Value::as_object_mut) {
            container.insert("imagePullPolicy".to_owned(), Value::from("IfNotPresent"));
        }
    }
    if object.id.kind == "StatefulSet"
        && let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut)
    {
        spec.insert("podManagementPolicy".to_owned(), Value::from("Parallel"));
    }
}

fn replace_images(object: &Object, injection: &Injection, value: &mut Value) -> Result<Vec<ImageName>, InjectError> {
    let images = |source| InjectError::Images { object: Box::new(object.id.clone()), source };
    let mut uses = image_uses(object).map_err(images)?;
    if injection.images.iter().any(|image| image.match_in_env_vars) {
        uses.extend(env_images(object));
    }
    let mut injected: Vec<ImageName> = Vec::new();
    let mut in_containers: Vec<&ImageName> = Vec::new();
    for found in uses {
        let is_env = found.place == ImagePlace::EnvVar;
        let Some(image) = injection
            .images
            .iter()
            .find(|image| image.matcher.matches(&found.reference) && (!is_env || image.match_in_env_vars))
        else {
            continue;
        };
        replace(value, &found.pointer, &found.place, image);
        if let Some(wrapper) = &image.wrapper
            && found.place == ImagePlace::Container
            && !wrap(value, &found.pointer, wrapper)
        {
            let (object, image) = (Box::new(object.id.clone()), image.name.clone());
            return Err(InjectError::UnknownCommand { object, image });
        }
        if found.place == ImagePlace::Container {
            in_containers.push(&image.name);
        }
        if !injected.contains(&image.name) {
            injected.push(image.name.clone());
        }
    }
    for image in &injection.images {
        let has_overrides = image.entrypoint.is_some() || image.container_args.is_some() || image.wrapper.is_some();
        if has_overrides && injected.contains(&image.name) && !in_containers.contains(&&image.name) {
            return Err(InjectError::OverridesOutsideContainers {
                object: Box::new(object.id.clone()),
                image: image.name.clone(),
            });
        }
    }
    Ok(injected)
}

fn replace(root: &mut Value, pointer: &str, place: &ImagePlace, image: &InjectedImage) {
    let Some((owner, field)) = pointer.rsplit_once('/') else { return };
    match place {
        ImagePlace::LocatorObject { repo_field, tag_field } => {
            if let Some(map) = root.pointer_mut(pointer).and_then(Value::as_object_mut) {
                map.insert(repo_field.clone(), Value::from(image.deployed.familiar_name()));
                map.insert(tag_field.clone(), Value::from(image.deployed.tag.clone().unwrap_or_default()));
            }
        }
        ImagePlace::Container | ImagePlace::Volume | ImagePlace::Locator | ImagePlace::EnvVar => {
            let Some(owner) = root.pointer_mut(owner) else { return };
            let reference = Value::from(image.deployed.to_string());
            let Some(map) = owner.as_object_mut() else {
                // A locator may lead to an element of a list.
                if let Some(item) = field.parse::<usize>().ok().and_then(|index| owner.get_mut(index)) {
                    *item = reference;
                }
                return;
            };
            map.insert(field.replace("~1", "/").replace("~0", "~"), reference);
            if *place == ImagePlace::Locator && map.contains_key("imagePullPolicy") {
                map.insert("imagePullPolicy".to_owned(), Value::from("IfNotPresent"));
            }
            if *place == ImagePlace::Container {
                for (field, given) in [("command", &image.entrypoint), ("args", &image.container_args)] {
                    if let Some(given) = given {
                        map.insert(field.to_owned(), Value::from(given.clone()));
                    }
                }
            }
        }
    }
}

/// Puts a wrapper before the command of the container whose image is at `pointer`; false when the command is not known.
fn wrap(root: &mut Value, pointer: &str, wrapper: &Wrapper) -> bool {
    let Some((owner, _)) = pointer.rsplit_once('/') else { return true };
    let is_init = owner.rsplit('/').nth(1) == Some("initContainers");
    let Some(container) = root.pointer_mut(owner).and_then(Value::as_object_mut).filter(|_| !is_init) else {
        return true;
    };
    let given = |field: &str| container.get(field).and_then(Value::as_array).filter(|words| !words.is_empty()).cloned();
    let (command, arguments) = match (given("command"), &wrapper.image_command) {
        (Some(command), _) => (command, given("args").unwrap_or_default()),
        (None, Some(image)) => {
            (image_words(&image.entrypoint), given("args").unwrap_or_else(|| image_words(&image.arguments)))
        }
        // Its `args` alone may be all of the command, or the arguments of an unknown one.
        (None, None) => return false,
    };
    if command.is_empty() && arguments.is_empty() {
        return false;
    }
    let words = wrapper.argv.iter().map(|word| Value::from(word.as_str())).chain(command).collect();
    container.insert("command".to_owned(), Value::Array(words));
    if !arguments.is_empty() {
        container.insert("args".to_owned(), Value::Array(arguments));
    }
    true
}

/// Words of an image as words of a container, where `$(NAME)` would be a variable and two dollar signs one.
fn image_words(words: &[String]) -> Vec<Value> {
    words.iter().map(|word| Value::from(word.replace('$', "$$"))).collect()
}

/// Marks each pod template with a hash of itself; returns the marks.
fn mark_templates(object: &Object, value: &mut Value) -> Vec<String> {
    if !is_known_kind(object) {
        return Vec::new();
    }
    let mut hashes = Vec::new();
    let templates = pod_spec_pointers(value).into_iter().filter_map(|spec| {
        let template = spec.strip_suffix("/spec")?;
        (!template.is_empty()).then(|| template.to_owned())
    });
    for template in templates.collect::<Vec<_>>() {
        let Some(template) = value.pointer_mut(&template) else { continue };
        // A mark in the user's own text would change the hash without a change of meaning.
        if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
            labels.remove(POD_TEMPLATE_HASH_LABEL);
        }
        let hash = short_hash(template);
        add_labels(template, &[(POD_TEMPLATE_HASH_LABEL, hash.clone())]);
        hashes.push(hash);
    }
    hashes
}

/// 16 hexadecimal digits that do not depend on the order of keys.
fn short_hash(value: &Value) -> String {
    let mut hasher = Sha256::new();
    hash_into(value, &mut hasher);
    hasher.finalize().iter().take(8).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn hash_into(value: &Value, hasher: &mut Sha256) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            hasher.update(b"{");
            for (key, value) in entries {
                hasher.update(Value::from(key.as_str()).to_string());
                hash_into(value, hasher);
            }
            hasher.update(b"}");
        }
        Value::Array(items) => {
            hasher.update(b"[");
            for item in items {
                hash_into(item, hasher);
            }
            hasher.update(b"]");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            hasher.update(value.to_string());
            hasher.update(b",");
        }
    }
}
