//! Commands on this machine: started, read, probed and ended so that nothing of them survives devloop.
//!
//! ```text
//! devloop ──control socket──▶ supervisor (devloop re-executed) ──▶ command ──▶ its children …
//!    ▲                            │ child subreaper: everything below it ends with it
//!    └────────── one pipe for both output streams ◀───────────────────┘
//! ```
//!
//! `docs/decisions/0007-supervised-processes.md` tells why there is a process in between.

mod capture;
mod environment;
mod handle;
mod http_probe;
mod launch;
mod message;
mod output;
mod private_folder;
mod probes;
mod process_error;
mod process_tree;
mod resident;
mod supervisor;
mod tools_folder;

pub use capture::Captured;
pub use environment::{APPLIED, CommandEnvironment, ENTRY_FILE, SessionEnvironment};
pub use handle::{ServeHandle, Supervisor};
pub use private_folder::{PrivateFolderError, make_private, runtime_folder, state_folder};
pub use probes::probe;
pub use process_error::ProcessError;
pub use resident::drop_program_pages;
pub use supervisor::{SUPERVISE, supervise};
pub use tools_folder::TILT;
