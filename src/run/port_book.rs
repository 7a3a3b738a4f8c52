//! The local ports of isolated sessions: each folder has its own, and keeps them from run to run.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::process::{make_private, state_folder};

/// Where the search begins: above what services usually listen on, below what systems give out by themselves
/// (32768 on Linux).
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// By entry file, the declared port and the one in its place.
type Book = BTreeMap<PathBuf, BTreeMap<u16, u16>>;

/// The ports of one configuration.
#[derive(Clone, Debug)]
pub(super) struct PortBook {
    folder: Option<PathBuf>,
    entry_file: PathBuf,
}

impl PortBook {
    pub(super) fn new(entry_file: &Path) -> Self {
        Self { folder: state_folder().map(|folder| folder.join("ports")), entry_file: entry_file.to_owned() }
    }

    /// The port in the place of a declared one: that of the last run, else one that no other folder has and nobody listens
    /// on. Without a folder for the record it is the first choice, which the path decides. Blocks.
    pub(super) fn port(&self, declared: u16) -> u16 {
        let listens = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err();
        self.folder
            .as_deref()
            .and_then(|folder| self.recorded(folder, declared, listens).ok())
            .unwrap_or_else(|| choose(&Book::new(), &self.entry_file, declared, listens))
    }

    fn recorded(&self, folder: &Path, declared: u16, listens: impl Fn(u16) -> bool) -> std::io::Result<u16> {
        make_private(folder).map_err(std::io::Error::other)?;
        let mut file = open(&folder.join("ports.json"))?;
        // Held until the file is closed: several sessions may start together.
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        // What is no book any more is begun anew.
        let mut book: Book = serde_json::from_str(&text).unwrap_or_default();
        if let Some(port) = book.get(&self.entry_file).and_then(|ports| ports.get(&declared)) {
            return Ok(*port);
        }
        // Folders that are gone need none.
        book.retain(|entry_file, _| entry_file.exists());
        let port = choose(&book, &self.entry_file, declared, listens);
        book.entry(self.entry_file.clone()).or_default().insert(declared, port);
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(serde_json::to_string_pretty(&book)?.as_bytes())?;
        Ok(port)
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn choose(book: &Book, entry_file: &Path, declared: u16, listens: impl Fn(u16) -> bool) -> u16 {
    let mut hasher = Sha256::new();
    hasher.update(entry_file.as_os_str().as_encoded_bytes());
    hasher.update(declared.to_be_bytes());
    let digest = hasher.finalize();
    let start = u16::from_be_bytes([digest[0], digest[1]]) % COUNT;
    let is_taken = |port: u16| book.values().any(|ports| ports.values().any(|taken| *taken == port)) || listens(port);
    let mut ports = (0..COUNT).map(|step| FIRST + (start + step) % COUNT);
    ports.find(|port| !is_taken(*port)).unwrap_or(FIRST + start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_have_ports_of_their_own_and_keep_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let entry = |name: &str| {
            let path = folder.path().join(name);
            fs::write(&path, "").expect("a file");
            PortBook { folder: Some(folder.path().join("state")), entry_file: path }
        };
        let (one, two) = (entry("one"), entry("two"));
        let port = |book: &PortBook, declared, taken: &[u16]| {
            let folder = book.folder.clone().expect("a folder");
            book.recorded(&folder, declared, |port| taken.contains(&port)).expect("a port")
        };
        let first = port(&one, 8080, &[]);
        // It is its own although it listens there now.
        assert_eq!(port(&one, 8080, &[first]), first);
        let others = [port(&one, 9090, &[]), port(&two, 8080, &[]), port(&two, 9090, &[])];
        assert!(!others.contains(&first) && others[0] != others[1] && others[1] != others[2], "{first} {others:?}");
        // Somebody else listens where the search begins.
        let third = entry("three");
        let wanted = choose(&Book::new(), &third.entry_file, 80, |_| false);
        assert_ne!(port(&third, 80, &[wanted]), wanted);
        // A folder that is gone gives its ports back.
        fs::remove_file(&one.entry_file).expect("it is there");
        port(&entry("four"), 80, &[]);
        let text = fs::read_to_string(folder.path().join("state/ports.json")).expect("the book");
        assert!(!text.contains("/one\""), "{text}");
    }
}
