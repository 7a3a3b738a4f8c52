//! Compose projects: the compose command's arguments, what its output means, and the files that it reads. Pure; whoever
//! runs the command is elsewhere ([`crate::devfile`] to understand a project, [`crate::run`] to start it).

mod command;
mod failure;
mod parse;
mod ports;
mod project_file;
mod references;
mod version;

pub use command::{Action, arguments, config_arguments};
pub use failure::{explain, plain_line};
pub use parse::{BuildSection, ComposeService, ParseError, parse_config};
pub use project_file::project_file;
pub use references::{References, references};
pub use version::{ComposeVersion, VersionProblem, check_version, parse_version};

/// The variables that name the compose command, the first that is set counts.
pub const COMMAND_VARIABLES: [&str; 2] = ["DEVLOOP_DOCKER_COMPOSE_CMD", "TILT_DOCKER_COMPOSE_CMD"];

/// What a project is called that has no name of its own: the base name of its folder in the form that Compose accepts.
pub fn normalize_name(name: &str) -> String {
    let kept: String = name.to_lowercase().chars().filter(|c| c.is_ascii_alphanumeric() || "_-".contains(*c)).collect();
    kept.trim_start_matches(['_', '-']).to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn project_names_are_normalised() {
        let check = |name: &str, expected: &str| assert_eq!(super::normalize_name(name), expected);
        check("My App", "myapp");
        check("_x-1.2_", "x-12_");
        check("...", "");
    }
}
