//! The texts that are open in the editor, and what is known of each.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use lsp_types::{DiagnosticRelatedInformation, DiagnosticSeverity, Location, PublishDiagnosticsParams, Uri};

use super::places;
use crate::devfile::analysis::{Analysis, analyse};
use crate::devfile::loaded_text;
use crate::diagnostic::{Diagnostic, did_you_mean};

/// A text that is open.
#[derive(Debug)]
pub(super) struct Document {
    /// Where it is, or would be.
    pub path: PathBuf,
    /// As it is in the editor.
    pub text: String,
    /// What is known of it.
    pub analysis: Analysis,
    /// What was known when it could last be read: names stay known while somebody types.
    pub readable: Analysis,
}

/// All texts that are open.
#[derive(Debug, Default)]
pub(super) struct Documents {
    open: HashMap<Uri, Document>,
}

impl Documents {
    /// Takes a new text.
    pub fn set(&mut self, uri: Uri, text: String) {
        let path = places::path(&uri).unwrap_or_else(|| PathBuf::from("/Devfile"));
        let analysis = analyse(&path, &text);
        let readable = if analysis.is_readable {
            analysis.clone()
        } else {
            self.open.remove(&uri).map(|document| document.readable).unwrap_or_default()
        };
        self.open.insert(uri, Document { path, text, analysis, readable });
    }

    /// Forgets a text.
    pub fn remove(&mut self, uri: &Uri) {
        self.open.remove(uri);
    }

    /// A text.
    pub fn get(&self, uri: &Uri) -> Option<&Document> {
        self.open.get(uri)
    }

    /// All of them.
    pub fn uris(&self) -> impl Iterator<Item = &Uri> {
        self.open.keys()
    }

    /// A file that another one loads: as it is in the editor if it is open there, else as on the disk.
    pub fn loaded(&self, from: &Path, path: &str) -> Option<(PathBuf, String, Analysis)> {
        let loaded = loaded_text(from, path)?;
        let target = loaded.path;
        if let Some(document) = self.open.values().find(|document| document.path == target) {
            return Some((target, document.text.clone(), document.readable.clone()));
        }
        let text = match loaded.embedded {
            Some(text) => text.to_owned(),
            None => std::fs::read_to_string(&target).ok()?,
        };
        let analysis = analyse(&target, &text);
        Some((target, text, analysis))
    }

    /// What is to be said about a text.
    pub fn problems(&self, uri: &Uri) -> Option<PublishDiagnosticsParams> {
        let document = self.open.get(uri)?;
        let mut problems = document.analysis.diagnostics.clone();
        problems.extend(self.load_problems(document));
        let shown = problems.iter().map(|problem| shown(document, uri, problem)).collect();
        Some(PublishDiagnosticsParams::new(uri.clone(), shown, None))
    }

    /// Files that are not there, and names that they do not have.
    fn load_problems(&self, document: &Document) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        for load in &document.analysis.loads {
            let Some(target) = loaded_text(&document.path, &load.path).map(|loaded| loaded.path) else { continue };
            let Some((_, _, analysis)) = self.loaded(&document.path, &load.path) else {
                let problem = Diagnostic::error(format!("cannot read `{}`", target.display())).at(load.span.clone());
                problems.push(match nearby(&target) {
                    Some(name) => problem.help(format!("did you mean `{name}`?")),
                    None => problem,
                });
                continue;
            };
            if !analysis.is_readable {
                let text = format!("`{}` cannot be read: it has errors", load.path);
                problems.push(Diagnostic::error(text).at(load.span.clone()));
                continue;
            }
            let names = || {
                let own = analysis.definitions.iter().filter(|definition| definition.scope.is_none());
                own.map(|definition| definition.name.as_str())
            };
            for name in load.names.iter().filter(|name| !names().any(|known| known == name.theirs)) {
                let text = format!("`{}` has no symbol `{}`", load.path, name.theirs);
                let problem = Diagnostic::error(text).at(name.span.clone());
                problems.push(match did_you_mean(&name.theirs, names()) {
                    Some(suggestion) => problem.help(format!("did you mean `{suggestion}`?")),
                    None => problem,
                });
            }
        }
        problems
    }
}

/// A file of nearly the same name.
fn nearby(path: &Path) -> Option<String> {
    let entries = std::fs::read_dir(path.parent()?).ok()?;
    let names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    did_you_mean(path.file_name()?.to_str()?, names.iter().map(String::as_str))
}

fn shown(document: &Document, uri: &Uri, problem: &Diagnostic) -> lsp_types::Diagnostic {
    let range = problem.primary.as_ref().map(|span| places::range(&document.text, span)).unwrap_or_default();
    let lines: Vec<&str> =
        std::iter::once(problem.message.as_str()).chain(problem.help.iter().map(String::as_str)).collect();
    let related = problem.related.iter().map(|related| DiagnosticRelatedInformation {
        location: Location::new(uri.clone(), places::range(&document.text, &related.span)),
        message: related.message.clone(),
    });
    let related: Vec<DiagnosticRelatedInformation> = related.collect();
    lsp_types::Diagnostic {
        range,
        severity: Some(if problem.is_error() { DiagnosticSeverity::ERROR } else { DiagnosticSeverity::WARNING }),
        source: Some("devloop".to_owned()),
        message: lines.join("\n"),
        related_information: (!related.is_empty()).then_some(related),
        ..lsp_types::Diagnostic::default()
    }
}
