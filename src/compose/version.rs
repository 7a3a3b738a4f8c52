//! Versions of the compose command.

/// Major, minor, patch.
pub type ComposeVersion = (u64, u64, u64);

/// The oldest version that works.
const OLDEST: ComposeVersion = (1, 28, 3);

/// What is wrong with a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionProblem {
    /// It cannot be used.
    TooOld(String),
    /// It has known bugs.
    Doubtful(String),
}

/// Reads what `version --short` prints: `1.29.2`, `v2.17.3`, `2.20.2+ds1` …
pub fn parse_version(text: &str) -> Option<ComposeVersion> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let digits = line.trim_start_matches(|c: char| !c.is_ascii_digit());
    let mut parts = digits.split('.').map(|part| {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part[..end].parse::<u64>().ok()
    });
    Some((parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)))
}

/// Whether a version can be used (reference §2.6).
pub fn check_version(version: ComposeVersion) -> Result<(), VersionProblem> {
    let (major, minor, patch) = version;
    if version < OLDEST {
        return Err(VersionProblem::TooOld(format!(
            "Compose {major}.{minor}.{patch} is too old: at least 1.28.3 is needed, better 2.2 or newer"
        )));
    }
    if ((2, 0, 0)..(2, 2, 0)).contains(&version) {
        return Err(VersionProblem::Doubtful(format!(
            "Compose {major}.{minor}.{patch} has known bugs: use 2.2 or newer"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let check = |text: &str, expected| assert_eq!(parse_version(text), expected, "{text}");
        check("1.29.2\n", Some((1, 29, 2)));
        check("v2.17.3", Some((2, 17, 3)));
        check("2.20.2+ds1-0ubuntu1", Some((2, 20, 2)));
        check("\n2.1.0-rc.1\n", Some((2, 1, 0)));
        check("docker-compose version 1.29.2, build unknown", Some((1, 29, 2)));
        check("unknown", None);
    }

    #[test]
    fn old_versions_are_refused_and_the_first_of_the_second_series_are_doubtful() {
        assert!(matches!(check_version((1, 28, 2)), Err(VersionProblem::TooOld(_))));
        assert_eq!(check_version((1, 28, 3)), Ok(()));
        assert!(matches!(check_version((2, 1, 9)), Err(VersionProblem::Doubtful(_))));
        assert_eq!(check_version((2, 2, 0)), Ok(()));
    }
}
