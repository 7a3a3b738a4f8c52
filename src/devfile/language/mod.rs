//! What stands between the starlark crate and the builtins: parsing, evaluation, argument binding, errors.

pub(crate) mod argument_place;
pub(crate) mod arguments;
pub(crate) mod binding;
mod bounds;
#[expect(unsafe_code, reason = "starlark's derive macro implements an unsafe marker trait")]
pub(crate) mod builtin;
pub(crate) mod environment;
pub(crate) mod evaluate;
pub(crate) mod failure;
pub(crate) mod globals;
pub(crate) mod go_duration;
pub(crate) mod link_url;
mod memory;
mod nearby;
pub(crate) mod paths;
mod parse_cache;
mod percent;
pub(crate) mod rewrite;
#[expect(unsafe_code, reason = "starlark's derive macro implements an unsafe marker trait")]
pub(crate) mod session;
mod shadowed;
pub(crate) mod show;
pub(crate) mod signature;
pub(crate) mod source;
mod universe;
mod wording;
pub(crate) mod workload_function;

pub use parse_cache::ParseCache;
