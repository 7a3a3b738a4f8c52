//! The other files that a compose file has Compose read: `env_file`, `extends` and `include`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::yaml::parse_documents;

/// What a compose file refers to.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct References {
    /// The project's name that the file itself gives.
    pub project_name: Option<String>,
    /// Environment files of services.
    pub env_files: Vec<PathBuf>,
    /// Compose files that services are extended from or that are included, with the folder that their own paths are
    /// relative to.
    pub compose_files: Vec<(PathBuf, PathBuf)>,
    /// Whether something is read that cannot be told from here: a path with variables, a remote include.
    pub is_incomplete: bool,
}

/// What a compose file refers to, whose relative paths are resolved against `directory`. Of a file that is no YAML
/// nothing is known.
pub fn references(text: &str, directory: &Path) -> References {
    let parsed = parse_documents(text, &Arc::from(Path::new("compose file")));
    let mut found = References { is_incomplete: parsed.has_errors(), ..References::default() };
    for document in &parsed.documents {
        found.project_name = found.project_name.or_else(|| plain(document.value.get("name")?).map(str::to_owned));
        for include in list(document.value.get("include")) {
            match include {
                Value::String(_) => found.include(include, directory),
                Value::Object(fields) => {
                    for path in list(fields.get("path")) {
                        found.include(path, directory);
                    }
                    for env_file in list(fields.get("env_file")) {
                        found.env_file(env_file, directory);
                    }
                    // Its paths are relative to somewhere else.
                    found.is_incomplete |= fields.contains_key("project_directory");
                }
                _ => found.is_incomplete = true,
            }
        }
        let services = document.value.get("services").and_then(Value::as_object);
        for service in services.into_iter().flat_map(serde_json::Map::values) {
            for env_file in list(service.get("env_file")) {
                found.env_file(env_file, directory);
            }
            if let Some(file) = service.get("extends").and_then(|extends| extends.get("file")) {
                found.include(file, directory);
            }
        }
    }
    found
}

impl References {
    /// A path, or a mapping with `path`.
    fn env_file(&mut self, entry: &Value, directory: &Path) {
        let path = match entry {
            Value::Object(fields) => fields.get("path"),
            other => Some(other),
        };
        match path.and_then(|path| plain(path)) {
            Some(path) => self.env_files.push(directory.join(path)),
            None => self.is_incomplete = true,
        }
    }

    fn include(&mut self, path: &Value, directory: &Path) {
        match plain(path).filter(|path| !path.contains("://") && !path.starts_with("git@")) {
            Some(path) => {
                let file = directory.join(path);
                let folder = file.parent().unwrap_or(directory).to_path_buf();
                self.compose_files.push((file, folder));
            }
            None => self.is_incomplete = true,
        }
    }
}

/// A text without variables.
fn plain(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.contains('$'))
}

/// One value or a list of them.
fn list(value: Option<&Value>) -> Vec<&Value> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items.iter().collect(),
        Some(other) => vec![other],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, env_files: &[&str], compose_files: &[&str], is_incomplete: bool) {
        let found = references(text, Path::new("/p"));
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(found.env_files, paths(env_files), "{text}");
        assert_eq!(found.compose_files.into_iter().map(|(file, _)| file).collect::<Vec<_>>(), paths(compose_files));
        assert_eq!(found.is_incomplete, is_incomplete, "{text}");
    }

    #[test]
    fn all_forms_are_found() {
        check("services:\n  a:\n    env_file: a.env\n", &["/p/a.env"], &[], false);
        check(
            "services:\n  a:\n    env_file: [a.env, {path: ./b.env, required: false}]\n  b:\n    env_file: /x/c.env\n",
            &["/p/a.env", "/p/./b.env", "/x/c.env"],
            &[],
            false,
        );
        check("services:\n  a:\n    extends: {file: base.yml, service: a}\n", &[], &["/p/base.yml"], false);
        check("services:\n  a:\n    extends: b\n  b: {image: x}\n", &[], &[], false);
        check(
            "include: [one.yml, {path: [two.yml], env_file: two.env}]\n",
            &["/p/two.env"],
            &["/p/one.yml", "/p/two.yml"],
            false,
        );
    }

    #[test]
    fn the_name_of_the_project_is_found() {
        let name = |text: &str| references(text, Path::new("/p")).project_name;
        assert_eq!(name("name: shop\nservices: {}\n").as_deref(), Some("shop"));
        assert_eq!(name("name: ${X}\nservices: {}\n"), None);
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        check("services:\n  a:\n    env_file: ${X}.env\n", &[], &[], true);
        check("include: ['https://github.com/x/y.git']\n", &[], &[], true);
        check("services: [\n", &[], &[], true);
    }
}
