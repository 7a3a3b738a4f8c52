//! Takes requests and answers them, one after the other, until the connection ends.

use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::protocol::{Answer, Failure, HEADER, Request, header};
use super::{files, programs, unpack};

/// Serves until the input ends. Archives are unpacked below `root`.
///
/// # Errors
///
/// When the input breaks off or is no request, or when the output refuses an answer.
pub fn serve(mut input: impl Read, output: impl Write + Send + 'static, root: &Path) -> io::Result<()> {
    let output = Arc::new(Mutex::new(output));
    let say = |output: &Mutex<_>, answer: &Answer| {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        Write::write_all(&mut *output, &answer.encode())?;
        Write::flush(&mut *output)
    };
    while let Some(request) = next(&mut input)? {
        let answer = match request {
            Request::Ping => Answer::Done(0),
            Request::Run { argv } => {
                let pieces = Arc::clone(&output);
                // Whoever would have heard it has gone away; the command goes on to its end.
                let pass_on = move |bytes: &[u8]| drop(say(&pieces, &Answer::Output(bytes.to_vec())));
                programs::run(&argv, pass_on)
                    .map_or_else(|error| Answer::Failed(files::failure(Path::new(""), &error)), Answer::Done)
            }
            Request::Transfer { deletes, folders, archive } => {
                let mut stream = (&mut input).take(archive);
                match put_in_place(&deletes, &folders, &mut stream, archive > 0, root)? {
                    Ok(()) => Answer::Done(0),
                    Err(failure) => Answer::Failed(failure),
                }
            }
        };
        say(&output, &answer)?;
    }
    Ok(())
}

fn next(input: &mut impl Read) -> io::Result<Option<Request>> {
    let mut start = [0; HEADER];
    match input.read_exact(&mut start) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let unknown = || io::Error::from(ErrorKind::InvalidData);
    let (kind, length) = header(start).ok_or_else(unknown)?;
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    Request::decode(kind, &body).map(Some).ok_or_else(unknown)
}

fn put_in_place(
    deletes: &[Vec<u8>],
    folders: &[Vec<u8>],
    stream: &mut impl Read,
    has_archive: bool,
    root: &Path,
) -> io::Result<Result<(), Failure>> {
    let steps = deletes.iter().map(|path| (path, files::delete as fn(&Path) -> io::Result<()>));
    let steps = steps.chain(folders.iter().map(|path| (path, files::make_folder as _)));
    for (path, step) in steps {
        let path = files::path(path);
        if let Err(error) = step(path) {
            io::copy(stream, &mut io::sink())?;
            return Ok(Err(files::failure(path, &error)));
        }
    }
    if has_archive { unpack::unpack(stream, root) } else { Ok(Ok(())) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;
    use crate::cluster::sync::receiver::protocol::Class;

    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<u8>>>);

    impl Write for Heard {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("unpoisoned").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn answers(requests: &[u8], root: &Path) -> Vec<Answer> {
        let heard = Heard::default();
        serve(requests, heard.clone(), root).expect("served");
        let bytes = heard.0.lock().expect("unpoisoned").clone();
        let mut rest = bytes.as_slice();
        let mut answers = Vec::new();
        while let Some((start, after)) = rest.split_first_chunk::<HEADER>() {
            let (kind, length) = header(*start).expect("a header");
            answers.push(Answer::decode(kind, &after[..length]).expect("an answer"));
            rest = &after[length..];
        }
        answers
    }

    fn bytes(path: &Path) -> Vec<u8> {
        path.as_os_str().as_bytes().to_vec()
    }

    #[test]
    fn each_request_has_its_answer_and_a_failure_stops_nothing_but_itself() {
        let root = tempfile::tempdir().expect("a folder");
        let at = |name: &str| root.path().join(name);
        std::fs::write(at("old"), "old").expect("written");
        let mut builder = tar::Builder::new(Vec::new());
        let mut head = tar::Header::new_gnu();
        head.set_size(3);
        head.set_mode(0o644);
        builder.append_data(&mut head, "new/file", &b"new"[..]).expect("added");
        let archive = builder.into_inner().expect("an archive");
        let transfer = |deletes: &[&Path], folders: &[&Path]| {
            let list = |paths: &[&Path]| paths.iter().map(|path| bytes(path)).collect();
            let archive_length = archive.len() as u64;
            let request = Request::Transfer { deletes: list(deletes), folders: list(folders), archive: archive_length };
            [request.encode(), archive.clone()].concat()
        };
        let impossible = Path::new("/proc/self/no-such-folder");
        let requests = [
            transfer(&[], &[impossible]),
            Request::Ping.encode(),
            transfer(&[&at("old")], &[&at("empty")]),
            Request::Run { argv: vec![b"sh".to_vec(), b"-c".to_vec(), b"printf hi; exit 2".to_vec()] }.encode(),
            Request::Transfer { deletes: vec![bytes(&at("new"))], folders: Vec::new(), archive: 0 }.encode(),
        ];
        let said = answers(&requests.concat(), root.path());
        let [Answer::Failed(failure), rest @ ..] = said.as_slice() else { panic!("{said:?}") };
        assert_eq!(failure.path, bytes(impossible));
        assert_ne!(failure.class, Class::ReadOnly);
        assert_eq!(
            rest,
            [Answer::Done(0), Answer::Done(0), Answer::Output(b"hi".to_vec()), Answer::Done(2), Answer::Done(0)]
        );
        assert!(!at("old").exists() && at("empty").is_dir() && !at("new").exists());
    }

    #[test]
    fn a_connection_that_breaks_off_in_a_request_is_an_error_and_between_two_is_not() {
        let ping = Request::Ping.encode();
        assert!(serve(ping.as_slice(), Vec::new(), Path::new("/nowhere")).is_ok());
        let cut = Request::Run { argv: vec![b"true".to_vec()] }.encode();
        assert!(serve(&cut[..cut.len() - 1], Vec::new(), Path::new("/nowhere")).is_err());
        assert!(serve(b"echo hello\n".as_slice(), Vec::new(), Path::new("/nowhere")).is_err());
    }
}
