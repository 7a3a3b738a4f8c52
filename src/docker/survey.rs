//! A look at the input of a build, and the two keys that it has: one for this machine, of what the file system says of the
//! files ([decision 14]), and one for everybody, of what is in them ([decision 18]).
//!
//! [decision 14]: ../../docs/decisions/0014-builds-by-key.md
//! [decision 18]: ../../docs/decisions/0018-images-of-others.md

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bollard::fsutil::types::Stat;
use sha2::{Digest as _, Sha256};

use super::build_cache::cache_folder;
use super::build_request::{BuildRequest, Builder, is_content_tag};
use super::context::{ContextTree, MODE_DIR, MODE_SYMLINK, Wanted, walk};
use super::engine::Engine;
use super::file_hashes::{FileHashes, FileIdentity};
use crate::project::{ImageReference, image_references};

/// Part of each key of this machine, changed with the meaning of the others.
const VERSION: &str = "devloop build 1";
/// The same of keys for everybody.
const CONTENT_VERSION: &str = "devloop image 1";
/// Digits of a key for everybody: enough that no two inputs share one, few enough for a tag with something before it.
const CONTENT_DIGITS: usize = 40;

/// Registries count questions about base images, so not every save asks again.
const BASE_VALID_FOR: Duration = Duration::from_hours(1);

/// How well a registry has to be asked about base images that the engine does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bases {
    /// What it answered within the last hour will do: to look for an image.
    AsOfLate,
    /// Asked now: to tell others what an image was built from.
    AsOfNow,
}

/// What tells the input of a build from that of others on this machine: equal keys give the same image.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BuildKey(String);

impl BuildKey {
    #[cfg(test)]
    pub(super) fn from_digits(digits: &str) -> Self {
        Self(digits.to_owned())
    }

    pub(super) fn digits(&self) -> &str {
        &self.0
    }
}

/// The same for everybody: no times, no places, nothing that only this machine knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContentKey(String);

impl ContentKey {
    /// Lower-case hexadecimal digits.
    pub fn digits(&self) -> &str {
        &self.0
    }
}

/// The input of a build as it was at one moment.
#[derive(Debug)]
pub struct Survey {
    key: BuildKey,
    contents: Option<Contents>,
}

/// What the key for everybody is made of.
#[derive(Debug)]
struct Contents {
    parts: Vec<String>,
    /// Base images that the engine does not have: the builder asks the registry what they are now.
    elsewhere: Vec<ImageReference>,
    files: Vec<Seen>,
    hashes: FileHashes,
    /// Whether a file may be changed without a trace in what this survey has seen of it.
    is_fresh: bool,
}

#[derive(Debug)]
struct Seen {
    path: PathBuf,
    /// Relative, as in the image.
    name: String,
    linkname: String,
    mode: u32,
    identity: FileIdentity,
}

/// How much has to be read for the key of a survey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    /// How many files.
    pub files: usize,
    /// Their sizes together, in bytes.
    pub bytes: u64,
}

impl Engine {
    /// Looks at the input of a build; `None` when it depends on what cannot be seen from here: on base images that are to be
    /// pulled, or on addresses. With `for_everybody` the survey is good for [`Survey::content_key`] as well.
    pub async fn survey(&self, request: &BuildRequest, for_everybody: bool) -> Option<Survey> {
        if request.pull || adds_from_an_address(&request.dockerfile) {
            return None;
        }
        let mut parts = vec![
            VERSION.to_owned(),
            format!("{:?}", self.endpoint()),
            request.dockerfile.clone(),
            request.target.clone(),
            request.network.clone(),
            request.platform.clone(),
        ];
        if request.builder == Builder::Classic {
            parts.push("classic".to_owned());
        }
        for list in [&request.ssh, &request.secrets, &request.extra_hosts] {
            parts.push(list.len().to_string());
            parts.extend(list.iter().cloned());
        }
        let arguments: Vec<String> = request
            .build_args
            .iter()
            .map(|(name, value)| {
                let value = if value.is_empty() { std::env::var(name).unwrap_or_default() } else { value.clone() };
                format!("{name}={value}")
            })
            .collect();
        parts.extend(arguments.iter().cloned());
        // What the engine is told of secrets is not what they hold, and only their owner may use what was made with them.
        let for_everybody = for_everybody && request.secrets.is_empty() && request.ssh.is_empty();
        // An engine builds for its own kind of machine unless told otherwise.
        let platform = match request.platform.as_str() {
            "" => format!("of {}", self.info().architecture),
            platform => platform.to_owned(),
        };
        let mut shared = vec![
            CONTENT_VERSION.to_owned(),
            platform,
            request.dockerfile.clone(),
            request.target.clone(),
            request.network.clone(),
            format!("{:?}{:?}{:?}", request.builder, request.extra_hosts, arguments),
        ];
        let mut elsewhere = Vec::new();
        for reference in image_references(&request.dockerfile, &request.build_args) {
            // One that the engine does not have is in the builder's own store, or gets there by the first build.
            let found = self.bollard().inspect_image(&reference.parsed.to_string()).await.unwrap_or_default();
            parts.push(format!("{} {}", reference.text, found.id.as_deref().unwrap_or_default()));
            if !for_everybody || names_its_content(&reference.parsed) {
                continue;
            }
            match identity_of_base(&reference.parsed, &found, &request.platform) {
                Some(identity) => shared.push(format!("{} {identity}", reference.parsed)),
                None => elsewhere.push(reference.parsed),
            }
        }
        let tree = ContextTree { root: request.context.clone(), filter: Arc::clone(&request.filter) };
        let look = move || {
            let everybody = for_everybody.then_some((shared, elsewhere));
            look(&parts, everybody, &tree, cache_folder().as_deref())
        };
        tokio::task::spawn_blocking(look).await.ok()?
    }

    /// What a registry has under the name of a base image, as the builder would ask; `None` when it cannot be told.
    async fn identity_elsewhere(&self, reference: &ImageReference, bases: Bases) -> Option<String> {
        if bases == Bases::AsOfLate
            && let Some(known) = self.known_base(reference, BASE_VALID_FOR)
        {
            return Some(known);
        }
        let credentials = self.credentials(&reference.domain).await;
        let name = reference.familiar_name();
        let name = format!("{name}:{}", reference.tag.as_deref().unwrap_or("latest"));
        let digest = self.bollard().inspect_registry_image(&name, Some(credentials)).await.ok()?.descriptor.digest?;
        self.set_known_base(reference, &digest);
        Some(digest)
    }
}

impl Survey {
    /// The key on this machine.
    pub fn key(&self) -> &BuildKey {
        &self.key
    }

    /// What [`Self::content_key`] has to read.
    pub fn unread(&self) -> Unread {
        let mut unread = Unread::default();
        let contents = self.contents.iter();
        for seen in
            contents.flat_map(|contents| contents.files.iter().filter(|seen| !contents.hashes.knows(seen.identity)))
        {
            if seen.mode & (MODE_DIR | MODE_SYMLINK) == 0 {
                unread.files += 1;
                unread.bytes += seen.identity.size();
            }
        }
        unread
    }

    /// Whether every later change of a file shows in another key.
    pub fn has_settled(&self) -> bool {
        self.contents.as_ref().is_none_or(|contents| !contents.is_fresh)
    }

    /// The key for everybody. `None` when there is none, or a file is another one by now. Reads what is not remembered of
    /// earlier surveys, and asks registries about base images that the engine does not have.
    pub async fn content_key(self, engine: &Engine, bases: Bases) -> Option<ContentKey> {
        let mut contents = self.contents?;
        for reference in std::mem::take(&mut contents.elsewhere) {
            let identity = engine.identity_elsewhere(&reference, bases).await?;
            contents.parts.push(format!("{reference} {identity}"));
        }
        tokio::task::spawn_blocking(move || contents.key()).await.ok()?
    }
}

impl Contents {
    /// Blocks.
    fn key(mut self) -> Option<ContentKey> {
        let mut hasher = hasher_of(&self.parts);
        for seen in &self.files {
            for text in [&seen.name, &seen.linkname] {
                hasher.update(text.len().to_le_bytes());
                hasher.update(text);
            }
            hasher.update(seen.mode.to_le_bytes());
            if seen.mode & (MODE_DIR | MODE_SYMLINK) == 0 {
                hasher.update(self.hashes.hash(&seen.path, seen.identity).ok()?);
            }
        }
        self.hashes.save();
        let mut digits = digits(hasher);
        digits.truncate(CONTENT_DIGITS);
        Some(ContentKey(digits))
    }
}

/// Parts of the key for everybody so far, and the base images that are still to be asked for.
type ForEverybody = (Vec<String>, Vec<ImageReference>);

/// Walks the context once for both keys. Blocks.
fn look(parts: &[String], everybody: Option<ForEverybody>, tree: &ContextTree, cache: Option<&Path>) -> Option<Survey> {
    let mut hasher = hasher_of(parts);
    let mut files = Vec::new();
    let (mut is_fresh, mut is_told_by_time) = (false, true);
    let started = SystemTime::now();
    let mut add = |stat: Stat, path: PathBuf, metadata: &std::fs::Metadata| {
        for text in [&stat.path, &stat.linkname] {
            hasher.update(text.len().to_le_bytes());
            hasher.update(text);
        }
        hasher.update(stat.mode.to_le_bytes());
        hasher.update(stat.size.to_le_bytes());
        // The times of folders are no part of an image, and change with files that do not count.
        if stat.mode & MODE_DIR == 0 {
            hasher.update(stat.mod_time.to_le_bytes());
        }
        if everybody.is_some() {
            let identity = FileIdentity::of(metadata);
            if stat.mode & (MODE_DIR | MODE_SYMLINK) == 0 {
                is_fresh |= identity.is_fresh_at(started);
                is_told_by_time &= !identity.has_made_up_time();
            }
            files.push(Seen { path, name: stat.path, linkname: stat.linkname, mode: stat.mode, identity });
        }
        ControlFlow::Continue(())
    };
    walk(tree, &Wanted::Everything, &mut add).ok()?;
    // The builder goes by size and time: where times are made up, it may have another content than what is here.
    let contents = everybody.filter(|_| is_told_by_time).map(|(parts, elsewhere)| {
        let hashes = FileHashes::load(cache, tree);
        Contents { parts, elsewhere, files, hashes, is_fresh }
    });
    Some(Survey { key: BuildKey(digits(hasher)), contents })
}

fn hasher_of(parts: &[String]) -> Sha256 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.len().to_le_bytes());
        hasher.update(part);
    }
    hasher
}

fn digits(hasher: Sha256) -> String {
    hasher.finalize().iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Whether the reference stands for one content, whoever asks: by digest, or as one of our own builds.
pub fn names_its_content(reference: &ImageReference) -> bool {
    reference.digest.is_some() || reference.tag.as_deref().is_some_and(is_content_tag)
}

/// What everybody calls the base image that the engine has: its digest in the registry, else its own.
/// `None` when the builder would not use it.
fn identity_of_base(
    reference: &ImageReference,
    found: &bollard::models::ImageInspect,
    platform: &str,
) -> Option<String> {
    let id = found.id.clone()?;
    let os = found.os.as_deref().unwrap_or_default();
    let own = format!("{os}/{}", found.architecture.as_deref().unwrap_or_default());
    if !platform.is_empty() && platform != own {
        return None;
    }
    let digests = found.repo_digests.iter().flatten().filter_map(|digest| ImageReference::parse(digest).ok());
    let pulled = digests.filter(|digest| digest.same_repository(reference)).find_map(|digest| digest.digest);
    Some(pulled.unwrap_or(id))
}

/// Whether an `ADD` fetches something that may change by itself. Too often yes is only slower.
fn adds_from_an_address(dockerfile: &str) -> bool {
    let lower = dockerfile.to_ascii_lowercase();
    lower.contains("add") && (lower.contains("://") || lower.contains("git@"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn survey(parts: &[&str], root: &Path) -> Survey {
        let parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
        let tree = ContextTree { root: root.to_owned(), filter: Arc::default() };
        look(&parts, Some((parts.clone(), Vec::new())), &tree, None).expect("a survey")
    }

    fn key(parts: &[&str], root: &Path) -> BuildKey {
        survey(parts, root).key
    }

    fn content_key(root: &Path) -> Option<ContentKey> {
        survey(&["FROM a"], root).contents?.key()
    }

    #[test]
    fn each_input_has_its_part_in_the_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        fs::create_dir(root.join("src")).expect("created");
        let file = root.join("src/a");
        fs::write(&file, "1").expect("written");
        let first = key(&["FROM a", ""], root);
        assert_eq!(key(&["FROM a", ""], root), first);
        assert_ne!(key(&["FROM", " a"], root), first, "parts do not run together");
        let mut seen = vec![first.clone()];
        let mut differs = |what: &str| {
            let now = key(&["FROM a", ""], root);
            assert!(!seen.contains(&now), "{what}");
            seen.push(now);
        };
        fs::write(&file, "22").expect("written");
        differs("another length");
        let old = fs::metadata(&file).expect("there").modified().expect("a time");
        set_time(&file, old + Duration::from_nanos(1));
        differs("another time");
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
        differs("another mode");
        std::os::unix::fs::symlink("a", root.join("src/b")).expect("linked");
        differs("a link");
        fs::rename(&file, root.join("src/c")).expect("renamed");
        differs("another name");
        fs::create_dir(root.join("empty")).expect("created");
        differs("an empty folder");
    }

    fn set_time(file: &Path, time: SystemTime) {
        fs::File::options().write(true).open(file).expect("open").set_modified(time).expect("set");
    }

    #[test]
    fn the_key_for_everybody_is_of_contents() {
        let [one, two] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        for folder in [&one, &two] {
            fs::create_dir(folder.path().join("src")).expect("created");
            fs::write(folder.path().join("src/a"), "first").expect("written");
            std::os::unix::fs::symlink("a", folder.path().join("src/link")).expect("linked");
        }
        let file = two.path().join("src/a");
        let hour_ago = SystemTime::now() - Duration::from_hours(1);
        set_time(&file, hour_ago);
        let first = content_key(one.path());
        assert!(first.is_some());
        assert_eq!(content_key(two.path()), first, "neither place nor time counts");
        assert_ne!(key(&[""], two.path()), key(&[""], one.path()), "as it does for the key of this machine");

        let mut seen = vec![first.clone()];
        let mut differs = |what: &str| {
            let now = content_key(two.path());
            assert!(!seen.contains(&now), "{what}");
            seen.push(now);
        };
        fs::write(&file, "other").expect("written");
        set_time(&file, hour_ago);
        differs("another content of the same length under the same time");
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
        differs("another mode");
        fs::rename(two.path().join("src/link"), two.path().join("src/b")).expect("renamed");
        differs("another name");
        fs::create_dir(two.path().join("empty")).expect("created");
        differs("an empty folder");
        set_time(&file, SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        assert_eq!(content_key(two.path()), None, "a time that tells nothing");
    }

    #[test]
    fn what_may_still_change_without_a_trace_has_not_settled() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a");
        fs::write(&file, "1").expect("written");
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while !survey(&[], folder.path()).has_settled() {
            assert!(std::time::Instant::now() < deadline);
        }
        set_time(&file, SystemTime::now() + Duration::from_mins(1));
        assert!(!survey(&[], folder.path()).has_settled());
    }

    #[test]
    fn a_base_image_is_what_everybody_calls_it() {
        let reference = ImageReference::parse("busybox").expect("reference");
        let image = |digests: &[&str]| bollard::models::ImageInspect {
            id: Some("sha256:id".to_owned()),
            os: Some("linux".to_owned()),
            architecture: Some("amd64".to_owned()),
            repo_digests: Some(digests.iter().map(|digest| (*digest).to_owned()).collect()),
            ..Default::default()
        };
        let digest = format!("sha256:{}", "1".repeat(64));
        let pulled = image(&[&format!("other/busybox@sha256:{}", "2".repeat(64)), &format!("busybox@{digest}")]);
        assert_eq!(identity_of_base(&reference, &pulled, "linux/amd64"), Some(digest));
        assert_eq!(identity_of_base(&reference, &image(&[]), "").as_deref(), Some("sha256:id"), "built here");
        assert_eq!(identity_of_base(&reference, &pulled, "linux/arm64"), None, "the builder pulls another one");
        assert_eq!(identity_of_base(&reference, &bollard::models::ImageInspect::default(), ""), None);
        assert!(names_its_content(&ImageReference::parse("r:5000/a:devloop-0123456789abcdef").expect("reference")));
        assert!(!names_its_content(&reference));
        assert!(!names_its_content(&ImageReference::parse("a:devloop-latest").expect("reference")));
    }

    #[test]
    fn what_is_fetched_has_no_key() {
        assert!(adds_from_an_address("FROM a\nADD https://example.org/x /x\n"));
        assert!(adds_from_an_address("FROM a\nadd git@example.org:a/b.git /x\n"));
        assert!(!adds_from_an_address("FROM a\nADD src /x\n"));
    }
}
