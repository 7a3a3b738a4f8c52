//! What helm says about a chart that it cannot render, with the place in the template.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use super::local_process::Finished;
use crate::devfile::language::binding::Call;
use crate::devfile::language::failure::Failure;
use crate::diagnostic::{Diagnostic, Position, Span};

/// A file of a chart, perhaps with a line and a column: `web/templates/a.yaml:9:15`.
static PLACE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"([\w.@-]+(?:/[\w.@-]+)+)(?::(\d+))?(?::(\d+))?").expect("a valid expression"));

/// The failure of a call whose chart cannot be rendered.
pub(super) fn failure(call: &Call<'_, '_, '_, '_>, chart: &Path, finished: &Finished) -> Failure {
    let problem = problem(&finished.stderr);
    let place = place(chart, &problem);
    let message = if problem.is_empty() {
        format!("`helm`: cannot render `{}`: {}", chart.display(), finished.ending())
    } else {
        format!("`helm`: cannot render `{}`: {problem}", chart.display())
    };
    let mut diagnostic = Diagnostic::error(message);
    if let Some(place) = place {
        diagnostic = diagnostic.at(place).related(call.span.clone(), "rendered by this call");
    }
    if problem.contains("missing in charts/ directory") {
        diagnostic = diagnostic.help(format!("get them: `helm dependency build {}`", chart.display()));
    }
    if problem.contains("unknown flag") {
        diagnostic = diagnostic.help("this version of helm does not know it: update helm");
    }
    diagnostic.into()
}

/// The error in one line, without helm's own advice and log lines.
fn problem(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().map(str::trim).collect();
    let begin = lines.iter().position(|line| line.starts_with("Error: ")).unwrap_or(0);
    let words: Vec<&str> = lines[begin..]
        .iter()
        .copied()
        .filter(|line| !line.is_empty() && !line.starts_with("Use --debug flag"))
        .collect();
    let text = words.join(" ");
    text.strip_prefix("Error: ").map_or(text.clone(), str::to_owned)
}

/// The innermost place that the error names and that is in the chart.
fn place(chart: &Path, problem: &str) -> Option<Span> {
    let found = PLACE.captures_iter(problem).filter_map(|captures| {
        let file = file(chart, captures.get(1)?.as_str())?;
        let number = |group: usize| captures.get(group).and_then(|text| text.as_str().parse::<u32>().ok());
        Some((file, number(2), number(3)))
    });
    // A place with a line says more than the file alone.
    let (file, line, column) = found.max_by_key(|(_, line, _)| line.is_some())?;
    let Some(line) = line.filter(|line| *line > 0) else { return Some(Span::file(file)) };
    // Templates count columns from 0.
    let start = Position { line, column: column.map_or(1, |column| column + 1) };
    let width = column.map_or_else(|| line_length(&file, line), |_| 1);
    Some(Span::new(file, start, Position { column: start.column + width.max(1), ..start }))
}

/// The file that helm names by the name of the chart and its path in it.
fn file(chart: &Path, name: &str) -> Option<PathBuf> {
    let (_, inside) = name.split_once('/')?;
    let file = chart.join(inside);
    file.is_file().then_some(file)
}

fn line_length(file: &Path, line: u32) -> u32 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let length = text.lines().nth(line as usize - 1).map_or(0, |line| line.chars().count());
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("templates")).unwrap();
        for name in ["a.yaml", "_helpers.tpl"] {
            std::fs::write(folder.path().join("templates").join(name), "1\n2\nthree\n").unwrap();
        }
        folder
    }

    #[test]
    fn the_place_of_an_error_is_found_in_the_words_of_helm_3_and_4() {
        let chart = chart();
        for (stderr, name, line, column) in [
            (
                "Error: parse error at (web/templates/a.yaml:3): missing value for if\n\nUse --debug flag to",
                "a.yaml",
                3,
                1,
            ),
            ("Error: execution error at (web/templates/a.yaml:2:4): need a thing\n", "a.yaml", 2, 5),
            (
                "Error: web/templates/a.yaml:2:15\n  executing \"web/templates/a.yaml\" at <.Values.a>:\n    nil pointer\n",
                "a.yaml",
                2,
                16,
            ),
            (
                "Error: template: web/templates/a.yaml:1:3: executing \"web/templates/a.yaml\" at <include>: error \
                 calling include: template: web/templates/_helpers.tpl:3:5: executing \"x\" at <.a>: nil pointer",
                "_helpers.tpl",
                3,
                6,
            ),
            ("level=ERROR msg=x\nError: YAML parse error on web/templates/a.yaml: error converting", "a.yaml", 0, 0),
        ] {
            let place = place(chart.path(), &problem(stderr)).unwrap();
            assert!(place.file.ends_with(name), "{place:?} for {stderr}");
            assert_eq!((place.start.line, place.start.column), (line, column), "{stderr}");
        }
        assert_eq!(place(chart.path(), "web/templates/none.yaml:1:2: gone"), None);
    }

    #[test]
    fn an_error_is_one_line() {
        let stderr = "level=ERROR msg=\"x\"\nError: a:\n    b\n\nUse --debug flag to render out invalid YAML\n";
        assert_eq!(problem(stderr), "a: b");
        assert_eq!(problem("no such thing\n"), "no such thing");
    }
}
