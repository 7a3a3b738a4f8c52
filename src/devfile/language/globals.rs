//! The names that every file sees.

use std::path::Path;
use std::sync::LazyLock;

use starlark::environment::{Globals, GlobalsBuilder, LibraryExtension, Module};

use super::builtin::Builtin;
use super::session::Session;
use crate::devfile::builtins;
use crate::devfile::values::namespace::Namespace;
use crate::devfile::values::trigger_mode::TriggerModeValue;
use crate::project::TriggerMode;

/// Modules of the reference that this version does not have.
const UNAVAILABLE_MODULES: [&str; 2] = ["shlex", "sys"];

static GLOBALS: LazyLock<Globals> = LazyLock::new(build);

/// The names that do not depend on the run; built once per process.
pub(crate) fn globals() -> &'static Globals {
    &GLOBALS
}

/// All names, for suggestions.
pub(crate) fn names() -> Vec<String> {
    let modules = ["os", "config", "v1alpha1", "__file__", "__name__"].map(str::to_owned);
    GLOBALS.names().map(|name| name.as_str().to_owned()).chain(modules).collect()
}

fn build() -> Globals {
    let mut builder = GlobalsBuilder::extended_by(&[LibraryExtension::StructType, LibraryExtension::SetType]);
    for definition in builtins::functions() {
        let value = Builtin::new(definition);
        let name = definition.signature.split('(').next().unwrap_or_default();
        builder.set(name, value);
    }
    builder.set("TRIGGER_MODE_AUTO", TriggerModeValue(TriggerMode::Auto));
    builder.set("TRIGGER_MODE_MANUAL", TriggerModeValue(TriggerMode::Manual));
    builder.build()
}

/// Sets the names that depend on the file and the run (reference §1.2).
pub(crate) fn predeclare(module: &Module<'_>, session: &Session, path: &Path) {
    let heap = module.heap();
    module.set("__file__", heap.alloc(path.to_string_lossy().as_ref()));
    let name = if path == session.entry_file {
        "__main__".to_owned()
    } else {
        path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    module.set("__name__", heap.alloc(name));
    module.set("os", heap.alloc(builtins::os::namespace(session)));
    module.set("config", heap.alloc(builtins::config::namespace(session)));
    module.set("v1alpha1", heap.alloc(builtins::api::namespace()));
    for name in UNAVAILABLE_MODULES {
        module.set(name, heap.alloc(Namespace::unavailable(name)));
    }
}
