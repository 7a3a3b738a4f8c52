//! A `tilt` for commands that call one, where there is none (decision 13).

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};

use super::environment::CommandEnvironment;
use super::private_folder::{PrivateFolderError, make_private, runtime_folder};

/// The name that devloop answers to as if it were Tilt.
pub const TILT: &str = "tilt";

/// Adds the folder with the link behind everything else in the `PATH` of a command: a real `tilt` comes first.
pub(super) fn add_tools(program: &Path, environment: &mut CommandEnvironment) {
    let given = environment.set.iter().rfind(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
    let path = match given {
        Some(path) => path,
        None if environment.removed.iter().any(|name| name == "PATH") => return,
        None => match std::env::var("PATH") {
            Ok(path) => path,
            // Whoever has no `PATH`, or one that is no text, calls programs by their whole names.
            Err(_) => return,
        },
    };
    match tools_folder(program) {
        Ok(folder) => environment.set.push(("PATH".to_owned(), format!("{path}:{}", folder.display()))),
        // Commands that need no `tilt` need no folder either, and the others say what they miss.
        Err(error) => tracing::debug!(%error, "no folder for the link `tilt`"),
    }
}

/// The folder with the link to `program`. One for each program, so that several versions do not take it from another.
fn tools_folder(program: &Path) -> Result<PathBuf, PrivateFolderError> {
    let runtime = runtime_folder();
    make_private(&runtime)?;
    // `/proc/self/exe` is somebody else for whoever follows the link.
    let program = std::fs::canonicalize(program)
        .map_err(|error| PrivateFolderError::Unusable { folder: program.to_owned(), error })?;
    let mut hasher = DefaultHasher::new();
    program.hash(&mut hasher);
    let folder = runtime.join(format!("tools-{:016x}", hasher.finish()));
    make_private(&folder)?;
    let link = folder.join(TILT);
    match std::os::unix::fs::symlink(&program, &link) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(PrivateFolderError::Unusable { folder, error })
        }
        _ => Ok(folder),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(environment: &CommandEnvironment) -> Option<&str> {
        environment.set.iter().rfind(|(name, _)| name == "PATH").map(|(_, value)| value.as_str())
    }

    #[test]
    fn the_folder_is_behind_what_the_devfile_has_set() {
        let program = std::env::current_exe().expect("a program").canonicalize().expect("a path");
        let set = vec![("PATH".to_owned(), "/mine".to_owned())];
        let mut environment = CommandEnvironment { removed: vec![], set };
        add_tools(&program, &mut environment);
        let path = path_of(&environment).expect("a path").to_owned();
        let folder = path.strip_prefix("/mine:").expect("behind");
        assert_eq!(std::fs::read_link(Path::new(folder).join(TILT)).expect("a link"), program);
    }

    #[test]
    fn who_has_taken_the_path_away_has_none() {
        let program = std::env::current_exe().expect("a program");
        let mut environment = CommandEnvironment { removed: vec!["PATH".to_owned()], set: vec![] };
        add_tools(&program, &mut environment);
        assert_eq!(path_of(&environment), None);
    }
}
