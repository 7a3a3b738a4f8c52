//! Where a name comes from, and what a file defines.

use lsp_types::{
    DocumentSymbol, DocumentSymbolResponse, GotoDefinitionResponse, Location, Position, Range, SymbolKind, Uri,
};

use super::documents::{Document, Documents};
use super::places;
use crate::devfile::analysis::{DefinitionKind, LoadStatement};

/// Where the name at a place is defined, in this file or in one that it loads; for the path of a `load`, that file.
pub(super) fn definition(documents: &Documents, uri: &Uri, place: Position) -> Option<GotoDefinitionResponse> {
    let document = documents.get(uri)?;
    let at = places::position(&document.text, place);
    let known = &document.readable;
    let covers = |span: &crate::diagnostic::Span| span.start <= at && at <= span.end;
    for load in &known.loads {
        if covers(&load.span) {
            return elsewhere(documents, document, load, None);
        }
        if let Some(name) = load.names.iter().find(|name| covers(&name.span)) {
            return elsewhere(documents, document, load, Some(&name.theirs));
        }
    }
    let name = match known.reference_at(at) {
        Some(reference) if reference.path.len() == 1 => reference.path.first()?.as_str(),
        Some(_) => return None,
        None => known.definitions.iter().find(|definition| covers(&definition.span))?.name.as_str(),
    };
    let found = known.definition(name, at)?;
    if found.kind == DefinitionKind::Loaded {
        let load = known.loads.iter().find_map(|load| {
            load.names.iter().find(|loaded| loaded.local == name).map(|loaded| (load, loaded.theirs.as_str()))
        });
        if let Some((load, theirs)) = load {
            return elsewhere(documents, document, load, Some(theirs));
        }
    }
    let range = places::range(&document.text, &found.span);
    Some(GotoDefinitionResponse::Scalar(Location::new(uri.clone(), range)))
}

fn elsewhere(
    documents: &Documents,
    document: &Document,
    load: &LoadStatement,
    name: Option<&str>,
) -> Option<GotoDefinitionResponse> {
    let (path, text, analysis) = documents.loaded(&document.path, &load.path)?;
    let found = name.and_then(|name| {
        analysis.definitions.iter().rev().find(|definition| definition.scope.is_none() && definition.name == name)
    });
    let range = found.map_or_else(Range::default, |found| places::range(&text, &found.span));
    Some(GotoDefinitionResponse::Scalar(Location::new(places::uri(&path)?, range)))
}

/// The functions and variables of a file.
#[expect(deprecated, reason = "the type has a field that is only there for old editors")]
pub(super) fn symbols(documents: &Documents, uri: &Uri) -> Option<DocumentSymbolResponse> {
    let document = documents.get(uri)?;
    let mut symbols: Vec<DocumentSymbol> = Vec::new();
    for definition in document.readable.definitions.iter().filter(|definition| definition.scope.is_none()) {
        if symbols.iter().any(|symbol| symbol.name == definition.name) {
            continue;
        }
        let range = places::range(&document.text, &definition.span);
        let is_function = definition.kind == DefinitionKind::Function;
        symbols.push(DocumentSymbol {
            name: definition.name.clone(),
            detail: is_function.then(|| definition.signature.clone()),
            kind: if is_function { SymbolKind::FUNCTION } else { SymbolKind::VARIABLE },
            tags: None,
            deprecated: None,
            range,
            selection_range: range,
            children: None,
        });
    }
    Some(DocumentSymbolResponse::Nested(symbols))
}
