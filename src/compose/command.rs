//! The arguments of the compose command.

use std::path::Path;

use crate::project::ComposeProject;

/// What the compose command is to do with a project whose file is at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// Start a service, without building anything and without touching others.
    Up {
        /// The service.
        service: &'a str,
    },
    /// Build the image of a service.
    Build {
        /// The service.
        service: &'a str,
    },
    /// Stop and remove the containers of a service.
    Remove {
        /// The service.
        service: &'a str,
    },
    /// Remove all containers and networks of the project.
    Down {
        /// Its volumes too.
        volumes: bool,
    },
}

impl<'a> Action<'a> {
    /// The service that it is about.
    pub fn service(self) -> Option<&'a str> {
        match self {
            Self::Up { service } | Self::Build { service } | Self::Remove { service } => Some(service),
            Self::Down { .. } => None,
        }
    }
}

/// `config` over the user's own files.
pub fn config_arguments(
    command: &[String],
    directory: &Path,
    name: &str,
    files: &[impl AsRef<Path>],
    env_file: Option<&Path>,
    profiles: &[String],
) -> Vec<String> {
    let mut argv = command.to_vec();
    argv.extend(["--project-directory".to_owned(), text(directory), "-p".to_owned(), name.to_owned()]);
    if let Some(env_file) = env_file {
        argv.extend(["--env-file".to_owned(), text(env_file)]);
    }
    for profile in profiles {
        argv.extend(["--profile".to_owned(), profile.clone()]);
    }
    for file in files {
        argv.extend(["-f".to_owned(), text(file.as_ref())]);
    }
    argv.push("config".to_owned());
    argv
}

/// The whole command line of an action, for a project that has been written to `file`.
pub fn arguments(project: &ComposeProject, file: &Path, action: Action<'_>) -> Vec<String> {
    let mut argv = project.command.clone();
    argv.extend(["--project-directory".to_owned(), text(&project.directory), "-p".to_owned(), project.name.clone()]);
    for profile in &project.profiles {
        argv.extend(["--profile".to_owned(), profile.clone()]);
    }
    argv.extend(["-f".to_owned(), text(file)]);
    let mut push = |words: &[&str]| argv.extend(words.iter().map(|word| (*word).to_owned()));
    match action {
        Action::Up { service } => {
            push(&["up", "--no-deps", "--remove-orphans", "--no-build", "-d"]);
            if project.wait && project.version >= WAIT_SINCE {
                push(&["--wait"]);
            }
            push(&[service]);
        }
        Action::Build { service } => push(&["build", service]),
        Action::Remove { service } => push(&["rm", "--stop", "--force", service]),
        Action::Down { volumes } => {
            push(&["down", "--remove-orphans"]);
            if volumes {
                push(&["--volumes"]);
            }
        }
    }
    argv
}

/// The first version whose `up` knows `--wait`.
pub(super) const WAIT_SINCE: (u64, u64, u64) = (2, 1, 1);

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn project(version: (u64, u64, u64)) -> ComposeProject {
        ComposeProject {
            name: "shop".to_owned(),
            directory: "/p".into(),
            command: vec!["docker".to_owned(), "compose".to_owned()],
            version,
            profiles: vec!["dev".to_owned()],
            wait: true,
            config: Value::Null,
        }
    }

    fn line(version: (u64, u64, u64), action: Action<'_>) -> String {
        arguments(&project(version), Path::new("/t/shop.yml"), action).join(" ")
    }

    #[test]
    fn command_lines_are_as_the_reference_has_them() {
        let start = "docker compose --project-directory /p -p shop --profile dev -f /t/shop.yml";
        let up = "up --no-deps --remove-orphans --no-build -d";
        assert_eq!(line((2, 20, 0), Action::Up { service: "web" }), format!("{start} {up} --wait web"));
        assert_eq!(line((1, 29, 2), Action::Up { service: "web" }), format!("{start} {up} web"));
        assert_eq!(line((2, 20, 0), Action::Build { service: "web" }), format!("{start} build web"));
        assert_eq!(line((2, 20, 0), Action::Remove { service: "web" }), format!("{start} rm --stop --force web"));
        assert_eq!(
            line((2, 20, 0), Action::Down { volumes: true }),
            format!("{start} down --remove-orphans --volumes")
        );
    }

    #[test]
    fn the_user_s_files_are_read_in_their_order() {
        let command = ["docker-compose".to_owned()];
        let argv = config_arguments(&command, Path::new("/p"), "shop", &["/p/a.yml", "/p/b.yml"], None, &[]);
        assert_eq!(argv.join(" "), "docker-compose --project-directory /p -p shop -f /p/a.yml -f /p/b.yml config");
    }
}
