//! Builds that need not be asked of the engine: the image of the same input is there ([decision 14]).
//!
//! [decision 14]: ../../docs/decisions/0014-builds-by-key.md

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::OwnedMutexGuard;

use super::build_request::{BuildRequest, BuiltImage};
use super::context::{ContextTree, Wanted, walk};
use super::engine::Engine;
use crate::project::image_references;

/// What a build takes from elsewhere (base images of a moving tag that only the builder has) is at most this old.
const VALID_FOR: Duration = Duration::from_hours(24);
/// Results that are kept.
const MAX_RESULTS: usize = 1_000;
/// Part of each key, changed with the meaning of the others.
const VERSION: &str = "devloop build 1";

/// What tells the input of a build from that of others: equal keys give the same image.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BuildKey(String);

/// The results of builds by their keys, in the user's cache folder, and whose turn it is to build for a key.
#[derive(Debug, Default)]
pub struct BuildCache {
    /// `None` without a home folder: then nothing is kept.
    folder: Option<PathBuf>,
    turns: Mutex<HashMap<BuildKey, Arc<tokio::sync::Mutex<()>>>>,
}

impl BuildCache {
    /// That of the user: `$XDG_CACHE_HOME/devloop/images`.
    pub fn of_user() -> Self {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || Some(directories::BaseDirs::new()?.home_dir().join(".cache"));
        Self { folder: cache.or_else(home).map(|cache| cache.join("devloop/images")), turns: Mutex::default() }
    }

    /// Waits until nobody in this session builds for the key; until the guard is dropped, nobody else does.
    pub async fn turn(&self, key: &BuildKey) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(key.clone()).or_default())
        };
        turn.lock_owned().await
    }

    /// The image that the last build for the key gave. Whether an engine has it is another question.
    pub fn get(&self, key: &BuildKey) -> Option<BuiltImage> {
        let path = self.folder.as_ref()?.join(&key.0);
        let age = fs::metadata(&path).ok()?.modified().ok()?.elapsed().unwrap_or_default();
        let id = fs::read_to_string(path).ok()?;
        (age < VALID_FOR && id.starts_with("sha256:")).then_some(BuiltImage { id })
    }

    /// Keeps the result of a build.
    pub fn put(&self, key: &BuildKey, image: &BuiltImage) {
        let Some(folder) = &self.folder else { return };
        if let Err(error) = write(folder, key, image) {
            tracing::warn!(%error, folder = %folder.display(), "the result of a build is not kept");
        }
    }
}

fn write(folder: &Path, key: &BuildKey, image: &BuiltImage) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    // Another devloop may read it meanwhile.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut file, image.id.as_bytes())?;
    file.persist(folder.join(&key.0))?;
    let mut results: Vec<_> = fs::read_dir(folder)?
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    if results.len() > MAX_RESULTS {
        results.sort();
        // A tenth at a time, so that this is not done for each build.
        for (_, path) in &results[..results.len() - MAX_RESULTS * 9 / 10] {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

impl Engine {
    /// The key of a build; `None` when it depends on what cannot be seen from here: on base images that are to be pulled,
    /// or on addresses. The same as what BuildKit compares: of the context the names, modes, sizes and modification times.
    pub async fn build_key(&self, request: &BuildRequest) -> Option<BuildKey> {
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
        for list in [&request.ssh, &request.secrets, &request.extra_hosts] {
            parts.push(list.len().to_string());
            parts.extend(list.iter().cloned());
        }
        for (name, value) in &request.build_args {
            let value = if value.is_empty() { std::env::var(name).unwrap_or_default() } else { value.clone() };
            parts.push(format!("{name}={value}"));
        }
        for reference in image_references(&request.dockerfile, &request.build_args) {
            // One that the engine does not have is in the builder's own store, or gets there by the first build.
            let id = self.image(&reference.parsed).await.map(|image| image.id).unwrap_or_default();
            parts.push(format!("{} {id}", reference.text));
        }
        let tree = ContextTree { root: request.context.clone(), filter: Arc::clone(&request.filter) };
        tokio::task::spawn_blocking(move || key_of(&parts, &tree)).await.ok()?
    }

    /// Whether the engine has the very image.
    pub async fn has(&self, image: &BuiltImage) -> bool {
        self.bollard().inspect_image(&image.id).await.is_ok()
    }
}

fn key_of(parts: &[String], tree: &ContextTree) -> Option<BuildKey> {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.len().to_le_bytes());
        hasher.update(part);
    }
    let mut add = |stat: bollard::fsutil::types::Stat, _: PathBuf| {
        for text in [&stat.path, &stat.linkname] {
            hasher.update(text.len().to_le_bytes());
            hasher.update(text);
        }
        hasher.update(stat.mode.to_le_bytes());
        hasher.update(stat.size.to_le_bytes());
        // The times of folders are no part of an image, and change with files that do not count.
        if stat.mode & (1 << 31) == 0 {
            hasher.update(stat.mod_time.to_le_bytes());
        }
        ControlFlow::Continue(())
    };
    walk(tree, &Wanted::Everything, &mut add).ok()?;
    let digits = hasher.finalize().iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    });
    Some(BuildKey(digits))
}

/// Whether an `ADD` fetches something that may change by itself. Too often yes is only slower.
fn adds_from_an_address(dockerfile: &str) -> bool {
    let lower = dockerfile.to_ascii_lowercase();
    lower.contains("add") && (lower.contains("://") || lower.contains("git@"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(parts: &[&str], root: &Path) -> BuildKey {
        let parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
        let tree = ContextTree { root: root.to_owned(), filter: Arc::default() };
        key_of(&parts, &tree).expect("a key")
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
        fs::File::options()
            .write(true)
            .open(&file)
            .expect("open")
            .set_modified(old + Duration::from_nanos(1))
            .expect("set");
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

    #[test]
    fn results_are_kept_within_bounds() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = BuildCache { folder: Some(folder.path().join("images")), ..BuildCache::default() };
        let image = BuiltImage { id: "sha256:12".into() };
        let first = BuildKey("0".into());
        assert_eq!(cache.get(&first), None);
        for number in 0..=MAX_RESULTS {
            cache.put(&BuildKey(number.to_string()), &image);
        }
        assert_eq!(cache.get(&first), None, "the oldest go first");
        assert_eq!(cache.get(&BuildKey(MAX_RESULTS.to_string())), Some(image));
        let kept = fs::read_dir(folder.path().join("images")).expect("a folder").count();
        assert_eq!(kept, MAX_RESULTS * 9 / 10);
        let outdated = folder.path().join("images").join(MAX_RESULTS.to_string());
        let before = std::time::SystemTime::now() - VALID_FOR;
        fs::File::options().write(true).open(outdated).expect("open").set_modified(before).expect("set");
        assert_eq!(cache.get(&BuildKey(MAX_RESULTS.to_string())), None);
    }

    #[test]
    fn what_is_fetched_has_no_key() {
        assert!(adds_from_an_address("FROM a\nADD https://example.org/x /x\n"));
        assert!(adds_from_an_address("FROM a\nadd git@example.org:a/b.git /x\n"));
        assert!(!adds_from_an_address("FROM a\nADD src /x\n"));
    }
}
