//! The receiver in a container: takes files and commands from devloop over its standard input.
//!
//! A program of its own, compiled by `build.rs` without any crate; see `mod.rs`.
//!
//! Arguments: a word to say when it is ready, and optionally the program's own file, which it deletes first, so that nothing
//! of it is left in the container.

mod files;
mod programs;
mod protocol;
mod serve;
mod unpack;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match start(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn start(arguments: &[OsString]) -> io::Result<()> {
    let [word, file @ ..] = arguments else { return Err(io::Error::from(io::ErrorKind::InvalidInput)) };
    for file in file {
        std::fs::remove_file(file)?;
    }
    // Files of their own: the standard library's would hold answers back up to the end of a line.
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let ready = format!("{} receiver\n", word.to_string_lossy());
    output.write_all(ready.as_bytes())?;
    serve::serve(BufReader::with_capacity(64 * 1024, input), output, Path::new("/"))
}
