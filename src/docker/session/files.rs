//! The build context and the Dockerfile, sent as BuildKit asks for them (its `fsutil` protocol):
//!
//! ```text
//!   we: STAT* (each file, in order; counts as id 0, 1, 2 …), then an empty STAT
//!   engine: REQ id* (regular files that it has not, or not like this), then FIN
//!   we: DATA id* (an empty one ends the file), then FIN
//! ```

use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bollard::fsutil::types::packet::PacketType;
use bollard::fsutil::types::{Packet, Stat};
use bollard::moby::filesync::packet::file_sync_server::FileSync;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use crate::docker::context::{ContextError, ContextTree, Wanted, walk};

/// Bytes per message; gRPC's default limit is 4 MiB.
const CHUNK: usize = 64 * 1024;
/// Messages that wait for the network.
const QUEUED: usize = 32;
/// The name under which the Dockerfile is sent.
pub(in crate::docker) const DOCKERFILE: &str = "Dockerfile";

/// What a build may read.
#[derive(Clone)]
pub(in crate::docker) struct ContextFiles {
    tree: Arc<ContextTree>,
    dockerfile: Arc<str>,
    failure: Arc<Mutex<Option<ContextError>>>,
}

impl ContextFiles {
    pub fn new(tree: ContextTree, dockerfile: &str) -> Self {
        Self { tree: Arc::new(tree), dockerfile: Arc::from(dockerfile), failure: Arc::default() }
    }

    /// What the engine's copy of this context may be reused for.
    pub fn identity(&self) -> String {
        let mut filter = DefaultHasher::new();
        self.tree.filter.hash(&mut filter);
        format!("{} {:x}", self.tree.root.display(), filter.finish())
    }

    /// Why the context could not be sent, if it could not.
    pub fn take_failure(&self) -> Option<ContextError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[tonic::async_trait]
impl FileSync for ContextFiles {
    type DiffCopyStream = BoxStream<'static, Result<Packet, Status>>;

    async fn diff_copy(&self, request: Request<Streaming<Packet>>) -> Result<Response<Self::DiffCopyStream>, Status> {
        let asked = Asked::new(request.metadata());
        let (packets, outgoing) = mpsc::channel(QUEUED);
        let (wanted_files, queue) = mpsc::unbounded_channel();
        let sender = Sender { packets: packets.clone(), queue, files: HashMap::new(), next_id: 0 };
        let files = self.clone();
        // Ends when the answer is dropped: then its channels are closed.
        tokio::task::spawn_blocking(move || sender.run(&files, &asked));
        let incoming = request.into_inner();
        let requests = stream::once(answer_requests(incoming, wanted_files, packets)).filter_map(|()| async { None });
        let outgoing = stream::unfold(outgoing, |mut outgoing| async {
            let packet = outgoing.recv().await?;
            Some((Ok(packet), outgoing))
        });
        Ok(Response::new(Box::pin(stream::select(outgoing, requests))))
    }

    type TarStreamStream = Self::DiffCopyStream;

    async fn tar_stream(&self, _: Request<Streaming<Packet>>) -> Result<Response<Self::TarStreamStream>, Status> {
        Err(Status::unimplemented("files are sent by DiffCopy"))
    }
}

/// Reads what the engine asks for until it has all.
async fn answer_requests(
    mut incoming: Streaming<Packet>,
    wanted_files: mpsc::UnboundedSender<u32>,
    packets: mpsc::Sender<Packet>,
) {
    while let Some(Ok(packet)) = incoming.next().await {
        match packet.r#type() {
            PacketType::PacketReq => {
                let _ = wanted_files.send(packet.id);
            }
            PacketType::PacketFin => {
                let _ = packets.send(plain(PacketType::PacketFin)).await;
                return;
            }
            PacketType::PacketErr => {
                tracing::debug!(error = %String::from_utf8_lossy(&packet.data), "the builder does not take the files");
                return;
            }
            PacketType::PacketStat | PacketType::PacketData => {}
        }
    }
}

/// What one request is about.
struct Asked {
    is_dockerfile: bool,
    patterns: Vec<String>,
    /// The builder reads `.dockerignore` to tell us what to leave out; we know that already.
    wants_ignore_file: bool,
}

impl Asked {
    fn new(metadata: &MetadataMap) -> Self {
        let values = |key: &str| -> Vec<String> {
            metadata.get_all(key).iter().filter_map(|value| value.to_str().ok().map(str::to_owned)).collect()
        };
        let include = values("include-patterns");
        let wants_ignore_file = include.iter().any(|pattern| pattern.ends_with(".dockerignore"));
        // Escaped patterns hold names beyond ASCII: rare enough to send everything.
        let is_escaped =
            ["include-patterns-encoded", "followpaths-encoded"].iter().any(|key| metadata.contains_key(*key));
        let patterns = if is_escaped { Vec::new() } else { [include, values("followpaths")].concat() };
        Self { is_dockerfile: values("dir-name").iter().any(|name| name == "dockerfile"), patterns, wants_ignore_file }
    }
}

/// Sends stats and contents from a thread that may block.
struct Sender {
    packets: mpsc::Sender<Packet>,
    queue: mpsc::UnboundedReceiver<u32>,
    files: HashMap<u32, Contents>,
    next_id: u32,
}

enum Contents {
    OnDisk(PathBuf),
    Text(Arc<str>),
}

impl Sender {
    fn run(mut self, context: &ContextFiles, asked: &Asked) {
        let sent = if asked.is_dockerfile {
            let text = Arc::clone(&context.dockerfile);
            // The flow is looked at when contents are sent.
            let _ = self.stat(dockerfile_stat(&text), Contents::Text(text));
            Ok(())
        } else if asked.wants_ignore_file {
            Ok(())
        } else {
            let wanted = Wanted::new(&context.tree.root, &asked.patterns);
            walk(&context.tree, &wanted, &mut |stat, path, _| self.stat(stat, Contents::OnDisk(path)))
        };
        let sent = sent.and_then(|()| {
            let _ = self.send(plain(PacketType::PacketStat));
            self.contents()
        });
        if let Err(error) = sent {
            let mut packet = plain(PacketType::PacketErr);
            packet.data = error.to_string().into_bytes();
            let _ = self.send(packet);
            context.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }

    fn stat(&mut self, stat: Stat, contents: Contents) -> ControlFlow<()> {
        self.files.insert(self.next_id, contents);
        self.next_id += 1;
        let mut packet = plain(PacketType::PacketStat);
        packet.stat = Some(stat);
        self.send(packet)
    }

    fn contents(&mut self) -> Result<(), ContextError> {
        while let Some(id) = self.queue.blocking_recv() {
            let Some(contents) = self.files.remove(&id) else { continue };
            let flow = match contents {
                Contents::Text(text) => self.data(id, text.as_bytes().to_vec()),
                Contents::OnDisk(path) => {
                    self.file(id, &path).map_err(|source| ContextError::Unreadable { path, source })?
                }
            };
            if flow.is_break() || self.data(id, Vec::new()).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn file(&self, id: u32, path: &PathBuf) -> io::Result<ControlFlow<()>> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            // Deleted since: it is empty now, and its deletion is seen as a change and built again.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ControlFlow::Continue(())),
            Err(error) => return Err(error),
        };
        loop {
            let mut chunk = Vec::with_capacity(CHUNK);
            if (&mut file).take(CHUNK as u64).read_to_end(&mut chunk)? == 0 {
                return Ok(ControlFlow::Continue(()));
            }
            if self.data(id, chunk).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }

    fn data(&self, id: u32, data: Vec<u8>) -> ControlFlow<()> {
        self.send(Packet { r#type: PacketType::PacketData as i32, stat: None, id, data })
    }

    fn send(&self, packet: Packet) -> ControlFlow<()> {
        if self.packets.blocking_send(packet).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

fn plain(kind: PacketType) -> Packet {
    Packet { r#type: kind as i32, ..Packet::default() }
}

/// The engine compares size and time with its copy of the last Dockerfile, so the time stands for the contents.
fn dockerfile_stat(text: &str) -> Stat {
    let digest = Sha256::digest(text);
    let size = i64::try_from(text.len()).unwrap_or(i64::MAX);
    let time = digest.iter().take(7).fold(0_i64, |time, byte| time << 8 | i64::from(*byte));
    Stat { path: DOCKERFILE.to_owned(), mode: 0o644, size, mod_time: time, ..Stat::default() }
}
