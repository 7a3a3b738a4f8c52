//! Did-you-mean.

/// The candidate that a mistyped `name` most probably means: at most about a third of its characters differ.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let lower = name.to_lowercase();
    let limit = (name.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name && !candidate.is_empty())
        .map(|candidate| (strsim::osa_distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.chars().count())
        // The shorter one of equals, then the alphabet: the answer does not depend on the order of the candidates.
        .min_by_key(|(distance, candidate)| (*distance, candidate.len(), *candidate))
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, candidates: &[&str], expected: Option<&str>) {
        assert_eq!(did_you_mean(name, candidates.iter().copied()).as_deref(), expected, "{name}");
    }

    #[test]
    fn near_misses_are_found() {
        check("docker_biuld", &["docker_build", "custom_build"], Some("docker_build"));
        check("K8S_YAML", &["k8s_kind", "k8s_yaml"], Some("k8s_yaml"));
        check("wbe", &["web", "api"], Some("web"));
        check("resource_dep", &["resource_deps", "readiness_probe"], Some("resource_deps"));
    }

    #[test]
    fn what_is_far_away_is_not_suggested() {
        check("database", &["web", "api", "frontend"], None);
        check("a", &["b"], None);
        check("web", &["web"], None);
    }
}
