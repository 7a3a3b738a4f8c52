//! Which objects a label selector of Kubernetes means.

use std::collections::BTreeMap;

/// All that it names must hold. An empty one means nothing here: nobody wants the pods of everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    /// Labels that must have exactly these values.
    pub labels: BTreeMap<String, String>,
    /// What must hold beside.
    pub requirements: Vec<LabelRequirement>,
}

/// What must hold for one label (`matchExpressions`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelRequirement {
    /// The label.
    pub key: String,
    /// How its value is looked at.
    pub operator: LabelOperator,
    /// For [`LabelOperator::In`] and [`LabelOperator::NotIn`].
    pub values: Vec<String>,
}

/// How a requirement looks at the value of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelOperator {
    /// It is there, with one of the values.
    In,
    /// It has none of the values; also when it is absent.
    NotIn,
    /// It is there.
    Exists,
    /// It is absent.
    DoesNotExist,
}

impl LabelOperator {
    /// As Kubernetes writes it; `None` when there is no such operator.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "In" => Self::In,
            "NotIn" => Self::NotIn,
            "Exists" => Self::Exists,
            "DoesNotExist" => Self::DoesNotExist,
            _ => return None,
        })
    }
}

impl LabelSelector {
    /// Whether an object with these labels is meant.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let holds = |requirement: &LabelRequirement| {
            let value = labels.get(&requirement.key);
            match requirement.operator {
                LabelOperator::In => value.is_some_and(|value| requirement.values.contains(value)),
                LabelOperator::NotIn => value.is_none_or(|value| !requirement.values.contains(value)),
                LabelOperator::Exists => value.is_some(),
                LabelOperator::DoesNotExist => value.is_none(),
            }
        };
        let is_empty = self.labels.is_empty() && self.requirements.is_empty();
        !is_empty
            && self.labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.requirements.iter().all(holds)
    }
}

impl From<BTreeMap<String, String>> for LabelSelector {
    fn from(labels: BTreeMap<String, String>) -> Self {
        Self { labels, requirements: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn all_of_a_selector_must_hold() {
        let requirement = |key: &str, operator: &str, values: &[&str]| LabelRequirement {
            key: key.into(),
            operator: LabelOperator::parse(operator).expect("an operator"),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        let selector =
            |requirements: Vec<LabelRequirement>| LabelSelector { labels: labels(&[("app", "web")]), requirements };
        let pod = labels(&[("app", "web"), ("tier", "front")]);
        assert!(selector(vec![]).matches(&pod) && !selector(vec![]).matches(&labels(&[("app", "api")])));
        for (requirement, expected) in [
            (requirement("tier", "In", &["front", "back"]), true),
            (requirement("tier", "In", &["back"]), false),
            (requirement("other", "In", &["back"]), false),
            (requirement("tier", "NotIn", &["front"]), false),
            (requirement("other", "NotIn", &["front"]), true),
            (requirement("tier", "Exists", &[]), true),
            (requirement("other", "Exists", &[]), false),
            (requirement("tier", "DoesNotExist", &[]), false),
            (requirement("other", "DoesNotExist", &[]), true),
        ] {
            assert_eq!(selector(vec![requirement.clone()]).matches(&pod), expected, "{requirement:?}");
        }
        assert_eq!(LabelOperator::parse("in"), None);
    }

    #[test]
    fn an_empty_selector_means_nothing() {
        assert!(!LabelSelector::default().matches(&labels(&[("app", "web")])));
    }
}
