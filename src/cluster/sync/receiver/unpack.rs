//! Unpacks the tar stream that devloop sends: files and links, names and targets of any length.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::files;
use super::protocol::{Class, Failure};

const BLOCK: usize = 512;
/// A longer name is not one of ours.
const MAX_NAME: u64 = 1024 * 1024;

/// Puts what the stream contains below `root`, and reads it to its end, also after a failure: the next request comes behind
/// it.
///
/// # Errors
///
/// The outer one when the stream breaks off, the inner one when something could not be put in place.
pub fn unpack(stream: &mut impl Read, root: &Path) -> io::Result<Result<(), Failure>> {
    let outcome = entries(stream, root);
    match outcome {
        Err(Stop::Broken(error)) => Err(error),
        Err(Stop::Failed(failure)) => {
            io::copy(stream, &mut io::sink())?;
            Ok(Err(failure))
        }
        Ok(()) => {
            io::copy(stream, &mut io::sink())?;
            Ok(Ok(()))
        }
    }
}

enum Stop {
    Broken(io::Error),
    Failed(Failure),
}

fn entries(stream: &mut impl Read, root: &Path) -> Result<(), Stop> {
    let (mut long_name, mut long_target): (Option<Vec<u8>>, Option<Vec<u8>>) = (None, None);
    loop {
        let mut header = [0; BLOCK];
        stream.read_exact(&mut header).map_err(Stop::Broken)?;
        if header.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        let size = number(&header[124..136]);
        let kind = header[156];
        if let (b'L' | b'K', Some(size @ ..=MAX_NAME)) = (kind, size) {
            let mut long = vec![0; usize::try_from(size).unwrap_or(0)];
            stream.read_exact(&mut long).map_err(Stop::Broken)?;
            let long = Some(text(&long).to_vec());
            *(if kind == b'L' { &mut long_name } else { &mut long_target }) = long;
            skip_padding(stream, size)?;
            continue;
        }
        let name = long_name.take().unwrap_or_else(|| text(&header[..100]).to_vec());
        let target = long_target.take().unwrap_or_else(|| text(&header[157..257]).to_vec());
        let path = place(root, &name);
        let failed = |error: io::Error| Stop::Failed(files::failure(&path, &error));
        let mode = number(&header[100..108]).and_then(|mode| u32::try_from(mode).ok());
        match (kind, size, mode) {
            (b'0' | 0, Some(size), Some(mode)) => {
                let mut contents = Contents { stream, left: size, broken: None };
                let written = files::write_file(&path, mode & 0o7777, size, &mut contents);
                if let Some(error) = contents.broken {
                    return Err(Stop::Broken(error));
                }
                written.map_err(failed)?;
                skip_padding(stream, size)?;
            }
            (b'2', ..) => files::make_link(&path, files::path(&target)).map_err(failed)?,
            _ => {
                let message = "an entry of the archive is not understood".to_owned();
                return Err(Stop::Failed(Failure { class: Class::Other, path: name, message }));
            }
        }
    }
}

fn skip_padding(stream: &mut impl Read, size: u64) -> Result<(), Stop> {
    let padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    io::copy(&mut stream.take(padding), &mut io::sink()).map(drop).map_err(Stop::Broken)
}

fn place(root: &Path, name: &[u8]) -> PathBuf {
    let start = name.iter().position(|byte| *byte != b'/').unwrap_or(name.len());
    root.join(OsStr::from_bytes(&name[start..]))
}

/// Up to the first zero.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Octal digits, or, marked by the highest bit, a binary number.
fn number(field: &[u8]) -> Option<u64> {
    if field.first()? & 0x80 != 0 {
        let eight = field.last_chunk::<8>()?;
        return Some(u64::from_be_bytes(*eight));
    }
    let digits: Vec<u8> = text(field).iter().copied().filter(|byte| *byte != b' ').collect();
    u64::from_str_radix(std::str::from_utf8(&digits).ok()?, 8).ok()
}

/// The contents of a file, which tells a stream that breaks from a file that cannot be written.
struct Contents<'s, S> {
    stream: &'s mut S,
    left: u64,
    broken: Option<io::Error>,
}

impl<S: Read> Read for Contents<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if room == 0 {
            return Ok(0);
        }
        let broken = match self.stream.read(&mut buffer[..room]) {
            Ok(0) => io::Error::from(io::ErrorKind::UnexpectedEof),
            Ok(length) => {
                self.left -= length as u64;
                return Ok(length);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => error,
        };
        self.broken = Some(broken);
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn header(kind: tar::EntryType, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o755);
        header
    }

    fn archive() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut add = |name: &[u8], contents: &[u8]| {
            let mut header = header(tar::EntryType::Regular, contents.len() as u64);
            builder.append_data(&mut header, Path::new(OsStr::from_bytes(name)), contents).expect("added");
        };
        add(b"app/not \xff\xfe utf-8\n", b"odd");
        add(&[b"app/".to_vec(), vec![b'n'; 200]].concat(), b"long name");
        add(b"app/empty", b"");
        add(b"app/blocks", &[7; 3 * BLOCK]);
        let long = "t".repeat(300);
        let mut link = header(tar::EntryType::Symlink, 0);
        builder.append_link(&mut link, format!("app/{}", "l".repeat(150)), &long).expect("added");
        let mut link = header(tar::EntryType::Symlink, 0);
        builder.append_link(&mut link, "app/link", "empty").expect("added");
        builder.into_inner().expect("an archive")
    }

    #[test]
    fn what_was_packed_is_there_and_the_stream_is_at_its_end() {
        let root = tempfile::tempdir().expect("a folder");
        let bytes = archive();
        let mut stream = bytes.as_slice();
        assert_eq!(unpack(&mut stream, root.path()).expect("whole"), Ok(()));
        assert!(stream.is_empty());
        let read = |name: &[u8]| std::fs::read(root.path().join("app").join(OsStr::from_bytes(name))).expect("there");
        assert_eq!(read(b"not \xff\xfe utf-8\n"), b"odd");
        assert_eq!(read(&[b'n'; 200]), b"long name");
        assert_eq!(read(b"empty"), b"");
        assert_eq!(read(b"blocks"), [7; 3 * BLOCK]);
        let target = |name: &str| std::fs::read_link(root.path().join("app").join(name)).expect("a link");
        assert_eq!(target(&"l".repeat(150)), Path::new(&"t".repeat(300)));
        assert_eq!(target("link"), Path::new("empty"));
        let mode = std::fs::metadata(root.path().join("app/blocks")).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o755);
    }

    #[test]
    fn after_a_failure_the_stream_is_at_its_end_as_well() {
        let root = tempfile::tempdir().expect("a folder");
        let file = root.path().join("file");
        std::fs::write(&file, "").expect("written");
        let bytes = archive();
        let mut stream = bytes.as_slice();
        // Below `/proc` nothing can be made, whoever asks.
        let failure = unpack(&mut stream, Path::new("/proc/self")).expect("whole").expect_err("not there");
        assert!(failure.path.starts_with(b"/proc/self/app/not "), "{failure:?}");
        assert!(stream.is_empty());
        let mut odd = tar::Builder::new(Vec::new());
        let mut fifo = header(tar::EntryType::Fifo, 0);
        odd.append_data(&mut fifo, "pipe", io::empty()).expect("added");
        let bytes = odd.into_inner().expect("an archive");
        assert!(unpack(&mut bytes.as_slice(), root.path()).expect("whole").is_err());
    }

    #[test]
    fn a_stream_that_breaks_off_is_no_failure_of_a_file() {
        let root = tempfile::tempdir().expect("a folder");
        let bytes = archive();
        for cut in [0, 100, BLOCK, BLOCK + 2, 5 * BLOCK + 7] {
            assert!(unpack(&mut &bytes[..cut], root.path()).is_err(), "cut after {cut}");
        }
    }

    #[test]
    fn sizes_beyond_octal_digits_are_binary() {
        let mut header = header(tar::EntryType::Regular, 0);
        header.set_size(20_000_000_000);
        assert_eq!(number(&header.as_bytes()[124..136]), Some(20_000_000_000));
        header.set_size(77);
        assert_eq!(number(&header.as_bytes()[124..136]), Some(77));
    }
}
