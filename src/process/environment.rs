//! The environment of local commands (reference §1.6).

use std::path::PathBuf;

/// What a session contributes to the environment of its commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionEnvironment {
    /// What the Devfile has set by `os.putenv` and `os.environ`, in order.
    pub devfile: Vec<(String, String)>,
    /// A frozen copy of the kubeconfig for the session's context.
    pub kubeconfig: Option<PathBuf>,
    /// Host and port that devloop's own server listens on.
    pub server: Option<(String, u16)>,
    /// Whether the terminal shows colours.
    pub colors: bool,
}

/// What is added to the inherited environment for every command of a session, later entries winning. `is_set` tells
/// whether the inherited environment has a variable: what the user has set is left alone.
pub fn session_environment(session: &SessionEnvironment, is_set: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let mut added = session.devfile.clone();
    if let Some(kubeconfig) = &session.kubeconfig {
        added.push(("KUBECONFIG".to_owned(), kubeconfig.display().to_string()));
    }
    let mut defaults = vec![
        ("LINES", "24".to_owned()),
        ("COLUMNS", "80".to_owned()),
        ("PYTHONUNBUFFERED", "1".to_owned()),
        ("TILT_DISABLE_ANALYTICS", "1".to_owned()),
        ("DEVLOOP", "1".to_owned()),
    ];
    if session.colors {
        defaults.push(("FORCE_COLOR", "1".to_owned()));
    }
    if let Some((host, port)) = &session.server {
        for (name, value) in [
            ("TILT_HOST", host.clone()),
            ("TILT_PORT", port.to_string()),
            ("DEVLOOP_HOST", host.clone()),
            ("DEVLOOP_PORT", port.to_string()),
        ] {
            defaults.push((name, value));
        }
    }
    for (name, value) in defaults {
        if !is_set(name) && !added.iter().any(|(set, _)| set == name) {
            added.push((name.to_owned(), value));
        }
    }
    added
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_give_way_to_what_is_set() {
        let session = SessionEnvironment {
            devfile: vec![("COLUMNS".to_owned(), "120".to_owned())],
            kubeconfig: Some("/tmp/k".into()),
            server: Some(("localhost".to_owned(), 10350)),
            colors: true,
        };
        let added = session_environment(&session, |name| name == "LINES");
        let value = |name: &str| added.iter().rfind(|(set, _)| set == name).map(|(_, value)| value.as_str());
        assert_eq!(value("COLUMNS"), Some("120"));
        assert_eq!(value("LINES"), None);
        assert_eq!(value("KUBECONFIG"), Some("/tmp/k"));
        assert_eq!(value("PYTHONUNBUFFERED"), Some("1"));
        assert_eq!(value("FORCE_COLOR"), Some("1"));
        assert_eq!((value("TILT_PORT"), value("DEVLOOP_HOST")), (Some("10350"), Some("localhost")));
    }

    #[test]
    fn without_colours_and_server_nothing_speaks_of_them() {
        let added = session_environment(&SessionEnvironment::default(), |_| false);
        assert!(!added.iter().any(|(name, _)| name == "FORCE_COLOR" || name.ends_with("_PORT")));
    }
}
