//! What files contain, by hash, remembered between runs: a file is read again only when its entry in the file system has
//! changed (device, inode, size, times of modification and of change), which is what git goes by too.

use std::fs::{self, File, Metadata};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

use super::context::ContextTree;

/// Part of the name of the folder, changed with the format.
const FOLDER: &str = "devloop/contents-1";
/// Contexts that are remembered.
const MAX_CONTEXTS: usize = 100;
/// What has to be read again next time when nothing is written now.
const WORTH_WRITING: (usize, u64) = (100, 4 << 20);
/// A file that was changed this shortly before it is read may be changed again without a trace in its times.
const FINE_GRAIN_NANOSECONDS: i128 = 20_000_000;
/// The same where times are whole seconds.
const COARSE_GRAIN_NANOSECONDS: i128 = 2_000_000_000;

/// SHA-256 of a file's content.
pub(super) type ContentHash = [u8; 32];

/// What changes in the file system when a file's content may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileIdentity {
    device: u64,
    inode: u64,
    size: u64,
    modified: i128,
    changed: i128,
}

impl FileIdentity {
    pub fn of(metadata: &Metadata) -> Self {
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// In bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether it was changed so shortly before `moment` that another change need not show in its times.
    pub fn is_fresh_at(&self, moment: SystemTime) -> bool {
        let moment =
            moment.duration_since(UNIX_EPOCH).map_or(0, |since| i128::try_from(since.as_nanos()).unwrap_or(i128::MAX));
        let newest = self.modified.max(self.changed);
        let is_coarse = self.modified % 1_000_000_000 == 0 && self.changed % 1_000_000_000 == 0;
        moment - newest < if is_coarse { COARSE_GRAIN_NANOSECONDS } else { FINE_GRAIN_NANOSECONDS }
    }

    /// Whether its time is one that tools give to all that they make, so that it does not tell one content from another.
    pub fn has_made_up_time(&self) -> bool {
        // Until 1980-01-02, with which ZIP archives begin to count.
        self.modified < 315_619_200 * 1_000_000_000
    }

    fn bytes(self) -> [u8; 56] {
        let mut bytes = [0; 56];
        bytes[..8].copy_from_slice(&self.device.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.inode.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.size.to_le_bytes());
        bytes[24..40].copy_from_slice(&self.modified.to_le_bytes());
        bytes[40..].copy_from_slice(&self.changed.to_le_bytes());
        bytes
    }
}

/// A line of the file: an identity and a hash.
const RECORD: usize = 56 + 32;

/// The hashes of the files of one context.
#[derive(Debug)]
pub(super) struct FileHashes {
    path: Option<PathBuf>,
    /// Records in order.
    known: Vec<u8>,
    used: Vec<[u8; RECORD]>,
    read: (usize, u64),
}

impl FileHashes {
    /// Those of a context, below the user's cache folder (`None`: nothing is remembered). Blocks.
    pub fn load(cache: Option<&Path>, tree: &ContextTree) -> Self {
        let mut filter = DefaultHasher::new();
        (&tree.root, &tree.filter).hash(&mut filter);
        let path = cache.map(|cache| cache.join(FOLDER).join(format!("{:016x}", filter.finish())));
        let known = path.as_ref().and_then(|path| fs::read(path).ok()).unwrap_or_default();
        let known = if known.len().is_multiple_of(RECORD) { known } else { Vec::new() };
        Self { path, known, used: Vec::new(), read: (0, 0) }
    }

    /// Whether the hash is known without reading the file.
    pub fn knows(&self, identity: FileIdentity) -> bool {
        self.find(identity).is_some()
    }

    /// The hash of a file that had this identity a moment ago. Blocks.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is another one meanwhile.
    pub fn hash(&mut self, path: &Path, identity: FileIdentity) -> io::Result<ContentHash> {
        let hash = if let Some(hash) = self.find(identity) {
            hash
        } else {
            let started = SystemTime::now();
            let hash = read(path, identity)?;
            self.read = (self.read.0 + 1, self.read.1 + identity.size);
            if identity.is_fresh_at(started) {
                return Ok(hash);
            }
            hash
        };
        let mut record = [0; RECORD];
        record[..56].copy_from_slice(&identity.bytes());
        record[56..].copy_from_slice(&hash);
        self.used.push(record);
        Ok(hash)
    }

    /// Keeps what was used, when enough of it is new. Blocks.
    pub fn save(mut self) {
        let Some(path) = &self.path else { return };
        if self.read.0 < WORTH_WRITING.0 && self.read.1 < WORTH_WRITING.1 {
            return;
        }
        self.used.sort_unstable();
        self.used.dedup();
        if let Err(error) = write(path, &self.used.concat()) {
            tracing::debug!(%error, path = %path.display(), "hashes of files are not kept");
        }
    }

    fn find(&self, identity: FileIdentity) -> Option<ContentHash> {
        let wanted = identity.bytes();
        let (records, _) = self.known.as_chunks::<RECORD>();
        let index = records.binary_search_by(|record| record[..56].cmp(&wanted)).ok()?;
        let mut hash = [0; 32];
        hash.copy_from_slice(&records[index][56..]);
        Some(hash)
    }
}

fn read(path: &Path, identity: FileIdentity) -> io::Result<ContentHash> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; usize::try_from(identity.size).unwrap_or(usize::MAX).clamp(1, 256 * 1024)];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
    }
    if FileIdentity::of(&file.metadata()?) != identity {
        return Err(io::Error::other("the file was changed while it was read"));
    }
    Ok(hasher.finalize().into())
}

fn write(path: &Path, records: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::NotFound)?;
    fs::create_dir_all(folder)?;
    // Another devloop may read it meanwhile.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut file, records)?;
    file.persist(path)?;
    let mut contexts: Vec<_> = fs::read_dir(folder)?
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    contexts.sort();
    for (_, path) in contexts.iter().rev().skip(MAX_CONTEXTS) {
        fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_is_read_again_only_when_it_may_have_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = folder.path().join("cache");
        let file = folder.path().join("file");
        // Large enough to be worth remembering, and old enough to be trusted.
        fs::write(&file, vec![1; 5 << 20]).expect("written");
        let tree = ContextTree { root: folder.path().to_owned(), filter: Arc::default() };
        let identity = || FileIdentity::of(&fs::metadata(&file).expect("there"));
        while identity().is_fresh_at(SystemTime::now()) {
            std::thread::yield_now();
        }
        let first = identity();
        let mut hashes = FileHashes::load(Some(&cache), &tree);
        assert!(!hashes.knows(first));
        let hash = hashes.hash(&file, first).expect("read");
        hashes.save();
        let mut hashes = FileHashes::load(Some(&cache), &tree);
        assert!(hashes.knows(first));
        assert_eq!(hashes.hash(Path::new("/nowhere"), first).expect("known"), hash, "it is not read");

        // Another content of the same size under the same time shows in the time of change.
        let time = fs::metadata(&file).expect("there").modified().expect("a time");
        fs::write(&file, vec![2; 5 << 20]).expect("written");
        File::options().write(true).open(&file).expect("open").set_modified(time).expect("set");
        assert!(!hashes.knows(identity()));
        assert_ne!(hashes.hash(&file, identity()).expect("read"), hash);
        hashes.hash(&file, first).expect("known from before");
        assert!(read(&file, first).is_err(), "it is another one meanwhile");
    }

    #[test]
    fn times_that_do_not_tell_are_recognised() {
        let moment = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let identity = |nanoseconds: i128| FileIdentity {
            device: 1,
            inode: 1,
            size: 1,
            modified: 1_700_000_000_000_000_000 - nanoseconds,
            changed: 1_700_000_000_000_000_000 - nanoseconds,
        };
        assert!(identity(5_000_000).is_fresh_at(moment));
        assert!(!identity(30_000_000).is_fresh_at(moment));
        assert!(identity(1_000_000_000).is_fresh_at(moment), "times are whole seconds here");
        assert!(!identity(3_000_000_000).is_fresh_at(moment));
        assert!(FileIdentity { modified: 1_000_000_000, ..identity(0) }.has_made_up_time());
        assert!(!identity(0).has_made_up_time());
    }
}
