//! Why objects could not be applied, in words that lead on.

use std::time::Duration;

use super::place::place_of;
use crate::cluster::discovery::Unserved;
use crate::cluster::failure::{Failure, InvalidField, Refusal};
use crate::diagnostic::{Diagnostic, Span};
use crate::k8s::ObjectId;

/// Why an apply did not succeed; the objects of later phases were not tried.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", joined(.failures))]
pub struct ApplyError {
    /// One for each object that failed; at least one.
    pub failures: Vec<ObjectError>,
}

impl ApplyError {
    /// Whether it was only cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.failures.iter().any(|failure| matches!(failure.cause, ObjectFailure::Cluster(Failure::Cancelled)))
    }

    /// Each failure with its place in the user's files.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        self.failures.iter().map(ObjectError::diagnostic).collect()
    }
}

/// Why one object could not be applied.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot apply {object} ({origin}): {cause}")]
pub struct ObjectError {
    /// The object.
    pub object: ObjectId,
    /// Where the user declared it.
    pub origin: Span,
    /// The field that is wrong, as a JSON pointer; empty when it is not about one.
    pub pointer: String,
    /// Why.
    pub cause: ObjectFailure,
}

/// Why one object could not be applied.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ObjectFailure {
    /// It has no name; a generated one would make a new object at each apply.
    #[error("it has no `metadata.name`")]
    Nameless,
    /// The cluster does not serve its kind.
    #[error(transparent)]
    Unserved(#[from] Unserved),
    /// Its definition exists and the cluster does not accept it.
    #[error("its CustomResourceDefinition was not accepted within {}: {reason}", humantime::format_duration(*.limit))]
    NotEstablished {
        /// How long was waited.
        limit: Duration,
        /// The cluster's words.
        reason: String,
    },
    /// Another project created it.
    #[error("it belongs to the devloop project `{project}`")]
    OtherProject {
        /// That project.
        project: String,
    },
    /// The object itself is wrong.
    #[error("{}", described(.0))]
    Invalid(Vec<InvalidField>),
    /// It would have to be deleted and created again, and must not be.
    #[error("{} cannot be changed on an existing object, and {reason}", described(.fields))]
    MustNotReplace {
        /// What cannot be changed.
        fields: Vec<InvalidField>,
        /// Why it is not replaced.
        reason: String,
    },
    /// It is being deleted and does not go away.
    #[error("the old one is still being deleted after {}{}", humantime::format_duration(*.limit), waiting_for(.finalizers))]
    StillThere {
        /// How long was waited.
        limit: Duration,
        /// What holds it.
        finalizers: Vec<String>,
    },
    /// Its namespace does not exist.
    #[error("the namespace `{namespace}` does not exist")]
    NamespaceMissing {
        /// The namespace.
        namespace: String,
    },
    /// Its namespace is being deleted and does not go away.
    #[error("the namespace `{namespace}` is still being deleted after {}{}", humantime::format_duration(*.limit), waiting_for(.finalizers))]
    NamespaceTerminating {
        /// The namespace.
        namespace: String,
        /// How long was waited.
        limit: Duration,
        /// What holds it.
        finalizers: Vec<String>,
    },
    /// The apply of this object took too long.
    #[error("not applied within {}: {last}", humantime::format_duration(*.limit))]
    TimedOut {
        /// The limit (`k8s_upsert_timeout_secs`).
        limit: Duration,
        /// What stood in the way last.
        last: String,
    },
    /// Anything else that the cluster said, or that it said nothing.
    #[error(transparent)]
    Cluster(#[from] Failure),
}

impl ObjectFailure {
    /// The first field that it is about; empty when it is not about one.
    pub(super) fn field(&self) -> &str {
        match self {
            Self::Invalid(fields) | Self::MustNotReplace { fields, .. } => {
                fields.first().map(|field| field.field.as_str()).unwrap_or_default()
            }
            Self::Nameless => "metadata",
            Self::Unserved(_) => "apiVersion",
            Self::NamespaceMissing { .. } => "metadata.namespace",
            Self::NotEstablished { .. }
            | Self::OtherProject { .. }
            | Self::StillThere { .. }
            | Self::NamespaceTerminating { .. }
            | Self::TimedOut { .. }
            | Self::Cluster(_) => "",
        }
    }
}

impl ObjectError {
    /// The error with its place in the user's file and what to do next. Reads that file to find the field.
    pub fn diagnostic(&self) -> Diagnostic {
        let message = format!("cannot apply {}: {}", self.object, self.cause);
        let place = if self.pointer.is_empty() { self.origin.clone() } else { place_of(&self.origin, &self.pointer) };
        let mut diagnostic = Diagnostic::error(message).at(place);
        for help in self.help() {
            diagnostic = diagnostic.help(help);
        }
        diagnostic
    }

    /// What the user can do.
    pub fn help(&self) -> Vec<String> {
        let object = &self.object;
        let kubectl = |verb: &str| {
            let namespace = object.namespace.as_ref().map(|namespace| format!(" -n {namespace}")).unwrap_or_default();
            format!("kubectl {verb} {} {}{namespace}", object.kind.to_lowercase(), object.name)
        };
        match &self.cause {
            ObjectFailure::Nameless => vec!["give it a `metadata.name`; `generateName` is not supported".to_owned()],
            ObjectFailure::Unserved(unserved) => vec![unserved.help()],
            ObjectFailure::NotEstablished { .. } => vec![format!("look at its conditions: `{}`", kubectl("describe"))],
            ObjectFailure::OtherProject { project } => vec![
                format!(
                    "run `devloop down` in the project `{project}` first, or give one of the two another name or namespace"
                ),
                format!("if that project is gone for good: `{}`", kubectl("delete")),
            ],
            ObjectFailure::Invalid(_) => Vec::new(),
            ObjectFailure::MustNotReplace { .. } => {
                vec![format!("change it back, or delete it yourself when you can spare it: `{}`", kubectl("delete"))]
            }
            ObjectFailure::StillThere { finalizers, .. } if !finalizers.is_empty() => {
                vec![format!("see what handles {}: `{}`", finalizers.join(", "), kubectl("describe"))]
            }
            ObjectFailure::StillThere { .. } => vec![format!("see what it waits for: `{}`", kubectl("describe"))],
            ObjectFailure::NamespaceMissing { namespace } => vec![format!(
                "declare the Namespace in the Devfile's YAML, or create it: `kubectl create namespace {namespace}`"
            )],
            ObjectFailure::NamespaceTerminating { namespace, .. } => {
                vec![format!(
                    "see what it waits for: `kubectl get namespace {namespace} -o jsonpath='{{.status.conditions}}'`"
                )]
            }
            ObjectFailure::TimedOut { .. } => {
                vec!["raise the limit with `update_settings(k8s_upsert_timeout_secs=…)`".to_owned()]
            }
            ObjectFailure::Cluster(failure) => refusal_help(failure),
        }
    }
}

fn refusal_help(failure: &Failure) -> Vec<String> {
    match failure.refusal() {
        Some(Refusal::NotAllowed { verb, resource, namespace, user }) => {
            let scope = namespace.as_ref().map(|namespace| format!(" -n {namespace}")).unwrap_or_default();
            let place = namespace.map_or("cluster-wide".to_owned(), |namespace| format!("in namespace `{namespace}`"));
            vec![
                format!("ask for a role that lets `{user}` `{verb}` `{resource}` {place}"),
                format!("check with `kubectl auth can-i {verb} {resource}{scope}`"),
            ]
        }
        Some(Refusal::ServiceAccountMissing { name }) => {
            vec![format!("declare the ServiceAccount `{name}`, or correct `serviceAccountName`")]
        }
        Some(Refusal::QuotaExceeded) => {
            vec!["free some of the quota or have it raised: `kubectl describe resourcequota`".to_owned()]
        }
        Some(Refusal::Webhook { name, answered: false }) => vec![format!(
            "the admission webhook `{name}` does not answer: is what serves it running? (`kubectl get \
             validatingwebhookconfigurations,mutatingwebhookconfigurations`)"
        )],
        Some(Refusal::Webhook { name, answered: true }) => {
            vec![format!("the admission webhook `{name}` refused it: its rules are outside of devloop")]
        }
        Some(Refusal::NotLoggedIn) => vec!["log in to the cluster again, or choose another context".to_owned()],
        Some(
            Refusal::NotFound
            | Refusal::NotServed
            | Refusal::NamespaceMissing { .. }
            | Refusal::NamespaceTerminating
            | Refusal::AlreadyExists
            | Refusal::OwnedByOthers(_)
            | Refusal::Outdated
            | Refusal::Immutable(_)
            | Refusal::Invalid(_)
            | Refusal::DuplicateEntry { .. }
            | Refusal::Other,
        )
        | None => Vec::new(),
    }
}

pub(super) fn described(fields: &[InvalidField]) -> String {
    let described: Vec<String> = fields
        .iter()
        .map(|field| match field.field.as_str() {
            "" => field.message.clone(),
            name => format!("`{name}`: {}", field.message),
        })
        .collect();
    described.join("; ")
}

fn waiting_for(finalizers: &[String]) -> String {
    if finalizers.is_empty() { String::new() } else { format!(" (held by {})", finalizers.join(", ")) }
}

fn joined(failures: &[ObjectError]) -> String {
    let texts: Vec<String> = failures.iter().map(ToString::to_string).collect();
    texts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_an_object_is_stated_with_its_name() {
        let error = ObjectError {
            object: ObjectId {
                api_version: "v1".to_owned(),
                kind: "ConfigMap".to_owned(),
                namespace: None,
                name: "settings".to_owned(),
            },
            origin: Span::file("k8s.yaml"),
            pointer: String::new(),
            cause: ObjectFailure::TimedOut { limit: Duration::from_secs(30), last: "no answer".to_owned() },
        };
        let text = error.to_string();
        assert!(text.contains("configmap/settings") && text.contains("not applied within 30s: no answer"), "{text}");
        assert!(error.help().iter().any(|line| line.contains("k8s_upsert_timeout_secs")), "{:?}", error.help());
    }
}
