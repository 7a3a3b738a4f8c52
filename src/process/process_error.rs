//! Why a command could not be run.

use std::io;
use std::path::Path;

/// Why a command could not be run. An exit status other than 0 is no such error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProcessError {
    /// There is nothing to run.
    #[error("the command is empty")]
    Empty,
    /// The program does not exist.
    #[error("program `{program}` was not found (folder `{dir}`); install it, or check its spelling and PATH")]
    NotFound {
        /// As in the command.
        program: String,
        /// Its working directory.
        dir: String,
    },
    /// The program exists and must not be executed.
    #[error("program `{program}` is not executable (folder `{dir}`); try `chmod +x {program}`")]
    NotExecutable {
        /// As in the command.
        program: String,
        /// Its working directory.
        dir: String,
    },
    /// The program file is of a kind that the system cannot run.
    #[error(
        "program `{program}` is no program for this machine (folder `{dir}`); a script needs a first line such as `#!/bin/sh`"
    )]
    NoProgram {
        /// As in the command.
        program: String,
        /// Its working directory.
        dir: String,
    },
    /// The working directory cannot be used.
    #[error("cannot run `{program}` in folder `{dir}`: {reason}; create the folder, or correct `dir` or `serve_dir`")]
    BadFolder {
        /// As in the command.
        program: String,
        /// The working directory.
        dir: String,
        /// What the system says.
        reason: String,
    },
    /// It could not be started for another reason.
    #[error("cannot start `{program}` in folder `{dir}`: {reason}")]
    NotStarted {
        /// As in the command.
        program: String,
        /// The working directory.
        dir: String,
        /// What the system says.
        reason: String,
    },
    /// The process that watches over the command could not be started.
    #[error(
        "cannot start the supervising process `{program}`: {reason}; reinstall devloop, or check the limit of processes (`ulimit -u`)"
    )]
    NoSupervisor {
        /// The file that was executed.
        program: String,
        /// What the system says.
        reason: String,
    },
    /// The process that watches over the command was killed from outside; what it watched over has been ended.
    #[error("the process that watched over `{program}` was killed from outside, so `{program}` was ended too")]
    SupervisorLost {
        /// As in the command.
        program: String,
    },
    /// It was stopped because devloop no longer wants its result.
    #[error("`{program}` was cancelled")]
    Cancelled {
        /// As in the command.
        program: String,
    },
}

impl ProcessError {
    /// The error for what `execve` said.
    pub(super) fn not_started(program: &str, dir: &Path, errno: i32) -> Self {
        let (program, dir) = (program.to_owned(), dir.display().to_string());
        match rustix::io::Errno::from_raw_os_error(errno) {
            rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR => Self::NotFound { program, dir },
            rustix::io::Errno::ACCESS | rustix::io::Errno::PERM => Self::NotExecutable { program, dir },
            rustix::io::Errno::NOEXEC => Self::NoProgram { program, dir },
            _ => Self::NotStarted { program, dir, reason: io::Error::from_raw_os_error(errno).to_string() },
        }
    }

    /// The error for a working directory that cannot be entered.
    pub(super) fn bad_folder(program: &str, dir: &Path, errno: i32) -> Self {
        Self::BadFolder {
            program: program.to_owned(),
            dir: dir.display().to_string(),
            reason: io::Error::from_raw_os_error(errno).to_string(),
        }
    }
}
