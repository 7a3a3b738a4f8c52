//! The project as it is started: normalised, with the images that were built here.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::project::ComposeProject;

/// The text of the project file with some services' images exchanged. It is JSON, which is YAML too.
///
/// A service whose image was built here loses its `build` section: Compose shall run that image and nothing else.
pub fn project_file(project: &ComposeProject, images: &BTreeMap<String, String>) -> String {
    let mut config = project.config.clone();
    if let Some(services) = config.get_mut("services").and_then(Value::as_object_mut) {
        for (service, image) in images {
            if let Some(fields) = services.get_mut(service).and_then(Value::as_object_mut) {
                fields.insert("image".to_owned(), json!(image));
                fields.shift_remove("build");
            }
        }
    }
    config.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_built_here_replaces_the_image_and_the_build() {
        let project = ComposeProject {
            name: "shop".to_owned(),
            directory: "/p".into(),
            command: Vec::new(),
            version: (2, 20, 0),
            profiles: Vec::new(),
            wait: false,
            config: json!({"services": {"web": {"build": "/p/web", "image": "web"}, "db": {"image": "postgres"}}}),
        };
        let images = BTreeMap::from([("web".to_owned(), "web:devloop-1".to_owned())]);
        assert_eq!(
            project_file(&project, &images),
            r#"{"services":{"web":{"image":"web:devloop-1"},"db":{"image":"postgres"}}}"#
        );
    }
}
