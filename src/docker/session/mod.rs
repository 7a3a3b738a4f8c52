//! The session of a build: while the engine builds, it asks us for files, logins, secrets and ssh agents.
//!
//! ```text
//!   POST /build?session=ID ──────────────▶ engine ──▶ progress
//!   POST /session (upgraded to HTTP/2) ◀── engine calls: FileSync, Auth, Secrets, SSH, Health
//! ```

mod auth;
mod files;
mod health;
mod secrets;
mod session;
mod ssh;

pub(super) use files::ContextFiles;
pub(super) use secrets::{SecretSource, parse_secret};
pub(super) use session::{Services, Session, random_id};
pub(super) use ssh::{AgentSource, parse_ssh};
