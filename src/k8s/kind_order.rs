//! The order in which kinds are applied: what others need comes first (reference §3.4).

/// Kinds in the order of their phases, with their API groups (`extensions` served some of them once).
const PHASES: [(&str, &[&str]); 22] = [
    ("Namespace", &[""]),
    ("ResourceQuota", &[""]),
    ("StorageClass", &["storage.k8s.io"]),
    ("CustomResourceDefinition", &["apiextensions.k8s.io"]),
    ("MutatingWebhookConfiguration", &["admissionregistration.k8s.io"]),
    ("ServiceAccount", &[""]),
    ("PodSecurityPolicy", &["policy", "extensions"]),
    ("Role", &["rbac.authorization.k8s.io"]),
    ("ClusterRole", &["rbac.authorization.k8s.io"]),
    ("RoleBinding", &["rbac.authorization.k8s.io"]),
    ("ClusterRoleBinding", &["rbac.authorization.k8s.io"]),
    ("PersistentVolume", &[""]),
    ("PersistentVolumeClaim", &[""]),
    ("ConfigMap", &[""]),
    ("Secret", &[""]),
    ("Service", &[""]),
    ("LimitRange", &[""]),
    ("PriorityClass", &["scheduling.k8s.io"]),
    ("Deployment", &["apps", "extensions"]),
    ("StatefulSet", &["apps"]),
    ("CronJob", &["batch"]),
    ("PodDisruptionBudget", &["policy"]),
];

/// How many phases there are: one for each kind that has a place of its own, and one for all others.
pub const PHASE_COUNT: usize = PHASES.len() + 1;

/// The phase in which objects of a kind are applied, from 0; deletion goes the other way. Everything that has no place
/// of its own comes last: custom resources need their definitions, webhooks and workloads.
pub fn phase(kind: &str, group: &str) -> usize {
    PHASES.iter().position(|(known, groups)| *known == kind && groups.contains(&group)).unwrap_or(PHASES.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_need_comes_first() {
        let order = [
            phase("Namespace", ""),
            phase("CustomResourceDefinition", "apiextensions.k8s.io"),
            phase("ServiceAccount", ""),
            phase("ConfigMap", ""),
            phase("Service", ""),
            phase("Deployment", "apps"),
            phase("PodDisruptionBudget", "policy"),
            phase("Ingress", "networking.k8s.io"),
        ];
        assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
    }

    #[test]
    fn a_custom_kind_of_a_known_name_is_not_taken_for_the_known_one() {
        assert_eq!(phase("Service", "serving.knative.dev"), PHASE_COUNT - 1);
        assert_eq!(phase("Job", "batch"), phase("Widget", "example.com"));
    }
}
