//! `restart_process()`: the process of a container is started again after a live update, and the container stays.

use std::path::PathBuf;

use super::live_update::Run;
use crate::diagnostic::Span;

/// The shell script that runs a container's command as its child.
const SCRIPT: &str = include_str!("restart_process.sh");
/// Where what is for readers ends.
const HEADER_END: &str = "#--\n";

/// What follows when the command ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ExitPolicy {
    /// The container ends with its exit code, so that Kubernetes starts it again.
    #[default]
    Restart,
    /// The container waits for the next live update.
    Continue,
}

impl ExitPolicy {
    /// As it is written in a Devfile.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Continue => "continue",
        }
    }
}

/// The step `restart_process()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartProcess {
    /// Files or folders, absolute; empty means: after every sync.
    pub triggers: Vec<PathBuf>,
    /// A file in the container that holds the process id of the script.
    pub file: String,
    /// What follows when the command ends by itself.
    pub exit_policy: ExitPolicy,
    /// The step in the Devfile.
    pub origin: Span,
}

impl RestartProcess {
    /// What stands before the command of a container, as its arguments, so that it can be started again.
    pub fn wrapper(&self) -> Vec<String> {
        let script = SCRIPT.split_once(HEADER_END).map_or(SCRIPT, |(_, script)| script).trim_end();
        let fixed = ["sh", "-c", script, "devloop-restart", &self.file, self.exit_policy.as_str()];
        fixed.iter().map(|&word| word.to_owned()).collect()
    }

    /// The command in the container that has the process started again.
    pub fn run(&self) -> Run {
        let file = format!("'{}'", self.file.replace('\'', "'\\''"));
        // Without the file (a root that cannot be written to), the script is the first process of its container.
        let command = format!("kill -s USR1 \"$(cat {file} 2>/dev/null || echo 1)\"");
        Run {
            argv: vec!["sh".to_owned(), "-c".to_owned(), command],
            triggers: self.triggers.clone(),
            echo_off: true,
            origin: self.origin.clone(),
        }
    }

    /// Whether containers with either run the same.
    pub fn same_wrapper(&self, other: &Self) -> bool {
        self.file == other.file && self.exit_policy == other.exit_policy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step() -> RestartProcess {
        let origin = Span::file("/p/Devfile");
        RestartProcess { triggers: Vec::new(), file: "/tmp/it's".into(), exit_policy: ExitPolicy::Continue, origin }
    }

    #[test]
    fn kubernetes_leaves_the_script_as_it_is() {
        let wrapper = step().wrapper();
        assert!(wrapper[2].starts_with("file=$1"));
        for word in &wrapper {
            assert!(!word.contains("$$") && !word.contains("$("), "{word}");
        }
        assert_eq!(wrapper[3..], ["devloop-restart", "/tmp/it's", "continue"]);
    }

    #[test]
    fn the_command_finds_the_script_by_its_file() {
        assert_eq!(step().run().argv[2], r#"kill -s USR1 "$(cat '/tmp/it'\''s' 2>/dev/null || echo 1)""#);
    }
}
