//! Every exit code of devloop and its meaning.

/// Every exit code of devloop and its meaning. Documented in `docs/commands.md`, which a test keeps in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// 0: what was asked for was done. `ci`: everything is built, deployed, ready and finished.
    Ok,
    /// 1: it failed; the reason is on standard error. `ci`: a resource failed or was not ready in time.
    Failed,
    /// 2: the command line is not understood.
    Usage,
    /// 3: the surroundings are not as needed: no cluster, no container engine, no terminal, no file.
    Environment,
    /// 5: the configuration has errors.
    Config,
    /// What a command returned that was run for the user.
    Of(u8),
    /// 128 + N: ended by signal N before it was done.
    Signal(u8),
}

impl ExitCode {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Environment => 3,
            Self::Config => 5,
            Self::Signal(code) | Self::Of(code) => code,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.code())
    }
}
