//! Starts the supervisor of a local process or the command line, and exits with the code that it returns.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: a supervisor is started for each local command and has to be quick and small.
    let mut arguments = std::env::args_os();
    if arguments.nth(1).is_some_and(|first| first == devloop::process::SUPERVISE) {
        return devloop::process::supervise(arguments);
    }
    devloop::cli::run(std::env::args_os()).into()
}
