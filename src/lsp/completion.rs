//! What could come next, and the parameters of the call that is being written.

use lsp_types::{
    CompletionItem, CompletionItemKind, Documentation, InsertTextFormat, ParameterInformation, ParameterLabel,
    Position, SignatureHelp, SignatureInformation, Uri,
};

use super::documents::{Document, Documents};
use super::{hover, places};
use crate::devfile::analysis::{Cursor, Definition, DefinitionKind, EnclosingCall, cursor};
use crate::devfile::{CatalogueEntry, CatalogueKind, catalogue, documentation, find_in_catalogue};

const KEYWORDS: [&str; 17] = [
    "and", "break", "continue", "def", "elif", "else", "False", "for", "if", "in", "lambda", "load", "None", "not",
    "or", "pass", "return",
];

/// What could stand at a place.
pub(super) fn complete(documents: &Documents, uri: &Uri, place: Position) -> Option<Vec<CompletionItem>> {
    let document = documents.get(uri)?;
    let around = cursor(&document.text, places::offset(&document.text, place));
    if around.is_comment || around.string.is_some() {
        return Some(Vec::new());
    }
    if let Some(object) = &around.object {
        let at = places::position(&document.text, place);
        let is_own = object.split('.').next().is_some_and(|first| document.readable.definition(first, at).is_some());
        return Some(if is_own { Vec::new() } else { members(object) });
    }
    let mut items = parameters(documents, document, &around, place);
    let at = places::position(&document.text, place);
    let mut own: Vec<&Definition> = document.readable.visible(at).collect();
    own.sort_by(|a, b| a.name.cmp(&b.name));
    own.dedup_by(|a, b| a.name == b.name);
    items.extend(own.iter().map(|definition| item_of_definition(definition)));
    let is_free = |entry: &&CatalogueEntry| {
        !entry.name.contains('.') && own.iter().all(|definition| definition.name != entry.name)
    };
    items.extend(catalogue().iter().filter(is_free).map(|entry| item_of_entry(entry, &entry.name)));
    items.extend(KEYWORDS.iter().chain(&["True", "while"]).map(|keyword| CompletionItem {
        label: (*keyword).to_owned(),
        kind: Some(CompletionItemKind::KEYWORD),
        sort_text: Some(format!("3{keyword}")),
        ..CompletionItem::default()
    }));
    Some(items)
}

/// The members of a module.
fn members(module: &str) -> Vec<CompletionItem> {
    let prefix = format!("{module}.");
    let entries = catalogue().iter().filter_map(|entry| Some((entry, entry.name.strip_prefix(&prefix)?)));
    entries.filter(|(_, name)| !name.contains('.')).map(|(entry, name)| item_of_entry(entry, name)).collect()
}

/// The parameters that the call around the cursor may still get.
fn parameters(documents: &Documents, document: &Document, around: &Cursor, place: Position) -> Vec<CompletionItem> {
    let Some(call) = around.call.as_ref().filter(|call| call.keyword.is_none()) else { return Vec::new() };
    let item = |name: &str, detail: String, text: Option<String>| CompletionItem {
        label: format!("{name}="),
        kind: Some(CompletionItemKind::FIELD),
        detail: Some(detail),
        documentation: text.map(|text| Documentation::MarkupContent(hover::markdown(text))),
        insert_text: Some(format!("{name}=")),
        insert_text_format: Some(InsertTextFormat::PLAIN_TEXT),
        sort_text: Some(format!("0{name}")),
        ..CompletionItem::default()
    };
    let is_open = |index: usize, name: &String| {
        index >= call.position.saturating_sub(call.keywords.len()) && !call.keywords.contains(name)
    };
    if let Some(definition) = own_function(documents, document, call, place) {
        let names = definition.parameters.iter().enumerate().filter(|(index, name)| is_open(*index, name));
        return names.map(|(_, name)| item(name, definition.signature.clone(), None)).collect();
    }
    let Some(entry) = find_in_catalogue(&call.name).filter(|entry| entry.kind == CatalogueKind::Function) else {
        return Vec::new();
    };
    let open = entry.parameters.iter().enumerate().filter(|(index, parameter)| is_open(*index, &parameter.name));
    open.map(|(_, parameter)| {
        item(&parameter.name, parameter.declaration.clone(), hover::parameter(entry, &parameter.name))
    })
    .collect()
}

/// What a call of the user's own calls: a definition of this file, or the function of another that a loaded name stands for.
fn own_function(
    documents: &Documents,
    document: &Document,
    call: &EnclosingCall,
    place: Position,
) -> Option<Definition> {
    let definition = document.readable.definition(&call.name, places::position(&document.text, place))?;
    let loaded = if definition.kind == DefinitionKind::Loaded {
        hover::loaded_function(documents, document, &definition.name)
    } else {
        None
    };
    Some(loaded.unwrap_or_else(|| definition.clone()))
}

fn item_of_definition(definition: &Definition) -> CompletionItem {
    let is_function = definition.kind == DefinitionKind::Function;
    CompletionItem {
        label: definition.name.clone(),
        kind: Some(if is_function { CompletionItemKind::FUNCTION } else { CompletionItemKind::VARIABLE }),
        detail: is_function.then(|| definition.signature.clone()),
        documentation: (!definition.documentation.is_empty())
            .then(|| Documentation::MarkupContent(hover::markdown(definition.documentation.clone()))),
        sort_text: Some(format!("1{}", definition.name)),
        ..CompletionItem::default()
    }
}

fn item_of_entry(entry: &CatalogueEntry, label: &str) -> CompletionItem {
    let kind = match entry.kind {
        CatalogueKind::Module => CompletionItemKind::MODULE,
        CatalogueKind::Value => CompletionItemKind::CONSTANT,
        CatalogueKind::Function | CatalogueKind::Universal | CatalogueKind::Unavailable => CompletionItemKind::FUNCTION,
    };
    CompletionItem {
        label: label.to_owned(),
        kind: Some(kind),
        detail: (!entry.signature.is_empty()).then(|| entry.signature.clone()),
        documentation: Some(Documentation::MarkupContent(hover::markdown(hover::builtin(entry)))),
        sort_text: Some(format!("2{label}")),
        ..CompletionItem::default()
    }
}

/// How the function is called whose arguments are being written.
pub(super) fn signature(documents: &Documents, uri: &Uri, place: Position) -> Option<SignatureHelp> {
    let document = documents.get(uri)?;
    let call = cursor(&document.text, places::offset(&document.text, place)).call?;
    if let Some(function) = own_function(documents, document, &call, place) {
        return (function.kind == DefinitionKind::Function).then(|| own_signature(&function, &call));
    }
    let entry = find_in_catalogue(&call.name).filter(|entry| !entry.signature.is_empty())?;
    let parameters = entry.parameters.iter().map(|parameter| ParameterInformation {
        label: ParameterLabel::Simple(parameter.declaration.clone()),
        documentation: hover::parameter(entry, &parameter.name)
            .map(|text| Documentation::MarkupContent(hover::markdown(text))),
    });
    let active = match &call.keyword {
        Some(keyword) => entry.parameters.iter().position(|parameter| parameter.name == *keyword),
        None => Some(call.position),
    };
    let summary = documentation().find(&entry.name).map(|section| section.summary.clone());
    Some(signature_help(entry.signature.clone(), summary, parameters.collect(), active))
}

fn own_signature(function: &Definition, call: &EnclosingCall) -> SignatureHelp {
    let active = match &call.keyword {
        Some(keyword) => function.parameters.iter().position(|name| name == keyword),
        None => Some(call.position),
    };
    let shown = function
        .parameters
        .iter()
        .map(|name| ParameterInformation { label: ParameterLabel::Simple(name.clone()), documentation: None })
        .collect();
    let text = Some(function.documentation.clone()).filter(|text| !text.is_empty());
    signature_help(function.signature.clone(), text, shown, active)
}

fn signature_help(
    label: String,
    text: Option<String>,
    parameters: Vec<ParameterInformation>,
    active: Option<usize>,
) -> SignatureHelp {
    SignatureHelp {
        signatures: vec![SignatureInformation {
            label,
            documentation: text.map(|text| Documentation::MarkupContent(hover::markdown(text))),
            parameters: Some(parameters),
            active_parameter: None,
        }],
        active_signature: Some(0),
        active_parameter: active.and_then(|place| u32::try_from(place).ok()),
    }
}
