//! A function that configurations may call, as a value of the language.

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::eval::{Arguments, Evaluator};
use starlark::starlark_simple_value;
use starlark::values::{NoSerialize, StarlarkValue, Value, starlark_value};

use super::binding::Call;
use super::failure::{Failure, Outcome, span_of};
use super::session::Session;
use super::signature::Signature;
use crate::devfile::builtins::unavailable::refuse;

/// The code of a builtin.
pub(crate) type Body = for<'c, 'v, 'a, 'e> fn(&mut Call<'c, 'v, 'a, 'e>) -> Outcome<Value<'v>>;

/// One line of the registry.
#[derive(Clone, Copy)]
pub(crate) struct Definition {
    /// As documented; see [`Signature::parse`].
    pub signature: &'static str,
    /// The code.
    pub body: Body,
}

/// What works without a file that is executing, and records nothing.
const NEEDS_NO_FILE: [&str; 20] = [
    "blob",
    "decode_json",
    "decode_yaml",
    "decode_yaml_stream",
    "encode_json",
    "encode_yaml",
    "encode_yaml_stream",
    "fail",
    "k8s_context",
    "k8s_namespace",
    "link",
    "os.getenv",
    "os.path.basename",
    "os.path.dirname",
    "os.path.join",
    "os.putenv",
    "os.unsetenv",
    "print",
    "shlex.quote",
    "warn",
];

/// A function that configurations may call.
#[derive(ProvidesStaticType, NoSerialize, Allocative)]
pub(crate) struct Builtin {
    #[allocative(skip)]
    signature: Signature,
    #[allocative(skip)]
    body: Body,
}

starlark_simple_value!(Builtin);

impl Builtin {
    /// The value of a line of the registry.
    pub fn new(definition: Definition) -> Self {
        Self { signature: Signature::parse(definition.signature), body: definition.body }
    }

    /// How it is called.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Whether this version has it.
    pub fn is_available(&self) -> bool {
        !std::ptr::fn_addr_eq(self.body, refuse as Body)
    }
}

impl std::fmt::Debug for Builtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Builtin({})", self.signature.name)
    }
}

impl std::fmt::Display for Builtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<built-in function {}>", self.signature.name)
    }
}

#[starlark_value(type = "builtin_function_or_method")]
impl<'v> StarlarkValue<'v> for Builtin {
    fn invoke(
        &self,
        _me: Value<'v>,
        args: &Arguments<'v, '_>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let session = eval
            .extra
            .and_then(|extra| extra.downcast_ref::<Session>())
            .ok_or_else(|| Failure::new(format!("`{}` cannot be called here", self.signature.name)))?;
        if session.assembling && !NEEDS_NO_FILE.contains(&self.signature.name.as_str()) {
            return Err(Failure::new(format!(
                "`{}` cannot be called here: all files have been executed, so there is no folder that it could work in",
                self.signature.name
            ))
            .into());
        }
        let span = eval.call_stack_top_location().map_or_else(
            || crate::diagnostic::Span::file(session.devfile().to_path_buf()),
            |location| span_of(&location),
        );
        let mut call = Call::bind(&self.signature, args, eval, session, span)?;
        (self.body)(&mut call).map_err(|failure| match failure.parameter() {
            Some(parameter) => {
                session.state().usage.refuse(&self.signature.name, parameter);
                match call.argument_place(parameter) {
                    Some(place) => failure.at(place).into(),
                    None => failure.into(),
                }
            }
            None => failure.into(),
        })
    }

    fn name_for_call_stack(&self, _me: Value<'v>) -> String {
        self.signature.name.clone()
    }
}
