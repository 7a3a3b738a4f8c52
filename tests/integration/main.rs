//! The integration tests, in one binary so that it links once: one module per subject.

mod e2e;

mod assembled;
mod api_objects;
mod cli;
mod control;
mod dashboard;
mod dashboard_programs;
mod dashboard_session;
mod devfile;
mod devfile_round_trip;
mod extensions;
mod devfile_conformance;
mod doctor;
mod documentation;
mod init;
mod lsp;
mod process;
mod reload;
mod report;
mod support;
mod mcp;
mod schemas;
mod tidy;
mod yaml_speed;
mod watch;
