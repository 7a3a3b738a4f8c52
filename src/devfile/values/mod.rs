//! Values of the language that carry devloop's own data: plain, immutable, most of them opaque to the configuration.

pub(crate) mod actions;
pub(crate) mod api_value;
pub(crate) mod blob;
pub(crate) mod environ;
pub(crate) mod frozen;
pub(crate) mod git_repo;
pub(crate) mod image_handle;
pub(crate) mod link;
pub(crate) mod live_update_step;
pub(crate) mod namespace;
pub(crate) mod port_forward;
pub(crate) mod structure;
pub(crate) mod trigger_mode;
pub(crate) mod workload_id;

/// A value of the language around plain data: `plain_value!(Type(Data), "type name", methods…)`.
macro_rules! plain_value {
    ($(#[$doc:meta])* $name:ident($data:ty), $type:tt $(, { $($methods:tt)* })?) => {
        $(#[$doc])*
        #[derive(Clone, Debug, starlark::any::ProvidesStaticType, starlark::values::NoSerialize, allocative::Allocative)]
        pub(crate) struct $name(#[allocative(skip)] pub $data);

        starlark::starlark_simple_value!($name);

        #[starlark::values::starlark_value(type = $type)]
        impl<'v> starlark::values::StarlarkValue<'v> for $name {
            $($($methods)*)?
        }
    };
}

pub(crate) use plain_value;
