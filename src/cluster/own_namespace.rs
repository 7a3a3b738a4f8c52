//! The namespace of an isolated session: one for each folder, made and deleted with the project.

use std::path::Path;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::connect::{ApiRequest, Cluster, Patience};
use super::failure::Failure;
use crate::k8s::{MANAGED_BY, MANAGED_BY_LABEL, PROJECT_LABEL};
use crate::project::ProjectName;

/// A namespace is a DNS label (RFC 1123).
const LONGEST: usize = 63;

/// The namespace of the session of `entry_file` beside `base`, that of the context: the name of the folder, and a mark that
/// tells it from other folders of that name.
pub fn own_namespace(base: &str, entry_file: &Path) -> String {
    let folder = entry_file.parent().unwrap_or(entry_file);
    let name = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name: String = name.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '-' }).collect();
    let digest = Sha256::digest(entry_file.as_os_str().as_encoded_bytes());
    let mark = format!("{:02x}{:02x}", digest[0], digest[1]);
    let name = name.trim_matches('-');
    let stem = match (base, name) {
        ("default" | "", "") => "devloop".to_owned(),
        ("default" | "", name) => name.to_owned(),
        (base, "") => base.to_owned(),
        (base, name) => format!("{base}-{name}"),
    };
    let stem: String = stem.chars().take(LONGEST - 1 - mark.len()).collect();
    format!("{}-{mark}", stem.trim_end_matches('-'))
}

impl Cluster {
    /// Makes the namespace of the connection, with the mark of the project, when it is not there.
    pub async fn make_own_namespace(&self, project: &ProjectName, patience: &Patience) -> Result<(), Failure> {
        let name = self.namespace();
        match self.send(&ApiRequest::get(format!("/api/v1/namespaces/{name}")), patience).await {
            Err(failure) if failure.is_not_found() => {}
            // Who may not see it may still use it.
            Ok(_) | Err(Failure::Refused(_)) => return Ok(()),
            Err(failure) => return Err(failure),
        }
        let namespace = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {MANAGED_BY_LABEL: MANAGED_BY, PROJECT_LABEL: project.as_str()}},
        });
        match self.send(&ApiRequest::post("/api/v1/namespaces", &namespace), patience).await {
            // Somebody else was faster.
            Err(Failure::Refused(status)) if status.code == 409 => Ok(()),
            result => result.map(drop),
        }
    }

    /// Deletes the namespace of the connection if it carries the mark of the project; whether it does.
    pub async fn delete_own_namespace(&self, project: &ProjectName, patience: &Patience) -> Result<bool, Failure> {
        let path = format!("/api/v1/namespaces/{}", self.namespace());
        let found = match self.send(&ApiRequest::get(path.as_str()), patience).await {
            Ok(found) => found,
            Err(failure) if failure.is_not_found() => return Ok(false),
            Err(failure) => return Err(failure),
        };
        let labels = &found["metadata"]["labels"];
        if labels[MANAGED_BY_LABEL] != MANAGED_BY || labels[PROJECT_LABEL] != project.as_str() {
            return Ok(false);
        }
        // Another one of that name is not the one that was looked at.
        let options = json!({"preconditions": {"uid": found["metadata"]["uid"]}});
        match self.send(&ApiRequest::delete(path, &options), patience).await {
            Err(failure) if failure.is_not_found() => Ok(true),
            result => result.map(|_| true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_folder_has_a_namespace_of_its_own_and_a_valid_one() {
        let of = |base: &str, path: &str| own_namespace(base, Path::new(path));
        assert!(of("default", "/w/Feature_X/Devfile").starts_with("feature-x-"));
        assert!(of("team", "/w/shop/Devfile").starts_with("team-shop-"));
        assert_ne!(of("team", "/a/shop/Devfile"), of("team", "/b/shop/Devfile"));
        assert_eq!(of("team", "/a/shop/Devfile"), of("team", "/a/shop/Devfile"));
        assert!(of("default", "/Devfile").starts_with("devloop-"));
        let long = of("team", &format!("/{}/Devfile", "x-".repeat(60)));
        assert!(long.len() <= LONGEST && !long.contains("--"), "{long}");
    }
}
