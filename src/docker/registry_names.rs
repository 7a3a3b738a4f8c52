//! What an image is called in a registry, from this machine's and from the cluster's point of view (reference §2.3).

use crate::project::{ImageReference, ParseReferenceError, Registry};

/// The two names of a built image.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageNames {
    /// For the engine: to tag, push and build upon.
    pub local: ImageReference,
    /// For the cluster: to write into manifests.
    pub in_cluster: ImageReference,
}

/// The names of `image` with the tag `tag` in `registry`; without a registry both are its own name.
pub fn image_names(
    image: &ImageReference,
    tag: &str,
    registry: Option<&Registry>,
) -> Result<ImageNames, ParseReferenceError> {
    let Some(registry) = registry else {
        let name = image.with_tag(tag);
        return Ok(ImageNames { local: name.clone(), in_cluster: name });
    };
    let name = image.familiar_name();
    let (path, tag) = if registry.single_name.is_empty() {
        let own = name.strip_prefix(&registry.host).and_then(|rest| rest.strip_prefix('/'));
        // What is named after the registry already is not put into it a second time.
        (own.map_or_else(|| escape(&name), str::to_owned), tag.to_owned())
    } else {
        let base = name.rsplit('/').next().unwrap_or(&name);
        (registry.single_name.clone(), format!("{}-{tag}", escape(base)))
    };
    let at = |host: &str| ImageReference::parse(&format!("{host}/{path}:{tag}"));
    let local = at(&registry.host)?;
    let in_cluster = match registry.host_from_cluster.as_str() {
        "" => local.clone(),
        host => at(host)?,
    };
    Ok(ImageNames { local, in_cluster })
}

/// The in-cluster form of a reference that a custom build has chosen itself: only its host is exchanged.
pub fn in_cluster(
    reference: &ImageReference,
    registry: Option<&Registry>,
) -> Result<ImageReference, ParseReferenceError> {
    let text = reference.to_string();
    let exchanged = registry.filter(|registry| !registry.host_from_cluster.is_empty()).and_then(|registry| {
        let rest = text.strip_prefix(&registry.host)?.strip_prefix('/')?;
        Some(format!("{}/{rest}", registry.host_from_cluster))
    });
    exchanged.map_or_else(|| Ok(reference.clone()), |text| ImageReference::parse(&text))
}

fn escape(name: &str) -> String {
    name.replace(['/', ':', '@'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(host: &str, host_from_cluster: &str, single_name: &str) -> Registry {
        Registry {
            host: host.to_owned(),
            host_from_cluster: host_from_cluster.to_owned(),
            single_name: single_name.to_owned(),
        }
    }

    fn check(image: &str, registry: Option<&Registry>, local: &str, in_cluster: &str) {
        let names = image_names(&ImageReference::parse(image).expect(image), "devloop-1", registry).expect(image);
        assert_eq!((names.local.to_string().as_str(), names.in_cluster.to_string().as_str()), (local, in_cluster));
    }

    #[test]
    fn names_are_escaped_below_the_registry() {
        check("nginx:1", None, "nginx:devloop-1", "nginx:devloop-1");
        let local = registry("localhost:5000", "", "");
        check("nginx", Some(&local), "localhost:5000/nginx:devloop-1", "localhost:5000/nginx:devloop-1");
        check(
            "gcr.io/a/b:x",
            Some(&local),
            "localhost:5000/gcr.io_a_b:devloop-1",
            "localhost:5000/gcr.io_a_b:devloop-1",
        );
        let two = registry("localhost:5000", "registry:5000", "");
        check("team/app", Some(&two), "localhost:5000/team_app:devloop-1", "registry:5000/team_app:devloop-1");
        check("r.io:1/app", Some(&two), "localhost:5000/r.io_1_app:devloop-1", "registry:5000/r.io_1_app:devloop-1");
    }

    #[test]
    fn what_is_in_the_registry_already_keeps_its_name() {
        let hub = registry("gcr.io/team", "", "");
        check("gcr.io/team/app", Some(&hub), "gcr.io/team/app:devloop-1", "gcr.io/team/app:devloop-1");
        check(
            "gcr.io/team-b/app",
            Some(&hub),
            "gcr.io/team/gcr.io_team-b_app:devloop-1",
            "gcr.io/team/gcr.io_team-b_app:devloop-1",
        );
        let two = registry("localhost:5000", "registry:5000", "");
        check("localhost:5000/app", Some(&two), "localhost:5000/app:devloop-1", "registry:5000/app:devloop-1");
    }

    #[test]
    fn a_single_name_moves_the_name_into_the_tag() {
        let single = registry("1.dkr.aws", "", "dev");
        check("gcr.io/a/b", Some(&single), "1.dkr.aws/dev:b-devloop-1", "1.dkr.aws/dev:b-devloop-1");
    }

    #[test]
    fn chosen_references_only_change_their_host() {
        let two = registry("localhost:5000", "registry:5000", "");
        let chosen = ImageReference::parse("localhost:5000/a/b:c").expect("reference");
        assert_eq!(in_cluster(&chosen, Some(&two)).expect("name").to_string(), "registry:5000/a/b:c");
        let other = ImageReference::parse("gcr.io/a/b:c").expect("reference");
        assert_eq!(in_cluster(&other, Some(&two)).expect("name"), other);
        assert_eq!(in_cluster(&chosen, None).expect("name"), chosen);
    }
}
