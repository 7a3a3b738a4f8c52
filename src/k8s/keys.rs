//! Labels and annotations that devloop sets or honours.

/// Says who manages an object (<https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/>).
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";

/// The value of [`MANAGED_BY_LABEL`], and the field manager of every apply.
pub const MANAGED_BY: &str = "devloop";

/// Which project created an object: what `down` and pruning go by.
pub const PROJECT_LABEL: &str = "devloop.dev/project";

/// Which resource an object belongs to.
pub const RESOURCE_LABEL: &str = "devloop.dev/resource";

/// Which generation of a pod template a pod was made from.
pub const POD_TEMPLATE_HASH_LABEL: &str = "devloop.dev/pod-template-hash";

/// With the value `keep`, an object survives `down` and pruning. The second is what existing configurations use.
pub const DOWN_POLICY_ANNOTATIONS: [&str; 2] = ["devloop.dev/down-policy", "tilt.dev/down-policy"];
