//! Whose an object in the cluster is: what `down` and pruning go by.
//!
//! An object is ours when it carries this project's label *and the apply of devloop set that label*: the server records
//! who set which field (`managedFields`). A copy that somebody made of one of our objects carries the label too, and is
//! theirs. Objects of other tools (kubectl, Helm, Tilt) are applied when a Devfile declares them, and are never deleted:
//! they are adopted, which leaves our labels off.

use serde_json::Value;

use crate::k8s::{DOWN_POLICY_ANNOTATIONS, MANAGED_BY, PROJECT_LABEL};
use crate::project::ProjectName;

/// Whose an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// This project created it.
    Ours,
    /// Another devloop project created it.
    OtherProject(String),
    /// Somebody else created it.
    Theirs {
        /// The field manager that appeared first, for example `kubectl-client-side-apply`; empty when not known.
        manager: String,
    },
}

impl Ownership {
    /// Whose `object` is, seen from `project`.
    pub fn of(object: &Value, project: &ProjectName) -> Self {
        let label = object["metadata"]["labels"][PROJECT_LABEL].as_str();
        match label {
            Some(label) if label != project.as_str() => Self::OtherProject(label.to_owned()),
            Some(_) if managed_fields(object).any(set_our_label) => Self::Ours,
            _ => Self::Theirs { manager: first_manager(object) },
        }
    }
}

/// The annotation that keeps an object from being deleted, if it has one.
pub(super) fn keep_annotation(object: &Value) -> Option<&'static str> {
    let annotations = &object["metadata"]["annotations"];
    DOWN_POLICY_ANNOTATIONS.into_iter().find(|key| annotations[*key].as_str() == Some("keep"))
}

fn managed_fields(object: &Value) -> impl Iterator<Item = &Value> {
    object["metadata"]["managedFields"].as_array().into_iter().flatten()
}

fn set_our_label(entry: &Value) -> bool {
    let labels = &entry["fieldsV1"]["f:metadata"]["f:labels"];
    entry["manager"].as_str() == Some(MANAGED_BY) && labels.get(format!("f:{PROJECT_LABEL}")).is_some()
}

fn first_manager(object: &Value) -> String {
    let oldest = managed_fields(object)
        .filter(|entry| entry["manager"].as_str() != Some(MANAGED_BY))
        .min_by_key(|entry| entry["time"].as_str().unwrap_or_default());
    oldest.and_then(|entry| entry["manager"].as_str()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(object: &Value) -> Ownership {
        Ownership::of(object, &ProjectName::new("shop"))
    }

    #[test]
    fn only_the_label_that_we_set_makes_an_object_ours() {
        let fields = json!({"f:metadata": {"f:labels": {"f:devloop.dev/project": {}}}});
        let labels = json!({"devloop.dev/project": "shop"});
        let ours =
            json!({"metadata": {"labels": labels, "managedFields": [{"manager": "devloop", "fieldsV1": fields}]}});
        assert_eq!(of(&ours), Ownership::Ours);
        let copy = json!({"metadata": {"labels": labels, "managedFields": [
            {"manager": "kubectl", "fieldsV1": fields},
            // Adopted: applied by us, without the label.
            {"manager": "devloop", "fieldsV1": {"f:spec": {}}},
        ]}});
        assert_eq!(of(&copy), Ownership::Theirs { manager: "kubectl".into() });
        let other = json!({"metadata": {"labels": {"devloop.dev/project": "blog"}}});
        assert_eq!(of(&other), Ownership::OtherProject("blog".into()));
        assert_eq!(of(&json!({"metadata": {}})), Ownership::Theirs { manager: String::new() });
    }

    #[test]
    fn both_spellings_of_the_keep_annotation_count() {
        for key in DOWN_POLICY_ANNOTATIONS {
            assert_eq!(keep_annotation(&json!({"metadata": {"annotations": {key: "keep"}}})), Some(key));
            assert_eq!(keep_annotation(&json!({"metadata": {"annotations": {key: "delete"}}})), None);
        }
    }
}
