//! `os`, `os.path`, `config`, `sys` and the like: modules of builtins and constants.

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::starlark_simple_value;
use starlark::values::{Heap, NoSerialize, OwnedFrozenValue, StarlarkValue, Value, starlark_value};

use super::environ::Environ;
use crate::devfile::language::builtin::{Builtin, Definition};
use crate::devfile::language::environment::Environment;

/// What a module holds.
#[derive(Clone)]
pub(crate) enum Member {
    /// A function; its signature names it.
    Function(Definition),
    /// A constant.
    Text(&'static str, String),
    /// A value that cannot be changed.
    Frozen(&'static str, OwnedFrozenValue),
    /// The live environment.
    Environ(&'static str, Environment),
    /// A module in the module.
    Module(&'static str, Namespace),
}

impl Member {
    fn name(&self) -> &'static str {
        match self {
            Self::Function(definition) => {
                let path = definition.signature.split('(').next().unwrap_or_default();
                path.rsplit('.').next().unwrap_or(path)
            }
            Self::Text(name, _) | Self::Frozen(name, _) | Self::Environ(name, _) | Self::Module(name, _) => name,
        }
    }
}

/// A module value: prints as `[module: NAME]`, unhashable, immutable.
#[derive(Clone, ProvidesStaticType, NoSerialize, Allocative)]
pub(crate) struct Namespace {
    name: &'static str,
    #[allocative(skip)]
    members: Vec<Member>,
}

starlark_simple_value!(Namespace);

impl Namespace {
    /// A module with these members.
    pub fn new(name: &'static str, members: Vec<Member>) -> Self {
        Self { name, members }
    }
}

impl std::fmt::Debug for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Namespace({})", self.name)
    }
}

impl std::fmt::Display for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[module: {}]", self.name)
    }
}

#[starlark_value(type = "module")]
impl<'v> StarlarkValue<'v> for Namespace {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        let member = self.members.iter().find(|member| member.name() == attribute)?;
        Some(match member {
            Member::Function(definition) => heap.alloc(Builtin::new(*definition)),
            Member::Text(_, text) => heap.alloc(text.as_str()),
            Member::Frozen(_, value) => heap.access_owned_frozen_value(value),
            Member::Environ(_, environment) => heap.alloc(Environ(environment.clone())),
            Member::Module(_, namespace) => heap.alloc(namespace.clone()),
        })
    }

    fn dir_attr(&self) -> Vec<String> {
        self.members.iter().map(|member| member.name().to_owned()).collect()
    }
}
