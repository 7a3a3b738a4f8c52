//! Deletes, folders, files and links, as `rm -rf`, `mkdir -p` and `tar -x -m -o` make them.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

use super::protocol::{Class, Failure};

const CHUNK: usize = 64 * 1024;

/// The path of these bytes.
pub fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// A failure at a path.
pub fn failure(path: &Path, error: &io::Error) -> Failure {
    let class = match error.kind() {
        ErrorKind::PermissionDenied => Class::Permission,
        ErrorKind::ReadOnlyFilesystem => Class::ReadOnly,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Class::Full,
        _ => Class::Other,
    };
    Failure { class, path: path.as_os_str().as_bytes().to_vec(), message: error.to_string() }
}

/// Deletes what is there, a folder with all that is in it, a link and not what it names.
pub fn delete(path: &Path) -> io::Result<()> {
    let deleted = match fs::remove_file(path) {
        Err(error) => match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
            Ok(_) => Err(error),
            Err(error) => Err(error),
        },
        deleted => deleted,
    };
    match deleted {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(()),
        deleted => deleted,
    }
}

/// Makes a folder and those above it; what is in their place goes, but for links to folders.
pub fn make_folder(path: &Path) -> io::Result<()> {
    let made = fs::create_dir_all(path);
    let in_the_way = |error: &io::Error| matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotADirectory);
    if !made.as_ref().is_err_and(in_the_way) {
        return made;
    }
    // The topmost that is there and is no folder: below it there is nothing.
    let is_other = |path: &&Path| path.symlink_metadata().is_ok() && !path.is_dir();
    match path.ancestors().filter(is_other).last() {
        Some(other) => {
            fs::remove_file(other)?;
            fs::create_dir_all(path)
        }
        None => made,
    }
}

/// Makes a link in the place of whatever is there.
pub fn make_link(path: &Path, target: &Path) -> io::Result<()> {
    match symlink(target, path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make_folder_above(path)?;
            symlink(target, path)
        }
        Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotADirectory) => {
            delete(path)?;
            make_folder_above(path)?;
            symlink(target, path)
        }
        made => made,
    }
}

/// Writes a file with what a reader gives, in the place of whatever is there.
///
/// What was there is taken away first, so that whoever has it open keeps what he reads, and a program that runs can be
/// replaced. Where only the file can be written, not its folder, it is written in place.
///
/// `size` is how much is expected: what is small arrives by one call of the system.
pub fn write_file(path: &Path, mode: u32, size: u64, contents: &mut impl Read) -> io::Result<()> {
    let mut file = create(path)?;
    let mut chunk = vec![0; usize::try_from(size).unwrap_or(CHUNK).clamp(1, CHUNK)];
    loop {
        match contents.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => file.write_all(&chunk[..length])?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // Without the mask of the process, and before the file is closed: readers that wait for that find it complete. Some
    // file systems know no modes.
    match file.set_permissions(Permissions::from_mode(mode)) {
        Err(error) if !matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported) => Err(error),
        _ => Ok(()),
    }
}

fn create(path: &Path) -> io::Result<File> {
    let new = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match delete(path) {
        Ok(()) => {}
        Err(error) => {
            let is_file = path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
            let in_place = is_file.then(|| OpenOptions::new().write(true).truncate(true).open(path));
            return in_place.and_then(Result::ok).ok_or(error);
        }
    }
    match new() {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            make_folder_above(path)?;
            new()
        }
        opened => opened,
    }
}

fn make_folder_above(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), make_folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        write_file(path, 0o644, text.len() as u64, &mut text.as_bytes()).expect("written");
    }

    fn read(path: &Path) -> String {
        fs::read_to_string(path).expect("a file")
    }

    #[test]
    fn anything_takes_the_place_of_anything() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        write(&at("deep/er/a"), "one");
        write(&at("deep/er/a"), "two");
        assert_eq!(read(&at("deep/er/a")), "two");
        // A file for a folder, a folder for a file, also above; a link for either.
        write(&at("deep"), "file");
        write(&at("deep/below/b"), "folder again");
        assert_eq!(read(&at("deep/below/b")), "folder again");
        make_folder(&at("deep/below/b/c")).expect("made");
        assert!(at("deep/below/b/c").is_dir());
        make_link(&at("deep"), Path::new("nowhere")).expect("linked");
        assert_eq!(fs::read_link(at("deep")).expect("a link"), Path::new("nowhere"));
        make_link(&at("new/link"), Path::new("x")).expect("linked");
        make_link(&at("new/link"), Path::new("y")).expect("linked");
        assert_eq!(fs::read_link(at("new/link")).expect("a link"), Path::new("y"));
        write(&at("new/link"), "no link");
        assert!(at("new/link").symlink_metadata().expect("there").is_file());
        // A link to nothing is in the way of a folder, one to a folder is none.
        make_folder(&at("deep/f")).expect("made");
        assert!(at("deep").symlink_metadata().expect("there").is_dir());
        make_link(&at("to-new"), Path::new("new")).expect("linked");
        make_folder(&at("to-new/sub")).expect("made");
        write(&at("to-new/file"), "through the link");
        assert_eq!(read(&at("new/file")), "through the link");
    }

    #[test]
    fn deletes_do_not_follow_links_and_do_not_mind_what_is_not_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        write(&at("kept/file"), "kept");
        make_link(&at("link"), Path::new("kept")).expect("linked");
        write(&at("gone/deep/file"), "");
        make_link(&at("gone/link"), Path::new("../kept")).expect("linked");
        for name in ["link", "gone", "gone", "not/there", "kept/file/below"] {
            delete(&at(name)).expect("deleted");
        }
        assert!(!at("link").exists() && !at("gone").exists());
        assert_eq!(read(&at("kept/file")), "kept");
    }

    #[test]
    fn a_file_has_its_mode_and_who_reads_the_old_one_keeps_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run");
        write(&path, "old");
        let mut old = File::open(&path).expect("open");
        write_file(&path, 0o4777, 1, &mut "new".as_bytes()).expect("written");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o7777, 0o4777);
        let mut text = String::new();
        old.read_to_string(&mut text).expect("readable");
        assert_eq!((text.as_str(), read(&path).as_str()), ("old", "new"));
    }

    #[test]
    fn failures_are_told_apart() {
        let class = |code| failure(Path::new("/a"), &io::Error::from_raw_os_error(code)).class;
        // EACCES, EPERM, EROFS, ENOSPC, EDQUOT, EBUSY.
        assert_eq!((class(13), class(1)), (Class::Permission, Class::Permission));
        assert_eq!(class(30), Class::ReadOnly);
        assert_eq!((class(28), class(122)), (Class::Full, Class::Full));
        assert_eq!(class(16), Class::Other);
    }
}
