//! `devloop mcp`: a running session for agents, by the Model Context Protocol on standard input and output.
//!
//! Each tool is one of the commands against a session, with answers that fit into a context window: a row where a row
//! is enough, the last lines where there are many, and a cursor to go on from.

mod parameters;
mod session;

use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock, Implementation, ServerCapabilities, ServerConfig};
use rmcp::{ServerHandler, ServiceExt as _, tool, tool_handler, tool_router};
use serde_json::Value;

use super::args::{McpArgs, TargetArgs};
use super::common;
use super::error::CommandError;
use super::exit_code::ExitCode;
use crate::control::Action;
use parameters::{AfterEdit, Exec, Logs, Names, Resource, Resources};

/// What an agent is told about all tools together.
const INSTRUCTIONS: &str = "devloop builds, deploys and live-updates the services of this project while files change. \
After editing a file call wait_after_edit with its path: it returns when what the file holds now runs everywhere it \
belongs, or has failed, with the log lines since. Do not rebuild or redeploy by hand. Use status for an overview, why \
for one resource, logs (with the cursor of the last answer) for what programs write, exec to look into a container. \
If no session runs, start one with `devloop up -d`.";

/// Serves until the client hangs up.
pub(super) fn mcp(arguments: &McpArgs) -> Result<ExitCode, CommandError> {
    let runtime = common::runtime()?;
    let server = Server { target: arguments.target.clone(), tool_router: Server::tool_router() };
    let served = runtime.block_on(async {
        let running = server.serve(rmcp::transport::stdio()).await.map_err(|error| error.to_string())?;
        running.waiting().await.map_err(|error| error.to_string())
    });
    runtime.shutdown_background();
    match served {
        Ok(_) => Ok(ExitCode::Ok),
        Err(reason) => Err(CommandError::failed(format!("the client does not keep to the protocol: {reason}"))),
    }
}

/// The tools, for the session of one project.
#[derive(Clone, Debug)]
struct Server {
    target: TargetArgs,
    tool_router: ToolRouter<Self>,
}

impl Server {
    /// Asks the session on a thread that may wait.
    async fn ask<F>(&self, question: F) -> CallToolResult
    where
        F: FnOnce(&TargetArgs) -> Result<Value, CommandError> + Send + 'static,
    {
        let target = self.target.clone();
        let answer = tokio::task::spawn_blocking(move || question(&target)).await;
        let text = |text: String| vec![ContentBlock::text(text)];
        match answer {
            Ok(Ok(value)) => CallToolResult::success(text(value.to_string())),
            Ok(Err(error)) => CallToolResult::error(text(error.whole_text())),
            Err(error) => CallToolResult::error(text(error.to_string())),
        }
    }
}

#[tool_router]
impl Server {
    #[tool(
        description = "The resources of the project: name, kind, labels, whether enabled, dependencies.",
        annotations(read_only_hint = true)
    )]
    async fn list(&self) -> CallToolResult {
        self.ask(session::list).await
    }

    #[tool(
        description = "How everything stands: errors of the configuration, and a row per resource with update, runtime and why.",
        annotations(read_only_hint = true)
    )]
    async fn status(&self, Parameters(Names { resources }): Parameters<Names>) -> CallToolResult {
        self.ask(move |target| session::status(target, &resources)).await
    }

    #[tool(
        description = "Everything that explains the state of one resource: what it waits for, why it was rebuilt, why no live update was possible, why its pod does not start, the newest updates.",
        annotations(read_only_hint = true)
    )]
    async fn why(&self, Parameters(Resource { resource }): Parameters<Resource>) -> CallToolResult {
        self.ask(move |target| session::why(target, &resource)).await
    }

    #[tool(
        description = "Lines of the log. Without `after` the last ones; with the `cursor` of an earlier answer those that came since.",
        annotations(read_only_hint = true)
    )]
    async fn logs(&self, Parameters(query): Parameters<Logs>) -> CallToolResult {
        self.ask(move |target| session::logs(target, &query)).await
    }

    #[tool(
        description = "Call after editing a file: waits until what it holds now is built or synced and ready everywhere it belongs, or has failed; returns the outcome and the log lines since.",
        annotations(read_only_hint = true)
    )]
    async fn wait_after_edit(&self, Parameters(query): Parameters<AfterEdit>) -> CallToolResult {
        self.ask(move |target| session::wait_after_edit(target, &query)).await
    }

    #[tool(description = "Update resources now, also without a change.")]
    async fn trigger(&self, Parameters(Resources { resources }): Parameters<Resources>) -> CallToolResult {
        self.ask(move |target| session::act(target, Action::Trigger, resources)).await
    }

    #[tool(description = "Restart what runs for resources (the process, the pods) without a build.")]
    async fn restart(&self, Parameters(Resources { resources }): Parameters<Resources>) -> CallToolResult {
        self.ask(move |target| session::act(target, Action::Restart, resources)).await
    }

    #[tool(
        description = "Run a command in the newest ready container of a Kubernetes resource; returns exit code and the end of its output."
    )]
    async fn exec(&self, Parameters(query): Parameters<Exec>) -> CallToolResult {
        self.ask(move |target| session::exec(target, &query)).await
    }

    #[tool(description = "Where port-forwards listen.", annotations(read_only_hint = true))]
    async fn ports(&self, Parameters(Names { resources }): Parameters<Names>) -> CallToolResult {
        self.ask(move |target| session::ports(target, &resources)).await
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("devloop", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }
}
