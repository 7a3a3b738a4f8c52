//! Any bytes as a configuration: the loader says what is wrong with them and neither panics, hangs nor eats the memory.

#![no_main]

use std::cell::RefCell;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use devloop::devfile::{KubeInfo, LoadOptions, load};
use devloop::diagnostic::{RenderStyle, render};
use libfuzzer_sys::{Corpus, fuzz_target};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// How long a run may take before it is cancelled, as by Ctrl-C.
const PATIENCE: Duration = Duration::from_millis(500);

/// What an input must not contain: it could start programs, or read files that never end.
const FORBIDDEN: [&str; 12] = [
    "compose",
    "dev/",
    "ext",
    "git",
    "helm",
    "kustomize",
    "listdir",
    "proc/",
    "sys/",
    "telemetry",
    "v1alpha1",
    "local(",
];

/// Cancels what is not done in time.
struct Watchdog {
    started: Sender<CancellationToken>,
    done: Sender<()>,
}

impl Watchdog {
    fn new() -> Self {
        let (started, runs) = channel();
        let (done, ends) = channel();
        std::thread::spawn(move || watch(&runs, &ends));
        Self { started, done }
    }
}

fn watch(runs: &Receiver<CancellationToken>, ends: &Receiver<()>) {
    while let Ok(token) = runs.recv() {
        if ends.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            token.cancel();
            let _ = ends.recv();
        }
    }
}

thread_local! {
    static FOLDER: RefCell<Option<(TempDir, Watchdog)>> = const { RefCell::new(None) };
}

/// Whether an input is safe to run: `local` may only be a part of `local_resource`, which starts nothing here.
fn is_harmless(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let text = text.replace("local_resource", "").replace("localhost", "");
    !text.contains("local") && !FORBIDDEN.iter().any(|forbidden| text.contains(forbidden))
}

fuzz_target!(|data: &[u8]| -> Corpus {
    if !is_harmless(data) {
        return Corpus::Reject;
    }
    FOLDER.with_borrow_mut(|state| {
        let (folder, watchdog) = state.get_or_insert_with(|| (tempfile::tempdir().expect("a folder"), Watchdog::new()));
        let file = folder.path().join("Devfile");
        std::fs::write(&file, data).expect("the input can be written");
        let cancel = CancellationToken::new();
        watchdog.started.send(cancel.clone()).expect("the watchdog lives");
        let outcome = load(LoadOptions {
            kube: KubeInfo { context: Some("kind-test".to_owned()), ..KubeInfo::default() },
            cancel,
            ..LoadOptions::without_commands(folder.path())
        });
        watchdog.done.send(()).expect("the watchdog lives");
        let style = RenderStyle { color: false, base: Some(folder.path().to_path_buf()) };
        for diagnostic in &outcome.diagnostics {
            let text = render(diagnostic, &style);
            assert!(!text.contains("has crashed"), "{text}");
        }
    });
    Corpus::Keep
});
