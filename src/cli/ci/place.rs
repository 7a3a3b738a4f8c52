//! Where in the user's files a failure has its cause.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use crate::diagnostic::{Diagnostic, Span};
use crate::project::{Image, ImageBuild, ImageName, Project, Resource};

/// A place in a file; 0 for an unknown line or column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: PathBuf,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// The place of a problem as devloop shows it: ` --> web/k8s.yaml:7:3`.
static ARROW: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^\s*--> (.+?):(\d+)(?::(\d+))?$").expect("the pattern is a valid expression"));

/// `Dockerfile line 7: …`.
static DOCKERFILE_LINE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^Dockerfile line (\d+): ").expect("the pattern is a valid expression"));

/// `step 2/5 failed with exit code 1: RUN make`.
static DOCKERFILE_STEP: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(?:a step|step \S+) failed[^:]*: (.+)").expect("the pattern is a valid expression"));

impl Place {
    fn of_span(span: &Span) -> Self {
        Self { file: span.file.to_path_buf(), line: span.start.line, column: span.start.column }
    }

    /// The place of a problem of the configuration.
    pub(super) fn of_diagnostic(diagnostic: &Diagnostic) -> Option<Self> {
        diagnostic.primary.as_ref().filter(|span| span.file.is_absolute()).map(Self::of_span)
    }

    /// The place of a failed update: in a Dockerfile, in YAML, else where the resource is declared.
    pub(super) fn of_failure(
        project: &Project,
        resource: &Resource,
        built: Option<&ImageName>,
        reason: &str,
        dir: &Path,
    ) -> Self {
        let image = built.or_else(|| resource.target.images().last()).and_then(|name| project.images.get(name));
        if let Some(place) = image.and_then(|image| in_dockerfile(image, reason)) {
            return place;
        }
        in_text(reason, dir).unwrap_or_else(|| Self::of_span(&resource.origin))
    }
}

fn in_text(reason: &str, dir: &Path) -> Option<Place> {
    let found = ARROW.captures(reason)?;
    let number = |group| found.get(group).and_then(|text| text.as_str().parse().ok()).unwrap_or_default();
    Some(Place { file: dir.join(&found[1]), line: number(2), column: number(3) })
}

fn in_dockerfile(image: &Image, reason: &str) -> Option<Place> {
    let ImageBuild::Docker(build) = &image.build else { return None };
    // What `dockerfile_contents` holds stands in the call.
    let at = |line: u32| match &build.dockerfile.path {
        Some(file) => Place { file: file.clone(), line, column: 0 },
        None => Place::of_span(&image.origin),
    };
    if let Some(found) = DOCKERFILE_LINE.captures(reason) {
        return Some(at(found[1].parse().ok()?));
    }
    let step = DOCKERFILE_STEP.captures(reason.lines().next()?)?;
    Some(at(line_of(&build.dockerfile.contents, step.get(1)?.as_str()).unwrap_or_default()))
}

/// The line at which an instruction begins. BuildKit writes it in one line, with variables and white space as it likes.
fn line_of(dockerfile: &str, instruction: &str) -> Option<u32> {
    let words = |text: &str| text.trim_end_matches('\\').split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let wanted = words(instruction);
    let fits = |line: &str| {
        let words = words(line);
        let same = words.iter().zip(&wanted).take_while(|(one, other)| one.eq_ignore_ascii_case(other)).count();
        (same == words.len() && same > 1).then_some(same)
    };
    let lines = dockerfile.lines().enumerate().filter_map(|(index, line)| Some((fits(line)?, index)));
    let (_, index) = lines.max_by_key(|(same, index)| (*same, std::cmp::Reverse(*index)))?;
    u32::try_from(index + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_is_found_where_it_begins() {
        let dockerfile = "FROM busybox\nRUN echo a\n\nrun make  all && \\\n  make test\nRUN echo a b\n";
        assert_eq!(line_of(dockerfile, "RUN make all &&   make test"), Some(4));
        assert_eq!(line_of(dockerfile, "RUN echo a b"), Some(6));
        assert_eq!(line_of(dockerfile, "RUN echo a"), Some(2));
        assert_eq!(line_of(dockerfile, "COPY x y"), None);
    }

    #[test]
    fn places_are_read_from_what_an_apply_says() {
        let reason = "cannot apply Deployment web: it is wrong\n --> web/k8s.yaml:7:3\n  |\n7 |   x: y\n";
        let place = in_text(reason, Path::new("/p")).expect("a place");
        assert_eq!(place, Place { file: "/p/web/k8s.yaml".into(), line: 7, column: 3 });
        assert_eq!(in_text("no --> here:1", Path::new("/p")), None);
    }
}
