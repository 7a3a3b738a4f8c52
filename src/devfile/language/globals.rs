//! The names that every file sees.

use std::num::NonZeroI32;
use std::path::Path;
use std::sync::LazyLock;

use starlark::environment::{FrozenModule, Globals, GlobalsBuilder, LibraryExtension, Module};
use starlark::values::list::{AllocList, ListRef};
use starlark::values::range::Range;
use starlark::values::tuple::TupleRef;
use starlark::values::{FrozenValue, OwnedFrozenValue, Value};
use starlark_syntax::syntax::ast::Visibility;

use super::builtin::Builtin;
use super::rewrite;
use super::session::Session;
use super::{shadowed, universe};
use crate::devfile::builtins;
use crate::devfile::values::namespace::Namespace;
use crate::devfile::values::trigger_mode::TriggerModeValue;
use crate::project::TriggerMode;

static GLOBALS: LazyLock<Globals> = LazyLock::new(build);

/// The names that do not depend on the run; built once per process.
pub(crate) fn globals() -> &'static Globals {
    &GLOBALS
}

/// All names, for suggestions.
pub(crate) fn names() -> Vec<String> {
    let modules = ["os", "config", "sys", "shlex", "v1alpha1", "__file__", "__name__"].map(str::to_owned);
    let names = GLOBALS
        .names()
        .map(|name| name.as_str().to_owned())
        .filter(|name| name != rewrite::ENDLESS_NAME && !universe::is_hidden(name));
    names.chain(modules).collect()
}

fn build() -> Globals {
    let mut builder = GlobalsBuilder::extended_by(&[LibraryExtension::SetType]).with(universe::register);
    for definition in builtins::functions() {
        let value = Builtin::new(definition);
        let name = definition.signature.split('(').next().unwrap_or_default();
        builder.set(name, value);
    }
    builder.set(rewrite::ENDLESS_NAME, Range::new(0, i32::MAX, NonZeroI32::new(1).expect("one is not zero")));
    builder.set("TRIGGER_MODE_AUTO", TriggerModeValue(TriggerMode::Auto));
    builder.set("TRIGGER_MODE_MANUAL", TriggerModeValue(TriggerMode::Manual));
    builder.build()
}

/// Keeps the names of what a file has defined, those too that `load` refuses: a frozen module no longer tells them. They
/// stand beside what a builtin has kept in the module, see [`kept`].
pub(crate) fn keep_names(module: &Module<'_>) {
    let names = module.names_and_visibilities().filter_map(|(name, visibility)| {
        let name = name.as_str();
        // What the file itself has loaded belongs to the other file.
        let own = visibility == Visibility::Public || name.starts_with('_');
        let hidden = ["__file__", "__name__", rewrite::LOOP_VARIABLE, rewrite::BASE_VARIABLE, rewrite::INDEX_VARIABLE]
            .contains(&name);
        let is_predeclared =
            |value: Value<'_>| Namespace::from_value(value).is_some() || shadowed::is_builtin(name, value);
        let predeclared = || module.get(name).is_some_and(is_predeclared);
        (own && !hidden && !predeclared()).then(|| name.to_owned())
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    let kept = module.extra_value().unwrap_or_else(Value::new_none);
    let heap = module.heap();
    module.set_extra_value(heap.alloc((heap.alloc(AllocList(names)), kept)));
}

/// What a builtin has kept in the module of a file while that was executing (`Module::set_extra_value`).
pub(crate) fn kept(module: &FrozenModule) -> Option<OwnedFrozenValue> {
    let extra = module.owned_extra_value()?;
    let kept = |extra: FrozenValue| TupleRef::from_value(extra.to_value())?.content().get(1)?.unpack_frozen();
    extra.try_map(|extra| kept(extra).ok_or(())).ok()
}

/// What a file has defined, by name.
pub(crate) fn defined(module: &FrozenModule) -> Vec<(String, OwnedFrozenValue)> {
    let Some(extra) = module.extra_value().and_then(|extra| TupleRef::from_value(extra.to_value())) else {
        return Vec::new();
    };
    let names =
        extra.content().first().and_then(|names| ListRef::from_value(*names)).into_iter().flat_map(ListRef::iter);
    let names = names.filter_map(|name| name.unpack_str().map(str::to_owned));
    let value = |name: &str| Some(module.get_any_visibility(name).ok()?.0);
    names.filter_map(|name| Some((rewrite::restore(&name).into_owned(), value(&name)?))).collect()
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
    module.set("sys", heap.alloc(builtins::sys::sys()));
    module.set("shlex", heap.alloc(builtins::sys::shlex()));
    module.set("config", heap.alloc(builtins::config::namespace(session)));
    module.set("v1alpha1", heap.alloc(builtins::api::namespace()));
}
