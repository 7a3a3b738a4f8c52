//! Runs commands and passes their output on.

use std::ffi::OsStr;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

/// What a shell says of a command that is not there, or that cannot be run.
const NOT_FOUND: i32 = 127;
const NOT_RUN: i32 = 126;

/// Runs a command to its end without input and returns its exit status, 128 and the number for one that a signal ended.
///
/// Its two outputs are one. What it leaves behind may go on and write; nobody reads that any more, but it does not stop it.
pub fn run(argv: &[Vec<u8>], on_output: impl FnMut(&[u8]) + Send + 'static) -> io::Result<i32> {
    let (reader, mut writer) = io::pipe()?;
    let mut child = match start(argv, &writer) {
        Ok(child) => child,
        Err(error) => {
            let code = if error.kind() == ErrorKind::NotFound { NOT_FOUND } else { NOT_RUN };
            let name = argv.first().map(|name| String::from_utf8_lossy(name)).unwrap_or_default();
            let mut on_output = on_output;
            on_output(format!("{name}: {error}\n").as_bytes());
            return Ok(code);
        }
    };
    // A process that the command left behind keeps the pipe open: our own mark tells where the command's output ends.
    let mark = mark();
    let (ended, end) = mpsc::channel();
    let sought = mark.clone();
    thread::Builder::new().spawn(move || pass_on(reader, &sought, on_output, &ended))?;
    let status = child.wait();
    writer.write_all(&mark)?;
    drop(writer);
    // Its sender is gone when reading has failed: there is nothing to wait for then.
    let _ = end.recv();
    Ok(code(status?))
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(NOT_RUN)
}

fn start(argv: &[Vec<u8>], output: &PipeWriter) -> io::Result<Child> {
    let words: Vec<&OsStr> = argv.iter().map(|word| OsStr::from_bytes(word)).collect();
    let (name, arguments) = words.split_first().ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
    let spawn = |command: &mut Command| {
        let (out, err) = (output.try_clone()?, output.try_clone()?);
        command.stdin(Stdio::null()).stdout(out).stderr(err).spawn()
    };
    match spawn(Command::new(name).args(arguments)) {
        // A command that only shells have, such as `kill` in small images.
        Err(error) if error.kind() == ErrorKind::NotFound && !name.as_bytes().contains(&b'/') => {
            let shell = spawn(Command::new("sh").args(["-c", "\"$@\"", "sh"]).args(&words));
            shell.map_err(|_| error)
        }
        started => started,
    }
}

fn mark() -> Vec<u8> {
    let random = || RandomState::new().build_hasher().finish().to_le_bytes();
    // No text has the first byte.
    [[0xff].as_slice(), &random(), &random()].concat()
}

fn pass_on(mut reader: PipeReader, mark: &[u8], mut on_output: impl FnMut(&[u8]), ended: &mpsc::Sender<()>) {
    let mut kept: Vec<u8> = Vec::new();
    let mut chunk = vec![0; 32 * 1024];
    let mut passes = true;
    loop {
        let length = match reader.read(&mut chunk) {
            Ok(0) => return,
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        if !passes {
            continue;
        }
        kept.extend_from_slice(&chunk[..length]);
        let at = kept.windows(mark.len()).position(|window| window == mark);
        // What may be the beginning of the mark is held back.
        let clear = at.unwrap_or_else(|| {
            let from = kept.len().saturating_sub(mark.len() - 1);
            (from..kept.len()).find(|start| mark.starts_with(&kept[*start..])).unwrap_or(kept.len())
        });
        if clear > 0 {
            on_output(&kept[..clear]);
        }
        kept.drain(..clear);
        if at.is_some() {
            passes = false;
            // Whoever waits for it may have given up.
            let _ = ended.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn run_words(words: &[&str]) -> (i32, String) {
        let argv: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        let output = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&output);
        let code = run(&argv, move |bytes| sink.lock().expect("unpoisoned").extend_from_slice(bytes)).expect("run");
        let output = output.lock().expect("unpoisoned").clone();
        (code, String::from_utf8_lossy(&output).into_owned())
    }

    #[test]
    fn output_and_exit_status_are_those_of_the_command() {
        assert_eq!(run_words(&["sh", "-c", "echo out; echo err >&2; printf end; exit 3"]), (3, "out\nerr\nend".into()));
        assert_eq!(run_words(&["sh", "-c", "kill -9 $$"]).0, 137);
        assert_eq!(run_words(&["sh", "-c", "cat; printf '%s|' \"$@\"", "_", "a b", "é"]), (0, "a b|é|".into()));
        let (code, output) = run_words(&["sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x"]);
        assert_eq!((code, output.len()), (0, 300_000));
    }

    #[test]
    fn what_only_the_shell_knows_is_run_by_it_and_what_nobody_knows_is_not_found() {
        assert_eq!(run_words(&["exit", "7"]), (7, String::new()));
        let (code, output) = run_words(&["devloop-no-such-program"]);
        assert_eq!(code, 127);
        assert!(output.contains("devloop-no-such-program"), "{output}");
        let (code, output) = run_words(&["/nowhere/program"]);
        assert_eq!((code, output.starts_with("/nowhere/program: ")), (127, true));
        assert_eq!(run_words(&["/"]).0, 126);
        assert_eq!(run_words(&[]).0, 126);
    }

    #[test]
    fn what_a_command_leaves_behind_does_not_keep_it() {
        let (code, output) = run_words(&["sh", "-c", "{ echo first; sleep 100; } & echo $!; exit 4"]);
        assert_eq!(code, 4);
        let left: i32 = output.lines().find_map(|line| line.parse().ok()).expect("its number");
        let killed = std::process::Command::new("kill").arg(left.to_string()).status().expect("kill");
        assert!(killed.success(), "it must still be there");
    }

    #[test]
    fn the_mark_is_found_however_it_is_cut() {
        for cut in 0..8 {
            let (reader, mut writer) = io::pipe().expect("a pipe");
            let (ended, end) = mpsc::channel();
            let (pieces, heard) = mpsc::channel();
            let thread = thread::spawn(move || {
                pass_on(reader, b"\xffMARK", move |bytes| pieces.send(bytes.to_vec()).expect("heard"), &ended);
            });
            let all = b"a\xffb\xffMARKz";
            writer.write_all(&all[..cut]).expect("written");
            // Only that what was held back may be so: all before it has been passed on by now or will be.
            writer.write_all(&all[cut..]).expect("written");
            end.recv().expect("the mark");
            drop(writer);
            thread.join().expect("ended");
            assert_eq!(heard.iter().flatten().collect::<Vec<u8>>(), b"a\xffb", "cut at {cut}");
        }
    }
}
