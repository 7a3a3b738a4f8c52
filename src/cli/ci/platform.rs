//! What CI systems make of lines in a log: phases that fold, and notes at lines of files.

use std::path::{Path, PathBuf};

use super::place::Place;

/// The CI system that the run is part of, by the variables that it sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Platform {
    /// None, or one that makes nothing of lines.
    Plain,
    /// GitHub Actions, and what understands its commands (Gitea, Forgejo).
    GitHub {
        /// The root of the repository: files are named from there.
        workspace: Option<PathBuf>,
    },
    /// GitLab.
    GitLab,
}

impl Platform {
    pub(super) fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let is_true = |name: &str| variable(name).is_some_and(|value| value == "true");
        if is_true("GITHUB_ACTIONS") {
            return Self::GitHub { workspace: variable("GITHUB_WORKSPACE").map(PathBuf::from) };
        }
        if is_true("GITLAB_CI") { Self::GitLab } else { Self::Plain }
    }

    /// What begins a phase; `now` in seconds since 1970.
    pub(super) fn open(&self, name: &str, title: &str, now: i64) -> String {
        match self {
            Self::Plain => String::new(),
            Self::GitHub { .. } => format!("::group::{}\n", one_line(title)),
            Self::GitLab => {
                format!("\x1b[0Ksection_start:{now}:devloop_{name}[collapsed=true]\r\x1b[0K{}\n", one_line(title))
            }
        }
    }

    /// What ends it.
    pub(super) fn close(&self, name: &str, now: i64) -> String {
        match self {
            Self::Plain => String::new(),
            Self::GitHub { .. } => "::endgroup::\n".to_owned(),
            Self::GitLab => format!("\x1b[0Ksection_end:{now}:devloop_{name}\r\x1b[0K\n"),
        }
    }

    /// A note at a place, for systems that show them; `error` or `warning`.
    pub(super) fn annotation(&self, level: &str, place: Option<&Place>, title: &str, message: &str) -> String {
        let Self::GitHub { workspace } = self else { return String::new() };
        let mut properties = Vec::new();
        if let Some(place) = place {
            let file = relative(&place.file, workspace.as_deref());
            properties.push(format!("file={}", property(&file.display().to_string())));
            if place.line > 0 {
                properties.push(format!("line={}", place.line));
            }
            if place.column > 0 {
                properties.push(format!("col={}", place.column));
            }
        }
        properties.push(format!("title={}", property(title)));
        format!("::{level} {}::{}\n", properties.join(","), data(message))
    }
}

fn relative<'p>(file: &'p Path, workspace: Option<&Path>) -> &'p Path {
    workspace.and_then(|workspace| file.strip_prefix(workspace).ok()).unwrap_or(file)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// As the toolkit of GitHub Actions escapes what stands behind the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The same for properties, which end at a comma or colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(variables: &[(&str, &str)]) -> Platform {
        Platform::of(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn each_system_gets_its_own_marks() {
        let github = platform(&[("GITHUB_ACTIONS", "true"), ("GITHUB_WORKSPACE", "/work/shop")]);
        assert_eq!(github.open("build", "Build\nit", 7), "::group::Build it\n");
        assert_eq!(github.close("build", 7), "::endgroup::\n");
        let place = Place { file: "/work/shop/api/Dockerfile".into(), line: 7, column: 0 };
        assert_eq!(
            github.annotation("error", Some(&place), "api: it", "100 %\nbad"),
            "::error file=api/Dockerfile,line=7,title=api%3A it::100 %25%0Abad\n"
        );
        let gitlab = platform(&[("GITLAB_CI", "true")]);
        assert_eq!(
            gitlab.open("build", "Build", 7),
            "\x1b[0Ksection_start:7:devloop_build[collapsed=true]\r\x1b[0KBuild\n"
        );
        assert_eq!(gitlab.close("build", 9), "\x1b[0Ksection_end:9:devloop_build\r\x1b[0K\n");
        assert_eq!(gitlab.annotation("error", Some(&place), "t", "m"), "");
        let plain = platform(&[("CI", "true")]);
        assert_eq!(plain.open("build", "Build", 7) + &plain.close("build", 9), "");
    }
}
