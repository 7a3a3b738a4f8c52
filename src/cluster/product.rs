//! Which product a cluster is, as far as its kubeconfig shows.

use std::path::Path;

/// Which product a cluster is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Product {
    /// minikube.
    Minikube,
    /// The cluster in Docker Desktop.
    DockerDesktop,
    /// Kubernetes in Docker.
    Kind,
    /// k3s in Docker.
    K3d,
    /// MicroK8s.
    MicroK8s,
    /// OpenShift Local.
    Crc,
    /// Krucible.
    Krucible,
    /// Rancher Desktop.
    RancherDesktop,
    /// Colima.
    Colima,
    /// OrbStack.
    OrbStack,
    /// Anything else: a shared or remote cluster, for all that devloop can tell.
    Other,
}

/// Cluster names that each product gives (reference §2.5).
const BY_CLUSTER_NAME: [(&str, Match, Product); 12] = [
    ("minikube", Match::Prefix, Product::Minikube),
    ("docker-for-desktop-cluster", Match::Prefix, Product::DockerDesktop),
    ("docker-desktop", Match::Prefix, Product::DockerDesktop),
    ("kind", Match::Exact, Product::Kind),
    ("kind-", Match::Prefix, Product::Kind),
    ("k3d-", Match::Prefix, Product::K3d),
    ("microk8s", Match::Prefix, Product::MicroK8s),
    ("api-crc-testing", Match::Prefix, Product::Crc),
    ("krucible-", Match::Prefix, Product::Krucible),
    ("rancher-desktop", Match::Prefix, Product::RancherDesktop),
    ("colima", Match::Prefix, Product::Colima),
    ("orbstack", Match::Exact, Product::OrbStack),
];

#[derive(Clone, Copy)]
enum Match {
    Exact,
    Prefix,
}

/// Where the credentials of a context come from.
#[derive(Clone, Copy, Debug, Default)]
pub struct CredentialLocation<'a> {
    /// The kubeconfig file that the cluster was read from.
    pub kubeconfig: Option<&'a Path>,
    /// The file with the certificate authority.
    pub certificate_authority: Option<&'a Path>,
    /// The user's home folder.
    pub home: Option<&'a Path>,
}

impl Product {
    /// Recognises a product by the **cluster** name of the context (not the context's own name, which users
    /// change), then by the place of the credentials (reference §2.5).
    pub fn recognise(cluster_name: &str, location: CredentialLocation<'_>) -> Self {
        let by_name = BY_CLUSTER_NAME.iter().find(|(name, how, _)| match how {
            Match::Exact => cluster_name == *name,
            Match::Prefix => cluster_name.starts_with(name),
        });
        if let Some((_, _, product)) = by_name {
            return *product;
        }
        let below = |file: Option<&Path>, folder: &str| match (file, location.home) {
            (Some(file), Some(home)) => file.starts_with(home.join(folder)),
            _ => false,
        };
        if below(location.kubeconfig, ".config/k3d") || below(location.kubeconfig, ".k3d") {
            return Self::K3d;
        }
        if below(location.certificate_authority, ".minikube") {
            return Self::Minikube;
        }
        // `kind create cluster --name` allows any cluster name, but old versions name the file.
        let file_name = location.kubeconfig.and_then(Path::file_name).and_then(std::ffi::OsStr::to_str);
        if file_name.is_some_and(|name| name.starts_with("kind-config-")) {
            return Self::Kind;
        }
        Self::Other
    }

    /// Whether it runs on the user's machine, so that its contexts are allowed without `allow_k8s_contexts`.
    pub fn is_local(self) -> bool {
        self != Self::Other
    }

    /// The name that people know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minikube => "minikube",
            Self::DockerDesktop => "docker-desktop",
            Self::Kind => "kind",
            Self::K3d => "k3d",
            Self::MicroK8s => "microk8s",
            Self::Crc => "crc",
            Self::Krucible => "krucible",
            Self::RancherDesktop => "rancher-desktop",
            Self::Colima => "colima",
            Self::OrbStack => "orbstack",
            Self::Other => "unknown",
        }
    }
}

impl std::fmt::Display for Product {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cluster_name: &str, expected: Product) {
        assert_eq!(Product::recognise(cluster_name, CredentialLocation::default()), expected, "{cluster_name}");
    }

    #[test]
    fn products_are_recognised_by_the_cluster_name() {
        check("minikube-2", Product::Minikube);
        check("docker-for-desktop-cluster", Product::DockerDesktop);
        check("docker-desktop", Product::DockerDesktop);
        check("kind", Product::Kind);
        check("kind-dev", Product::Kind);
        check("k3d-dev", Product::K3d);
        check("microk8s-cluster", Product::MicroK8s);
        check("api-crc-testing:6443", Product::Crc);
        check("krucible-x", Product::Krucible);
        check("rancher-desktop", Product::RancherDesktop);
        check("colima-arm", Product::Colima);
        check("orbstack", Product::OrbStack);
    }

    #[test]
    fn everything_else_is_not_local() {
        for name in ["gke_p_z_kind-x", "kindly", "prod", "arn:aws:eks:x", "", "my-minikube", "orbstack-prod"] {
            check(name, Product::Other);
            assert!(!Product::recognise(name, CredentialLocation::default()).is_local());
        }
    }

    #[test]
    fn products_are_recognised_by_the_place_of_their_credentials() {
        let home = Some(Path::new("/home/ann"));
        let check = |kubeconfig: &str, authority: Option<&str>, expected| {
            let location = CredentialLocation {
                kubeconfig: Some(Path::new(kubeconfig)),
                certificate_authority: authority.map(Path::new),
                home,
            };
            assert_eq!(Product::recognise("dev", location), expected, "{kubeconfig} {authority:?}");
        };
        check("/home/ann/.config/k3d/kubeconfig-dev.yaml", None, Product::K3d);
        check("/home/ann/.kube/config", Some("/home/ann/.minikube/ca.crt"), Product::Minikube);
        check("/home/ann/.kube/kind-config-dev", None, Product::Kind);
        check("/home/ann/.kube/config", Some("/home/ann/.minikube-not/ca.crt"), Product::Other);
    }
}
