//! What is said about the word under the pointer.

use lsp_types::{Hover, HoverContents, MarkupContent, MarkupKind, Position, Uri};

use super::documents::{Document, Documents};
use super::places;
use crate::devfile::analysis::{Definition, DefinitionKind};
use crate::devfile::{CatalogueEntry, CatalogueKind, documentation, find_in_catalogue, shown_signature};

/// What is said about the word at a place.
pub(super) fn hover(documents: &Documents, uri: &Uri, place: Position) -> Option<Hover> {
    let document = documents.get(uri)?;
    let at = places::position(&document.text, place);
    let known = &document.readable;
    let keyword = known.keywords.iter().find(|(_, _, span)| span.start <= at && at <= span.end);
    let (text, span) = if let Some((function, keyword, span)) = keyword {
        let function = function.join(".");
        let entry = find_in_catalogue(&function).filter(|_| known.definition(&function, at).is_none())?;
        (parameter(entry, keyword)?, span)
    } else if let Some(reference) = known.reference_at(at) {
        let first = reference.path.first()?;
        let text = match known.definition(first, at) {
            Some(definition) if reference.path.len() == 1 => own(documents, document, definition)?,
            Some(_) => return None,
            None => builtin(find_in_catalogue(&reference.path.join("."))?),
        };
        (text, &reference.last)
    } else {
        let definition =
            known.definitions.iter().find(|definition| definition.span.start <= at && at <= definition.span.end)?;
        (own(documents, document, definition)?, &definition.span)
    };
    let contents = HoverContents::Markup(markdown(text));
    Some(Hover { contents, range: Some(places::range(&document.text, span)) })
}

/// Text for the editor.
pub(super) fn markdown(value: String) -> MarkupContent {
    MarkupContent { kind: MarkupKind::Markdown, value }
}

/// Everything about a builtin.
pub(super) fn builtin(entry: &CatalogueEntry) -> String {
    let mut text = String::new();
    if !entry.signature.is_empty() {
        text = format!("```python\n{}\n```\n\n", shown_signature(&entry.signature));
    }
    match documentation().find(&entry.name) {
        Some(section) => text.push_str(&section.body),
        None if entry.kind == CatalogueKind::Unavailable => text.push_str("This version of devloop does not have it."),
        None if entry.kind == CatalogueKind::Module => text = format!("The module `{}`.", entry.name),
        None => text.push_str(&entry.own_documentation),
    }
    text
}

/// What is said about a parameter.
pub(super) fn parameter(entry: &CatalogueEntry, name: &str) -> Option<String> {
    let parameter = entry.parameters.iter().find(|parameter| parameter.name == name)?;
    let text = documentation().find(&entry.name).and_then(|section| section.parameter(name)).unwrap_or_default();
    Some(format!("```python\n{}\n```\n\n{text}", parameter.declaration))
}

fn own(documents: &Documents, document: &Document, definition: &Definition) -> Option<String> {
    match definition.kind {
        DefinitionKind::Function => {
            Some(format!("```python\ndef {}\n```\n\n{}", definition.signature, definition.documentation))
        }
        DefinitionKind::Parameter => Some(format!("```python\n{}\n```\n\na parameter", definition.name)),
        DefinitionKind::Variable => Some(format!("```python\n{}\n```\n\na variable", definition.name)),
        DefinitionKind::Loaded => {
            let loads = &document.readable.loads;
            let (load, name) = loads.iter().find_map(|load| {
                load.names.iter().find(|name| name.local == definition.name).map(|name| (load, name))
            })?;
            let theirs = loaded_function(documents, document, &definition.name);
            let origin = format!("from `{}`", load.path);
            Some(match theirs {
                Some(theirs) => {
                    format!("```python\ndef {}\n```\n\n{origin}\n\n{}", theirs.signature, theirs.documentation)
                }
                None => format!("```python\n{}\n```\n\n{origin}", name.theirs),
            })
        }
    }
}

/// The function that a loaded name stands for.
pub(super) fn loaded_function(documents: &Documents, document: &Document, local: &str) -> Option<Definition> {
    let (load, name) = document
        .readable
        .loads
        .iter()
        .find_map(|load| load.names.iter().find(|name| name.local == local).map(|name| (load, name)))?;
    let (_, _, analysis) = documents.loaded(&document.path, &load.path)?;
    let mut own = analysis.definitions.iter().filter(|other| other.scope.is_none());
    own.rfind(|other| other.name == name.theirs && other.kind == DefinitionKind::Function).cloned()
}
