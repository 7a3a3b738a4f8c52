//! The shell text that runs in the container. POSIX only: it meets dash, busybox, bash and others.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::archive::Archive;
use super::receiver::Program;

/// Arguments of one `rm` or `mkdir`: below every system's limit.
const PER_COMMAND: usize = 200;

/// What `sh` runs first: the program of the receiver where it can be put and started, else [`receiver`]. It says
///
/// * `NONCE send` when it waits for the program's bytes, perhaps more than once;
/// * `NONCE receiver` (the program itself) or `NONCE ready` (the script) when it takes requests;
/// * `NONCE missing-TOOL` before the latter.
///
/// An image that carries the program has it already. Where to put it: the usual folders for such things, the root, `/dev`, which root may write to also where the root is read-only,
/// and at last any volume that can be written to and run from. `[ -x … ]` is false on a file system without the right to
/// execute. The program deletes its file when it starts, by which one knows afterwards that it did. The whole of it is read
/// whether or not there is room for it, as what comes next is for somebody else.
pub(super) fn start(nonce: &str, program: Option<&Program>) -> String {
    let Some(Program { bytes, machines, path, .. }) = program else { return receiver(nonce) };
    let length = bytes.len();
    format!(
        r#"[ -x {path} ] && exec {path} {nonce}
put() {{
case $tried in *" $1 "*) return;; esac
tried="$tried $1 "
f=${{1%/}}/.{nonce}
[ -d "$1" ] && {{ true >"$f"; }} 2>/dev/null || return
if chmod 700 "$f" && [ -x "$f" ]; then
printf '%s send\n' {nonce}
if head -c {length} | {{ cat >"$f" || {{ cat >/dev/null; false; }}; }} then
"$f" {nonce} "$f"
c=$?
[ -e "$f" ] || exit $c
fi
fi
rm -f "$f"
}}
place() {{
case $(uname -m) in {machines}) ;; *) return;; esac
for tool in head cat chmod rm; do command -v $tool >/dev/null || return; done
tried=
for d in "${{TMPDIR:-/tmp}}" /tmp /var/tmp /run / /dev; do put "$d"; done
[ -r /proc/mounts ] || return
exec 3</proc/mounts
while read -r _ d t o _ <&3; do
case $t,$o in *noexec*) ;; ext[234],rw*|xfs,rw*|btrfs,rw*|tmpfs,rw*|overlay,rw*) put "$d";; esac
done
exec 3<&-
}}
place 2>/dev/null
"#
    ) + &receiver(nonce)
}

/// The receiver that is a script: reads a script up to a line that is `nonce`, runs it, says how it ended, and so on until
/// its input ends.
///
/// Each answer is a line `NONCE STAGE CODE`. `read` takes single bytes, so what follows a script is left for it to read;
/// `head` may take more than it passes on, so nothing is sent after a script's data before its answer has come.
fn receiver(nonce: &str) -> String {
    format!(
        r#"for tool in head tar; do command -v $tool >/dev/null 2>&1 || {{ printf '%s missing-%s\n' {nonce} $tool; break; }}; done
printf '%s ready\n' {nonce}
while :; do
s=
while :; do
IFS= read -r l || exit 0
[ "$l" = {nonce} ] && break
s="$s$l
"
done
stage=run code=0
eval "$s"
printf '\n%s %s %s\n' {nonce} "$stage" "$code"
done
"#
    )
}

/// Deletes and makes folders, each only if what comes before it worked.
pub(super) fn prepare(deletes: &[PathBuf], archive: &Archive, replace_folders: bool) -> String {
    let mut script = String::from("stage=delete code=0\n");
    let mut step = |line: String| {
        let _ = writeln!(script, "[ $code = 0 ] && {{ {line}\ncode=$?; }} 2>&1");
    };
    for paths in deletes.iter().chain(&archive.deletes).collect::<Vec<_>>().chunks(PER_COMMAND) {
        step(with_paths("rm -rf --", paths));
    }
    if replace_folders {
        for target in &archive.targets {
            let (set, word) = quoted(target.as_os_str());
            step(format!("{set}if [ -d {word} ] && [ ! -L {word} ]; then rm -rf -- {word}; fi"));
        }
    }
    for folder in &archive.folders {
        let (set, word) = quoted(folder.as_os_str());
        step(format!("{set}[ -d {word} ] || {{ rm -f -- {word} && mkdir -p -- {word}; }}"));
    }
    script
}

/// Extracts the archive of this length that follows, unless an earlier part of the script failed.
///
/// The archive is always read to its end, so that the next script is found where it starts. Modification times are those
/// of the arrival (`-m`): a tar header holds whole seconds, and programs that compare times would miss the second of two
/// edits within one.
pub(super) fn extract(length: u64) -> String {
    format!(
        "if [ $code = 0 ]; then stage=archive\n\
         head -c {length} | {{ tar -x -m -o -f - -C / 2>&1; c=$?; cat >/dev/null; exit $c; }}\ncode=$?\n\
         else head -c {length} >/dev/null; fi\n"
    )
}

/// Runs a script of this length that follows: `read` is slow with long ones.
pub(super) fn long(length: usize) -> String {
    format!("eval \"$(head -c {length})\"\n")
}

/// Runs a command without input, both of its outputs in one.
pub(super) fn run(argv: &[String]) -> String {
    let mut script = String::new();
    let mut words = Vec::new();
    for (index, argument) in argv.iter().enumerate() {
        let (set, word) = quoted_as(&format!("a{index}"), OsStr::new(argument));
        script.push_str(&set);
        words.push(word);
    }
    // In a subshell, so that a builtin such as `exit` or `cd` does not meet the receiver.
    let _ = writeln!(script, "( {} ) </dev/null 2>&1\ncode=$?\nstage=run", words.join(" "));
    script
}

fn with_paths(command: &str, paths: &[&PathBuf]) -> String {
    let mut line = String::new();
    let mut words = String::new();
    for (index, path) in paths.iter().enumerate() {
        let (set, word) = quoted_as(&format!("p{index}"), Path::new(path).as_os_str());
        line.push_str(&set);
        words.push(' ');
        words.push_str(&word);
    }
    format!("{line}{command}{words}")
}

fn quoted(text: &OsStr) -> (String, String) {
    quoted_as("p", text)
}

/// Text to run before, and a word that then stands for `text`.
///
/// Anything but plain ASCII goes through `printf`, since some shells' `read` mangles other bytes.
fn quoted_as(variable: &str, text: &OsStr) -> (String, String) {
    let bytes = text.as_bytes();
    if bytes.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'\'') {
        return (String::new(), format!("'{}'", text.to_string_lossy()));
    }
    let mut octal = String::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            octal.push(char::from(*byte));
        } else {
            let _ = write!(octal, "\\{byte:03o}");
        }
    }
    // The last letter keeps line ends at the end of the text, which `$(…)` would drop. Without the leading letter a `-`
    // would be taken for an option.
    (
        format!("{variable}=$(printf '_{octal}_'); {variable}=${{{variable}#_}}; {variable}=${{{variable}%_}}\n"),
        format!("\"${variable}\""),
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn shell(script: &str) -> Vec<u8> {
        Command::new("sh").arg("-c").arg(script).output().expect("a shell").stdout
    }

    #[test]
    fn any_bytes_survive_quoting() {
        let cases: [&[u8]; 9] = [
            b"plain",
            b"with space",
            b"-dash",
            b"it's",
            b"new\nline\n",
            b"$(x)`y`\\",
            b"\xd1\x88\xc3\x81",
            b"\xff\x01",
            b"100%d",
        ];
        for case in cases {
            let (set, word) = quoted(OsStr::from_bytes(case));
            assert_eq!(shell(&format!("{set}printf '%s' {word}")), case, "{case:?}");
        }
    }

    #[test]
    fn a_command_may_be_a_builtin_and_keeps_its_arguments() {
        let argv = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let output = shell(&format!("{}echo $stage $code", run(&argv(&["exit", "7"]))));
        assert_eq!(String::from_utf8_lossy(&output), "run 7\n");
        let output = shell(&run(&argv(&["printf", "%s|", "a b", "it's", "é"])));
        assert_eq!(String::from_utf8_lossy(&output), "a b|it's|é|");
    }
}
