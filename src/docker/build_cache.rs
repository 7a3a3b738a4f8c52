//! Builds that need not be asked of the engine: the image of the same input is there ([decision 14]).
//!
//! [decision 14]: ../../docs/decisions/0014-builds-by-key.md

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use super::build_request::BuiltImage;
use super::survey::BuildKey;

/// What a build takes from elsewhere (base images of a moving tag that only the builder has) is at most this old.
const VALID_FOR: Duration = Duration::from_hours(24);
/// Results that are kept.
const MAX_RESULTS: usize = 1_000;

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
        Self { folder: cache_folder().map(|cache| cache.join("devloop/images")), turns: Mutex::default() }
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
        let path = self.folder.as_ref()?.join(key.digits());
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

/// The user's folder for what can be made again: `$XDG_CACHE_HOME`, by default `~/.cache`.
pub fn cache_folder() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    named.or_else(|| Some(directories::BaseDirs::new()?.home_dir().join(".cache")))
}

fn write(folder: &Path, key: &BuildKey, image: &BuiltImage) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    // Another devloop may read it meanwhile.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut file, image.id.as_bytes())?;
    file.persist(folder.join(key.digits()))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_kept_within_bounds() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = BuildCache { folder: Some(folder.path().join("images")), ..BuildCache::default() };
        let image = BuiltImage { id: "sha256:12".into() };
        let first = BuildKey::from_digits("0");
        assert_eq!(cache.get(&first), None);
        for number in 0..=MAX_RESULTS {
            cache.put(&BuildKey::from_digits(&number.to_string()), &image);
        }
        assert_eq!(cache.get(&first), None, "the oldest go first");
        assert_eq!(cache.get(&BuildKey::from_digits(&MAX_RESULTS.to_string())), Some(image));
        let kept = fs::read_dir(folder.path().join("images")).expect("a folder").count();
        assert_eq!(kept, MAX_RESULTS * 9 / 10);
        let outdated = folder.path().join("images").join(MAX_RESULTS.to_string());
        let before = std::time::SystemTime::now() - VALID_FOR;
        fs::File::options().write(true).open(outdated).expect("open").set_modified(before).expect("set");
        assert_eq!(cache.get(&BuildKey::from_digits(&MAX_RESULTS.to_string())), None);
    }
}
