//! Arguments and exit codes; the only place that prints errors.

mod apply;
mod args;
mod attach;
mod background;
mod exit_code;
mod error;
mod common;
mod up;
mod ci;
mod doctor;
mod down;
mod config;
mod init;
mod lsp;
mod mcp;
mod schemas;
mod remote;
mod report;
mod project_json;
mod prune;
mod project_text;
mod tilt;

use std::ffi::OsString;

use clap::{CommandFactory as _, Parser as _};

use crate::control::Action;
use args::{Cli, Subcommand};
pub use doctor::{DoctorAnswer, Finding, Health};
pub use exit_code::ExitCode;
pub use prune::PruneAnswer;
use remote::Act;
pub use schemas::schemas;
pub use tilt::run as run_as_tilt;

/// Runs the command line and returns the code to exit with.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are asked for, so they are no error.
            let code = if error.use_stderr() { ExitCode::Usage } else { ExitCode::Ok };
            // A closed pipe leaves nobody to tell.
            let _ = error.print();
            return code;
        }
    };
    let result = match cli.command {
        Subcommand::Up(arguments) => up::up(&arguments),
        Subcommand::Ci(arguments) => ci::ci(arguments),
        Subcommand::Down(arguments) => {
            remote::end_running(arguments.project.file.as_deref()).and_then(|()| down::down(&arguments))
        }
        Subcommand::Doctor(arguments) => doctor::doctor(&arguments),
        Subcommand::Prune(arguments) => prune::prune(&arguments),
        Subcommand::Config(arguments) => config::config(&arguments),
        Subcommand::Init(arguments) => init::init(&arguments),
        Subcommand::Lsp => lsp::lsp(),
        Subcommand::Status(arguments) => remote::status(&arguments),
        Subcommand::Get(arguments) => remote::get(&arguments),
        Subcommand::Describe(arguments) => remote::describe(&arguments),
        Subcommand::Ports(arguments) => remote::ports(&arguments),
        Subcommand::Why(arguments) => remote::why(&arguments),
        Subcommand::Logs(arguments) => remote::logs(&arguments),
        Subcommand::Events(arguments) => remote::events(&arguments),
        Subcommand::Timeline(arguments) => remote::timeline(&arguments),
        Subcommand::Wait(arguments) => remote::wait(&arguments),
        Subcommand::Trigger(arguments) => remote::act(&Act::Each(Action::Trigger, &arguments)),
        Subcommand::Restart(arguments) => remote::act(&Act::Each(Action::Restart, &arguments)),
        Subcommand::Stop(arguments) => remote::act(&Act::Each(Action::Stop, &arguments)),
        Subcommand::Enable(arguments) => remote::act(&Act::Enable(&arguments)),
        Subcommand::Disable(arguments) => remote::act(&Act::Disable(&arguments)),
        Subcommand::Exec(arguments) => remote::exec(&arguments),
        Subcommand::Attach(arguments) => attach::attach(&arguments),
        Subcommand::Detach(arguments) => remote::detach(&arguments),
        Subcommand::Quit(arguments) => remote::quit(&arguments),
        Subcommand::Reload(arguments) => remote::act(&Act::Reload(&arguments)),
        Subcommand::Apply(arguments) => apply::apply(&arguments),
        Subcommand::Args(arguments) => remote::args(&arguments),
        Subcommand::Mcp(arguments) => mcp::mcp(&arguments),
        Subcommand::Version { json } => common::print_out(&version(json)).map(|()| ExitCode::Ok),
        Subcommand::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "devloop", &mut text);
            common::print_out(&String::from_utf8_lossy(&text)).map(|()| ExitCode::Ok)
        }
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            error::print(&error);
            error.exit_code()
        }
    }
}

/// `devloop version --json`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct VersionAnswer {
    /// The version of devloop.
    pub version: String,
}

fn version(json: bool) -> String {
    let version = env!("CARGO_PKG_VERSION");
    if json {
        format!("{}\n", serde_json::json!(VersionAnswer { version: version.to_owned() }))
    } else {
        format!("devloop {version}\n")
    }
}
