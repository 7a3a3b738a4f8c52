//! Which Kubernetes objects a selector means (reference §2.5, `filter_yaml`).

use regex::{Regex, RegexBuilder};

use super::go_regexp::from_go;
use crate::k8s::ObjectId;

/// One of the expressions of a selector is not valid.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("`{parameter}` is no valid regular expression: {source}")]
pub struct ObjectMatcherError {
    /// The parameter.
    pub parameter: &'static str,
    /// Why.
    #[source]
    pub source: regex::Error,
}

/// Case-insensitive, unanchored expressions over what identifies an object. An absent one matches everything.
#[derive(Clone, Debug, Default)]
pub struct ObjectMatcher {
    api_version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
}

impl ObjectMatcher {
    /// Compiles the expressions; an empty text stands for none.
    pub fn new(api_version: &str, kind: &str, name: &str, namespace: &str) -> Result<Self, ObjectMatcherError> {
        Ok(Self {
            api_version: compile("api_version", api_version)?,
            kind: compile("kind", kind)?,
            name: compile("name", name)?,
            namespace: compile("namespace", namespace)?,
        })
    }

    /// Whether all expressions match. An object without a namespace counts as being in `default`.
    pub fn matches(&self, id: &ObjectId) -> bool {
        let accepts = |expression: &Option<Regex>, text: &str| expression.as_ref().is_none_or(|e| e.is_match(text));
        accepts(&self.api_version, &id.api_version)
            && accepts(&self.kind, &id.kind)
            && accepts(&self.name, &id.name)
            && accepts(&self.namespace, id.namespace.as_deref().filter(|text| !text.is_empty()).unwrap_or("default"))
    }

    fn sources(&self) -> [Option<&str>; 4] {
        [&self.api_version, &self.kind, &self.name, &self.namespace].map(|e| e.as_ref().map(Regex::as_str))
    }
}

impl PartialEq for ObjectMatcher {
    /// The same expressions, not the same matches.
    fn eq(&self, other: &Self) -> bool {
        self.sources() == other.sources()
    }
}

fn compile(parameter: &'static str, expression: &str) -> Result<Option<Regex>, ObjectMatcherError> {
    if expression.is_empty() {
        return Ok(None);
    }
    RegexBuilder::new(&from_go(expression))
        .case_insensitive(true)
        .build()
        .map(Some)
        .map_err(|source| ObjectMatcherError { parameter, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(kind: &str, namespace: Option<&str>) -> ObjectId {
        ObjectId {
            api_version: "batch/v1".into(),
            kind: kind.into(),
            namespace: namespace.map(Into::into),
            name: "nightly".into(),
        }
    }

    #[test]
    fn expressions_are_unanchored_and_ignore_case() {
        let matcher = ObjectMatcher::new("", "job", "", "").unwrap();
        assert!(matcher.matches(&id("CronJob", None)));
        let anchored = ObjectMatcher::new("", "^Job$", "", "").unwrap();
        assert!(!anchored.matches(&id("CronJob", None)));
        assert!(anchored.matches(&id("Job", None)));
    }

    #[test]
    fn an_object_without_namespace_is_in_default() {
        let matcher = ObjectMatcher::new("", "", "", "^default$").unwrap();
        assert!(matcher.matches(&id("Job", None)));
        assert!(!matcher.matches(&id("Job", Some("other"))));
    }

    #[test]
    fn a_bad_expression_names_its_parameter() {
        assert_eq!(ObjectMatcher::new("", "", "(", "").unwrap_err().parameter, "name");
    }
}
