//! The diagnostics of the configuration as text with excerpts, made once for each load.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, RenderStyle, render};
use crate::engine::{ConfigState, Snapshot};

/// The diagnostics of the newest load as text. The excerpts are read from the files when the diagnostics are new: that
/// is when the files are as they were read.
#[derive(Clone, Debug, Default)]
pub(super) struct ConfigText {
    of: Arc<Vec<Diagnostic>>,
    is_failure: bool,
    /// Lines with colours, and whether each belongs to an error.
    lines: Vec<(bool, String)>,
}

impl ConfigText {
    /// Takes in what is new.
    pub(super) fn refresh(&mut self, snapshot: &Snapshot) {
        let config = &snapshot.config;
        // While it is loaded again, the errors of the load before stay in sight.
        self.is_failure = config.state == ConfigState::Failed
            || (config.state == ConfigState::Loading && config.diagnostics.iter().any(Diagnostic::is_error));
        if Arc::ptr_eq(&self.of, &config.diagnostics) {
            return;
        }
        self.of = Arc::clone(&config.diagnostics);
        let base = snapshot.entry_file.parent().map(std::path::Path::to_path_buf);
        let style = RenderStyle { color: true, base };
        let of_one = |diagnostic: &Diagnostic| {
            let text = format!("{}\n", render(diagnostic, &style));
            let lines: Vec<_> = text.lines().map(|line| (diagnostic.is_error(), line.to_owned())).collect();
            lines
        };
        self.lines = self.of.iter().flat_map(of_one).collect();
        // The empty line is between two.
        self.lines.pop();
    }

    /// The errors, while the configuration cannot be used.
    pub(super) fn errors(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().filter(|(is_error, _)| self.is_failure && *is_error).map(|(_, line)| line.as_str())
    }

    /// Errors and warnings.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|(_, line)| line.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Position, Span};
    use crate::ui::tui::scenes;

    #[test]
    fn the_excerpt_is_that_of_the_load_and_stays_while_it_is_loaded_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("Devfile");
        std::fs::write(&file, "docker_biuld('web', '.')\n").expect("it can be written");
        let at = Span::new(file.clone(), Position { line: 1, column: 1 }, Position { line: 1, column: 13 });
        let mut snapshot = scenes::green();
        snapshot.entry_file = file.clone();
        snapshot.config.state = ConfigState::Failed;
        snapshot.config.diagnostics = Arc::new(vec![Diagnostic::error("unknown name `docker_biuld`").at(at)]);
        let mut text = ConfigText::default();
        text.refresh(&snapshot);
        std::fs::write(&file, "docker_build('web', '.')\n").expect("it can be written");
        snapshot.config.state = ConfigState::Loading;
        text.refresh(&snapshot);
        let shown: String = text.errors().collect();
        assert!(shown.contains("docker_biuld('web', '.')"), "{shown}");
        snapshot.config.state = ConfigState::Loaded;
        snapshot.config.diagnostics = Arc::default();
        text.refresh(&snapshot);
        assert_eq!(text.errors().count(), 0);
    }

    #[test]
    fn warnings_are_no_errors() {
        let mut snapshot = scenes::green();
        snapshot.config.diagnostics = Arc::new(vec![Diagnostic::warning("image `web` is not used")]);
        let mut text = ConfigText::default();
        text.refresh(&snapshot);
        assert_eq!(text.errors().count(), 0);
        assert!(text.all().any(|line| line.contains("is not used")));
    }
}
