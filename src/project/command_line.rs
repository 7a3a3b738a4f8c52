//! A command that runs on this machine.

use std::path::PathBuf;

/// A command on this machine: its argument vector, folder and extra environment (reference §1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// Program and arguments; a shell script is `["sh", "-c", SCRIPT]`.
    pub argv: Vec<String>,
    /// Working directory, absolute.
    pub dir: PathBuf,
    /// Added to the inherited environment, in order; later entries win.
    pub env: Vec<(String, String)>,
}

impl std::fmt::Display for CommandLine {
    /// The display form of reference §1.6: the bare script of a one-line `sh -c`, else the arguments joined by
    /// blanks with arguments that contain blanks quoted.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&display_argv(&self.argv))
    }
}

/// The display form of an argument vector, see [`CommandLine`].
pub(crate) fn display_argv(argv: &[String]) -> String {
    if let [shell, flag, script] = argv
        && shell == "sh"
        && flag == "-c"
        && !script.contains('\n')
    {
        return script.clone();
    }
    let quoted: Vec<String> = argv
        .iter()
        .map(|argument| if argument.contains(' ') { format!("{argument:?}") } else { argument.clone() })
        .collect();
    quoted.join(" ")
}
