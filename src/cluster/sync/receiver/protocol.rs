//! What devloop and its receiver say to each other.
//!
//! Each message is a byte for its kind, the length of what follows (four bytes, the lowest first), and that. What belongs to
//! a [`Request::Transfer`] comes behind it: a tar stream of the length that it tells. Each request but for its
//! [`Answer::Output`] has one answer. Paths and arguments are bytes, since names may be any.

/// Bytes before what a message contains.
pub const HEADER: usize = 5;
/// A longer message is not one of ours.
pub const MAX_MESSAGE: usize = 256 * 1024 * 1024;

/// What the receiver is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Delete, make folders and unpack, in this order, each only if what comes before it worked.
    Transfer {
        /// Absolute paths; folders go with all that is in them, and what is not there is no error.
        deletes: Vec<Vec<u8>>,
        /// Absolute paths of folders that must exist afterwards.
        folders: Vec<Vec<u8>>,
        /// Length of the tar stream that follows; 0 when none does.
        archive: u64,
    },
    /// Run a command without input, both of its outputs in one.
    Run {
        /// The command, as an argument vector.
        argv: Vec<Vec<u8>>,
    },
    /// Answer.
    Ping,
}

/// What the receiver says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A piece of what the running command wrote.
    Output(Vec<u8>),
    /// It is done; of a command its exit status, 128 and the number for one that a signal ended.
    Done(i32),
    /// The files could not be put in place.
    Failed(Failure),
}

/// Why files could not be put in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What can be done about it depends on this.
    pub class: Class,
    /// The path in the container.
    pub path: Vec<u8>,
    /// The system's words.
    pub message: String,
}

/// What kind of a failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The user of the container has no right to do it.
    Permission,
    /// The file system is read-only.
    ReadOnly,
    /// The file system or the user's share of it is full.
    Full,
    /// Anything else.
    Other,
}

impl Request {
    /// As it is sent.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Transfer { deletes, folders, archive } => message(b'T', |body| {
                put_list(body, deletes);
                put_list(body, folders);
                body.extend_from_slice(&archive.to_le_bytes());
            }),
            Self::Run { argv } => message(b'R', |body| put_list(body, argv)),
            Self::Ping => message(b'P', |_| {}),
        }
    }

    /// `None` when it is no request.
    pub fn decode(kind: u8, body: &[u8]) -> Option<Self> {
        let mut fields = Fields(body);
        let request = match kind {
            b'T' => Self::Transfer { deletes: fields.list()?, folders: fields.list()?, archive: fields.long()? },
            b'R' => Self::Run { argv: fields.list()? },
            b'P' => Self::Ping,
            _ => return None,
        };
        fields.0.is_empty().then_some(request)
    }
}

impl Answer {
    /// As it is sent.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Output(bytes) => message(b'o', |body| body.extend_from_slice(bytes)),
            Self::Done(code) => message(b'd', |body| body.extend_from_slice(&code.to_le_bytes())),
            Self::Failed(failure) => message(b'f', |body| {
                body.push(match failure.class {
                    Class::Permission => b'p',
                    Class::ReadOnly => b'r',
                    Class::Full => b'f',
                    Class::Other => b'o',
                });
                put(body, &failure.path);
                put(body, failure.message.as_bytes());
            }),
        }
    }

    /// `None` when it is no answer.
    pub fn decode(kind: u8, body: &[u8]) -> Option<Self> {
        let mut fields = Fields(body);
        let answer = match kind {
            b'o' => return Some(Self::Output(body.to_vec())),
            b'd' => Self::Done(i32::from_le_bytes(fields.array()?)),
            b'f' => {
                let class = match fields.array::<1>()? {
                    [b'p'] => Class::Permission,
                    [b'r'] => Class::ReadOnly,
                    [b'f'] => Class::Full,
                    _ => Class::Other,
                };
                let path = fields.bytes()?.to_vec();
                Self::Failed(Failure { class, path, message: String::from_utf8_lossy(fields.bytes()?).into_owned() })
            }
            _ => return None,
        };
        fields.0.is_empty().then_some(answer)
    }
}

/// The kind of a message and the length of what it contains; `None` when the length is none of ours.
pub fn header(bytes: [u8; HEADER]) -> Option<(u8, usize)> {
    let [kind, length @ ..] = bytes;
    let length = usize::try_from(u32::from_le_bytes(length)).ok()?;
    (length <= MAX_MESSAGE).then_some((kind, length))
}

fn message(kind: u8, fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = vec![kind, 0, 0, 0, 0];
    fill(&mut bytes);
    let length = length(bytes.len() - HEADER);
    bytes[1..HEADER].copy_from_slice(&length);
    bytes
}

fn put_list(body: &mut Vec<u8>, list: &[Vec<u8>]) {
    body.extend_from_slice(&length(list.len()));
    for bytes in list {
        put(body, bytes);
    }
}

fn put(body: &mut Vec<u8>, bytes: &[u8]) {
    body.extend_from_slice(&length(bytes.len()));
    body.extend_from_slice(bytes);
}

/// Lengths beyond four bytes are cut, and refused by whoever reads them: no name, argument or message is that long.
fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn array<const LENGTH: usize>(&mut self) -> Option<[u8; LENGTH]> {
        let (array, rest) = self.0.split_first_chunk::<LENGTH>()?;
        self.0 = rest;
        Some(*array)
    }

    fn short(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.array()?)).ok()
    }

    fn long(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.array()?))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.short()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn list(&mut self) -> Option<Vec<Vec<u8>>> {
        let count = self.short()?;
        (0..count).map(|_| self.bytes().map(<[u8]>::to_vec)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(message: &[u8]) -> (u8, &[u8]) {
        let (start, body) = message.split_first_chunk::<HEADER>().expect("a header");
        let (kind, length) = header(*start).expect("a length");
        assert_eq!(length, body.len());
        (kind, body)
    }

    #[test]
    fn what_is_said_is_what_is_heard() {
        let list = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect::<Vec<_>>();
        for request in [
            Request::Transfer { deletes: list(&[b"/a", b"/\xff\n"]), folders: list(&[b""]), archive: u64::MAX },
            Request::Transfer { deletes: Vec::new(), folders: Vec::new(), archive: 0 },
            Request::Run { argv: list(&[b"sh", b"-c", b"echo \xc3\xa9"]) },
            Request::Ping,
        ] {
            let bytes = request.encode();
            let (kind, body) = split(&bytes);
            assert_eq!(Request::decode(kind, body), Some(request));
            for cut in 0..body.len() {
                assert_eq!(Request::decode(kind, &body[..cut]), None, "{cut} bytes of {body:?}");
            }
        }
        for class in [Class::Permission, Class::ReadOnly, Class::Full, Class::Other] {
            let failure = Failure { class, path: b"/a\xfe".to_vec(), message: "why".to_owned() };
            for answer in [Answer::Failed(failure), Answer::Done(-1), Answer::Output(b"\0\xff".to_vec())] {
                let bytes = answer.encode();
                let (kind, body) = split(&bytes);
                assert_eq!(Answer::decode(kind, body), Some(answer));
            }
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        assert_eq!(header([b'T', 255, 255, 255, 255]), None);
        assert_eq!(Request::decode(b'?', b""), None);
        assert_eq!(Request::decode(b'P', b"more"), None);
        assert_eq!(Request::decode(b'R', &[255, 255, 255, 255]), None);
        assert_eq!(Answer::decode(b'd', b"123"), None);
    }
}
