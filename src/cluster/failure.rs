//! Why a request to the API server failed, and what its refusal means.

use std::sync::LazyLock;

use kube::core::Status;
use regex::Regex;

/// Why a request to the API server failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// No connection: nothing listens, or it broke.
    #[error("the API server at `{server}` does not answer: {reason}")]
    Unreachable {
        /// The API server's URL.
        server: String,
        /// The innermost cause.
        reason: String,
    },
    /// Connected, and no answer in time.
    #[error("the API server at `{server}` has not answered within {}", humantime::format_duration(*.limit))]
    Silent {
        /// The API server's URL.
        server: String,
        /// How long was waited.
        limit: std::time::Duration,
    },
    /// It answers, and is not who the kubeconfig says, or does not accept our certificate.
    #[error("no trusted connection to the API server at `{server}`: {reason}; is the kubeconfig of an older cluster?")]
    Untrusted {
        /// The API server's URL.
        server: String,
        /// The innermost cause.
        reason: String,
    },
    /// The credentials cannot be had, for example because a login command failed.
    #[error("cannot get the credentials for `{server}`: {reason}")]
    Credentials {
        /// The API server's URL.
        server: String,
        /// The cause.
        reason: String,
    },
    /// The server answers with an error.
    #[error("{}", words(.0))]
    Refused(Box<Status>),
    /// The answer is not what the API promises.
    #[error("the API server at `{server}` gave an answer that cannot be understood: {reason}")]
    Malformed {
        /// The API server's URL.
        server: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Tried again until the time was over.
    #[error("given up after {}: {last}", humantime::format_duration(*.after))]
    OutOfTime {
        /// How long it was tried.
        after: std::time::Duration,
        /// How the last try ended.
        last: Box<Failure>,
    },
    /// Cancelled by the caller.
    #[error("cancelled")]
    Cancelled,
}

impl Failure {
    /// Whether the same request may succeed a little later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Silent { .. } => true,
            Self::Refused(status) => {
                matches!(status.code, 429 | 503 | 504)
                    || (status.code == 500
                        && (status.reason == "ServerTimeout" || status.message.contains("etcdserver:")))
            }
            Self::Untrusted { .. }
            | Self::Credentials { .. }
            | Self::Malformed { .. }
            | Self::OutOfTime { .. }
            | Self::Cancelled => false,
        }
    }

    /// How long the server asks to be left alone.
    pub(super) fn retry_after(&self) -> Option<std::time::Duration> {
        let Self::Refused(status) = self else { return None };
        let seconds = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
        (seconds > 0).then(|| std::time::Duration::from_secs(seconds.into()))
    }

    /// What the server's refusal means; `None` when the server did not refuse.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused(status) => Some(Refusal::of(status)),
            _ => None,
        }
    }

    /// Whether the object (or the path) does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(status) if status.code == 404)
    }
}

/// A field that another field manager owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedField {
    /// Who owns it, for example `kubectl-client-side-apply`.
    pub manager: String,
    /// For example `.spec.replicas`.
    pub field: String,
}

/// One thing that is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidField {
    /// For example `spec.template.spec.containers[0].image`; may be empty.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

/// What a refusal of the API server means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The object does not exist.
    NotFound,
    /// The path does not exist: the kind is not served.
    NotServed,
    /// The namespace does not exist.
    NamespaceMissing {
        /// The namespace.
        namespace: String,
    },
    /// The namespace is being deleted.
    NamespaceTerminating,
    /// An object of this name exists.
    AlreadyExists,
    /// Others own fields that we want to set.
    OwnedByOthers(Vec<OwnedField>),
    /// Somebody else changed it meanwhile, or it is not the object that was meant.
    Outdated,
    /// The change is not allowed on an existing object.
    Immutable(Vec<InvalidField>),
    /// The object itself is wrong.
    Invalid(Vec<InvalidField>),
    /// A list that the API treats as a map has an entry twice.
    DuplicateEntry {
        /// The list.
        field: String,
        /// The key that is there twice.
        key: String,
    },
    /// The user may not do that.
    NotAllowed {
        /// For example `patch`.
        verb: String,
        /// For example `deployments.apps`.
        resource: String,
        /// `None` for cluster-wide objects.
        namespace: Option<String>,
        /// Who devloop is for the cluster.
        user: String,
    },
    /// A quota of the namespace is used up.
    QuotaExceeded,
    /// The pod's service account does not exist; that of a new namespace is made a moment later.
    ServiceAccountMissing {
        /// Its name.
        name: String,
    },
    /// An admission webhook refused it or does not answer.
    Webhook {
        /// Its name.
        name: String,
        /// Whether it answered.
        answered: bool,
    },
    /// The server does not know who we are.
    NotLoggedIn,
    /// An admission plugin refused it, or something rarer.
    Other,
}

macro_rules! pattern {
    ($name:ident, $text:literal) => {
        static $name: LazyLock<Regex> = LazyLock::new(|| Regex::new($text).expect("a pattern that the tests run"));
    };
}

pattern!(
    NOT_ALLOWED,
    r#"User "([^"]*)" cannot (\S+) resource "([^"]*)" in API group "([^"]*)"(?: in the namespace "([^"]*)")?"#
);
pattern!(WEBHOOK, r#"(?:admission webhook "([^"]+)" denied|failed calling webhook "([^"]+)")"#);
pattern!(SERVICE_ACCOUNT, r#"error looking up service account .*: serviceaccount "([^"]*)" not found"#);
pattern!(CONFLICT, r#"conflict with "([^"]*)""#);
pattern!(DUPLICATE, r"(?s)(\.[^:]*): duplicate entries for key (\[.*?\])");
pattern!(SCHEMA, r"(?s)(\.[^:\s]+): (field not declared in schema|expected .*)");
pattern!(
    IMMUTABLE,
    "(?i)immutable|may not change|may not be changed|cannot be changed|cannot change|can ?not be unset|\
     may not be unset|can not be unset|updates to .* are forbidden|updates to .* for fields other than|\
     updates may not change fields|may not be updated|cannot be updated|is not allowed to be changed"
);

impl Refusal {
    fn of(status: &Status) -> Self {
        let message = status.message.as_str();
        let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
        if let Some(found) = WEBHOOK.captures(message) {
            let name = found.get(1).or_else(|| found.get(2)).map_or("", |name| name.as_str());
            return Self::Webhook { name: name.to_owned(), answered: found.get(1).is_some() };
        }
        if let Some(found) = DUPLICATE.captures(message) {
            return Self::DuplicateEntry { field: found[1].to_owned(), key: found[2].to_owned() };
        }
        match status.code {
            401 => Self::NotLoggedIn,
            403 => Self::of_forbidden(status),
            404 => match &status.details {
                Some(details) if details.kind == "namespaces" => {
                    Self::NamespaceMissing { namespace: details.name.clone() }
                }
                Some(details) if !details.name.is_empty() => Self::NotFound,
                _ => Self::NotServed,
            },
            409 if causes.iter().any(|cause| cause.reason == "FieldManagerConflict") => {
                let owned =
                    causes.iter().filter(|cause| cause.reason == "FieldManagerConflict").map(|cause| OwnedField {
                        manager: CONFLICT
                            .captures(&cause.message)
                            .map_or_else(String::new, |found| found[1].to_owned()),
                        field: cause.field.clone(),
                    });
                Self::OwnedByOthers(owned.collect())
            }
            409 if status.reason == "AlreadyExists" => Self::AlreadyExists,
            409 => Self::Outdated,
            422 => {
                let fields: Vec<InvalidField> = causes
                    .iter()
                    .map(|cause| InvalidField { field: cause.field.clone(), message: cause.message.clone() })
                    .collect();
                let on_update = |cause: &kube::core::response::StatusCause| {
                    cause.reason == "FieldValueForbidden" || IMMUTABLE.is_match(&cause.message)
                };
                if causes.iter().any(on_update) || (causes.is_empty() && IMMUTABLE.is_match(message)) {
                    Self::Immutable(fields)
                } else {
                    Self::Invalid(fields)
                }
            }
            400 | 500 => SCHEMA.captures(message).map_or(Self::Other, |found| {
                let field = found[1].trim_start_matches('.').to_owned();
                Self::Invalid(vec![InvalidField { field, message: found[2].to_owned() }])
            }),
            _ => Self::Other,
        }
    }

    fn of_forbidden(status: &Status) -> Self {
        let message = status.message.as_str();
        let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
        if causes.iter().any(|cause| cause.reason == "NamespaceTerminating")
            || message.contains("because it is being terminated")
        {
            return Self::NamespaceTerminating;
        }
        if let Some(found) = NOT_ALLOWED.captures(message) {
            let group = &found[4];
            let resource = if group.is_empty() { found[3].to_owned() } else { format!("{}.{group}", &found[3]) };
            return Self::NotAllowed {
                verb: found[2].to_owned(),
                resource,
                namespace: found.get(5).map(|namespace| namespace.as_str().to_owned()),
                user: found[1].to_owned(),
            };
        }
        if let Some(found) = SERVICE_ACCOUNT.captures(message) {
            return Self::ServiceAccountMissing { name: found[1].to_owned() };
        }
        if message.contains("exceeded quota") {
            return Self::QuotaExceeded;
        }
        Self::Other
    }
}

/// The server's words; some errors have none.
fn words(status: &Status) -> String {
    match (status.message.is_empty(), status.reason.is_empty()) {
        (false, _) => status.message.clone(),
        (true, false) => format!("{} (status {})", status.reason, status.code),
        (true, true) => format!("the API server answered with status {}", status.code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: serde_json::Value) -> Refusal {
        Refusal::of(&serde_json::from_value(status).unwrap())
    }

    #[test]
    fn refusals_are_told_apart() {
        let cases = [
            (
                serde_json::json!({"code": 404, "reason": "NotFound", "message": "deployments.apps \"web\" not found",
                "details": {"name": "web", "group": "apps", "kind": "deployments"}}),
                Refusal::NotFound,
            ),
            (
                serde_json::json!({"code": 404, "reason": "NotFound", "message": "the server could not find the requested resource",
                "details": {}}),
                Refusal::NotServed,
            ),
            (
                serde_json::json!({"code": 404, "reason": "NotFound", "message": "namespaces \"x\" not found",
                "details": {"name": "x", "kind": "namespaces"}}),
                Refusal::NamespaceMissing { namespace: "x".into() },
            ),
            (
                serde_json::json!({"code": 403, "reason": "Forbidden",
                "message": "configmaps \"a\" is forbidden: unable to create new content in namespace x because it is being terminated"}),
                Refusal::NamespaceTerminating,
            ),
            (
                serde_json::json!({"code": 403, "reason": "Forbidden",
                "message": "deployments.apps \"web\" is forbidden: User \"ann\" cannot patch resource \"deployments\" in API group \"apps\" in the namespace \"x\""}),
                Refusal::NotAllowed {
                    verb: "patch".into(),
                    resource: "deployments.apps".into(),
                    namespace: Some("x".into()),
                    user: "ann".into(),
                },
            ),
            (
                serde_json::json!({"code": 403, "reason": "Forbidden", "message": "namespaces is forbidden: User \"ann\" cannot list resource \"namespaces\" in API group \"\" at the cluster scope"}),
                Refusal::NotAllowed {
                    verb: "list".into(),
                    resource: "namespaces".into(),
                    namespace: None,
                    user: "ann".into(),
                },
            ),
            (
                serde_json::json!({"code": 403, "reason": "Forbidden", "message": "pods \"a\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0"}),
                Refusal::QuotaExceeded,
            ),
            (
                serde_json::json!({"code": 400, "message": "admission webhook \"v.example.com\" denied the request: no"}),
                Refusal::Webhook { name: "v.example.com".into(), answered: true },
            ),
            (
                serde_json::json!({"code": 500, "message": "Internal error occurred: failed calling webhook \"v.example.com\": Post https://x: refused"}),
                Refusal::Webhook { name: "v.example.com".into(), answered: false },
            ),
            (serde_json::json!({"code": 409, "reason": "AlreadyExists", "message": "x"}), Refusal::AlreadyExists),
            (
                serde_json::json!({"code": 409, "reason": "Conflict", "message": "the object has been modified"}),
                Refusal::Outdated,
            ),
            (
                serde_json::json!({"code": 500, "message": "failed to create typed patch object: .spec.replcas: field not declared in schema"}),
                Refusal::Invalid(vec![InvalidField {
                    field: "spec.replcas".into(),
                    message: "field not declared in schema".into(),
                }]),
            ),
            (serde_json::json!({"code": 401, "message": "Unauthorized"}), Refusal::NotLoggedIn),
        ];
        for (status, expected) in cases {
            assert_eq!(refusal(status.clone()), expected, "{status}");
        }
    }

    #[test]
    fn a_change_that_is_not_allowed_is_told_from_a_wrong_object() {
        let invalid = |reason: &str, message: &str| {
            refusal(serde_json::json!({"code": 422, "reason": "Invalid", "message": "x is invalid",
                "details": {"name": "x", "causes": [{"reason": reason, "message": message, "field": "spec"}]}}))
        };
        for (reason, message) in [
            ("FieldValueInvalid", "Invalid value: …: field is immutable"),
            (
                "FieldValueForbidden",
                "Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden",
            ),
            ("FieldValueInvalid", "Invalid value: []string(nil): primary clusterIP can not be unset"),
            ("FieldValueInvalid", "Invalid value: …: cannot change roleRef"),
        ] {
            assert!(matches!(invalid(reason, message), Refusal::Immutable(_)), "{message}");
        }
        let message = "Required value";
        let field = InvalidField { field: "spec".into(), message: message.into() };
        assert_eq!(invalid("FieldValueRequired", message), Refusal::Invalid(vec![field]));
    }

    #[test]
    fn owners_of_fields_are_named() {
        let status = serde_json::json!({"code": 409, "reason": "Conflict", "message": "Apply failed with 1 conflict",
            "details": {"causes": [{"reason": "FieldManagerConflict", "field": ".spec.replicas",
                "message": "conflict with \"kubectl-client-side-apply\" using apps/v1"}]}});
        let owned = OwnedField { manager: "kubectl-client-side-apply".into(), field: ".spec.replicas".into() };
        assert_eq!(refusal(status), Refusal::OwnedByOthers(vec![owned]));
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        let refused = |code: u16, message: &str| {
            let status = serde_json::json!({"code": code, "message": message});
            Failure::Refused(Box::new(serde_json::from_value(status).unwrap()))
        };
        assert!(refused(503, "").is_transient());
        assert!(refused(500, "etcdserver: request timed out").is_transient());
        assert!(!refused(500, "something else").is_transient());
        assert!(!refused(403, "").is_transient());
    }
}
