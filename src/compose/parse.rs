//! What `config` prints, in the words of both generations of Compose.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::ports::published_ports;
use crate::yaml::parse_documents;

/// A service as Compose understood it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposeService {
    /// Its name.
    pub name: String,
    /// `image`, when given.
    pub image: Option<String>,
    /// `build`, when given.
    pub build: Option<BuildSection>,
    /// Services that start before it.
    pub depends_on: Vec<String>,
    /// Fixed ports on this machine.
    pub published_ports: Vec<u16>,
    /// Paths of this machine that are mounted into its containers: no need to build anything when they change.
    pub mounts: Vec<PathBuf>,
    /// Its whole normalised definition.
    pub definition: Value,
}

/// A `build` section.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct BuildSection {
    /// An absolute path, or the URL of something else.
    pub context: String,
    /// As written.
    pub dockerfile: Option<String>,
    /// `dockerfile_inline`.
    pub dockerfile_contents: Option<String>,
    /// Empty for the last stage.
    pub target: String,
    /// An empty value means: from the environment.
    pub args: BTreeMap<String, String>,
    /// Further contexts by name; paths, URLs, or `service:NAME`.
    pub additional_contexts: BTreeMap<String, String>,
    /// The whole section.
    pub definition: Value,
}

impl BuildSection {
    /// The build context if it is a folder of this machine.
    pub fn local_context(&self) -> Option<&Path> {
        local(&self.context)
    }

    /// The Dockerfile if it is a file of this machine.
    pub fn local_dockerfile(&self) -> Option<PathBuf> {
        if self.dockerfile_contents.is_some() {
            return None;
        }
        Some(self.local_context()?.join(self.dockerfile.as_deref().unwrap_or("Dockerfile")))
    }

    /// Further folders of this machine that are sent to the builder.
    pub fn additional_folders(&self) -> impl Iterator<Item = &Path> {
        self.additional_contexts.values().filter_map(|context| local(context))
    }

    /// Services of the same project whose images it is built from.
    pub fn base_services(&self) -> impl Iterator<Item = &str> {
        self.additional_contexts.values().filter_map(|context| context.strip_prefix("service:"))
    }
}

/// Compose has made local paths absolute; what is not is a URL.
fn local(context: &str) -> Option<&Path> {
    Some(Path::new(context)).filter(|path| path.is_absolute())
}

/// Why the output of the compose command cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// It is no YAML.
    #[error("the compose command printed no YAML: {0}")]
    Syntax(String),
    /// It has no services section that is a mapping.
    #[error("the project has no services")]
    NoServices,
    /// A service is no mapping.
    #[error("service `{0}` has no definition")]
    BadService(String),
}

/// The whole project, and its services that are active with `profiles`: dependencies first, else by name.
pub fn parse_config(output: &str, profiles: &[String]) -> Result<(Value, Vec<ComposeService>), ParseError> {
    let parsed = parse_documents(output, &Arc::from(Path::new("compose config")));
    if let Some(error) = parsed.diagnostics.iter().find(|diagnostic| diagnostic.is_error()) {
        return Err(ParseError::Syntax(error.message.clone()));
    }
    let config = parsed.documents.into_iter().next().map(|document| document.value).ok_or(ParseError::NoServices)?;
    let services = config.get("services").and_then(Value::as_object).ok_or(ParseError::NoServices)?;
    let mut found = BTreeMap::new();
    for (name, definition) in services {
        let fields = definition.as_object().ok_or_else(|| ParseError::BadService(name.clone()))?;
        if is_active(fields, profiles) {
            found.insert(name.clone(), service(name, fields));
        }
    }
    if found.is_empty() {
        return Err(ParseError::NoServices);
    }
    let services = in_dependency_order(found);
    Ok((config, services))
}

/// Compose 1 prints services of all profiles, Compose 2 only the active ones.
fn is_active(fields: &Map<String, Value>, profiles: &[String]) -> bool {
    let own = strings(fields.get("profiles"));
    own.is_empty() || profiles.iter().any(|profile| profile == "*" || own.contains(profile))
}

fn service(name: &str, fields: &Map<String, Value>) -> ComposeService {
    ComposeService {
        name: name.to_owned(),
        image: fields.get("image").and_then(Value::as_str).filter(|image| !image.is_empty()).map(unescaped),
        build: fields.get("build").and_then(build_section),
        depends_on: keys_or_strings(fields.get("depends_on")),
        published_ports: fields.get("ports").map(published_ports).unwrap_or_default(),
        mounts: fields.get("volumes").map(mounts).unwrap_or_default(),
        definition: Value::Object(fields.clone()),
    }
}

fn build_section(build: &Value) -> Option<BuildSection> {
    let text = |key: &str| build.get(key).and_then(Value::as_str).map(unescaped);
    let context = match build {
        Value::String(context) => unescaped(context),
        Value::Object(_) => text("context").unwrap_or_default(),
        _ => return None,
    };
    Some(BuildSection {
        context,
        dockerfile: text("dockerfile"),
        dockerfile_contents: text("dockerfile_inline"),
        target: text("target").unwrap_or_default(),
        args: assignments(build.get("args")),
        additional_contexts: assignments(build.get("additional_contexts")),
        definition: build.clone(),
    })
}

/// A mapping, or a list of `KEY=VALUE`.
fn assignments(value: Option<&Value>) -> BTreeMap<String, String> {
    match value {
        Some(Value::Object(fields)) => fields.iter().map(|(key, value)| (unescaped(key), plain(value))).collect(),
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(Value::as_str)
            .map(|item| item.split_once('=').unwrap_or((item, "")))
            .map(|(key, value)| (unescaped(key), unescaped(value)))
            .collect(),
        _ => BTreeMap::new(),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => unescaped(text),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// `config` doubles dollar signs, so that its output can be read again.
fn unescaped(text: &str) -> String {
    text.replace("$$", "$")
}

fn strings(value: Option<&Value>) -> Vec<String> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// `depends_on` is a list of names, or a mapping of names to conditions.
fn keys_or_strings(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Object(fields)) => fields.keys().cloned().collect(),
        other => strings(other),
    }
}

/// Sources of volumes that are paths of this machine.
fn mounts(volumes: &Value) -> Vec<PathBuf> {
    let source = |volume: &Value| match volume {
        Value::String(text) => text.split_once(':').map(|(source, _)| unescaped(source)),
        Value::Object(fields) if fields.get("type").and_then(Value::as_str) == Some("bind") => {
            fields.get("source").and_then(Value::as_str).map(unescaped)
        }
        _ => None,
    };
    let sources = volumes.as_array().into_iter().flatten().filter_map(source).map(PathBuf::from);
    sources.filter(|path| path.is_absolute()).collect()
}

fn in_dependency_order(mut services: BTreeMap<String, ComposeService>) -> Vec<ComposeService> {
    let names: Vec<String> = services.keys().cloned().collect();
    let mut ordered: Vec<String> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    for name in &names {
        visit(name, &services, &mut open, &mut ordered);
    }
    ordered.iter().filter_map(|name| services.remove(name)).collect()
}

fn visit(name: &str, services: &BTreeMap<String, ComposeService>, open: &mut Vec<String>, ordered: &mut Vec<String>) {
    // A cycle is reported where all dependencies are checked.
    if open.iter().chain(ordered.iter()).any(|known| known == name) {
        return;
    }
    let Some(service) = services.get(name) else { return };
    open.push(name.to_owned());
    for dependency in &service.depends_on {
        visit(dependency, services, open, ordered);
    }
    open.pop();
    ordered.push(name.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = include_str!("testdata/config_v1.yml");
    const V2: &str = include_str!("testdata/config_v2.yml");

    fn services(text: &str, profiles: &[&str]) -> Vec<ComposeService> {
        let profiles: Vec<String> = profiles.iter().map(|profile| (*profile).to_owned()).collect();
        parse_config(text, &profiles).expect("it can be parsed").1
    }

    fn names(services: &[ComposeService]) -> Vec<&str> {
        services.iter().map(|service| service.name.as_str()).collect()
    }

    #[test]
    fn both_generations_say_the_same() {
        for text in [V1, V2] {
            let services = services(text, &[]);
            assert_eq!(names(&services), ["db", "api", "git", "web"]);
            let api = &services[1];
            assert_eq!(api.depends_on, ["db"]);
            assert_eq!(api.published_ports, [8080, 9000, 9001, 53]);
            assert_eq!(api.mounts, [PathBuf::from("/project/api")]);
            let build = api.build.as_ref().expect("it is built");
            assert_eq!(build.local_context(), Some(Path::new("/project/api")));
            assert_eq!(build.local_dockerfile(), Some(PathBuf::from("/project/api/Dockerfile")));
            let web = &services[3];
            assert_eq!((web.image.as_deref(), web.depends_on.as_slice()), (Some("nginx"), &["api".to_owned()][..]));
            let build = web.build.as_ref().expect("it is built");
            assert_eq!((build.target.as_str(), build.args["X"].as_str()), ("t", "1"));
            assert_eq!(build.local_dockerfile(), Some(PathBuf::from("/project/api/Dockerfile")));
            let git = services[2].build.as_ref().expect("it is built");
            assert_eq!((git.context.as_str(), git.local_context()), ("https://github.com/x/y.git#main", None));
        }
    }

    #[test]
    fn services_of_other_profiles_are_left_out() {
        assert!(names(&services(V1, &["tools"])).contains(&"tool"));
        assert!(names(&services(V1, &["*"])).contains(&"tool"));
        assert!(!names(&services(V1, &["other"])).contains(&"tool"));
    }

    #[test]
    fn contexts_of_other_services_are_bases() {
        let text = "services:\n  app:\n    build:\n      context: /p\n      additional_contexts:\n        base: service:base\n        lib: /p/lib\n  base:\n    build: /p/base\n";
        let services = services(text, &[]);
        let build = services[0].build.as_ref().expect("it is built");
        assert_eq!(build.base_services().collect::<Vec<_>>(), ["base"]);
        assert_eq!(build.additional_folders().collect::<Vec<_>>(), [Path::new("/p/lib")]);
    }

    #[test]
    fn what_is_no_project_is_refused() {
        assert_eq!(parse_config("volumes: {}\n", &[]).err(), Some(ParseError::NoServices));
        assert_eq!(parse_config("", &[]).err(), Some(ParseError::NoServices));
        assert!(matches!(parse_config("services: [\n", &[]), Err(ParseError::Syntax(_))));
        assert_eq!(parse_config("services:\n  a:\n", &[]).err(), Some(ParseError::BadService("a".into())));
    }
}
