//! Starts the supervisor of a local process, or the command line, devloop's own or that of Tilt, and exits with the code that it returns.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: a supervisor is started for each local command and has to be quick and small.
    let mut arguments = std::env::args_os();
    if arguments.nth(1).is_some_and(|first| first == devloop::process::SUPERVISE) {
        return devloop::process::supervise(arguments);
    }
    let name = std::env::args_os().next().map(std::path::PathBuf::from);
    if name.as_deref().and_then(std::path::Path::file_name).is_some_and(|name| name == devloop::process::TILT) {
        return devloop::cli::run_as_tilt(std::env::args_os()).into();
    }
    devloop::cli::run(std::env::args_os()).into()
}
