//! The receiver of live updates as the last layer of images whose containers cannot take it otherwise ([decision 17]).
//!
//! Which images these are is known when a live update of one of their containers failed for want of a shell or tools. It
//! is remembered, so that the next session builds them so from the start.
//!
//! [decision 17]: ../../docs/decisions/0017-a-receiver-program.md

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

use crate::cluster::{ReceiverProgram, SyncError, receiver_program};
use crate::docker::{BuildRequest, Builder, cache_folder};
use crate::process::state_folder;
use crate::project::ImageName;

/// The program's name in the context of the build.
const FILE: &str = "receiver";
/// What most of these images lack.
pub(super) const SHELL: &str = "sh";
/// An image that was not live-updated for so long is built as it is again.
const FORGET_AFTER: Duration = Duration::from_hours(90 * 24);

/// The images that carry the receiver, a file each, named after the image.
#[derive(Debug)]
pub(super) struct Carriers {
    /// `None` without a home folder: then no image carries it.
    state: Option<PathBuf>,
    cache: Option<PathBuf>,
}

impl Carriers {
    /// Those of the user, of all projects.
    pub(super) fn of_user() -> Self {
        Self {
            state: state_folder().map(|state| state.join("receiver")),
            cache: cache_folder().map(|cache| cache.join("devloop/receiver")),
        }
    }

    /// Whether the receiver helps where a live update failed so.
    pub(super) fn help(error: &SyncError) -> bool {
        matches!(error, SyncError::NoShell | SyncError::NoTar(_)) && receiver_program().is_some()
    }

    /// From now on the image carries the receiver, since its containers lack a program. Blocks.
    pub(super) fn add(&self, image: &ImageName, lacks: &str) -> io::Result<()> {
        let path = self.mark(image).ok_or_else(|| io::Error::other("there is no home folder"))?;
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(path, lacks)
    }

    /// The image has a shell; when that was what it lacked, it is built as it is from now on. Blocks.
    pub(super) fn has_shell(&self, image: &ImageName) {
        let Some(mark) = self.mark(image) else { return };
        if fs::read_to_string(&mark).is_ok_and(|lacks| lacks == SHELL) {
            // Kept longer, it costs nothing but a layer.
            let _ = fs::remove_file(mark);
        }
    }

    /// The program when the image is to carry it, and can for this platform. Blocks.
    pub(super) fn program_for(&self, image: &ImageName, platform: &str) -> Option<ReceiverProgram> {
        let age = self.mark(image)?.metadata().ok()?.modified().ok()?.elapsed().unwrap_or_default();
        receiver_program().filter(|program| age < FORGET_AFTER && runs_on(program, platform))
    }

    /// The build of an image that is `base`, an image in the engine, with the program as its last layer. Blocks.
    pub(super) fn layer(
        &self,
        program: &ReceiverProgram,
        base: &str,
        platform: &str,
        builder: Builder,
    ) -> io::Result<BuildRequest> {
        let cache = self.cache.as_ref().ok_or_else(|| io::Error::other("there is no home folder"))?;
        let context = cache.join(program.path.rsplit('/').next().unwrap_or(FILE));
        write_program(&context, program)?;
        Ok(BuildRequest {
            builder,
            context,
            filter: Arc::default(),
            dockerfile: format!("FROM {base}\nCOPY {FILE} {}\n", program.path),
            build_args: BTreeMap::new(),
            target: String::new(),
            ssh: Vec::new(),
            secrets: Vec::new(),
            network: String::new(),
            extra_tags: Vec::new(),
            cache_from: Vec::new(),
            pull: false,
            platform: platform.to_owned(),
            extra_hosts: Vec::new(),
        })
    }

    fn mark(&self, image: &ImageName) -> Option<PathBuf> {
        let digest = format!("{:x}", Sha256::digest(image.as_str()));
        Some(self.state.as_ref()?.join(&digest[..16]))
    }
}

/// A platform may have a variant (`linux/arm64/v8`); none is the engine's own, which is taken for this machine's.
fn runs_on(program: &ReceiverProgram, platform: &str) -> bool {
    platform.is_empty() || platform == program.platform || platform.starts_with(&format!("{}/", program.platform))
}

/// Puts the program into the folder, always the same in name, mode and time: else its layer would be another one.
fn write_program(folder: &Path, program: &ReceiverProgram) -> io::Result<()> {
    let path = folder.join(FILE);
    if path.metadata().is_ok_and(|metadata| metadata.len() == program.bytes.len() as u64) {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    // Another devloop may read it meanwhile; nothing but the program may be in the folder.
    let beside = tempfile::NamedTempFile::new_in(folder.parent().unwrap_or(folder))?;
    fs::write(beside.path(), program.bytes)?;
    fs::set_permissions(beside.path(), Permissions::from_mode(0o755))?;
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    File::options().write(true).open(beside.path())?.set_times(FileTimes::new().set_modified(time))?;
    beside.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> ReceiverProgram {
        ReceiverProgram { bytes: b"program", machines: "x86_64", platform: "linux/arm64", path: "/.devloop/receiver-1" }
    }

    #[test]
    fn platforms_may_have_a_variant() {
        for (platform, runs) in [("", true), ("linux/arm64", true), ("linux/arm64/v8", true), ("linux/amd64", false)] {
            assert_eq!(runs_on(&program(), platform), runs, "{platform}");
        }
    }

    #[test]
    fn the_layer_is_built_from_a_folder_that_is_always_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let carriers = Carriers { state: Some(folder.path().join("state")), cache: Some(folder.path().join("cache")) };
        let request = carriers.layer(&program(), "a/b:c", "linux/arm64", Builder::BuildKit).expect("written");
        assert_eq!(request.dockerfile, "FROM a/b:c\nCOPY receiver /.devloop/receiver-1\n");
        let metadata = request.context.join(FILE).metadata().expect("there");
        assert_eq!((metadata.len(), metadata.permissions().mode() & 0o777), (7, 0o755));
        let modified = metadata.modified().expect("a time").duration_since(SystemTime::UNIX_EPOCH).expect("after");
        assert_eq!(modified.as_secs(), 1_000_000_000);
        assert_eq!(fs::read_dir(&request.context).expect("a folder").count(), 1);
    }

    #[test]
    fn images_are_remembered_and_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let carriers = Carriers { state: Some(folder.path().to_owned()), cache: None };
        let image = ImageName::new("reg/web");
        let is_carrier = |carriers: &Carriers| carriers.mark(&image).expect("a name").exists();
        assert!(!is_carrier(&carriers));
        carriers.add(&image, "tar").expect("kept");
        carriers.has_shell(&image);
        assert!(is_carrier(&carriers), "a shell is not what it lacks");
        carriers.add(&image, SHELL).expect("kept");
        carriers.has_shell(&image);
        carriers.has_shell(&image);
        assert!(!is_carrier(&carriers) && carriers.program_for(&image, "").is_none());
    }
}
