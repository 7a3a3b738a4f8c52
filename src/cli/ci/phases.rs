//! The lines of a run on standard output, in phases.

use std::io;

use chrono::Utc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::platform::Platform;
use crate::cli::common;
use crate::logs::LogReader;
use crate::ui::headless::{self, HeadlessOptions};

/// What prints, and the phase that is open.
pub(super) struct Phases {
    platform: Platform,
    reader: LogReader,
    color: bool,
    printer: Option<(JoinHandle<io::Result<u64>>, CancellationToken)>,
    open: Option<&'static str>,
    next: u64,
}

impl Phases {
    pub(super) fn new(platform: Platform, reader: LogReader, color: bool) -> Self {
        Self { platform, reader, color, printer: None, open: None, next: 0 }
    }

    pub(super) fn platform(&self) -> &Platform {
        &self.platform
    }

    /// What is logged from now on belongs to another phase.
    pub(super) async fn enter(&mut self, name: &'static str, title: &str) {
        if self.open == Some(name) {
            return;
        }
        // Where nothing marks phases, the same printer goes on.
        if self.platform == Platform::Plain && self.printer.is_some() {
            self.open = Some(name);
            return;
        }
        self.leave().await;
        let _ = common::print_out(&self.platform.open(name, title, Utc::now().timestamp()));
        self.open = Some(name);
        let done = CancellationToken::new();
        let options = HeadlessOptions { color: self.color, from: self.next, ..HeadlessOptions::default() };
        let printer = headless::print(self.reader.clone(), tokio::io::stdout(), options, done.clone());
        self.printer = Some((tokio::spawn(printer), done));
    }

    /// Prints what there is, and ends the phase.
    pub(super) async fn leave(&mut self) {
        if let Some((printer, done)) = self.printer.take() {
            done.cancel();
            if let Ok(Ok(next)) = printer.await {
                self.next = next;
            }
        }
        if let Some(name) = self.open.take() {
            // Nobody is left to tell when standard output is closed.
            let _ = common::print_out(&self.platform.close(name, Utc::now().timestamp()));
        }
    }
}
