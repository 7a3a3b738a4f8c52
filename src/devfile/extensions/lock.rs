//! One devloop at a time changes a checkout.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::devfile::language::failure::{Failure, Outcome};
use crate::devfile::language::session::{Session, describe};

/// How often the lock is asked for again while another devloop holds it.
const POLL: Duration = Duration::from_millis(50);

/// A lock between processes; given back when it is dropped, also by a crash.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock; a cancelled run stops waiting.
    pub fn take(session: &Session, path: &Path) -> Outcome<Self> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(|error| Failure::new(format!("cannot write `{}`: {}", path.display(), describe(&error))))?;
        let mut told = false;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {}
                Err(error) => {
                    let error = std::io::Error::from(error);
                    return Err(Failure::new(format!("cannot lock `{}`: {}", path.display(), describe(&error))));
                }
            }
            if session.cancel.is_cancelled() {
                return Err(Failure::new("cancelled while waiting for another devloop"));
            }
            if !std::mem::replace(&mut told, true) {
                session.log.info(format!("waiting for another devloop that holds {}", path.display()));
            }
            thread::park_timeout(POLL);
        }
    }
}
