//! The environment of local commands (reference §1.6).

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Names the configuration of the session to whatever calls devloop by the name `tilt`.
pub const ENTRY_FILE: &str = "DEVLOOP_ENTRY_FILE";

/// Names a file that takes the objects which a command of the configuration applies.
pub const APPLIED: &str = "DEVLOOP_APPLIED";

/// In what the environment of a command differs from devloop's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandEnvironment {
    /// Variables that the command does not inherit.
    pub removed: Vec<String>,
    /// Variables that are set, in order; later entries win.
    pub set: Vec<(String, String)>,
}

/// What a session contributes to the environment of its commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionEnvironment {
    /// What the Devfile has changed by `os.putenv`, `os.unsetenv` and `os.environ`; `None` = removed.
    pub devfile: BTreeMap<String, Option<String>>,
    /// A frozen copy of the kubeconfig for the session's context.
    pub kubeconfig: Option<PathBuf>,
    /// Whether the terminal shows colours.
    pub colors: bool,
    /// The configuration of the session, absolute; `None` where there is no session.
    pub entry_file: Option<PathBuf>,
}

/// The environment of every command of a session. `is_inherited` tells whether devloop's own environment has a variable:
/// what the user has set is left alone.
///
/// `TILT_HOST` and `TILT_PORT` are the user's own or absent: there is no server that they could name.
pub fn session_environment(session: &SessionEnvironment, is_inherited: impl Fn(&str) -> bool) -> CommandEnvironment {
    let mut environment = CommandEnvironment::default();
    for (name, change) in &session.devfile {
        match change {
            Some(value) => environment.set.push((name.clone(), value.clone())),
            None => environment.removed.push(name.clone()),
        }
    }
    if let Some(kubeconfig) = &session.kubeconfig {
        environment.set.push(("KUBECONFIG".to_owned(), kubeconfig.display().to_string()));
    }
    if let Some(entry_file) = &session.entry_file {
        environment.set.push((ENTRY_FILE.to_owned(), entry_file.display().to_string()));
    }
    let mut defaults = vec![
        ("LINES", "24"),
        ("COLUMNS", "80"),
        ("PYTHONUNBUFFERED", "1"),
        ("TILT_DISABLE_ANALYTICS", "1"),
        ("DEVLOOP", "1"),
    ];
    if session.colors {
        defaults.push(("FORCE_COLOR", "1"));
    }
    for (name, value) in defaults {
        let is_set = match session.devfile.get(name) {
            Some(change) => change.is_some(),
            None => is_inherited(name),
        };
        if !is_set {
            environment.set.push((name.to_owned(), value.to_owned()));
        }
    }
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_give_way_to_what_is_set() {
        let session = SessionEnvironment {
            devfile: [
                ("COLUMNS".to_owned(), Some("120".to_owned())),
                ("KUBECONFIG".to_owned(), Some("/mine".to_owned())),
                ("PYTHONUNBUFFERED".to_owned(), None),
                ("HOME".to_owned(), None),
            ]
            .into(),
            kubeconfig: Some("/tmp/k".into()),
            colors: true,
            entry_file: Some("/p/Devfile".into()),
        };
        let environment = session_environment(&session, |name| matches!(name, "LINES" | "PYTHONUNBUFFERED"));
        let value = |name: &str| environment.set.iter().rfind(|(set, _)| set == name).map(|(_, value)| value.as_str());
        assert_eq!(value("COLUMNS"), Some("120"));
        assert_eq!(value("LINES"), None);
        assert_eq!(value("KUBECONFIG"), Some("/tmp/k"));
        assert_eq!(value("FORCE_COLOR"), Some("1"));
        assert_eq!(value(ENTRY_FILE), Some("/p/Devfile"));
        assert_eq!(value("TILT_DISABLE_ANALYTICS"), Some("1"));
        // What the Devfile has removed is not set any more, so that the default counts.
        assert_eq!(value("PYTHONUNBUFFERED"), Some("1"));
        assert_eq!(environment.removed, ["HOME", "PYTHONUNBUFFERED"]);
    }

    #[test]
    fn nothing_speaks_of_colours_and_servers_that_are_not_there() {
        let environment = session_environment(&SessionEnvironment::default(), |_| false);
        let names: Vec<&str> = environment.set.iter().map(|(name, _)| name.as_str()).collect();
        assert!(!names.iter().any(|name| *name == "FORCE_COLOR" || name.ends_with("_PORT") || name.ends_with("_HOST")));
    }
}
