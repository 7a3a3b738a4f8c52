//! What can be said about the text of a configuration without running it: names, references, calls, problems. For
//! editors; nothing here reads a file.

mod analysis;
mod checks;
mod cursor;
mod walk;

pub use analysis::{Analysis, Definition, DefinitionKind, LoadStatement, LoadedName, Reference, analyse};
pub use cursor::{Cursor, EnclosingCall, cursor};
