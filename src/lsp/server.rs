//! Messages in, answers out.

use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};
use lsp_types::notification::{
    DidChangeTextDocument, DidCloseTextDocument, DidOpenTextDocument, DidSaveTextDocument, Notification as _,
    PublishDiagnostics,
};
use lsp_types::request::{
    Completion, DocumentSymbolRequest, GotoDefinition, HoverRequest, Request as _, SignatureHelpRequest,
};
use lsp_types::{
    CompletionOptions, CompletionParams, DidChangeTextDocumentParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, DocumentSymbolParams, GotoDefinitionParams, HoverParams, HoverProviderCapability, OneOf,
    PublishDiagnosticsParams, ServerCapabilities, SignatureHelpOptions, SignatureHelpParams,
    TextDocumentSyncCapability, TextDocumentSyncKind, Uri,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::documents::Documents;
use super::{completion, hover, targets};

/// Why the server ended other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum LspError {
    /// The editor does not follow the protocol, or is gone.
    #[error("the editor does not speak the language server protocol: {0}")]
    Protocol(#[from] lsp_server::ProtocolError),
    /// A message cannot be read or written.
    #[error("cannot read or write messages: {0}")]
    Io(#[from] std::io::Error),
    /// A message has no sense.
    #[error("cannot understand a message: {0}")]
    Message(#[from] serde_json::Error),
}

/// Serves one editor on standard input and output until it says that it is done.
pub fn serve() -> Result<(), LspError> {
    let (connection, threads) = Connection::stdio();
    connection.initialize(serde_json::to_value(capabilities())?)?;
    let result = run(&connection);
    // The writer ends when nobody can send to it any more.
    drop(connection);
    threads.join()?;
    result
}

fn capabilities() -> ServerCapabilities {
    ServerCapabilities {
        text_document_sync: Some(TextDocumentSyncCapability::Kind(TextDocumentSyncKind::FULL)),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some(vec![".".to_owned(), "(".to_owned(), ",".to_owned()]),
            ..CompletionOptions::default()
        }),
        signature_help_provider: Some(SignatureHelpOptions {
            trigger_characters: Some(vec!["(".to_owned(), ",".to_owned()]),
            ..SignatureHelpOptions::default()
        }),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        definition_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        ..ServerCapabilities::default()
    }
}

fn run(connection: &Connection) -> Result<(), LspError> {
    let mut documents = Documents::default();
    for message in &connection.receiver {
        match message {
            Message::Request(request) => {
                if connection.handle_shutdown(&request)? {
                    return Ok(());
                }
                let response = answer(&documents, request);
                // An editor that is gone reads no answers; the loop then ends with its input.
                let _ = connection.sender.send(Message::Response(response));
            }
            Message::Notification(notification) => {
                for diagnostics in note(&mut documents, notification)? {
                    let notification = Notification::new(PublishDiagnostics::METHOD.to_owned(), diagnostics);
                    let _ = connection.sender.send(Message::Notification(notification));
                }
            }
            Message::Response(_) => {}
        }
    }
    Ok(())
}

fn answer(documents: &Documents, request: Request) -> Response {
    match request.method.as_str() {
        Completion::METHOD => reply(request, |params: CompletionParams| {
            let position = params.text_document_position;
            completion::complete(documents, &position.text_document.uri, position.position)
        }),
        HoverRequest::METHOD => reply(request, |params: HoverParams| {
            let position = params.text_document_position_params;
            hover::hover(documents, &position.text_document.uri, position.position)
        }),
        SignatureHelpRequest::METHOD => reply(request, |params: SignatureHelpParams| {
            let position = params.text_document_position_params;
            completion::signature(documents, &position.text_document.uri, position.position)
        }),
        GotoDefinition::METHOD => reply(request, |params: GotoDefinitionParams| {
            let position = params.text_document_position_params;
            targets::definition(documents, &position.text_document.uri, position.position)
        }),
        DocumentSymbolRequest::METHOD => {
            reply(request, |params: DocumentSymbolParams| targets::symbols(documents, &params.text_document.uri))
        }
        other => {
            let text = format!("`{other}` is not supported");
            Response::new_err(request.id, ErrorCode::MethodNotFound as i32, text)
        }
    }
}

fn reply<P: DeserializeOwned, R: Serialize>(request: Request, answer: impl FnOnce(P) -> R) -> Response {
    match serde_json::from_value(request.params) {
        Ok(params) => Response::new_ok(request.id, answer(params)),
        Err(error) => Response::new_err(request.id, ErrorCode::InvalidParams as i32, error.to_string()),
    }
}

/// Takes note of a change; what is to be said about problems.
fn note(documents: &mut Documents, notification: Notification) -> Result<Vec<PublishDiagnosticsParams>, LspError> {
    let changed: Uri = match notification.method.as_str() {
        DidOpenTextDocument::METHOD => {
            let params: DidOpenTextDocumentParams = serde_json::from_value(notification.params)?;
            let uri = params.text_document.uri;
            documents.set(uri.clone(), params.text_document.text);
            uri
        }
        DidChangeTextDocument::METHOD => {
            let params: DidChangeTextDocumentParams = serde_json::from_value(notification.params)?;
            let uri = params.text_document.uri;
            // Changes come as whole texts; the last one counts.
            if let Some(change) = params.content_changes.into_iter().next_back() {
                documents.set(uri.clone(), change.text);
            }
            uri
        }
        DidCloseTextDocument::METHOD => {
            let params: DidCloseTextDocumentParams = serde_json::from_value(notification.params)?;
            let uri = params.text_document.uri;
            documents.remove(&uri);
            return Ok(vec![PublishDiagnosticsParams::new(uri, Vec::new(), None)]);
        }
        // What a file loads may have changed on the disk.
        DidSaveTextDocument::METHOD => {
            let all: Vec<Uri> = documents.uris().cloned().collect();
            return Ok(all.into_iter().filter_map(|uri| documents.problems(&uri)).collect());
        }
        _ => return Ok(Vec::new()),
    };
    Ok(documents.problems(&changed).into_iter().collect())
}
