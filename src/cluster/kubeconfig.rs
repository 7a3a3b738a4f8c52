//! The kubeconfig: which cluster this run talks to, decided once, before anything is sent.
//!
//! The chosen context is kept in memory and as a private file for local commands, so that switching kubectl's
//! context elsewhere changes nothing for a running session. Reads files: call it off the async runtime's threads.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kube::config::{Context, Kubeconfig, NamedContext};

use super::product::{CredentialLocation, Product};
use crate::diagnostic::did_you_mean;

/// What the command line says about the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContextOverrides {
    /// `--context`.
    pub context: Option<String>,
    /// `--namespace`.
    pub namespace: Option<String>,
    /// `namespace` is the session's own: it is made when it is not there (`--isolate`).
    pub own_namespace: bool,
}

/// Why there is no usable context.
#[derive(Debug, thiserror::Error)]
pub enum KubeconfigError {
    /// There is no kubeconfig at all.
    #[error(
        "no kubeconfig found at {}; create a cluster (for example `kind create cluster`), or set `KUBECONFIG` to an \
         existing file",
        quoted(.looked_at)
    )]
    Absent {
        /// Where it was looked for.
        looked_at: Vec<PathBuf>,
    },
    /// A kubeconfig exists and selects nothing.
    #[error(
        "the kubeconfig at {} has no current context; choose one with `kubectl config use-context` or `--context` \
         (there are: {})",
        quoted(.files),
        listed(.known)
    )]
    NoCurrentContext {
        /// The files read.
        files: Vec<PathBuf>,
        /// The contexts in them.
        known: Vec<String>,
    },
    /// A file exists and cannot be read.
    #[error("cannot read the kubeconfig `{}`: {source}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not a kubeconfig.
    #[error("the kubeconfig `{}` is malformed: {reason}", .file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// The context does not exist.
    #[error(
        "the kubeconfig at {} has no context `{context}`{} (there are: {})",
        quoted(.files),
        hint(.did_you_mean.as_deref()),
        listed(.known)
    )]
    UnknownContext {
        /// The context asked for.
        context: String,
        /// The files read.
        files: Vec<PathBuf>,
        /// The contexts in them.
        known: Vec<String>,
        /// The one that is probably meant.
        did_you_mean: Option<String>,
    },
    /// The context refers to something that is not there.
    #[error("context `{context}` refers to the {what} `{name}`, which the kubeconfig at {} does not define", quoted(.files))]
    Dangling {
        /// The context.
        context: String,
        /// `cluster` or `user`.
        what: &'static str,
        /// The name it refers to.
        name: String,
        /// The files read.
        files: Vec<PathBuf>,
    },
    /// The private copy cannot be written.
    #[error("cannot write a private copy of the kubeconfig below `{}`: {source}", .folder.display())]
    Freeze {
        /// Where.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl KubeconfigError {
    /// Whether this only means that no cluster is configured, which is fine for projects without Kubernetes objects.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent { .. } | Self::NoCurrentContext { .. })
    }
}

/// The cluster connection of this run, read from the kubeconfig without a network access.
#[derive(Clone, Debug)]
pub struct ContextInfo {
    /// The context's name.
    pub context: String,
    /// The name of its cluster.
    pub cluster_name: String,
    /// The API server's URL.
    pub server: String,
    /// Where objects go that do not say: `--namespace`, else the context's, else `default`.
    pub namespace: String,
    /// Whether that namespace is the session's own, and is made when it is not there.
    pub own_namespace: bool,
    /// Which product the cluster is.
    pub product: Product,
    /// The kubeconfig reduced to this one context.
    kubeconfig: Arc<Kubeconfig>,
}

impl ContextInfo {
    /// Reads the files that `KUBECONFIG` names, else `~/.kube/config`.
    pub fn load(overrides: &ContextOverrides) -> Result<Self, KubeconfigError> {
        Self::load_from(&default_files(), overrides)
    }

    /// Reads these files and merges them as kubectl does: missing ones are passed over, the first to say something wins.
    pub fn load_from(files: &[PathBuf], overrides: &ContextOverrides) -> Result<Self, KubeconfigError> {
        let mut merged = Kubeconfig::default();
        let mut read = Vec::new();
        let mut cluster_files: Vec<(String, PathBuf)> = Vec::new();
        for file in files {
            let Some(kubeconfig) = read_file(file)? else { continue };
            for cluster in &kubeconfig.clusters {
                cluster_files.push((cluster.name.clone(), file.clone()));
            }
            let malformed = |error: kube::config::KubeconfigError| KubeconfigError::Malformed {
                file: file.clone(),
                reason: error.to_string(),
            };
            merged = merged.merge(kubeconfig).map_err(malformed)?;
            read.push(file.clone());
        }
        if read.is_empty() {
            return Err(KubeconfigError::Absent { looked_at: files.to_vec() });
        }
        let known: Vec<String> = merged.contexts.iter().map(|context| context.name.clone()).collect();
        let current = merged.current_context.clone().filter(|name| !name.is_empty());
        let Some(name) = overrides.context.clone().or(current) else {
            return Err(KubeconfigError::NoCurrentContext { files: read, known });
        };
        let found = merged.contexts.iter().find(|context| context.name == name).and_then(|named| named.context.clone());
        let Some(context) = found else {
            let did_you_mean = did_you_mean(&name, known.iter().map(String::as_str));
            return Err(KubeconfigError::UnknownContext { context: name, files: read, known, did_you_mean });
        };
        let origin =
            cluster_files.iter().find(|(cluster, _)| *cluster == context.cluster).map(|(_, file)| file.as_path());
        let mut info = Self::single(&merged, &name, context, overrides.namespace.as_deref(), origin, &read)?;
        info.own_namespace = overrides.own_namespace;
        Ok(info)
    }

    /// Whether the context is allowed without `allow_k8s_contexts` (reference §2.5).
    pub fn allowed_by_default(&self) -> bool {
        self.product.is_local()
    }

    /// The kubeconfig reduced to this one context.
    pub(super) fn kubeconfig(&self) -> &Kubeconfig {
        &self.kubeconfig
    }

    /// Writes the one context to a file that only this user can read, for `KUBECONFIG` of local commands.
    pub fn freeze(&self) -> Result<FrozenKubeconfig, KubeconfigError> {
        let folder = directories::BaseDirs::new()
            .and_then(|dirs| dirs.runtime_dir().map(Path::to_path_buf))
            .filter(|folder| folder.is_dir())
            .unwrap_or_else(std::env::temp_dir);
        let write = || -> std::io::Result<tempfile::NamedTempFile> {
            // Mode 0600 is what `tempfile` creates files with. JSON is YAML that no reader can take for something else.
            let mut file =
                tempfile::Builder::new().prefix("devloop-kubeconfig-").suffix(".json").tempfile_in(&folder)?;
            file.write_all(&serde_json::to_vec(&*self.kubeconfig)?)?;
            file.flush()?;
            Ok(file)
        };
        write().map(|file| FrozenKubeconfig { file }).map_err(|source| KubeconfigError::Freeze { folder, source })
    }

    fn single(
        merged: &Kubeconfig,
        name: &str,
        context: Context,
        namespace: Option<&str>,
        origin: Option<&Path>,
        files: &[PathBuf],
    ) -> Result<Self, KubeconfigError> {
        let dangling = |what: &'static str, target: &str| KubeconfigError::Dangling {
            context: name.to_owned(),
            what,
            name: target.to_owned(),
            files: files.to_vec(),
        };
        let cluster = merged.clusters.iter().find(|cluster| cluster.name == context.cluster);
        let Some((cluster, details)) = cluster.and_then(|named| Some((named, named.cluster.as_ref()?))) else {
            return Err(dangling("cluster", &context.cluster));
        };
        let mut users = Vec::new();
        if let Some(user) = context.user.as_deref().filter(|user| !user.is_empty()) {
            let found = merged.auth_infos.iter().find(|named| named.name == user);
            users.push(found.ok_or_else(|| dangling("user", user))?.clone());
        }
        let namespace = namespace.or(context.namespace.as_deref()).filter(|namespace| !namespace.is_empty());
        let namespace = namespace.unwrap_or("default").to_owned();
        let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_path_buf());
        let location = CredentialLocation {
            kubeconfig: origin,
            certificate_authority: details.certificate_authority.as_deref().map(Path::new),
            home: home.as_deref(),
        };
        let product = Product::recognise(&cluster.name, location);
        let server = details.server.clone().unwrap_or_default();
        let cluster_name = cluster.name.clone();
        let kubeconfig = Kubeconfig {
            clusters: vec![cluster.clone()],
            auth_infos: users,
            contexts: vec![NamedContext {
                name: name.to_owned(),
                // Commands of the user see the namespace of this run.
                context: Some(Context { namespace: Some(namespace.clone()), ..context }),
                ..NamedContext::default()
            }],
            current_context: Some(name.to_owned()),
            kind: Some("Config".to_owned()),
            api_version: Some("v1".to_owned()),
            ..Kubeconfig::default()
        };
        let kubeconfig = Arc::new(kubeconfig);
        Ok(Self {
            context: name.to_owned(),
            cluster_name,
            server,
            namespace,
            own_namespace: false,
            product,
            kubeconfig,
        })
    }
}

/// The private kubeconfig file of a run; removed when this is dropped.
#[derive(Debug)]
pub struct FrozenKubeconfig {
    file: tempfile::NamedTempFile,
}

impl FrozenKubeconfig {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.file.path()
    }
}

/// The files that kubectl would read.
fn default_files() -> Vec<PathBuf> {
    let from_environment: Vec<PathBuf> = std::env::var_os("KUBECONFIG")
        .map(|value| std::env::split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect())
        .unwrap_or_default();
    if !from_environment.is_empty() {
        return from_environment;
    }
    directories::BaseDirs::new().map(|dirs| dirs.home_dir().join(".kube/config")).into_iter().collect()
}

/// `None` for a file that is missing or empty: kubectl passes over both.
fn read_file(file: &Path) -> Result<Option<Kubeconfig>, KubeconfigError> {
    match std::fs::metadata(file) {
        Ok(metadata) if metadata.len() == 0 => return Ok(None),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(KubeconfigError::Unreadable { file: file.to_path_buf(), source }),
    }
    // This also makes relative paths in the file absolute.
    Kubeconfig::read_from(file).map(Some).map_err(|error| match error {
        kube::config::KubeconfigError::ReadConfig(source, _) => {
            KubeconfigError::Unreadable { file: file.to_path_buf(), source }
        }
        kube::config::KubeconfigError::Parse(error) => {
            // Only the first line: the rest is an excerpt, which may show credentials.
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            let reason = first.strip_prefix("error: ").unwrap_or(first).to_owned();
            KubeconfigError::Malformed { file: file.to_path_buf(), reason }
        }
        other => KubeconfigError::Malformed { file: file.to_path_buf(), reason: other.to_string() },
    })
}

fn quoted(files: &[PathBuf]) -> String {
    let quoted: Vec<String> = files.iter().map(|file| format!("`{}`", file.display())).collect();
    if quoted.is_empty() { "any known place".to_owned() } else { quoted.join(", ") }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn hint(did_you_mean: Option<&str>) -> String {
    did_you_mean.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const TWO: &str = "
apiVersion: v1
kind: Config
current-context: dev
clusters:
- name: kind-dev
  cluster: {server: 'https://127.0.0.1:1', certificate-authority: ca.crt}
- name: prod
  cluster: {server: 'https://prod'}
contexts:
- name: dev
  context: {cluster: kind-dev, user: ann, namespace: team}
- name: production
  context: {cluster: prod, user: ann}
- name: broken
  context: {cluster: gone, user: ann}
users:
- name: ann
  user: {token: secret-token}
";

    fn write(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn overrides(context: Option<&str>, namespace: Option<&str>) -> ContextOverrides {
        ContextOverrides {
            context: context.map(str::to_owned),
            namespace: namespace.map(str::to_owned),
            own_namespace: false,
        }
    }

    #[test]
    fn the_current_context_is_read_and_recognised() {
        let folder = tempfile::tempdir().unwrap();
        let files = [folder.path().join("missing"), write(&folder, "config", TWO)];
        let info = ContextInfo::load_from(&files, &ContextOverrides::default()).unwrap();
        assert_eq!(
            (info.context.as_str(), info.cluster_name.as_str(), info.namespace.as_str(), info.product),
            ("dev", "kind-dev", "team", Product::Kind)
        );
        assert!(info.allowed_by_default());
        let info = ContextInfo::load_from(&files, &overrides(Some("production"), Some("mine"))).unwrap();
        assert_eq!((info.server.as_str(), info.namespace.as_str()), ("https://prod", "mine"));
        assert!(!info.allowed_by_default());
    }

    #[test]
    fn of_several_files_the_first_to_say_something_wins() {
        let folder = tempfile::tempdir().unwrap();
        let first = write(&folder, "first", "current-context: production\n");
        let second = write(&folder, "second", TWO);
        let info = ContextInfo::load_from(&[first, second], &ContextOverrides::default()).unwrap();
        assert_eq!((info.context.as_str(), info.namespace.as_str()), ("production", "default"));
    }

    #[test]
    fn the_frozen_copy_holds_one_context_with_absolute_paths_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let file = write(&folder, "config", TWO);
        let info = ContextInfo::load_from(&[file], &overrides(None, Some("mine"))).unwrap();
        let frozen = info.freeze().unwrap();
        let mode = std::fs::metadata(frozen.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = std::fs::read_to_string(frozen.path()).unwrap();
        assert!(text.contains("secret-token"), "{text}");
        assert!(!text.contains("prod"), "{text}");
        let again = ContextInfo::load_from(&[frozen.path().to_path_buf()], &ContextOverrides::default()).unwrap();
        assert_eq!((again.context.as_str(), again.namespace.as_str()), ("dev", "mine"));
        let authority = folder.path().join("ca.crt");
        assert!(text.contains(authority.to_str().unwrap()), "{text}");
        let path = frozen.path().to_path_buf();
        drop(frozen);
        assert!(!path.exists());
    }

    #[test]
    fn errors_name_the_file_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let fail = |files: &[PathBuf], overrides: &ContextOverrides| {
            ContextInfo::load_from(files, overrides).map(|_| ()).unwrap_err()
        };
        let missing = folder.path().join("missing");
        let error = fail(std::slice::from_ref(&missing), &ContextOverrides::default());
        assert!(error.is_absent());
        assert!(error.to_string().contains(missing.to_str().unwrap()), "{error}");

        let file = write(&folder, "config", TWO);
        let error = fail(std::slice::from_ref(&file), &overrides(Some("producton"), None)).to_string();
        assert!(error.contains("did you mean `production`?") && error.contains("dev, production, broken"), "{error}");
        let error = fail(&[file], &overrides(Some("broken"), None)).to_string();
        assert!(error.contains("cluster `gone`"), "{error}");

        let file = write(&folder, "malformed", "apiVersion: v1\ncontexts:\n- name: [\n");
        let error = fail(std::slice::from_ref(&file), &ContextOverrides::default());
        assert!(!error.is_absent());
        let error = error.to_string();
        assert!(error.contains(file.to_str().unwrap()) && error.contains("line 3"), "{error}");
        assert!(!error.contains("name: ["), "an excerpt may show credentials: {error}");

        let file = write(&folder, "none", "apiVersion: v1\nkind: Config\n");
        assert!(fail(&[file], &ContextOverrides::default()).is_absent());
    }
}
