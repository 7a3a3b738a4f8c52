//! The engine's streaming answers: one JSON value per line.

use std::io;
use std::marker::PhantomData;

use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

/// Reads values of `T` from a body.
pub(super) struct JsonLines<T> {
    body: Incoming,
    buffer: BytesMut,
    /// Up to here there is no line end.
    searched: usize,
    values: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> JsonLines<T> {
    pub fn new(body: Incoming) -> Self {
        Self { body, buffer: BytesMut::new(), searched: 0, values: PhantomData }
    }

    /// The next value; `None` at the end. Lines that are no `T` are skipped: newer engines say more than we know.
    pub async fn next(&mut self) -> io::Result<Option<T>> {
        loop {
            while let Some(end) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(self.searched + end);
                self.buffer.advance(1);
                self.searched = 0;
                if let Some(value) = parse(&line) {
                    return Ok(Some(value));
                }
            }
            self.searched = self.buffer.len();
            let Some(frame) = self.body.frame().await else {
                let rest = std::mem::take(&mut self.buffer);
                self.searched = 0;
                return Ok(parse(&rest));
            };
            if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }
}

fn parse<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    if line.iter().all(u8::is_ascii_whitespace) {
        return None;
    }
    serde_json::from_slice(line)
        .inspect_err(|error| tracing::debug!(%error, line = %String::from_utf8_lossy(line), "skipped"))
        .ok()
}
