//! A build by the builder before BuildKit: the whole context as a tar archive, and what it says line by line.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use bollard::fsutil::types::Stat;
use bytes::Bytes;
use futures::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::build::{Ended, cache_sources, query, success};
use super::build_error::BuildError;
use super::build_request::{BuildRequest, BuiltImage};
use super::context::{ContextError, ContextTree, MODE_DIR, MODE_SYMLINK, Wanted, walk};
use super::engine::Engine;
use super::engine_error::chain;
use super::json_lines::JsonLines;
use super::progress::FailedStep;
use super::prune::BUILT_LABEL;
use super::wire;
use crate::logs::{Level, LogSink};
use crate::project::image_references;

/// The name that the Dockerfile has in the archive; the ignore file says that it is no part of the context.
const DOCKERFILE: &str = ".devloop-dockerfile";
const IGNORE_FILE: &str = ".dockerignore";
/// Bytes per piece of the archive.
const CHUNK: usize = 256 * 1024;
/// Pieces that wait for the network.
const QUEUED: usize = 8;
/// Lines of a failed step that are repeated in the error.
const TAIL: usize = 20;
/// As that of BuildKit's progress (reference §3.5).
const INDENT: &str = "     ";

impl Engine {
    /// As [`Engine::build`]. Closing the connection is what stops this builder.
    pub(super) async fn build_classic(
        &self,
        request: &BuildRequest,
        log: &LogSink,
        cancel: &CancellationToken,
    ) -> Result<BuiltImage, BuildError> {
        for (what, values) in [("`secret`", &request.secrets), ("`ssh`", &request.ssh)] {
            if !values.is_empty() {
                return Err(BuildError::NeedsBuildKit(what));
            }
        }
        let of_classic = [("dockerfile", DOCKERFILE), ("forcerm", "1")];
        let path =
            self.versioned(&format!("/build?{}", query(request, &cache_sources(&request.cache_from)?, &of_classic)));
        let failure = Arc::default();
        let mut said = Said::default();
        let build = self.follow_classic(path, request, &failure, log, &mut said);
        let ended = cancel.run_until_cancelled(build).await.ok_or(BuildError::Cancelled)?;
        let unreadable = failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (ended, unreadable) {
            (Ok(image), _) => Ok(image),
            (Err(_), Some(error)) => Err(BuildError::Context(error)),
            (Err(Ended::Io(error)), None) => Err(BuildError::EngineLost(chain(&error))),
            (Err(Ended::Failed(message)), None) => Err(self.explain_classic(&message, said).await),
        }
    }

    async fn follow_classic(
        &self,
        path: String,
        request: &BuildRequest,
        failure: &Arc<Mutex<Option<ContextError>>>,
        log: &LogSink,
        said: &mut Said,
    ) -> Result<BuiltImage, Ended> {
        let (pieces, archive) = mpsc::channel::<io::Result<Bytes>>(QUEUED);
        let tree = ContextTree { root: request.context.clone(), filter: Arc::clone(&request.filter) };
        let (dockerfile, failed) = (request.dockerfile.clone(), Arc::clone(failure));
        // Ends when the archive is dropped: then nothing more can be written.
        tokio::task::spawn_blocking(move || {
            let writer = Pieces { sender: pieces.clone(), piece: Vec::with_capacity(CHUNK) };
            if let Err(error) = pack(&tree, &dockerfile, writer) {
                let broken = io::Error::other("the context cannot be sent");
                if let PackError::Context(error) = error {
                    failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                }
                let _ = pieces.blocking_send(Err(broken));
            }
        });
        let frames = stream::unfold(archive, |mut archive| async {
            let piece = archive.recv().await?;
            Some((piece.map(Frame::data), archive))
        });
        let http = http::Request::post(path)
            .header("Content-Type", "application/x-tar")
            .header("X-Registry-Config", self.logins(request).await)
            .body(StreamBody::new(Box::pin(frames)))
            .map_err(io::Error::other)?;
        let response = success(wire::send(self.endpoint(), http).await?).await?;
        let mut messages = JsonLines::<Message>::new(response.into_body());
        let mut image = None;
        while let Some(message) = messages.next().await? {
            if let Some(text) = message.stream {
                for (level, line) in said.lines(&text) {
                    log.write(level, line);
                }
            }
            if let Some(id) = message.aux.and_then(|aux| aux.id) {
                image = Some(id);
            }
            if let Some(error) = message.error {
                return Err(Ended::Failed(error));
            }
        }
        image.map(|id| BuiltImage { id }).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof).into())
    }

    /// The logins for the registries of the base images, as the engine wants them.
    async fn logins(&self, request: &BuildRequest) -> String {
        let mut logins = HashMap::new();
        for reference in image_references(&request.dockerfile, &request.build_args) {
            let domain = reference.parsed.domain;
            let credentials = self.credentials(&domain).await;
            let key = if domain == "docker.io" { "https://index.docker.io/v1/".to_owned() } else { domain };
            logins.insert(key, credentials);
        }
        base64::engine::general_purpose::URL_SAFE.encode(serde_json::to_string(&logins).unwrap_or_default())
    }

    async fn explain_classic(&self, message: &str, said: Said) -> BuildError {
        if message.contains("requires BuildKit") {
            return BuildError::NeedsBuildKit("what the Dockerfile asks for (`RUN --mount` and the like)");
        }
        // An engine that is being stopped kills what it builds.
        if BuildError::sounds_like_shutdown(message) && self.health().await.is_err() {
            return BuildError::EngineLost(message.to_owned());
        }
        if message.starts_with("failed to reach build target") {
            return BuildError::Dockerfile { line: None, message: message.to_owned() };
        }
        BuildError::classify(message, said.failed_step(message))
    }
}

/// One line of the builder's answer.
#[derive(Deserialize)]
struct Message {
    stream: Option<String>,
    aux: Option<Aux>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Aux {
    #[serde(rename = "ID")]
    id: Option<String>,
}

/// What the builder has said so far.
#[derive(Debug, Default)]
struct Said {
    /// `[2/3] RUN make`.
    step: String,
    tail: VecDeque<String>,
    /// An output line that has not ended yet.
    partial: String,
}

impl Said {
    /// The lines of log that a piece of output completes.
    fn lines(&mut self, text: &str) -> Vec<(Level, String)> {
        self.partial.push_str(text);
        let mut lines = Vec::new();
        while let Some(end) = self.partial.find('\n') {
            let line: String = self.partial.drain(..=end).collect();
            // What a program wrote to its standard error comes in red.
            let line = line.trim_end().replace("\u{1b}[91m", "").replace("\u{1b}[0m", "");
            if let Some((number, instruction)) = line.strip_prefix("Step ").and_then(|rest| rest.split_once(" : ")) {
                if instruction.starts_with(&format!("LABEL {}=", BUILT_LABEL.0)) {
                    // Not a step of the Dockerfile: the builder adds the labels that it is told as the last one.
                    continue;
                }
                let number = without_label(number);
                self.step = format!("[{number}] {instruction}");
                self.tail.clear();
                lines.push((Level::Info, format!(" {}", self.step)));
            } else if line == " ---> Using cache" {
                lines.push((Level::Info, format!("{INDENT}CACHED")));
            } else if !line.is_empty() && !is_about_the_builder(&line) {
                if self.tail.len() == TAIL {
                    self.tail.pop_front();
                }
                self.tail.push_back(line.clone());
                let level = if line.starts_with("[Warning]") { Level::Warn } else { Level::Info };
                lines.push((level, format!("{INDENT}{line}")));
            }
        }
        lines
    }

    fn failed_step(self, message: &str) -> Option<FailedStep> {
        let output = self.tail.into_iter().collect();
        (!self.step.is_empty()).then(|| FailedStep { name: self.step, error: message.to_owned(), output })
    }
}

/// `2/3` as `2/2`: what is added at the end does not count.
fn without_label(number: &str) -> String {
    let counted = number.split_once('/').and_then(|(step, all)| Some((step, all.parse::<usize>().ok()?)));
    counted.map_or_else(|| number.to_owned(), |(step, all)| format!("{step}/{}", all.saturating_sub(1)))
}

/// Containers and images that the builder makes on its way.
fn is_about_the_builder(line: &str) -> bool {
    [" ---> ", "Removing intermediate container ", "Successfully built ", "Successfully tagged "]
        .iter()
        .any(|start| line.starts_with(start))
}

/// Why the archive was not finished.
enum PackError {
    Context(ContextError),
    /// Nobody reads it any more.
    Unread,
}

impl From<io::Error> for PackError {
    fn from(_: io::Error) -> Self {
        Self::Unread
    }
}

/// Hands the archive over in pieces.
struct Pieces {
    sender: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(CHUNK));
        if piece.is_empty() {
            return Ok(());
        }
        self.sender.blocking_send(Ok(piece.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Writes the context and the Dockerfile. Blocks.
fn pack(tree: &ContextTree, dockerfile: &str, output: impl Write) -> Result<(), PackError> {
    let mut archive = tar::Builder::new(output);
    let mut ignore_file = None;
    let mut failure = None;
    let mut add = |stat: Stat, path: PathBuf, _: &std::fs::Metadata| {
        if stat.path == IGNORE_FILE {
            ignore_file = std::fs::read_to_string(&path).ok();
            return ControlFlow::Continue(());
        }
        match entry(&mut archive, &stat, &path) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        }
    };
    walk(tree, &Wanted::Everything, &mut add).map_err(PackError::Context)?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    // The builder takes from the context what this file names of the two files below, and nothing else.
    let ignored = match ignore_file {
        Some(text) => format!("{text}\n{DOCKERFILE}\n"),
        None => format!("{IGNORE_FILE}\n{DOCKERFILE}\n"),
    };
    for (name, text) in [(IGNORE_FILE, ignored.as_str()), (DOCKERFILE, dockerfile)] {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(text.len() as u64);
        archive.append_data(&mut header, name, text.as_bytes())?;
    }
    archive.into_inner()?.flush()?;
    Ok(())
}

fn entry(archive: &mut tar::Builder<impl Write>, stat: &Stat, path: &Path) -> Result<(), PackError> {
    let mut header = tar::Header::new_gnu();
    // The bits above the permissions are Go's: set-uid, set-gid and sticky.
    let special = [(23, 0o4000), (22, 0o2000), (20, 0o1000)];
    let special = special.iter().filter(|(bit, _)| stat.mode & (1 << bit) != 0).map(|(_, bit)| bit).sum::<u32>();
    header.set_mode(stat.mode & 0o777 | special);
    header.set_mtime(u64::try_from(stat.mod_time / 1_000_000_000).unwrap_or_default());
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    if stat.mode & MODE_DIR != 0 {
        header.set_entry_type(tar::EntryType::Directory);
        archive.append_data(&mut header, &stat.path, io::empty())?;
    } else if stat.mode & MODE_SYMLINK != 0 {
        header.set_entry_type(tar::EntryType::Symlink);
        archive.append_link(&mut header, &stat.path, &stat.linkname)?;
    } else {
        let file = match File::open(path) {
            Ok(file) => file,
            // Deleted since: its deletion is seen as a change and built again.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(PackError::Context(ContextError::Unreadable { path: path.to_owned(), source })),
        };
        let size = u64::try_from(stat.size).unwrap_or_default();
        header.set_size(size);
        // Exactly as many bytes as announced, whatever happens to the file meanwhile: it is built again then.
        archive.append_data(&mut header, &stat.path, file.chain(io::repeat(0)).take(size))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_builder_says_is_shown_as_steps() {
        let mut said = Said::default();
        let text = "Step 1/3 : FROM busybox\n ---> 1234\nStep 2/3 : RUN make\n ---> Running in 12\n\u{1b}[91mboom\n\u{1b}[0mhal";
        let lines: Vec<String> = said.lines(text).into_iter().map(|(_, line)| line).collect();
        assert_eq!(lines, [" [1/2] FROM busybox", " [2/2] RUN make", "     boom"]);
        assert_eq!(said.lines("f\nStep 3/3 : LABEL devloop.dev/built=true\n").len(), 1, "only the line that has ended");
        let failed = "The command '/bin/sh -c make' returned a non-zero code: 2";
        let error = BuildError::classify(failed, said.failed_step(failed));
        assert_eq!(error.to_string(), "step 2/2 failed with exit code 2: RUN make\nboom\nhalf");
    }

    #[test]
    fn missing_files_are_named() {
        for message in [
            "COPY failed: file not found in build context or excluded by .dockerignore: stat gone: file does not exist",
            "COPY failed: stat gone: no such file or directory",
        ] {
            let mut said = Said::default();
            said.lines("Step 2/2 : COPY gone /\n");
            let error = BuildError::classify(message, said.failed_step(message));
            assert!(matches!(&error, BuildError::MissingFile { path } if path == "gone"), "{error:?}");
        }
    }

    #[test]
    fn the_archive_holds_the_context_and_two_files_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        std::fs::create_dir(folder.path().join("src")).expect("created");
        write("src/run", "#!/bin/sh\n");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o4755);
        std::fs::set_permissions(folder.path().join("src/run"), mode).expect("set");
        std::os::unix::fs::symlink("run", folder.path().join("src/link")).expect("linked");
        write(".dockerignore", "*.md");
        let tree = ContextTree { root: folder.path().to_owned(), filter: Arc::default() };
        let mut bytes = Vec::new();
        assert!(pack(&tree, "FROM a\n", &mut bytes).is_ok());
        let mut found = Vec::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries().expect("entries") {
            let mut entry = entry.expect("an entry");
            let name = entry.path().expect("a path").display().to_string();
            let mode = entry.header().mode().expect("a mode");
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("text");
            found.push((name, mode, text));
        }
        let dockerfile = (DOCKERFILE.to_owned(), 0o644, "FROM a\n".to_owned());
        assert!(found.contains(&dockerfile), "{found:?}");
        assert!(
            found.contains(&(IGNORE_FILE.to_owned(), 0o644, "*.md\n.devloop-dockerfile\n".to_owned())),
            "{found:?}"
        );
        assert!(found.contains(&("src/run".to_owned(), 0o4755, "#!/bin/sh\n".to_owned())), "{found:?}");
        assert_eq!(found.len(), 5, "{found:?}");
    }
}
